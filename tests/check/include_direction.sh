#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All arrows point to lb/: what a folder may not include.
bad=0
forbid() {  # FOLDER PATTERN: no #include in FOLDER matches PATTERN
    local hits
    hits=$(git grep -nE "^#include [<\"]($2)" -- "$1") && { printf '%s\n' "$hits" | sed "s|\$|   <- not allowed in $1|"; bad=1; }
}
forbid lb 'yaml-cpp|bpf/|config/|proxy/|libmnl'
forbid config 'bpf/|proxy/|boost/asio|boost/beast|libmnl'
forbid bpf 'config/|proxy/|yaml-cpp|boost/beast'
forbid proxy 'yaml-cpp|bpf/bpf|bpf/libbpf'
forbid proxy 'tests/'
exit $bad
