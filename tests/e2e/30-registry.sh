#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The registry against the running gateway: add, tune and remove a service, bad parameters, rollback, two operators at once,
# and twenty changes under load without a failed request.
. tests/e2e/lib.sh
e2e_start
staff=$(bearer staff --lifetime 3600)
settings=$E2E_DIR/gateway.json

apply() { stack_registry apply "$@" >"$E2E_DIR/apply.out" 2>&1; }
services() { # ID...: the live services
	jq --args '.services = $ARGS.positional' "$@" <"$settings" >"$settings.new" && mv "$settings.new" "$settings"
}
put() { # PARAMETER VALUE
	jq --arg n "/bank/dev/api-services/$1" --arg v "$2" '.Parameters |= (map(select(.Name != $n)) + [{Name: $n, Type: "String", Value: $v, Version: 1}])' \
		<"$E2E_DIR/parameters.json" >"$E2E_DIR/p.new" && mv "$E2E_DIR/p.new" "$E2E_DIR/parameters.json"
}
answers() { get "$1" -H "$staff"; [ "$STATUS" = "$2" ]; }

stack_registry plan >/dev/null 2>&1
is "nothing to do: plan says so" "$?" 0

# Add
put cards-v1/url "https://localhost:$ACCOUNTS2_PORT"
put cards-v1/version v1
put cards-v1/route-prefix /v1/cards
put cards-v1/authorizer staff
get /v1/cards -H "$staff"
expect "a service that is not listed is not there" 404
services accounts-v1 accounts-v2 payments-v1 cards-v1
stack_registry plan >"$E2E_DIR/plan.out" 2>&1
is "a new service: plan says there are changes" "$?" 2
like "and names it" "$(cat "$E2E_DIR/plan.out")" 'cards-v1'
ok "a new service is applied" apply
ok "and is live" eventually 5 answers /v1/cards/1 200
is "the service behind it answers" "$(jq -r .service <<<"$BODY")" accounts-v2

# Tune, without a reload
worker() { echo "show proc" | socat - "UNIX-CONNECT:$E2E_DIR/gateway/master.sock" | awk '$2 == "worker" { print $1; exit }'; }
before=$(worker)
put cards-v1/throttle-rate 1
put cards-v1/throttle-burst 2
ok "a throttle is applied" apply
is "without a new HAProxy worker" "$(worker)" "$before"
refused() { answers /v1/cards 429; }
ok "and holds within seconds" eventually 5 refused
put cards-v1/throttle-rate 1000
put cards-v1/throttle-burst 2000
apply
ok "a higher throttle lets requests through again" eventually 5 answers /v1/cards 200

# Bad parameters
put cards-v1/throttle-burst 5
apply
is "a burst below the rate is refused" "$?" 1
like "with the parameter's path" "$(cat "$E2E_DIR/apply.out")" '/bank/dev/api-services/cards-v1/throttle-burst'
put cards-v1/throttle-burst 2000
put cards-v1/url $'https://localhost:1\n    server evil 127.0.0.1:1'
apply
is "a line break in a URL is refused" "$?" 1
get /v1/cards -H "$staff"
expect "the gateway goes on as it was" 200
put cards-v1/url "https://localhost:$ACCOUNTS2_PORT"

# Remove, and roll back
services accounts-v1 accounts-v2 payments-v1
ok "a service is removed" apply
gone() { answers /v1/cards 404; }
ok "and is gone" eventually 5 gone
ok "rollback brings the revision before" stack_registry rollback
ok "and the service is live again" eventually 5 answers /v1/cards 200
like "history shows the revision that is live again" "$(stack_registry history)" '\* 4-'

# Two operators
put cards-v1/timeout-ms 2000
services accounts-v1 accounts-v2 payments-v1 cards-v1
stack_registry apply >"$E2E_DIR/a.out" 2>&1 &
one=$!
stack_registry apply >"$E2E_DIR/b.out" 2>&1
second=$?
wait "$one"
first=$?
ok "two applies at once: at least one succeeds, none breaks anything" test "$first" = 0 -o "$second" = 0
get /v1/cards -H "$staff"
expect "the gateway answers" 200

# Twenty changes under load, ten of which reload HAProxy and the agent
put accounts-v1/throttle-rate 9000
put accounts-v1/throttle-burst 20000
apply
sleep 1
"$STACK_BIN/tests/bench/load" --url "https://localhost:$GATEWAY_PORT/v1/accounts/7" --ca "$E2E_DIR/tls/ca.pem" -H "$staff" \
	--rate 300 --connections 16 --seconds 30 >"$E2E_DIR/load.json" 2>"$E2E_DIR/load.err" &
load=$!
changes=0
for i in $(seq 10); do
	put cards-v1/timeout-ms $((2000 + i))
	apply && changes=$((changes + 1))
	put cards-v1/throttle-rate $((1000 + i))
	apply && changes=$((changes + 1))
	kill -0 "$load" 2>/dev/null || break
done
wait "$load"
is "twenty changes were applied under load" "$changes" 20
is "no request failed" "$(jq -c '[.status, .failed]' "$E2E_DIR/load.json")" "[{\"200\":$(jq .issued "$E2E_DIR/load.json")},{}]"
is "none was routed wrongly" "$(grep '/v1/accounts/7$' "$E2E_DIR/logs/upstream-requests.log" | cut -d' ' -f2 | sort -u)" accounts-v1
