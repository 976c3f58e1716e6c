#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Parameters client-rate, client-burst, client-key: no caller can spend the whole budget of a route, whether a caller is the
# token's client id (accounts-v1), its subject (accounts-v2) or the source address (payments-v1). Each gets 10/s and 20.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
more_parameters() {
	local id
	for id in accounts-v1 accounts-v2 payments-v1; do
		parameter "$p/api-services/$id/client-rate" 10
		parameter "$p/api-services/$id/client-burst" 20
	done
	parameter "$p/api-services/accounts-v1/throttle-rate" 100
	parameter "$p/api-services/accounts-v1/throttle-burst" 200
	parameter "$p/api-services/accounts-v2/client-key" sub
	parameter "$p/api-services/payments-v1/client-key" source
	parameter "$p/api-services/payments-v1/ratelimit-headers" true
}
STACK_SETTINGS="$THROTTLE_SETTINGS | .trusted_proxies = [\"127.0.0.0/8\"]"
e2e_start
sleep 1 # beyond the first half second, in which a quarter of a bucket is not counted

# greedy_and_modest NAME SERVICE PATH GREEDY-HEADERS -- MODEST-HEADERS: one offers ten times its rate, the other half of it
greedy_and_modest() {
	local name=$1 service=$2 path=$3 greedy=() modest=() into=greedy h out
	shift 3
	for h in "$@"; do
		if [ "$h" = -- ]; then into=modest; elif [ $into = greedy ]; then greedy+=(-H "$h"); else modest+=(-H "$h"); fi
	done
	: >"$UPSTREAM_LOG"
	local began took_ms
	began=$(now_us)
	offer 100 4 "$path" "${greedy[@]}" >"$E2E_DIR/greedy.json" &
	local pid=$!
	out=$(offer 5 4 "$path" "${modest[@]}")
	wait "$pid"
	took_ms=$((($(now_us) - began) / 1000))
	MODEST_GOT=$(jq '.status["200"]' <<<"$out")
	none_refused "$name: the modest one is never refused" "$out" 3000
	note_latency "$(cat "$E2E_DIR/greedy.json")" # how long it paused
	within "$name: the greedy one gets burst + rate·t" "$(jq '.status["200"]' "$E2E_DIR/greedy.json")" $((58 - LATENCY_MS / 100)) $((21 + took_ms / 100))
	is "$name: both are what the service saw" "$(seen "$service")" "$(jq -n --slurpfile g "$E2E_DIR/greedy.json" --argjson m "$out" '$g[0].status["200"] + $m.status["200"]')"
}
greedy_and_modest "client ids" accounts-v1 /v1/accounts "$(bearer staff)" -- "$(bearer staff --client-id api-authoriser)"
greedy_and_modest "subjects" accounts-v2 /v2/accounts "$(bearer staff --sub alice)" -- "$(bearer staff --sub bob)"
bob_got=$MODEST_GOT
customers=$(bearer customers)
greedy_and_modest "addresses" payments-v1 /v1/payments "$customers" "x-forwarded-for: 192.0.2.1" -- "$customers" "x-forwarded-for: 192.0.2.2"
greedy_and_modest "IPv6 networks" payments-v1 /v1/payments "$customers" "x-forwarded-for: 2001:db8:1::1" -- "$customers" "x-forwarded-for: 2001:db8:2::1"
get /v1/payments -H "$customers" -H "x-forwarded-for: 2001:db8:2:0:ffff::9"
expect "another network has tokens" 200
offer_until_told 100 /v1/payments /dev/null -H "$customers" -H "x-forwarded-for: 2001:db8:2::1"
neighbour_is_refused() { get /v1/payments -H "$customers" -H "x-forwarded-for: 2001:db8:2:0:ffff::9"; [ "$STATUS" = 429 ]; }
eventually 50 neighbour_is_refused
told_to_stop
expect "addresses of one /64 are one client" 429 '{"message":"Too Many Requests"}'
is "the record says which bucket" "$(record | jq -r .throttle)" client
is "retry-after" "$(header retry-after)" 1
like "the route has tokens left, of which a refusal takes none" "$(header ratelimit)" '^"route";r=([89][0-9]|100);t=[01]$'

shown=$(stack_registry throttles --json)
is "throttles names the clients" "$(jq -c '[.clients[] | select(.key | startswith("accounts")) | .key] | sort' <<<"$shown")" \
	'["accounts-v1|api-authoriser","accounts-v1|back-office","accounts-v2|alice","accounts-v2|bob"]'
is "and their limits" "$(jq -c '[.clients[] | [.rate, .burst]] | unique' <<<"$shown")" '[[10,20]]'
is "and what they were let through" "$(jq '.clients[] | select(.key == "accounts-v2|bob").admitted' <<<"$shown")" "$bob_got"
is "the top spenders come first" "$(jq "[.clients[] | .admitted + .refused] | . == (sort | reverse)" <<<"$shown")" true
metrics=$(stack_registry throttles --prometheus --top 1)
is "of the clients the metrics have the top spenders only" "$(grep -c '^sallyport_throttle_client_left{' <<<"$metrics")" 1
like "with service and client" "$metrics" 'sallyport_throttle_client_refused_total\{service="[a-z0-9-]+",client="[^"]+"\} [0-9]+'
