#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source file names its licence; what is loaded into the kernel may be used under the GPL.
bad=0
while read -r file; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier:' || { echo "$file: no SPDX-License-Identifier in its first lines"; bad=1; }
done < <(git ls-files '*.cpp' '*.hpp' '*.h' '*.c' '*.py' '*.sh' '*CMakeLists.txt' 'dev' '.ci/run' 'tests/check/run' 'tests/matrix/*' 'tests/machine/*' 'tests/debian13/*' 'config/*.yaml' '*.html' '*.css' '*.js' '*.cmake')
while read -r file; do
    head -n 1 "$file" | grep -q 'GPL-2.0-only OR BSD-2-Clause' || { echo "$file: must be GPL-2.0-only OR BSD-2-Clause"; bad=1; }
done < <(git ls-files 'bpf/prog/*.c' 'bpf/prog/*.h')
exit $bad
