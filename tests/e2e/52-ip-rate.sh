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
sleep 1 # beyond the first half second, in which a route's bucket is a quarter of its size
as() { local ip=$1; shift; get /v1/accounts -H "x-forwarded-for: $ip" "$@"; }
# times COUNT IP [options of load]: one after the other on one connection, faster than any window; DONE is {"200":COUNT,...}
times() {
	local n=$1 ip=$2
	shift 2
	DONE=$("$LOAD" --url "https://localhost:$GATEWAY_PORT/v1/accounts" --ca "$E2E_DIR/tls/ca.pem" --connections 1 --seconds 60 --count "$n" -H "x-forwarded-for: $ip" "$@" | jq -c .status)
}

times 30 192.0.2.1 -H "$staff"
is "the requests within the limit" "$DONE" '{"200":30}'
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
is "an exempt address" "$DONE" '{"200":40}'

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
is "ten refused tokens" "$DONE" '{"401":10}'
as 192.0.2.50 -H "$staff"
expect "then even a good one is not looked at" 429 '{"message":"Too Many Requests"}'
is "it says when to come again" "$(header retry-after)" 10
is "the record names the rule" "$(record | jq -c '[.throttle, .auth]')" '["unauthorized",""]'
as 192.0.2.51 -H "$staff"
expect "another address is not touched" 200
times 12 203.0.113.10
is "an exempt address is not counted" "$DONE" '{"401":12}'

shown=$(stack_registry throttles --json)
is "throttles: requests of an address" "$(jq '.addresses[] | select(.key | endswith("192.0.2.1")).requests > 30' <<<"$shown")" true
is "throttles: refused tokens of an address" "$(jq '.addresses[] | select(.key | endswith("192.0.2.50")).unauthorized' <<<"$shown")" 10
is "throttles: IPv6 by /64" "$(jq '[.addresses[] | select(.key == "2001:db8:7::")] | length' <<<"$shown")" 1
is "throttles: exempt addresses are not kept" "$(jq '[.addresses[] | select(.key | contains("203.0.113"))] | length' <<<"$shown")" 0

# A flood of forged tokens dies here: the agent sees no more of it than the limit.
verdicts() { agent_metrics | awk '/^sallyport_spoa_(verdicts|requests)_total/ { n += $NF } END { print n + 0 }'; }
before=$(verdicts)
out=$(offer 500 3 /v1/accounts -H "x-forwarded-for: 203.0.114.1" -H "Authorization: Bearer ${staff#*Bearer }x")
after=$(verdicts)
is "a flood of forged tokens gets 401, 429 or 403" "$(jq -c '.status | keys' <<<"$out")" '["401","403","429"]'
# Those on their way on the other connections when the tenth was refused come on top.
at_most "of which the agent saw no more than the limit" $((after - before)) $((10 + 7))
is "the rest was not even asked for" "$(jq --argjson seen $((after - before)) '.issued > 10 * $seen and .status["401"] == $seen' <<<"$out")" true
heard_again() { as 192.0.2.50 -H "$staff"; [ "$STATUS" = 200 ]; }
for _ in $(seq 8); do sleep 3; ! heard_again || break; done # not so often that the other rule counts them
expect "after the window the address is heard again" 200

metrics=$(stack_registry throttles --prometheus)
like "metrics: the top addresses" "$metrics" 'sallyport_throttle_address_requests\{address="::ffff:203\.0\.114\.1"\} [0-9]+'

# Somebody who is no trusted proxy is counted by the address of its own, whatever it claims.
stack_stop
STACK_SETTINGS="$THROTTLE_SETTINGS | .trusted_proxies = [\"198.51.100.0/24\"] | .ip_rate = {limit: 30, window_s: 60}"
e2e_start
staff=$(bearer staff)
sleep 1
times 30 192.0.2.1 -H "$staff"
is "a stranger's requests within the limit" "$DONE" '{"200":30}'
as 192.0.2.2 -H "$staff"
expect "another address in its x-forwarded-for does not help it" 403
is "the record has its own" "$(record | jq -c '[.throttle, .ip]')" '["ip","127.0.0.1"]'
