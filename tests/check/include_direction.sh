#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All arrows point to lb/, and to base/ below it: what a folder may not include. Nor may units or folders include one
# another in a circle.
bad=0
forbid() {  # FOLDER PATTERN: no #include in FOLDER matches PATTERN
    local hits
    hits=$(git grep -nE "^#include [<\"]($2)" -- "$1") && { printf '%s\n' "$hits" | sed "s|\$|   <- not allowed in $1|"; bad=1; }
}
forbid base 'lb/|config/|bpf/|lab/|proxy/|tests/|yaml-cpp|libmnl'
forbid lb 'yaml-cpp|bpf/|config/|lab/|proxy/|libmnl'
forbid config 'bpf/|lab/|proxy/|boost/asio|boost/beast|libmnl'
forbid bpf 'config/|lab/|proxy/|yaml-cpp|boost/beast'
forbid lab 'lb/|config/|bpf/|proxy/|tests/'
forbid proxy 'yaml-cpp|bpf/bpf|bpf/libbpf|tests/'
python3 tests/check/include_cycles.py || bad=1
exit $bad
