#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone.
cd "$(dirname "$0")/../.." || exit 1
flags="-std=c11 -D_GNU_SOURCE -I. $(pkg-config --cflags-only-I libcurl libpcre2-8 libhs libxml-2.0)"
bad=0
while read -r header; do
	# shellcheck disable=SC2086
	${CC:-cc} $flags -Wall -Wextra -fsyntax-only -x c -include "$header" /dev/null || { echo "$header does not compile alone"; bad=1; }
done < <(git ls-files 'common/*.h' 'spoa/*.h' 'aws/*.h' 'registry/*.h' 'audit/*.h' 'tests/*.h')
exit $bad
