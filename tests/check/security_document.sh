#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SECURITY.md has a reason for every capability that a manifest names, and the files that it points to are there.
bad=0
known=$(sed -n 's/^#define CAP_\([A-Z_]*\)[[:space:]]*[0-9].*/\1/p' /usr/include/linux/capability.h | paste -sd'|')
# A seccomp profile names capabilities as conditions: it grants none.
named=$(git grep -hoPw "(CAP_)?($known)" -- container ':!*.json' | sed 's/^CAP_//' | sort -u)
for capability in $named; do
    grep -q "^| \`CAP_$capability\` |" SECURITY.md && continue
    git grep -nPw "(CAP_)?$capability" -- container ':!*.json'
    echo "   <- SECURITY.md has no reason for CAP_$capability"
    bad=1
done
while read -r file; do
    [ -e "$file" ] || { echo "SECURITY.md: there is no $file"; bad=1; }
done < <(grep -oP '`\K[a-z0-9_]+/[a-z0-9_/.]+(?=`)' SECURITY.md)
exit $bad
