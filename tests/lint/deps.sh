#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building, running and testing need. Quick when all are there. --list prints them.
set -eu
packages="gcc make pkg-config libev-dev libjansson-dev libjwt-dev libssl-dev libcurl4-openssl-dev
	libpcre2-dev libmodsecurity-dev libxml2-dev libzstd-dev libcmocka-dev
	haproxy modsecurity-crs openssl curl jq python3 python3-venv python3-yaml iproute2 nghttp2-client wrk socat e2fsprogs xxd procps git ca-certificates"
scanner=libvectorscan-dev
[ "$(dpkg --print-architecture)" != amd64 ] || scanner=libhyperscan-dev
[ "${1:-}" != --list ] || { echo $packages "$scanner"; exit; }

is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'
}
is_known() {
	apt-cache show "$1" >/dev/null 2>&1
}
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive

missing=
for package in $packages; do
	is_installed "$package" || missing="$missing $package"
done
is_installed libhyperscan-dev || is_installed libvectorscan-dev || missing="$missing libvectorscan-dev"
if [ -n "$missing" ]; then
	echo "deps: installing with apt-get:$missing"
	$as_root apt-get -q update >/dev/null
	# A service that a package brings is not to be started here.
	$as_root env RUNLEVEL=1 apt-get -q -y --no-install-recommends install $missing >/dev/null
fi
# Vectorscan misses matches on x86 (docs/decisions/0020-hyperscan-on-x86.md). Without Hyperscan all works, slowly.
if [ "$scanner" = libhyperscan-dev ] && ! is_installed libhyperscan-dev && is_known libhyperscan-dev; then
	echo "deps: libhyperscan-dev in the place of libvectorscan-dev"
	$as_root apt-get -q -y --no-install-recommends install libhyperscan-dev libvectorscan-dev- libvectorscan5- >/dev/null ||
		echo "deps: libhyperscan-dev cannot be installed; libvectorscan-dev stays" >&2
fi
