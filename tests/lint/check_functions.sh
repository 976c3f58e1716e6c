#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Functions stay short: 95 of 100 at most 60 lines, none above 120. Counts lines between a "{" and a "}" in column 1.
cd "$(dirname "$0")/../.." || exit 1
git ls-files 'common/*.c' 'spoa/*.c' 'aws/*.c' 'registry/*.c' 'audit/*.c' | xargs -r awk '
	/^\{/ { start = FNR; name = previous }
	/^\}/ && start { n++; len = FNR - start - 1; if (len > 60) { long++; printf "%s:%d: %d lines: %s\n", FILENAME, start, len, name }
		if (len > 120) huge++; start = 0 }
	{ previous = $0 }
	END { printf "%d functions, %d above 60 lines\n", n, long; exit (huge > 0 || long * 20 > n) }'
