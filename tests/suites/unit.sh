#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unit tests, once in the release build and once under AddressSanitizer and UBSan (UNIT_VARIANTS to change).
set -u
. tests/suites/tap.sh
for variant in ${UNIT_VARIANTS:-release asan}; do
	echo "  building $variant" >&2
	make -s -j"$(nproc)" V="$variant" unit-binaries >&2 || { tap_fail "build $variant"; continue; }
	while read -r source; do
		binary=build/$variant/${source%.c}
		tap_cmocka "$variant/$(basename "$binary")" "$binary"
	done < <(find tests/unit -name 'test_*.c' | sort)
done
tap_done
