#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whose each file is and under which licence can be told by machines: https://reuse.software
command -v reuse >/dev/null || { echo "the tool reuse is missing: apt-get install reuse, or ./dev deps"; exit 1; }
output=$(reuse lint 2>&1) || { printf '%s\n' "$output"; exit 1; }
