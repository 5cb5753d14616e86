#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints "ADDRESS SUITE" for each source from which this machine gets Debian's own packages: first the release, then its
# updates and its security. Nothing: apt's configuration has none.
set -euo pipefail
apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | awk '
    $3 == "main" && release == "" && $2 ~ /^[a-z]+$/ { release = $2 }
    $3 == "main" && release != "" && ($2 == release || $2 == release "-updates" || $2 == release "-security") &&
        !seen[$1, $2]++ { print $1, $2 }'
