#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unit and end-to-end tests in clean Debian systems: the releases we support, and unstable for a newer HAProxy.
# With gcc all of them; with clang the unit tests, and of the others those of requests and of the agent: the libraries and HAProxy
# make the difference there, not the compiler. MATRIX="trixie/clang sid/gcc/e2e" runs only those, the last one without its unit
# tests; MATRIX_E2E="20 53" only such topics.
set -u
. tests/suites/tap.sh
. tests/suites/roots.sh
combinations=${MATRIX:-bookworm/gcc bookworm/clang trixie/gcc trixie/clang sid/gcc sid/clang}
roots_or_skip "tests on other releases of Debian"

# Beside what an earlier run built; the folder is the project in the root.
renew_sources() { # FOLDER
	mkdir -p "$1" && find "$1" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} + && copy_sources "$1" && mkdir -p "$1/build/results"
}

# HAProxy's 3.1 and later speak SPOE by another engine; who reads the results wants to know which was there.
versions='haproxy -v | head -1; openssl version; $CC --version | head -1; dpkg-query -W libjwt-dev libcurl4-openssl-dev libxml2-dev'

for combination in $combinations; do
	IFS=/ read -r suite cc only <<<"$combination"
	combination=$suite/$cc
	here=$PWD/build/matrix/$suite-$cc
	if ! root=$(tests/support/root.sh make "$suite" $(tests/lint/deps.sh --list) clang); then
		tap_skip "$combination" "a root cannot be made"
		continue
	fi
	renew_sources "$here" || { tap_fail "$combination: a copy of the sources"; continue; }
	export ROOT_BINDS="$here:/work/sallyport" ROOT_ENV="CC=$cc UNIT_VARIANTS=release"
	# Compilers we do not support yet may warn of more.
	[ "$suite" != sid ] || ROOT_ENV="$ROOT_ENV WERROR="
	[ ! -d ../shared/data ] || ROOT_BINDS="$ROOT_BINDS $(realpath ../shared/data):/work/shared/data"
	[ "$cc" = clang ] && topics=${MATRIX_E2E:-10 20} || topics=${MATRIX_E2E:-}
	in_root=(tests/support/root.sh run "$root" bash -c)
	"${in_root[@]}" "$versions" | sed "s|^|# $combination: |"
	for tests in ${only:-unit e2e}; do
		echo "  $combination: $tests" >&2
		TAP_RELAY_SECONDS=1500 tap_relay "$combination:" "${in_root[@]}" "cd /work/sallyport && E2E='$topics' exec bash tests/suites/$tests.sh"
	done
done
tap_done
