#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What clients see of the gateway's refusals that need something to be wrong: rules, limits, key sets, agent, upstreams. Each over HTTP/1.1
# and HTTP/2, each with the body, the content type and the request id of all answers the gateway makes.
. tests/e2e/lib.sh
free_port DEAD_PORT
more_parameters() {
	service_parameters dead-v1 "https://localhost:$DEAD_PORT" v1 /v1/dead staff
	parameter "$p/api-services/accounts-v2/throttle-rate" 1
	parameter "$p/api-services/accounts-v2/throttle-burst" 2
}
STACK_SETTINGS='.services += ["dead-v1"] | .trusted_proxies = ["127.0.0.0/8"] | .ip_rate = {limit: 10, window_s: 60} | .unauthorized = {limit: 5, window_s: 60}
	| .waf.crs = [] | .waf.default_ruleset = "aws"'
e2e_start
staff=$(bearer staff) customers=$(bearer customers)
address=0
next_address() { address=$((address + 1)); from="x-forwarded-for: 192.0.2.$address"; } # each with limits of its own
both() { # FUNCTION: once over each
	local http
	for http in --http1.1 --http2; do next_address; "$1" "$http" "${http#--}"; done
}
answered() { # NAME STATUS MESSAGE
	expect "$1" "$2" "{\"message\":\"$3\"}"
	like "$1: JSON with a request id" "$(header content-type) $(header x-request-id)" '^application/json [0-9a-f]{8}-[0-9a-f-]{27}$'
}

refused_by_waf() {
	get "/v1/accounts?q=%3Cscript%3Ealert(1)%3C/script%3E" "$1" -H "$staff" -H "$from"
	answered "$2: what the WAF blocks" 403 Forbidden
	is "$2: the client is not told why" "$(header www-authenticate)" ""
	like "$2: the record is" "$(record | jq -r '.waf + " " + .rules')" '^block [0-9]'
}
spent() { stack_registry throttles --json | jq -c '[.routes[] | select(.key == "accounts-v1") | .admitted + .refused] | add'; }
get /v1/accounts -H "$staff" -H "x-forwarded-for: 198.51.100.9"
before=$(spent)
both refused_by_waf
for _ in 1 2 3; do get /v1/accounts -H "$(bearer staff --lifetime -60)" -H "x-forwarded-for: 198.51.100.9"; done
is "what the WAF blocks and what has no good token spends none of the route's budget" "$(spent)" "$before"

throttled() {
	for _ in $(seq 20); do get /v2/accounts "$1" -H "$staff" -H "x-forwarded-for: 198.51.100.$((RANDOM % 250))"; [ "$STATUS" != 429 ] || break; done
	answered "$2: a request more than the bucket has" 429 "Too Many Requests"
	is "$2: it says when to come again" "$(header retry-after)" 1
}
both throttled

over_the_ip_limit() {
	for _ in $(seq 11); do get /v1/accounts "$1" -H "$staff" -H "$from"; done
	answered "$2: an address above its limit" 403 Forbidden
	is "$2: an action of its own in the record" "$(record | jq -r .throttle)" ip
}
both over_the_ip_limit

too_many_401s() {
	for _ in $(seq 5); do get /v1/accounts "$1" -H "$from"; done
	answered "$2: the last bad token" 401 Unauthorized
	get /v1/accounts "$1" -H "$staff" -H "$from"
	answered "$2: then no token is looked at" 429 "Too Many Requests"
	is "$2: for a minute" "$(header retry-after)" 60
}
both too_many_401s

upstream_refused() {
	get /v1/dead "$1" -H "$staff" -H "$from"
	answered "$2: an upstream that is not there" 502 "Bad Gateway"
	is "$2: the record has the upstream and no status of it" "$(record | jq -c '[.upstream_status, .service]')" '[-1,"dead-v1"]'
}
both upstream_refused

# An upstream that closes without an answer: what is idempotent is sent again, for a service with few requests (upstream.retry_rate).
closed_once() { # METHOD N: the N-th of them, to a service that closes without an answer the first time; its status, and how often it came there
	get "/v1/accounts/once-$2?close_once=$2" -X "$1" --http1.1 -H "$staff" -H "$from"
	echo "$STATUS $(grep -c "/once-$2\$" "$E2E_DIR/logs/upstream-requests.log")"
}
retry_rate() { # N: from now on
	jq --argjson n "$1" '.upstream.retry_rate = $n | .ip_rate.limit = 100000' "$STACK_DIR/gateway.json" >"$STACK_DIR/gateway.new" && mv "$STACK_DIR/gateway.new" "$STACK_DIR/gateway.json" &&
		stack_registry apply >>"$E2E_DIR/logs/registry.log" 2>&1
}
next_address
is "an unanswered GET is sent again" "$(closed_once GET 1)" "200 2"
is "an unanswered POST is not" "$(closed_once POST 2)" "502 1"
ok "retry_rate 1" retry_rate 1
"$STACK_BIN/tests/bench/load" --url "https://localhost:$GATEWAY_PORT/v1/accounts" -H "$staff" --rate 8 --connections 4 --seconds 20 >"$E2E_DIR/load.json" 2>&1 &
loading=$!
tries=10
not_again() { next_address; tries=$((tries + 1)); [ "$(closed_once GET $tries)" = "502 1" ]; }
ok "nor is a GET to a service with more requests than that" eventually 15 not_again
kill "$loading"
wait "$loading"
ok "retry_rate 0" retry_rate 0
next_address
is "never a GET" "$(closed_once GET 3)" "502 1"

# An issuer that was never reached, since it was changed for one that is not there.
jq --arg url "https://localhost:$DEAD_PORT/jwks" '.authorizers.customers.jwks_url = $url' "$STACK_DIR/gateway.json" >"$STACK_DIR/gateway.new" && mv "$STACK_DIR/gateway.new" "$STACK_DIR/gateway.json"
ok "the issuer is changed" stack_registry apply >>"$E2E_DIR/logs/registry.log" 2>&1
no_keys_yet() { next_address; get /v1/payments -H "$customers" -H "$from"; [ "$STATUS" = 503 ]; }
ok "no key set was ever loaded" eventually 20 no_keys_yet
without_keys() {
	get /v1/payments "$1" -H "$customers" -H "$from"
	answered "$2: no key set could ever be loaded" 503 "Service Unavailable"
	is "$2: it says when to come again" "$(header retry-after)" 5
	is "$2: the record says why" "$(record | jq -r .auth)" keys_unavailable
	get /v1/accounts "$1" -H "$staff" -H "$from"
	expect "$2: the other pool is not touched" 200
}
both without_keys

kill "$PID_agent"
wait "$PID_agent"
without_agent() {
	get /v1/accounts "$1" -H "$staff" -H "$from"
	answered "$2: no agent" 503 "Service Unavailable"
	like "$2: it says when to come again" "$(header retry-after)" '^[0-9]+$'
	is "$2: nothing reached the service" "$(grep -c . "$E2E_DIR/logs/upstream-requests.log")" "$reached"
}
reached=$(grep -c . "$E2E_DIR/logs/upstream-requests.log")
both without_agent
