#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every fuzz harness under libFuzzer for FUZZ_SECONDS (30) each, from a copy of its corpus. Crashing inputs stay in
# build/fuzz/runs. With FUZZ_RUNS each tries so many inputs at most, the same ones every time.
# FUZZ="token jwks" runs only those.
set -u
. tests/suites/tap.sh
if ! command -v clang >/dev/null; then
	echo "  installing clang" >&2
	as_root=; [ "$(id -u)" -eq 0 ] || as_root=sudo
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install clang llvm "libclang-rt-$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)-dev" >/dev/null
fi
make -s -j"$(nproc)" V=fuzz fuzz-binaries >&2 || { tap_fail "build"; tap_done; exit 1; }

fuzz() { # NAME UNIT [FOLDER]: from a copy of its corpus
	local work=build/fuzz/runs/${3:-$2} folder
	rm -rf "$work"
	mkdir -p "$work/corpus"
	for folder in "tests/fuzz/corpus/$2" "tests/fuzz/regression/$2"; do
		[ -d "$folder" ] && cp -r "$folder"/. "$work/corpus/"
	done
	tap_run "$1" "build/fuzz/tests/fuzz/fuzz_$2" ${FUZZ_RUNS:+-runs=$FUZZ_RUNS -seed=1} -max_total_time="${FUZZ_SECONDS:-30}" -timeout=20 -rss_limit_mb=2048 \
		-artifact_prefix="$work/" -print_final_stats=1 "$work/corpus"
}

for source in tests/fuzz/fuzz_*.c; do
	unit=$(basename "$source" .c)
	unit=${unit#fuzz_}
	[ -z "${FUZZ:-}" ] || case " $FUZZ " in *" $unit "*) ;; *) continue ;; esac
	echo "  $unit" >&2
	fuzz "$unit" "$unit"
	[ "$unit" != parameters ] || SALLYPORT_FUZZ_HAPROXY=1 fuzz "$unit, as HAProxy sees them" "$unit" haproxy
done
tap_done
