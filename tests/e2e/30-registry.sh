#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The registry against the running gateway: add, tune and remove a service, bad parameters, rollback, two operators at once,
# server addresses without a reload, and a hundred changes under load without a failed request.
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
worker() { # the master does not answer while it executes itself anew
	local pid= i
	for i in $(seq 100); do
		pid=$(echo "show proc" | socat - "UNIX-CONNECT:$E2E_DIR/gateway/master.sock" 2>/dev/null | awk '$2 == "worker" { print $1; exit }')
		[ -z "$pid" ] || break
		sleep 0.1
	done
	echo "$pid"
}
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

# Server addresses: the same service by another process, without a new HAProxy worker
free_port TWIN_PORT
stack_spawn twin "$STACK_BIN/tests/tools/upstream" --cert "$STACK_DIR/tls/server.crt" --key "$STACK_DIR/tls/server.key" \
	--log "$STACK_DIR/logs/twin-requests.log" accounts-v1-twin="$TWIN_PORT"
stack_wait_port "$TWIN_PORT" twin
runtime() { echo "$*" | socat - "UNIX-CONNECT:$E2E_DIR/gateway/stats.sock"; }
served_by() { get /v1/accounts/1 -H "$staff"; [ "$STATUS $(jq -r .service <<<"$BODY")" = "200 $1" ]; }
before=$(worker)
put accounts-v1/url "https://localhost:$TWIN_PORT"
stack_registry plan >"$E2E_DIR/plan.out"
like "another port is planned as a runtime update" "$(cat "$E2E_DIR/plan.out")" '~ accounts-v1 url: .*\(runtime\).*runtime update, no reload'
ok "and applied" apply
like "which says so" "$(cat "$E2E_DIR/apply.out")" '; 1 server moves'
is "without a new HAProxy worker" "$(worker)" "$before"
ok "the new address serves" served_by accounts-v1-twin
is "under its own name" "$(upstream_header host)" "localhost:$TWIN_PORT"
is "and the record has it" "$(record | jq -r .upstream)" "localhost:$TWIN_PORT"
put cards-v1/timeout-ms 1999
apply
[ "$(worker)" != "$before" ]; is "after a reload by something else" $? 0
ok "it still serves" served_by accounts-v1-twin
is "and nothing has drifted" "$(stack_registry plan 2>&1)" "nothing to do: revision $(basename "$(readlink "$E2E_DIR/gateway/current")") is live"
like "rolled back past both, each by its way" "$(stack_registry rollback 2>&1; stack_registry rollback 2>&1)" 'reload of HAProxy.*runtime update, no reload'
ok "the old address serves" served_by accounts-v1
put accounts-v1/url "https://127.0.0.1:$ACCOUNTS1_PORT"
put accounts-v1/tls-name localhost
like "a name that becomes an address takes a reload" "$(stack_registry apply)" '~ accounts-v1 url: .*\(reload\).*reload of HAProxy'
put accounts-v1/url "https://127.0.0.1:$TWIN_PORT"
like "an address that becomes another does not" "$(stack_registry apply)" '; 1 server moves'
ok "with the same name in its certificate" served_by accounts-v1-twin
runtime "set server svc_accounts-v1/spare addr 127.0.0.1 port $ACCOUNTS1_PORT" >/dev/null
stack_registry plan >"$E2E_DIR/plan.out"
is "an address changed behind the registry's back is found" $? 2
like "and named" "$(cat "$E2E_DIR/plan.out")" "drift: server svc_accounts-v1/spare was changed at run time: 127.0.0.1 port $ACCOUNTS1_PORT instead of 127.0.0.1 port $TWIN_PORT"
ok "and put right" apply
ok "so that the applied one serves" served_by accounts-v1-twin
put accounts-v1/url "https://gateway.test:$TWIN_PORT"
like "another name takes a reload" "$(stack_registry plan)" '~ accounts-v1 url: .*\(reload\).*reload of HAProxy'
put accounts-v1/url "https://localhost:$ACCOUNTS1_PORT"
put accounts-v1/canary-url "https://localhost:$TWIN_PORT"
put accounts-v1/canary-weight 100
like "a canary takes a reload" "$(stack_registry apply)" 'reload of HAProxy'
ok "and then the requests" served_by accounts-v1-twin
put accounts-v1/canary-url "https://localhost:$ACCOUNTS2_PORT"
like "its address does not" "$(stack_registry apply)" '1 server moves'
ok "and the requests follow" served_by accounts-v2
is "under its name" "$(upstream_header host)" "localhost:$ACCOUNTS2_PORT"
put accounts-v1/canary-weight 0
like "nor does its weight" "$(stack_registry apply)" 'runtime update, no reload'
ok "without it the first one serves" served_by accounts-v1

# A hundred changes under load: ten of them reload HAProxy and twenty the agent, thirty move the service that is asked
put accounts-v1/throttle-rate 9000
put accounts-v1/throttle-burst 20000
apply
put cards-v1/mtls required
like "the first service that asks for client certificates takes a reload" "$(stack_registry apply)" 'reload of HAProxy'
"$STACK_BIN/tests/bench/load" --url "https://localhost:$GATEWAY_PORT/v1/accounts/7" --ca "$E2E_DIR/tls/ca.pem" -H "$staff" \
	--rate 200 --connections 16 --seconds 600 --timeout-ms 30000 >"$E2E_DIR/load.json" 2>"$E2E_DIR/load.err" &
load=$!
STACK_PIDS+=($load)
changes=0
change() { # WAY PARAMETER VALUE: applies it; counts when it went that way
	put "$2" "$3"
	stack_registry apply --json >"$E2E_DIR/apply.out" 2>&1 && [ "$(jq -r .way "$E2E_DIR/apply.out")" = "$1" ] && changes=$((changes + 1))
}
at=accounts-v1
move() { # to the other of the two upstreams, and looks who answers
	local port=$ACCOUNTS1_PORT
	if [ "$at" = accounts-v1 ]; then at=accounts-v1-twin port=$TWIN_PORT; else at=accounts-v1; fi
	change runtime accounts-v1/url "https://localhost:$port" && served_by "$at"
}
either() { if [ $(($1 % 2)) = 0 ]; then echo "$2"; else echo "$3"; fi; }
for i in $(seq 10); do
	kill -0 "$load" || break
	change reload cards-v1/timeout-ms $((2000 + i))
	move || break
	change runtime cards-v1/throttle-rate $((900 + i))
	change agent cards-v1/scopes "accounts/read,round-$i"
	move || break
	change runtime cards-v1/methods "$(either "$i" GET GET,POST)"
	change agent cards-v1/waf "$(either "$i" block count)"
	change runtime cards-v1/throttle-burst $((3000 + i))
	change runtime cards-v1/mtls "$(either "$i" required optional)"
	move || break
done
is "a hundred changes were applied, each by its way" "$changes" 100
kill "$load"
wait "$load"
issued=$(jq .issued "$E2E_DIR/load.json")
is "no request failed" "$(jq -c '[.status, .failed]' "$E2E_DIR/load.json")" "[{\"200\":$issued},{}]"
ok "of thousands" test "$issued" -ge 1000
is "none was routed wrongly" "$(cat "$E2E_DIR"/logs/{upstream,twin}-requests.log | grep '/v1/accounts/7$' | cut -d' ' -f2 | sort -u | xargs)" "accounts-v1 accounts-v1-twin"
is "and each reached its service once" "$(cat "$E2E_DIR"/logs/{upstream,twin}-requests.log | grep -c '/v1/accounts/7$')" "$issued"
