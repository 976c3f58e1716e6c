#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Token buckets hold: over any window of t seconds at most burst + rate·t requests reach the service, counted there.
# payments-v1 has rate 50/s and burst 100.
. tests/e2e/lib.sh
e2e_start
load=$STACK_BIN/tests/bench/load
customers=$(bearer customers --lifetime 3600)
log=$E2E_DIR/logs/upstream-requests.log
url=https://localhost:$GATEWAY_PORT/v1/payments

# most_in SECONDS: the most requests of payments-v1 that the upstream saw in any window of so many seconds
most_in() {
	awk -v w="$1" '$2 == "payments-v1" { t[n++] = $1 } END { w *= 1000000; for (i = 0; i < n; i++) { while (t[i] - t[j] > w) j++; if (i - j + 1 > most) most = i - j + 1 } print most + 0 }' "$log"
}
total() { grep -c ' payments-v1 ' "$log"; }
at_most() { if [ "$2" -le "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# $2, at most $3"; fi; }
at_least() { if [ "$2" -ge "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# $2, at least $3"; fi; }
statuses() { jq -c '[.status, .failed]' <<<"$1"; }

# Below the rate nobody is refused.
: >"$log"
out=$("$load" --url "$url" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --rate 40 --connections 4 --seconds 4)
is "below the rate every request is answered 200" "$(jq '.status["200"] == .issued' <<<"$out")" true

# Five times the rate, after a rest that fills the bucket: burst + rate·t, neither more nor clearly less.
sleep 3
: >"$log"
out=$("$load" --url "$url" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --rate 250 --connections 16 --seconds 10)
is "every refusal is a 429" "$(jq -c '.status | keys' <<<"$out")" '["200","429"]'
is "no request was lost" "$(jq -c .failed <<<"$out")" '{}'
is "what was answered 200 is what the service saw" "$(total)" "$(jq '.status["200"]' <<<"$out")"
at_most "10 s: at most burst + rate·t" "$(most_in 10)" $((600 * 102 / 100))
at_least "10 s: at least rate·t beside the burst" "$(total)" $((600 * 98 / 100))
at_most "5 s: at most burst + rate·t" "$(most_in 5)" $((350 * 102 / 100))
at_most "1 s: at most burst + rate·t" "$(most_in 1)" $((150 * 102 / 100))

get /v1/payments -H "$customers"
for _ in $(seq 200); do [ "$STATUS" = 429 ] && break; get /v1/payments -H "$customers"; done
if [ "$STATUS" = 429 ]; then
	expect "the refusal" 429 '{"message":"Too Many Requests"}'
	is "the refusal says when to come again" "$(header retry-after)" 1
	is "the record says which bucket" "$(record | jq -r .throttle)" route
else
	tap_skip "the shape of a refusal" "this machine is too slow to empty the bucket one by one"
fi

# Requests without a good token spend nothing.
sleep 3
: >"$log"
"$load" --url "$url" --ca "$E2E_DIR/tls/ca.pem" --rate 500 --connections 16 --seconds 5 >"$E2E_DIR/flood.json" &
flood=$!
out=$("$load" --url "$url" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --rate 40 --connections 4 --seconds 4)
wait "$flood"
is "an unauthenticated flood leaves the budget whole" "$(jq '.status["200"] == .issued' <<<"$out")" true
is "and gets 401" "$(jq -c '.status | keys' "$E2E_DIR/flood.json")" '["401"]'

# Routes have buckets of their own.
get /v1/accounts -H "$(bearer staff)"
expect "another route is not touched" 200
