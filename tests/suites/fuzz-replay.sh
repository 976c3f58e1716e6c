#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every fuzz harness over its corpus and its regressions, under AddressSanitizer and UBSan.
set -u
. tests/suites/tap.sh
make -s -j"$(nproc)" V=asan fuzz-binaries >&2 || { tap_fail "build"; tap_done; exit 1; }
for source in tests/fuzz/fuzz_*.c; do
	unit=$(basename "$source" .c)
	unit=${unit#fuzz_}
	folders=()
	for folder in "tests/fuzz/corpus/$unit" "tests/fuzz/regression/$unit"; do
		[ -d "$folder" ] && folders+=("$folder")
	done
	if [ ${#folders[@]} -eq 0 ]; then
		tap_fail "$unit has a corpus"
		continue
	fi
	tap_run "$unit" timeout 300 "build/asan/tests/fuzz/fuzz_$unit" "${folders[@]}"
	[ "$unit" != parameters ] || tap_run "$unit, as HAProxy sees them" env SALLYPORT_FUZZ_HAPROXY=1 timeout 300 "build/asan/tests/fuzz/fuzz_$unit" "${folders[@]}"
done
tap_done
