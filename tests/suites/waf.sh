#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each rule under an AWS name catches its attacks; ordinary traffic passes every rule set at paranoia level 1.
set -u
. tests/suites/tap.sh
crs=${CRS:-../shared/data/crs-4.28.0}
program=build/release/sallyport-waf
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
make -s -j"$(nproc)" "$program" >&2 || { tap_fail "build"; tap_done; exit 1; }
rulesets=("aws=haproxy/waf/aws")
if [ -d /usr/share/modsecurity-crs/rules ]; then
	rulesets+=("aws+crs-3.3=haproxy/waf/aws,haproxy/waf/crs,/etc/modsecurity/crs/crs-setup.conf,/usr/share/modsecurity-crs/rules")
else
	tap_skip "aws+crs-3.3" "no package modsecurity-crs"
fi
if [ -d "$crs/rules" ]; then
	rulesets+=("aws+crs-4=haproxy/waf/aws,haproxy/waf/crs,$crs/crs-setup.conf.example,$crs/rules")
else
	tap_skip "aws+crs-4" "no copy of the rule set at $crs"
fi
tap_relay waf /usr/bin/python3 tests/waf/run.py --program "$program" --aws haproxy/waf/aws "${rulesets[@]}" -- --cache-dir "$cache"
tap_done
