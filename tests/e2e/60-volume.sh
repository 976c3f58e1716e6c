#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hundred thousand requests lose none, each leaves one record, and the agent's memory stays flat. Of an agent that is
# killed and restarted meanwhile the requests wait for the next one.
. tests/e2e/lib.sh
PAYMENTS_RATE=400000 PAYMENTS_BURST=900000
STACK_SETTINGS="${STACK_SETTINGS:-.} | .throttle.ceiling_rate = 500000 | .throttle.ceiling_burst = 1000000 | .agent.timeout_ms = 10000"
STACK_HOLD=1
e2e_start
customers=$(bearer customers --lifetime 3600)
url=https://localhost:$GATEWAY_PORT/v1/payments
load() { "$STACK_BIN/tests/bench/load" --url "$url" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" "$@"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$E2E_DIR/run/spoa.pid")/status"; }

load --count 10000 --connections 32 --seconds 120 >/dev/null
before=$(rss)
load --count 100000 --connections 32 --seconds 240 >"$E2E_DIR/load.json"
after=$(rss)
is "100 000 requests are answered 200" "$(jq -c '[.status, .failed]' "$E2E_DIR/load.json")" '[{"200":100000},{}]'
is "and reached the service once each" "$(grep -c ' payments-v1 GET ' "$E2E_DIR/logs/upstream-requests.log")" 110000
ok "the agent's memory is flat: $before KiB before, $after KiB behind" test $((after - before)) -le 1024

# Killed in the middle of its work, eight times, by either signal: the socket is held, what arrives meanwhile waits in it, as long
# as the setting agent.timeout_ms says.
load --rate 500 --connections 16 --seconds 20 >"$E2E_DIR/load.json" &
client=$!
for signal in KILL TERM KILL TERM KILL TERM KILL TERM; do
	sleep 2
	kill -"$signal" "$(cat "$E2E_DIR/run/spoa.pid")"
done
wait "$client"
refused=$(jq '.status["503"] // 0' "$E2E_DIR/load.json")
echo "# $refused of $(jq .issued "$E2E_DIR/load.json") requests were refused over eight restarts"
is "what finds no agent is refused, never let through or lost" "$(jq -c '[(.status | keys - ["200", "503"]), .failed]' "$E2E_DIR/load.json")" '[[],{}]'
# All connections of a killed agent end at once, and a request may meet three of them (docs/limits.md).
ok "only what an agent had in hand when it was killed can be refused: 16 requests, four times" test "$refused" -le 64
