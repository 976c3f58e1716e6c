#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Regression tests of OWASP CRS 4 through TLS, HAProxy and the agent: the same verdicts as `sallyport-waf eval` with the same rules.
crs=${CRS:-../shared/data/crs-4.28.0}
[ ! -d "$crs/tests" ] || export CRS_DIR=$PWD/$crs
. tests/e2e/lib.sh
if [ -z "${CRS_DIR:-}" ]; then
	tap_skip "a sample of the regression tests" "no copy of the rule set at $crs"
	exit
fi
e2e_start
token=$(bearer staff)
rules=(-r "haproxy/waf/aws/*.conf" -r "$STACK_DIR/waf-dev.conf" -r "haproxy/waf/crs/*.conf" -r "$CRS_DIR/crs-setup.conf.example" -r "$CRS_DIR/rules/*.conf")
tap_relay gateway /usr/bin/python3 tests/crs/gateway.py --program "$STACK_BIN/sallyport-waf" --tests "$CRS_DIR/tests" \
	--address "127.0.0.1:$GATEWAY_PORT" --ca "$E2E_DIR/tls/ca.pem" --token "${token##* }" --every 8 -- "${rules[@]}" --cache-dir "$STACK_DIR/waf-cache"
