#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: built and checked by lintian on each release, installed, used, upgraded, removed and purged in a clean
# root of it. PACKAGES="trixie" runs only that release.
set -u
. tests/suites/tap.sh
. tests/suites/roots.sh
roots_or_skip "Debian packages"
work=$(mktemp -d "$PWD/build/packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
builders=$(sed -n '/^Build-Depends:/,/^$/p' debian/control | tr ',' '\n' | sed -nE 's/^(Build-Depends:)? *([a-z0-9.+-]+).*/\2/p' | sed 's/debhelper-compat/debhelper/')

for suite in ${PACKAGES:-bookworm trixie}; do
	here=$PWD/build/packages/$suite
	debs=$here/debs
	rm -rf "$here" && mkdir -p "$debs/newer"
	copy_sources "$here/sallyport"
	builder=$(tests/support/root.sh make "$suite" $builders build-essential fakeroot lintian) && clean=$(tests/support/root.sh make "$suite") ||
		{ tap_skip "$suite" "a root cannot be made"; continue; }
	export ROOT_BINDS="$here:/build" ROOT_ENV="DEB_BUILD_OPTIONS=parallel=$(nproc)"
	echo "  $suite: build" >&2
	tap_run "$suite: they build" tests/support/root.sh run "$builder" sh -c 'cd /build/sallyport && make deb'
	cp "$here"/sallyport/build/deb/*.deb "$debs" 2>/dev/null || continue
	tap_run "$suite: lintian finds nothing" tests/support/root.sh run "$builder" sh -c \
		'cd /build/sallyport/build/deb && lintian --allow-root --fail-on error,warning sallyport_*.changes'
	for deb in "$debs"/sallyport-*_*.deb; do
		rm -rf "$here/unpacked"
		dpkg-deb -R "$deb" "$here/unpacked" && sed -i -E 's/^(Version: .*)/\1+newer/; s/\(= ([^)]*)\)/(= \1+newer)/' "$here/unpacked/DEBIAN/control" &&
			dpkg-deb -b "$here/unpacked" "$debs/newer" >/dev/null
	done
	mkdir "$here/steps" && cp tests/support/package_steps.sh tests/suites/tap.sh "$here/steps"
	export ROOT_BINDS="$debs:/debs $here/steps:/steps" ROOT_ENV=
	for step in install use remove; do
		echo "  $suite: $step" >&2
		# Ports and processes of its own, once the packages are there.
		[ "$step" = install ] && unset ROOT_NET || export ROOT_NET=none
		TAP_RELAY_SECONDS=600 tap_relay "$suite:" tests/support/root.sh trial "$clean" "$work/$suite" bash /steps/package_steps.sh "$step"
	done
done
tap_done
