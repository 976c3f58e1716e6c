#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building, running and testing need. Quick when all are there.
set -eu
packages="gcc make pkg-config libev-dev libjansson-dev libjwt-dev libssl-dev libcurl4-openssl-dev
	libpcre2-dev libvectorscan-dev libmodsecurity-dev libxml2-dev libzstd-dev libcmocka-dev
	haproxy modsecurity-crs openssl curl jq python3 python3-venv python3-yaml iproute2 nghttp2-client wrk socat xxd procps git ca-certificates"
missing=
for package in $packages; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
echo "deps: installing with apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -q update >/dev/null
# A service that a package brings is not to be started here.
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y --no-install-recommends install $missing >/dev/null
echo "deps: done"
