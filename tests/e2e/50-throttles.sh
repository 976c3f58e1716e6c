#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Token buckets hold: over any window of t seconds at most burst + rate·t requests reach the service, counted there, and
# no less when more is offered, both within 2 %; below the rate nobody is refused. payments-v1 has rate 50/s and burst 100.
# THROTTLES=long adds a minute to each flood, for windows of 30 s.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
rate=50 burst=100 path=/v1/payments flood_s=6
[ "${THROTTLES:-}" = long ] && flood_s=67

more_parameters() {
	parameter "$p/api-services/accounts-v2/throttle-rate" 1
	parameter "$p/api-services/accounts-v2/throttle-burst" 3
	parameter "$p/api-services/accounts-v2/ratelimit-headers" true
}

refill() { sleep 2.3; }

# holds NAME SECONDS: what reached the service since the counts were forgotten, offered more than the limit for so long
holds() {
	local window extra lull
	extra=$(slack $rate) lull=$(lull_ms payments-v1)
	for window in 1 5 30; do
		[ "$window" -lt "$2" ] || continue
		at_most "$1: $window s: at most burst + rate·t" "$(most_in "$window" payments-v1)" $(((burst + rate * window) * 102 / 100 + extra))
	done
	at_most "$1: nor more in any other time t" "$(peak payments-v1 $rate)" $((burst * 102 / 100 + extra))
	# t is the time from the first to the last request that was let through: a slow start of the load leaves tokens unmade.
	at_least "$1: no less than burst + rate·t either" "$(seen payments-v1)" $(((burst * 1000 + rate * $(span_ms payments-v1)) * 98 / 100000 - rate * lull / 1000))
	[ $((extra * 50)) -le $((burst + rate * $2)) ] || echo "# bounds widened by $extra requests: answers took up to $LATENCY_MS ms, the load paused for $lull ms"
}

below() { # NAME PER_CENT SECONDS
	none_refused "$1: every request is answered 200" "$(offer $((rate * $2 / 100)) "$3" "$path" -H "$customers")" $(($4))
}

above() { # NAME PER_CENT SECONDS
	local out
	forget_counts
	out=$(offer $((rate * $2 / 100)) "$3" "$path" -H "$customers")
	note_latency "$out"
	is "$1: no request was lost, refusals are 429" "$(jq -c '[.failed, (.status | keys - ["200", "429"])]' <<<"$out")" '[{},[]]'
	is "$1: what was answered 200 is what the service saw" "$(seen payments-v1)" "$(jq '.status["200"]' <<<"$out")"
}

h2() { # NAME PER_CENT SECONDS
	forget_counts
	offer_h2 $((rate * $2 / 100)) "$3" "$path" "$customers"
	is "$1: nothing but 200 and 429" "$(jq '."5xx"' <<<"$H2")" 0
}

bursts() { # COUNT: every other second so many requests at once
	local i
	forget_counts
	for i in 1 2 3; do
		"$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --connections 32 --count "$1" --seconds 2 >"$E2E_DIR/burst$i.json"
		sleep 1
	done
	note_latency "$(cat "$E2E_DIR"/burst[123].json)"
}

levels() { # of one number of threads
	below "$1, 0.5 × the rate" 50 2 2000
	below "$1, the rate" 100 3 1500
	refill
	below "$1, 1.5 × the rate while the bucket lasts" 150 2 500
	refill
	above "$1, 1.5 × the rate" 150 "$flood_s"
	holds "$1, 1.5 × the rate" "$flood_s"
	refill
	above "$1, 5 × the rate" 500 "$flood_s"
	holds "$1, 5 × the rate" "$flood_s"
	refill
	h2 "$1, h2, 5 × the rate" 500 "$flood_s"
	holds "$1, h2, 5 × the rate" "$flood_s"
	refill
	bursts 300
	at_most "$1, bursts: no more than burst + rate·t" "$(peak payments-v1 $rate)" $((burst * 102 / 100 + $(slack $rate)))
	at_least "$1, bursts: the first takes the whole bucket" "$(seen payments-v1)" "$burst"
}

# until_refused CURL-ARGUMENT...: asks until the bucket is empty, which one request per second does not outrun
until_refused() {
	local i
	for i in $(seq 50); do
		get "$@"
		[ "$STATUS" != 429 ] || return 0
	done
}

STACK_SETTINGS="$THROTTLE_SETTINGS | .nbthread = 1"
e2e_start
customers=$(bearer customers --lifetime 3600)
levels "1 thread"
stack_stop
STACK_SETTINGS="$THROTTLE_SETTINGS | .nbthread = 2"
e2e_start
customers=$(bearer customers --lifetime 3600)
levels "2 threads"
staff=$(bearer staff)

# A refusal, in every method. accounts-v2 has one token per second and room for three.
for method in GET POST PUT PATCH DELETE OPTIONS; do
	until_refused /v2/accounts -H "$staff" -X "$method"
	expect "$method: the refusal" 429 '{"message":"Too Many Requests"}'
	is "$method: it says when to come again, rounded up" "$(header retry-after)" 1
done
is "the record says which bucket" "$(record | jq -r .throttle)" route
until_refused /v2/accounts -H "$staff" -I
expect "HEAD: the refusal" 429
is "the policy of a service that asks for it" "$(header ratelimit-policy)" '"route";q=3;w=3'
is "nothing left, full again in three seconds" "$(header ratelimit)" '"route";r=0;t=3'
sleep 3.2
get /v2/accounts -H "$staff"
expect "after a rest it is let through" 200
is "two left" "$(header ratelimit)" '"route";r=2;t=1'
get "$path" -H "$customers"
is "no such headers unless asked for" "$(header ratelimit)$(header ratelimit-policy)" ""

# Requests without a good token spend nothing.
refill
: >"$UPSTREAM_LOG"
offer 500 5 "$path" >"$E2E_DIR/flood.json" &
flood=$!
offer 500 5 "$path" -H "Authorization: Bearer ${customers#*Bearer }x" >"$E2E_DIR/forged.json" &
forged=$!
out=$(offer 40 4 "$path" -H "$customers")
wait "$flood" "$forged"
none_refused "a flood without tokens and one with forged tokens leave the budget whole" "$out" 1500
is "and get 401" "$(jq -c '.status | keys' "$E2E_DIR/flood.json")$(jq -c '.status | keys' "$E2E_DIR/forged.json")" '["401"]["401"]'

# Routes have buckets of their own, of 200 and 400 where nothing is said.
get /v1/accounts -H "$staff"
expect "another route is not touched" 200

# What throttles shows is what was counted.
shown=$(stack_registry throttles --json)
is "throttles: rate and burst, also those a service did not set" "$(jq -c '[.routes[] | [.key, .rate, .burst]] | sort' <<<"$shown")" '[["accounts-v1",200,400],["accounts-v2",1,3],["payments-v1",50,100]]'
refill
get "$path" -H "$customers"
within "throttles: a bucket hardly used is almost full" "$(stack_registry throttles --json | jq '.routes[] | select(.key == "payments-v1").left')" 90 100
offer 1000 1 "$path" -H "$customers" >"$E2E_DIR/flood.json"
last=$(awk '$2 == "payments-v1" { last = $1 } END { print last }' "$UPSTREAM_LOG")
again=$(stack_registry throttles --json)
at_most "throttles: a bucket just emptied holds what was made since" "$(jq '.routes[] | select(.key == "payments-v1").left' <<<"$again")" $((rate * ($(now_us) - last) / 1000000 + 1))
is "throttles: refusals are counted" "$(jq -n --argjson a "$shown" --argjson b "$again" '[$a, $b | .routes[] | select(.key == "payments-v1").refused] | .[1] - .[0]')" "$(jq '.status["429"]' "$E2E_DIR/flood.json")"
like "throttles: the table" "$(stack_registry throttles)" "payments-v1 +50 +100 "

# And the metrics, for a textfile collector.
metrics=$(stack_registry throttles --prometheus)
metric() { sed -n "s/^sallyport_throttle_$1 //p" <<<"$metrics"; }
is "metrics: rates and bursts" "$(metric 'route_rate{service="payments-v1"}') $(metric 'route_burst{service="payments-v1"}') $(metric 'route_burst{service="accounts-v1"}')" "50 100 400"
is "metrics: refusals" "$(metric 'route_refused_total{service="payments-v1"}')" "$(jq '.routes[] | select(.key == "payments-v1").refused' <<<"$again")"
like "metrics: levels" "$(metric 'route_left{service="payments-v1"}')" '^[0-9]+$'
