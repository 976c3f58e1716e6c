#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same requests to this engine and to libmodsecurity with the same rules: differences are explained in tests/crs/differences.txt.
set -u
. tests/suites/tap.sh
crs=${CRS:-../shared/data/crs-4.28.0}
program=build/release/sallyport-waf
peer=build/release/tests/tools/modsec_batch
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
version=$(dpkg-query -W -f '${Version}' libmodsecurity3 2>/dev/null || dpkg-query -W -f '${Version}' libmodsecurity3t64 2>/dev/null)
case $version in
3.0.9*) ;;
*)
	tap_skip "comparison with libmodsecurity" "its differences are explained for 3.0.9; this is ${version:-none}"
	tap_done
	exit
	;;
esac
if [ ! -d "$crs/tests" ]; then
	tap_skip "comparison with libmodsecurity" "no copy of the rule set at $crs"
	tap_done
	exit
fi
make -s -j"$(nproc)" "$program" "$peer" >&2 || { tap_fail "build"; tap_done; exit 1; }
rulesets=("crs-4=$crs/crs-setup.conf.example,$crs/rules")
[ ! -d /usr/share/modsecurity-crs/rules ] || rulesets+=("crs-3.3=/etc/modsecurity/crs/crs-setup.conf,/usr/share/modsecurity-crs/rules")
tap_relay differential /usr/bin/python3 tests/crs/differential.py --program "$program" --peer "$peer" --tests "$crs/tests" \
	--differences tests/crs/differences.txt "${rulesets[@]}" -- --cache-dir "${WAF_CACHE:-$cache}"
tap_done
