#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The protocols between the programs and user space hold in every order of their steps (tests/model, checked by spin),
# and with each of their rules left out spin finds the order in which they do not.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
failed=0

# Says whether it holds.
holds() { # MODEL [-DRULE]
    local model=$PWD/tests/model/$1.pml out=$directory/$1$2
    mkdir "$out"
    (cd "$out" && spin -a $2 "$model" >/dev/null && gcc -O2 -DSAFETY -DMEMLIM=2000 -o pan pan.c 2>/dev/null &&
        ./pan -m200000 >result)
    grep -q 'errors: 0' "$out/result" && ! grep -q 'max search depth too small' "$out/result"
}

for path in tests/model/*.pml; do
    model=$(basename "$path" .pml)
    holds "$model" "" || { echo "$path: does not hold: spin -a $path, gcc pan.c, ./a.out, spin -t -p $path"; failed=1; }
    for rule in $(grep -oE '^#ifn?def NO_[A-Z_]+' "$path" | awk '{print $2}' | sort -u); do
        ! holds "$model" "-D$rule" || { echo "$path: holds without the rule $rule, which proves nothing"; failed=1; }
    done
done
exit $failed
