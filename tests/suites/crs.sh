#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The OWASP CRS regression tests through `sallyport-waf eval`, with the combined databases and rule by rule, and the
# equality of both at every paranoia level of CRS 4 and of Debian's CRS 3.3. CRS=DIR names another copy of the rule set.
set -u
. tests/suites/tap.sh
crs=${CRS:-../shared/data/crs-4.28.0}
program=build/release/sallyport-waf
python=/usr/bin/python3
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

if [ ! -d "$crs/tests" ]; then
	tap_skip "OWASP CRS regression tests" "no copy of the rule set at $crs"
	tap_done
	exit
fi
make -s -j"$(nproc)" "$program" >&2 || { tap_fail "build"; tap_done; exit 1; }
echo "  compiling the rule set's databases: about half a minute" >&2
for mode in combined reference; do
	options=(--cache-dir "$cache")
	[ "$mode" = combined ] || options+=(--reference)
	echo "  regression tests, $mode" >&2
	tap_relay "$mode" "$python" tests/crs/run.py --program "$program" --crs "$crs" --exceptions tests/crs/exceptions.txt -- "${options[@]}"
done
echo "  equality of both" >&2
rulesets=("crs-4=$crs/crs-setup.conf.example,$crs/rules")
if [ -d /usr/share/modsecurity-crs/rules ]; then
	rulesets+=("crs-3.3=/etc/modsecurity/crs/crs-setup.conf,/usr/share/modsecurity-crs/rules")
else
	tap_skip "equality of crs-3.3" "no package modsecurity-crs"
fi
tap_relay "equality" "$python" tests/crs/equality.py --program "$program" --tests "$crs/tests" "${rulesets[@]}" -- --cache-dir "$cache"
tap_done
