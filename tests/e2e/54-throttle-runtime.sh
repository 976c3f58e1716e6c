#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits while they change: a new rate takes effect within a second, without a reload and without a fresh bucket; reloads keep
# what was spent. payments-v1 begins with 50/s and 100, accounts-v2 with one token per second and room for thirty.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
more_parameters() {
	parameter "$p/api-services/accounts-v2/throttle-rate" 1
	parameter "$p/api-services/accounts-v2/throttle-burst" 30
	parameter "$p/api-services/accounts-v2/client-rate" 1
	parameter "$p/api-services/accounts-v2/client-burst" 25
}
STACK_SETTINGS="$THROTTLE_SETTINGS | .nbthread = 2"
e2e_start
customers=$(bearer customers --lifetime 3600)
staff=$(bearer staff --lifetime 3600)
path=/v1/payments
worker=$(worker_pid)

change() { # RATE BURST: sets AT, unix microseconds, when it was applied
	set_parameter payments-v1/throttle-rate "$1"
	set_parameter payments-v1/throttle-burst "$2"
	stack_registry apply >>"$E2E_DIR/logs/registry.log" 2>&1
	AT=$(now_us)
}
second=1000000

# 300/s are offered all the time.
offer 300 14 "$path" -H "$customers" >"$E2E_DIR/flood.json" &
flood=$!
sleep 4.5
change 100 200
up=$AT
sleep 4
change 20 40
down=$AT
wait "$flood"
within "the old rate holds until the change" "$(seen_between payments-v1 $((up - 2 * second)) $((up - second)))" 45 55
within "a second after it was raised the new rate holds" "$(seen_between payments-v1 $((up + second)) $((up + 3 * second)))" 195 205
within "a second after it was lowered the new rate holds" "$(seen_between payments-v1 $((down + second)) $((down + 4 * second)))" 58 62
at_most "raising burst and rate gives the difference of the bursts, no fresh bucket" "$(seen_between payments-v1 $((up - second)) $((up + 2 * second)))" $((100 + 50 + 200 + 8))
at_most "lowering them gives no fresh bucket" "$(seen_between payments-v1 $((down - second)) $((down + 2 * second)))" $((100 + 40 + 6))
is "all without a reload" "$(worker_pid)" "$worker"
is "and without an error" "$(jq -c '[.failed, (.status | keys)]' "$E2E_DIR/flood.json")" '[{},["200","429"]]'

# A quiet reload: nobody is connected, the bucket stays as it was.
spend() { local i n=0; for ((i = 0; i < $1; i++)); do get /v2/accounts -H "$staff"; [ "$STATUS" = 200 ] && n=$((n + 1)); done; echo $n; }
within "a bucket is spent" "$(spend 30)" 25 28
reload_haproxy || tap_fail "a reload"
sleep 0.6
at_most "a reload gives no fresh bucket" "$(spend 12)" 4
reload_haproxy && reload_haproxy || tap_fail "two reloads"
sleep 0.6
at_most "nor do two at once" "$(spend 12)" 4

# Reloads under load.
change 50 100
sleep 3
: >"$UPSTREAM_LOG"
offer 250 12 "$path" -H "$customers" >"$E2E_DIR/flood.json" &
flood=$!
for _ in 1 2; do sleep 4; reload_haproxy; done
wait "$flood"
is "reloads lose no request" "$(jq -c '[.failed, (.status | keys)]' "$E2E_DIR/flood.json")" '[{},["200","429"]]'
within "two reloads: at most a quarter of a bucket beyond each" "$(seen payments-v1)" $((700 * 98 / 100)) $((700 * 102 / 100 + 50))
