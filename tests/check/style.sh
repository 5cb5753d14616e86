#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Habits that a machine can check: formatting, no detached coroutines, no fixed sleeps in tests.
bad=0
report() { printf '%s\n' "$1"; echo "   <- $2"; bad=1; }
unformatted=$(git ls-files '*.cpp' '*.hpp' 'bpf/prog/*.[ch]' | xargs clang-format --dry-run 2>&1 | grep -E 'warning: code should' | cut -d: -f1 | sort -u)
[ -z "$unformatted" ] || report "$unformatted" "not formatted: ./dev fix"
hits=$(git grep -nE 'asio::detached' -- '*.cpp' '*.hpp') && report "$hits" "a coroutine has an owner: lb::spawn"
hits=$(git grep -nE 'bpf_printk|bpf_trace_printk' -- bpf) && report "$hits" "the programs count and report events"
hits=$(git grep -nE 'std::this_thread::sleep_for|usleep\(|time\.sleep\(' -- tests ':!tests/support/wait.hpp' ':!tests/e2e/waiting.py' ':!tests/e2e/clients' ':!tests/machine/clients' ':!tests/check' | grep -v 'the stall') && report "$hits" "tests wait for conditions"
long=$(git ls-files '*.cpp' '*.hpp' '*.py' 'bpf/prog/*.[ch]' | xargs wc -l | awk '$2 != "total" && $1 > 320')
[ -z "$long" ] || report "$long" "over 300 lines: two subjects in one room?"
exit $bad
