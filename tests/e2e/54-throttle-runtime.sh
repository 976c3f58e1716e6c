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

change() { # RATE BURST: sets BEGAN and AT, unix microseconds, between which it was applied
	set_parameter payments-v1/throttle-rate "$1"
	set_parameter payments-v1/throttle-burst "$2"
	BEGAN=$(now_us)
	stack_registry apply >>"$E2E_DIR/logs/registry.log" 2>&1
	AT=$(now_us)
}
second=1000000
# holds_between NAME RATE FROM TO: 300/s were offered, more than the rate
holds_between() {
	local extra ideal
	extra=$(slack "$2") ideal=$(($2 * ($4 - $3) / second))
	within "$1" "$(seen_between payments-v1 "$3" "$4")" $((ideal * 98 / 100 - extra)) $((ideal * 102 / 100 + extra))
}

# 300/s are offered all the time.
offer_until_told 300 "$path" "$E2E_DIR/flood.json" -H "$customers"
sleep 4.5
change 100 200
raise=$BEGAN up=$AT
sleep 4
change 20 40
lower=$BEGAN down=$AT
sleep 4.5
told_to_stop
note_latency "$(cat "$E2E_DIR/flood.json")"
holds_between "the old rate holds until the change" 50 $((raise - second)) "$raise"
holds_between "a second after it was raised the new rate holds" 100 $((up + second)) $((up + 3 * second))
holds_between "a second after it was lowered the new rate holds" 20 $((down + second)) $((down + 4 * second))
# Of the bursts no more than the difference, whenever between the two times the change took effect.
at_most "raising burst and rate gives the difference of the bursts, no fresh bucket" "$(seen_between payments-v1 $((raise - second)) $((up + 2 * second)))" \
	$((100 + (50 * second + 100 * (up - raise + 2 * second)) / second + $(slack 100)))
at_most "lowering them gives no fresh bucket" "$(seen_between payments-v1 $((lower - second)) $((down + 2 * second)))" \
	$(((100 * (down - lower + second) + 20 * 2 * second) / second + $(slack 100)))
is "all without a reload" "$(worker_pid)" "$worker"
is "and without an error" "$(jq -c '[.failed, (.status | keys)]' "$E2E_DIR/flood.json")" '[{},["200","429"]]'

# A quiet reload: nobody is connected, the bucket stays as it was. One token comes each second.
spend() { local i; SPENT=0; for ((i = 0; i < $1; i++)); do get /v2/accounts -H "$staff"; [ "$STATUS" = 200 ] && SPENT=$((SPENT + 1)); done; }
began=$(now_us)
spend 30
within "a bucket is spent" "$SPENT" 25 $((26 + ($(now_us) - began) / second))
no_fresh_bucket() { # NAME: since a bucket was spent at $began only what was made since is there
	spend 20
	at_most "$1" "$((TOTAL += SPENT))" $((26 + ($(now_us) - began) / second))
}
TOTAL=$SPENT
ok "a reload" reload_haproxy
ok "the new worker is told what was spent" eventually 20 knows accounts-v2
no_fresh_bucket "a reload gives no fresh bucket"
ok "another reload" reload_haproxy
ok "the next worker is told what was spent" eventually 20 knows accounts-v2
no_fresh_bucket "nor does another one right behind it"

# Reloads under load.
change 50 100
sleep 3
forget_counts
began=$(now_us)
offer 250 12 "$path" -H "$customers" >"$E2E_DIR/flood.json" &
flood=$!
for _ in 1 2; do sleep 4; reload_haproxy; done
wait "$flood"
took_ms=$((($(now_us) - began) / 1000))
note_latency "$(cat "$E2E_DIR/flood.json")"
is "reloads lose no request" "$(jq -c '[.failed, (.status | keys)]' "$E2E_DIR/flood.json")" '[{},["200","429"]]'
within "two reloads: at most a quarter of a bucket beyond each" "$(seen payments-v1)" \
	$(((100 * 1000 + 50 * $(span_ms payments-v1)) * 98 / 100000 - $(slack 50))) $((100 + 50 * took_ms / 1000 + 2 * 25 + 3))
