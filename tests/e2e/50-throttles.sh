#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Token buckets hold: over any window of t seconds at most burst + rate·t requests reach the service, counted there, and
# below the rate nobody is refused. payments-v1 has rate 50/s and burst 100. THROTTLES=long adds a minute to each flood, for windows of 30 s.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
rate=50 burst=100 path=/v1/payments flood_s=7
[ "${THROTTLES:-}" = long ] && flood_s=67

more_parameters() {
	parameter "$p/api-services/accounts-v2/throttle-rate" 1
	parameter "$p/api-services/accounts-v2/throttle-burst" 3
	parameter "$p/api-services/accounts-v2/ratelimit-headers" true
}

refill() { sleep 2.3; }

# span_ms SERVICE: from the first to the last request that reached it since the log was emptied
span_ms() { awk -v s="$1" '$2 == s { if (!first) first = $1; last = $1 } END { print int((last - first) / 1000) }' "$UPSTREAM_LOG"; }

# holds NAME SECONDS: what reached the service since the log was emptied, offered more than the limit for so long
holds() {
	local window
	for window in 1 5 30; do
		[ "$window" -lt "$2" ] || continue
		at_most "$1: $window s: at most burst + rate·t" "$(most_in "$window" payments-v1)" $(((burst + rate * window) * 102 / 100))
	done
	# t is the time from the first to the last request that was let through: a slow start of the load leaves tokens unmade.
	at_least "$1: no less than burst + rate·t either" "$(seen payments-v1)" $(((burst * 1000 + rate * $(span_ms payments-v1)) * 98 / 100000))
}

below() { # NAME PER_CENT SECONDS
	local out
	out=$(offer $((rate * $2 / 100)) "$3" "$path" -H "$customers")
	is "$1: every request is answered 200" "$(jq '.status["200"] == .issued' <<<"$out")" true
}

above() { # NAME PER_CENT SECONDS
	local out
	: >"$UPSTREAM_LOG"
	out=$(offer $((rate * $2 / 100)) "$3" "$path" -H "$customers")
	is "$1: no request was lost, refusals are 429" "$(jq -c '[.failed, (.status | keys - ["200", "429"])]' <<<"$out")" '[{},[]]'
	is "$1: what was answered 200 is what the service saw" "$(seen payments-v1)" "$(jq '.status["200"]' <<<"$out")"
}

h2() { # NAME PER_CENT SECONDS
	: >"$UPSTREAM_LOG"
	is "$1: nothing but 200 and 429" "$(offer_h2 $((rate * $2 / 100)) "$3" "$path" "$customers" | jq '."5xx"')" 0
}

bursts() { # COUNT: every other second so many requests at once
	local i
	: >"$UPSTREAM_LOG"
	for i in 1 2 3; do
		"$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --connections 32 --count "$1" --seconds 2 >"$E2E_DIR/burst.json"
		sleep 1
	done
}

levels() { # of one number of threads
	below "$1, 0.5 × the rate" 50 2
	below "$1, the rate" 100 3
	refill
	below "$1, 1.5 × the rate while the bucket lasts" 150 2
	refill
	above "$1, 5 × the rate" 500 "$flood_s"
	holds "$1, 5 × the rate" "$flood_s"
	refill
	h2 "$1, h2, 5 × the rate" 500 "$flood_s"
	holds "$1, h2, 5 × the rate" "$flood_s"
	refill
	bursts 300
	at_most "$1, bursts: 1 s" "$(most_in 1 payments-v1)" $(((burst + rate) * 102 / 100))
	at_most "$1, bursts: 5 s" "$(most_in 5 payments-v1)" $(((burst + rate * 5) * 102 / 100))
	at_least "$1, bursts: the first takes the whole bucket" "$(seen payments-v1)" "$burst"
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
	for _ in 1 2 3 4; do get /v2/accounts -H "$staff" -X "$method"; done
	expect "$method: the refusal" 429 '{"message":"Too Many Requests"}'
	is "$method: it says when to come again, rounded up" "$(header retry-after)" 1
done
is "the record says which bucket" "$(record | jq -r .throttle)" route
get /v2/accounts -H "$staff" -I
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
is "a flood without tokens and one with forged tokens leave the budget whole" "$(jq '.status["200"] == .issued' <<<"$out")" true
is "and get 401" "$(jq -c '.status | keys' "$E2E_DIR/flood.json")$(jq -c '.status | keys' "$E2E_DIR/forged.json")" '["401"]["401"]'

# Routes have buckets of their own, of 200 and 400 where nothing is said.
get /v1/accounts -H "$staff"
expect "another route is not touched" 200

# What throttles shows is what was counted.
shown=$(stack_registry throttles --json)
is "throttles: rate and burst, also those a service did not set" "$(jq -c '[.routes[] | [.key, .rate, .burst]] | sort' <<<"$shown")" '[["accounts-v1",200,400],["accounts-v2",1,3],["payments-v1",50,100]]'
get "$path" -H "$customers"
within "throttles: a bucket hardly used is almost full" "$(stack_registry throttles --json | jq '.routes[] | select(.key == "payments-v1").left')" 90 100
offer 1000 1 "$path" -H "$customers" >"$E2E_DIR/flood.json"
again=$(stack_registry throttles --json)
within "throttles: a bucket just emptied is almost empty" "$(jq '.routes[] | select(.key == "payments-v1").left' <<<"$again")" 0 30
is "throttles: refusals are counted" "$(jq -n --argjson a "$shown" --argjson b "$again" '[$a, $b | .routes[] | select(.key == "payments-v1").refused] | .[1] - .[0]')" "$(jq '.status["429"]' "$E2E_DIR/flood.json")"
like "throttles: the table" "$(stack_registry throttles)" "payments-v1 +50 +100 "
