#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every source file names its licence in its first three lines.
cd "$(dirname "$0")/../.." || exit 1
bad=0
while read -r file; do
	head -3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$file: no SPDX line"; bad=1; }
done < <(git ls-files '*.c' '*.h' '*.def' '*.sh' Makefile)
exit $bad
