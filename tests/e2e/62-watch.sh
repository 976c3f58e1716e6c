#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# watch: changes go live by themselves, errors hold back one service alone, outages change nothing.
. tests/e2e/lib.sh
export STACK_SETTINGS='del(.waf)'
P=/bank/dev
e2e_start

set_parameter() { # NAME VALUE
	jq --arg n "$P/$1" --arg v "$2" '.Parameters |= (map(select(.Name != $n)) + [{Name: $n, Type: "String", Value: $v, Version: 1}])' \
		"$STACK_DIR/parameters.json" >"$STACK_DIR/parameters.new" && mv "$STACK_DIR/parameters.new" "$STACK_DIR/parameters.json"
}
drop_parameter() { # NAME
	jq --arg n "$P/$1" '.Parameters |= map(select(.Name != $n))' "$STACK_DIR/parameters.json" >"$STACK_DIR/parameters.new" &&
		mv "$STACK_DIR/parameters.new" "$STACK_DIR/parameters.json"
}
output() { jq -r --arg n "$P/api-gateway/$1" '.Parameters[] | select(.Name == $n) | .Value' "$STACK_DIR/parameters.json"; }
change_settings() { # JQ
	jq "$1" "$STACK_DIR/gateway.json" >"$STACK_DIR/gateway.new" && mv "$STACK_DIR/gateway.new" "$STACK_DIR/gateway.json"
}
metric() { sed -n "s/^sallyport_registry_$1 //p" "$STACK_DIR/gateway/registry.prom" 2>/dev/null; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
polls() { metric "polls_total{result=\"$1\"}"; }
more_polls() { [ "$(polls "$1")" -gt "$2" ] 2>/dev/null; }
# Waits for two more polls of a kind: the first may have begun before what the test did.
after_polls() { eventually 20 more_polls "$1" $(($(polls "$1") + 1)); }
answers() { get "$1" -H "$(bearer staff)"; [ "$STATUS" = "$2" ]; }
output_is() { [ "$(output "$1")" = "$2" ]; }
held() { [[ $(output held-back-services) == *"$1"* ]]; }

socat -u "UNIX-RECV:$STACK_DIR/run/notify" "OPEN:$STACK_DIR/notify.log,creat,append" &
STACK_PIDS+=($!)
eventually 5 test -S "$STACK_DIR/run/notify"
watch() { NOTIFY_SOCKET=$STACK_DIR/run/notify stack_spawn watch "$STACK_BIN/sallyport-registry" --config "$STACK_DIR/gateway.json" watch "$@"; }

watch --interval 1 --min-interval 1
ok "readiness is told to systemd" eventually 15 grep -aq READY=1 "$STACK_DIR/notify.log"
ok "with nothing changed nothing is applied" after_polls unchanged
is "no revision was made" "$(metric 'polls_total{result="applied"}')" 0
is "the services are published" "$(output registered-services)" accounts-v1,accounts-v2,payments-v1
is "the metrics have the throttles" "$(sed -n 's/^sallyport_throttle_rows{of="routes"} //p' "$STACK_DIR/gateway/registry.prom")" 0
is "nothing is held back" "$(output held-back-services)" none

# --- add, tune, remove
set_parameter api-services/cards-v1/url "https://localhost:$ACCOUNTS1_PORT"
change_settings '.services += ["cards-v1"]'
ok "a half-written service is told" eventually 15 held "cards-v1: $P/api-services/cards-v1/authorizer: missing"
ok "it counts in the metrics" metric_is 'held_back{service="cards-v1"}' 1
answers /v1/accounts/1 200
expect "the others serve on" 200
ok "and what they spend is in the metrics" eventually 10 grep -q '^sallyport_throttle_route_admitted_total{service="accounts-v1"} [1-9]' "$STACK_DIR/gateway/registry.prom"
set_parameter api-services/cards-v1/version v1
set_parameter api-services/cards-v1/authorizer staff
set_parameter api-services/cards-v1/route-prefix /v1/cards
ok "once whole it goes live" eventually 15 answers /v1/cards/7 200
ok "and is published" eventually 10 output_is registered-services accounts-v1,accounts-v2,cards-v1,payments-v1
ok "and is held back no more" eventually 10 output_is held-back-services none
ok "the metrics too" metric_is held_back_services 0
reloads=$(grep -c 'reload of HAProxy\|HAProxy reloads' "$STACK_DIR/logs/watch.log")
set_parameter api-services/cards-v1/throttle-rate 5
set_parameter api-services/cards-v1/throttle-burst 6
ok "a tuned throttle goes live" eventually 15 grep -q '^cards-v1 5' "$STACK_DIR/gateway/current/rates.map" "$STACK_DIR"/gateway/current/*rate*.map
is "without a reload" "$(grep -c 'reload of HAProxy\|HAProxy reloads' "$STACK_DIR/logs/watch.log")" "$reloads"
change_settings '.services -= ["cards-v1"]'
ok "a removed service is gone" eventually 15 answers /v1/cards/7 404
ok "its parameters stay" test "$(jq '[.Parameters[] | select(.Name | contains("/cards-v1/"))] | length' "$STACK_DIR/parameters.json")" -gt 3

# --- errors of one service
set_parameter api-services/accounts-v1/throttle-burst 1
set_parameter api-services/payments-v1/throttle-rate 41
ok "a bad value is told with its parameter" eventually 15 held "accounts-v1: $P/api-services/accounts-v1/throttle-burst"
answers /v1/accounts/1 200
expect "the service runs on as it was" 200
ok "the change beside it is live" eventually 10 grep -q '"payments-v1"' "$STACK_DIR/gateway/current/state.json"
is "with its value" "$(jq -r '.services["payments-v1"]["throttle-rate"]' "$STACK_DIR/gateway/current/state.json")" 41
is "the service keeps what it was applied with" "$(jq -r '.services["accounts-v1"]["throttle-burst"]' "$STACK_DIR/gateway/current/state.json")" 400
is "and stays published" "$(output registered-services)" accounts-v1,accounts-v2,payments-v1
ok "the error stands in the log" grep -q 'accounts-v1 is held back' "$STACK_DIR/logs/watch.log"
is "once" "$(grep -c 'accounts-v1 is held back' "$STACK_DIR/logs/watch.log")" 1
drop_parameter api-services/accounts-v1/throttle-burst
ok "corrected, all is well" eventually 15 output_is held-back-services none

# --- a newcomer wants a live service's prefix
set_parameter api-services/aaa-v1/url "https://localhost:$ACCOUNTS2_PORT"
set_parameter api-services/aaa-v1/version v1
set_parameter api-services/aaa-v1/authorizer customers
set_parameter api-services/aaa-v1/route-prefix /v1/accounts
change_settings '.services = ["aaa-v1"] + .services'
ok "the newcomer is held back" eventually 15 held "aaa-v1: $P/api-services/aaa-v1/route-prefix: "
answers /v1/accounts/1 200
expect "the owner of the prefix serves on" 200
change_settings '.services -= ["aaa-v1"]'
ok "without it all is well" eventually 15 output_is held-back-services none

# --- outages
cp "$STACK_DIR/parameters.json" "$STACK_DIR/parameters.good"
echo '{"Parameters": [' >"$STACK_DIR/parameters.json"
ok "a broken file fails the poll" eventually 15 more_polls store_failed 0
answers /v1/accounts/1 200
expect "what ran runs on" 200
echo '{"Parameters": []}' >"$STACK_DIR/parameters.json"
ok "parameters that have vanished hold everything" eventually 30 metric_is held_back_services 3
answers /v1/accounts/1 200
expect "what ran runs on without them" 200
cp "$STACK_DIR/parameters.good" "$STACK_DIR/parameters.json"
ok "it recovers by itself" eventually 30 metric_is held_back_services 0
cp "$STACK_DIR/gateway.json" "$STACK_DIR/gateway.good"
change_settings '.maxconn = "many"'
ok "settings that are wrong are refused" eventually 15 more_polls refused 0
answers /v1/accounts/1 200
expect "and change nothing" 200
cp "$STACK_DIR/gateway.good" "$STACK_DIR/gateway.json"
ok "until they are right" eventually 30 metric_is failures_in_a_row 0

# --- another apply, signals
before=$(polls busy)
exec 7<>"$STACK_DIR/gateway/lock"
flock 7
ok "while another apply holds the lock it waits" eventually 15 more_polls busy "$before"
flock -u 7
ok "and goes on" after_polls unchanged
kill "$PID_watch"
ok "SIGTERM ends it" eventually 15 bash -c "! kill -0 $PID_watch 2>/dev/null"
ok "and says so" grep -aq STOPPING=1 "$STACK_DIR/notify.log"
watch --interval 3600 --min-interval 0
ok "a new one begins with a poll" eventually 15 metric_is 'polls_total{result="unchanged"}' 1
set_parameter api-services/payments-v1/throttle-rate 42
kill -HUP "$PID_watch"
ok "SIGHUP polls at once" eventually 15 metric_is 'polls_total{result="applied"}' 1
is "and applies" "$(jq -r '.services["payments-v1"]["throttle-rate"]' "$STACK_DIR/gateway/current/state.json")" 42
