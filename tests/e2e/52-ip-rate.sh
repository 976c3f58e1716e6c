#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Settings ip_rate and unauthorized: requests of one address, and of one /64, above the limit get 403; addresses with too many
# refused tokens get 429 before a token is looked at. Here 30 requests in 60 s, 10 refused tokens in 10 s.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
STACK_SETTINGS="$THROTTLE_SETTINGS | .trusted_proxies = [\"127.0.0.0/8\", \"198.51.100.0/24\"]
	| .ip_rate = {limit: 30, window_s: 60, exempt: [\"203.0.113.0/24\"]} | .unauthorized = {limit: 10, window_s: 10}"
e2e_start
staff=$(bearer staff)
as() { local ip=$1; shift; get /v1/accounts -H "x-forwarded-for: $ip" "$@"; }
times() { local i n=$1; shift; for ((i = 0; i < n; i++)); do as "$@"; done; }

times 30 192.0.2.1 -H "$staff"
expect "the last request within the limit" 200
as 192.0.2.1 -H "$staff"
expect "one more" 403 '{"message":"Forbidden"}'
is "its record names the rule" "$(record | jq -c '[.throttle, .ip, .status, .service]')" '["ip","192.0.2.1",403,""]'
get /nowhere -H "x-forwarded-for: 192.0.2.1"
expect "the rule comes before routes" 403
as 192.0.2.2 -H "$staff"
expect "another address" 200

times 30 2001:db8:7::1 -H "$staff"
as 2001:db8:7:0:ffff:1:2:3 -H "$staff"
expect "IPv6: the whole /64 is one source" 403
as 2001:db8:7:1::1 -H "$staff"
expect "IPv6: the next /64 is another" 200

times 40 203.0.113.9 -H "$staff"
expect "an exempt address" 200

# The address behind trusted proxies only; a client's own claims left of it do not matter.
as "192.0.2.1, 192.0.2.3" -H "$staff"
expect "the client's own claim is not believed" 200
is "the record has the address that counts" "$(record | jq -r .ip)" 192.0.2.3
as "192.0.2.2, 192.0.2.1, 198.51.100.7" -H "$staff"
expect "through two trusted proxies" 403
as "192.0.2.1:4711" -H "$staff"
expect "an address with a port" 403
as "::ffff:192.0.2.1" -H "$staff"
expect "IPv4 as IPv6 is the same source" 403

# Requests of several clients on one connection of a proxy are told apart.
curl -sS --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code} ' -H "x-forwarded-for: 192.0.2.1" "https://localhost:$GATEWAY_PORT/v1/accounts" \
	--next -sS --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code} ' -H "x-forwarded-for: 192.0.2.4" "https://localhost:$GATEWAY_PORT/v1/accounts" \
	--next -sS --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code} %{num_connects}' "https://localhost:$GATEWAY_PORT/v1/accounts" >"$E2E_DIR/three"
is "three clients on one connection" "$(cat "$E2E_DIR/three")" "403 200 200 0"
curl -sS --http2 --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code} ' -H "x-forwarded-for: 192.0.2.1" "https://localhost:$GATEWAY_PORT/v1/accounts" \
	--next -sS --http2 --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code} ' -H "x-forwarded-for: 192.0.2.4" "https://localhost:$GATEWAY_PORT/v1/accounts" >"$E2E_DIR/two"
is "two clients on one connection, h2" "$(cat "$E2E_DIR/two")" "403 200 "

# Refused tokens.
times 10 192.0.2.50
expect "the tenth refused token" 401
as 192.0.2.50 -H "$staff"
expect "then even a good one is not looked at" 429 '{"message":"Too Many Requests"}'
is "it says when to come again" "$(header retry-after)" 10
is "the record names the rule" "$(record | jq -c '[.throttle, .auth]')" '["unauthorized",""]'
as 192.0.2.51 -H "$staff"
expect "another address is not touched" 200
times 12 203.0.113.10
expect "an exempt address is not counted" 401

shown=$(stack_registry throttles --json)
is "throttles: requests of an address" "$(jq '.addresses[] | select(.key | endswith("192.0.2.1")).requests > 30' <<<"$shown")" true
is "throttles: refused tokens of an address" "$(jq '.addresses[] | select(.key | endswith("192.0.2.50")).unauthorized' <<<"$shown")" 10
is "throttles: IPv6 by /64" "$(jq '[.addresses[] | select(.key == "2001:db8:7::")] | length' <<<"$shown")" 1
is "throttles: exempt addresses are not kept" "$(jq '[.addresses[] | select(.key | contains("203.0.113"))] | length' <<<"$shown")" 0

# A flood of forged tokens dies here: the agent sees no more of it than the limit.
verdicts() { curl -s "http://127.0.0.1:$AGENT_METRICS_PORT/metrics" | awk '/^sallyport_spoa_(verdicts|requests)_total/ { n += $NF } END { print n + 0 }'; }
before=$(verdicts)
out=$(offer 500 3 /v1/accounts -H "x-forwarded-for: 203.0.114.1" -H "Authorization: Bearer ${staff#*Bearer }x")
after=$(verdicts)
is "a flood of forged tokens gets 401, 429 or 403" "$(jq -c '.status | keys' <<<"$out")" '["401","403","429"]'
at_most "of which the agent saw few" $((after - before)) 20
sleep 10.5
as 192.0.2.50 -H "$staff"
expect "after the window the address is heard again" 200
