#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Setting throttle.global_rate: one bucket over all routes, of 40/s and 80, beside the buckets of routes and clients and the rules for
# addresses. Before HAProxy 2.8 these are more tables than a request can be tracked in, and addresses are counted in another way.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
rate=40 burst=80
more_parameters() { parameter "$p/api-services/payments-v1/client-rate" 1000; }
STACK_SETTINGS="$THROTTLE_SETTINGS | .trusted_proxies = [\"127.0.0.0/8\"] | .throttle = {global_rate: $rate, global_burst: $burst}
	| .ip_rate = {limit: 30, window_s: 60, exempt: [\"203.0.113.0/24\", \"2001:db8:e::1/128\"]} | .unauthorized = {limit: 10, window_s: 10}"
e2e_start
staff=$(bearer staff --lifetime 3600)
customers=$(bearer customers --lifetime 3600)
exempt="x-forwarded-for: 203.0.113.9"
sleep 1 # beyond the first half second, in which a quarter of a bucket is not counted

below=$(offer 20 3 /v1/accounts -H "$staff" -H "$exempt")
none_refused "below the rate nobody is refused" "$below" 2000
sleep 2.3

forget_counts
began=$(now_us)
offer 100 6 /v1/accounts -H "$staff" -H "$exempt" >"$E2E_DIR/one.json" &
one=$!
offer 45 6 /v1/payments -H "$customers" -H "$exempt" >"$E2E_DIR/two.json" &
two=$!
wait "$one" "$two"
took_ms=$((($(now_us) - began) / 1000))
note_latency "$(cat "$E2E_DIR/one.json" "$E2E_DIR/two.json")"
sed -i 's/ accounts-v1 / any /; s/ payments-v1 / any /' "$UPSTREAM_LOG"
is "two routes above it: nothing but 200 and 429" "$(jq -sc '[.[].status | keys] | add | unique' "$E2E_DIR/one.json" "$E2E_DIR/two.json")" '["200","429"]'
at_most "together they get burst + rate·t, in any time t" "$(peak any $rate)" $((burst * 102 / 100 + $(slack $rate)))
within "and no less" "$(seen any)" $(((burst * 1000 + rate * $(span_ms any)) * 98 / 100000 - $(slack $rate))) $((burst + rate * took_ms / 1000 + 3))

emptied() { get /v1/accounts -H "$staff" -H "$exempt"; [ "$STATUS" = 429 ]; }
offer_until_told 100 /v1/accounts /dev/null -H "$staff" -H "$exempt"
ok "the bucket is empty" eventually 30 emptied
expect "a refusal" 429 '{"message":"Too Many Requests"}'
is "it says when to come again" "$(header retry-after)" 1
is "the record says which bucket, and whose request" "$(record | jq -c '[.throttle, .ip, .service]')" '["global","203.0.113.9","accounts-v1"]'
told_to_stop
is "throttles shows it" "$(stack_registry throttles --json | jq -c '.gateway | map([.key, .rate, .burst])')" '[["gateway",40,80]]'
like "and the metrics" "$(stack_registry throttles --prometheus)" 'sallyport_throttle_gateway_refused_total [1-9]'
sleep 2.3

# The rules for addresses, as in 52-ip-rate.sh.
times() {
	local n=$1 ip=$2
	shift 2
	DONE=$("$LOAD" --url "https://localhost:$GATEWAY_PORT/v1/accounts" --ca "$E2E_DIR/tls/ca.pem" --connections 1 --seconds 60 --count "$n" -H "x-forwarded-for: $ip" "$@" | jq -c .status)
}
as() { local ip=$1; shift; get /v1/accounts -H "x-forwarded-for: $ip" "$@"; }
times 30 192.0.2.1 -H "$staff"
is "an address within its limit" "$DONE" '{"200":30}'
as 192.0.2.1 -H "$staff"
expect "one more" 403 '{"message":"Forbidden"}'
is "the record has the rule and the address" "$(record | jq -c '[.throttle, .ip]')" '["ip","192.0.2.1"]'
sleep 1
times 30 2001:db8:7::1 -H "$staff"
as 2001:db8:7:0:ffff:1:2:3 -H "$staff"
expect "IPv6: the whole /64 is one source" 403
is "the record has the whole address" "$(record | jq -r .ip)" 2001:db8:7:0:ffff:1:2:3
as 2001:db8:7:1::1 -H "$staff"
expect "IPv6: the next /64 is another" 200
is "the service is told the whole address" "$(upstream_header x-forwarded-for)" 2001:db8:7:1::1
sleep 1
times 40 203.0.113.9 -H "$staff"
is "an exempt address" "$DONE" '{"200":40}'
sleep 1
times 40 2001:db8:e::1 -H "$staff"
is "an exempt address of a /64 that is not" "$DONE" '{"200":40}'
times 10 192.0.2.50
as 192.0.2.50 -H "$staff"
expect "after ten refused tokens not even a good one is looked at" 429
is "the record names the rule" "$(record | jq -c '[.throttle, .auth]')" '["unauthorized",""]'
times 10 2001:db8:9::1
as 2001:db8:9::2 -H "$staff"
expect "IPv6: by /64" 429
shown=$(stack_registry throttles --json)
is "throttles: requests of an address" "$(jq '.addresses[] | select(.key | endswith("192.0.2.1")).requests' <<<"$shown")" 31
is "throttles: refused tokens" "$(jq '.addresses[] | select(.key == "2001:db8:9::").unauthorized' <<<"$shown")" 10

# What is logged of the connection is the connection's.
get /v1/accounts -H "$staff"
is "without a proxy the record has the client's address and port" "$(record | jq -c '[.ip, .port > 1023]')" '["127.0.0.1",true]'
