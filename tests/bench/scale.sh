#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make scale: how the gateway carries much of everything: BENCH_SERVICES services (2000), CONNECTIONS live connections (10000, or as many as there
# may be open files for), TOKENS distinct tokens (a million), bodies of 64 KiB. Some ten minutes. Writes build/bench/scale.jsonl and what stands
# between the marks in docs/performance.md; fails when an answer was not 200 or fewer connections were live.
# HAProxy's memory is the most it had in a step; it keeps what it had (docs/performance.md).
set -u
cd "$(dirname "$0")/../.." || exit 1
export BENCH_SERVICES=${BENCH_SERVICES:-2000}
CONNECTIONS=${CONNECTIONS:-10000} TOKENS=${TOKENS:-1000000}
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
# HAProxy takes two files for each connection, and some more; 1000 connections are more than are asked for.
fit=$((($(ulimit -n) - 200) / 2 - 1000))
if [ "$CONNECTIONS" -gt "$fit" ]; then
	echo "scale: $CONNECTIONS live connections do not fit $(ulimit -n) open files (ulimit -Hn); it will be $fit" >&2
	CONNECTIONS=$fit
fi
BENCH_MAXCONN=$((CONNECTIONS + 1000))
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
BENCH_OURS_ONLY=1
bench_rules
bench_setup
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
# An EC key signs a million tokens in a minute.
mkdir -p "$STACK_DIR/issuer"
"$STACK_BIN/sallyport-jwt" keygen --type ec --out "$STACK_DIR/issuer/staff.pem" >/dev/null || exit 1
# A connection may be idle until the last one is open; and when each has a request at once there are as many handshakes with the upstream.
STACK_SETTINGS="$STACK_SETTINGS | .authorizers.staff.algorithms = [\"ES256\"] | .client_timeout_ms = 600000 | .upstream.connect_timeout_ms = 60000 | .upstream.timeout_ms = 60000"
began=$(date +%s%N)
bench_start || exit 1
started_ms=$((($(date +%s%N) - began) / 1000000))
token=$(stack_token staff --lifetime 7200)
read -r _ worker _ < <(haproxy_pids)
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
out=build/bench/scale.jsonl
jq -nc --arg what "start with $BENCH_SERVICES services: certificates, plan, apply, agent, HAProxy: $started_ms ms" --argjson agent "$(rss "$PID_agent")" --argjson haproxy "$(rss "$worker")" \
	'{what: $what, agent_rss_kib: $agent, haproxy_rss_kib: $haproxy}' | tee "$out"
# Until the process has ended: the most connections that HAProxy's frontend had at a time, and the most memory HAProxy had.
most_while() { # PID
	local live=0 memory=0 now
	while kill -0 "$1" 2>/dev/null; do
		now=$(echo "show stat gateway 1 -1" | socat - "$STACK_DIR/gateway/stats.sock" 2>/dev/null | awk -F, '$1 == "gateway" { print $5 }')
		[ "${now:-0}" -le "$live" ] || live=$now
		now=$(rss "$worker")
		[ "$now" -le "$memory" ] || memory=$now
		sleep 0.3
	done
	echo "$live $memory"
}
# step NAME [options of load]
step() {
	local name=$1 result=$STACK_DIR/result live memory
	shift
	"$STACK_BIN/tests/bench/load" --ca "$STACK_DIR/tls/ca.pem" -H "User-Agent: sallyport-scale/1.0" -H "Accept: application/json" --timeout-ms 60000 "$@" >"$result" &
	read -r live memory < <(most_while $!)
	jq -c --arg name "$name" --argjson live "$live" --argjson agent "$(rss "$PID_agent")" --argjson haproxy "$memory" '{what: $name, requests, rps: (.rps | floor), p50_us, p99_us, live: $live, connects, not_200: (.issued - (.status["200"] // 0)), status, failed, agent_rss_kib: $agent, haproxy_rss_kib: $haproxy}' "$result" |
		tee -a "$out"
}
bearer=(-H "Authorization: Bearer $token")
step "$BENCH_SERVICES services, 32 connections" --url "${URL[token]}/1" "${bearer[@]}" --connections 32 --seconds 5
rate=$(jq -s 'last.rps / 4 | floor' "$out")
step "$CONNECTIONS live connections in turn, $rate requests/s" --url "${URL[token]}/1" "${bearer[@]}" --connections "$CONNECTIONS" --ramp 32 --rate "$rate" --count $((CONNECTIONS * 10)) --seconds 300
step "$CONNECTIONS live connections, a request on each at once" --url "${URL[token]}/1" "${bearer[@]}" --connections "$CONNECTIONS" --ramp 32 --count "$CONNECTIONS" --seconds 300
stack_token staff --lifetime 7200 --count "$TOKENS" >"$STACK_DIR/tokens"
step "$TOKENS distinct tokens, each once" --url "${URL[token]}/1" --tokens "$STACK_DIR/tokens" --connections 32 --count "$TOKENS" --seconds 900
head -10000 "$STACK_DIR/tokens" >"$STACK_DIR/tokens-few"
step "10000 of them" --url "${URL[token]}/1" --tokens "$STACK_DIR/tokens-few" --connections 32 --count 10000 --seconds 60
step "10000 of them, again" --url "${URL[token]}/1" --tokens "$STACK_DIR/tokens-few" --connections 32 --count 10000 --seconds 60
{ printf '{"document":"'; head -c 49100 /dev/urandom | base64 -w0; printf '"}'; } >"$STACK_DIR/large"
size=$(stat -c %s "$STACK_DIR/large")
step "bodies of $size bytes, token" --url "${URL[token]}/1" "${bearer[@]}" --method POST --body "$STACK_DIR/large" -H "Content-Type: application/json" --connections 32 --seconds 5
step "bodies of $size bytes, token + AWS rules" --url "${URL[aws]}/1" "${bearer[@]}" --method POST --body "$STACK_DIR/large" -H "Content-Type: application/json" --connections 32 --seconds 5
step "bodies of $size bytes, token + $RULES" --url "${URL[crs]}/1" "${bearer[@]}" --method POST --body "$STACK_DIR/large" -H "Content-Type: application/json" --connections 32 --seconds 5
jq -rs --arg machine "$(machine)" --arg before "$load_before" --arg after "$(cut -d' ' -f1-3 /proc/loadavg)" '
	"\($machine); load average \($before) before, \($after) after.", "",
	"| what | requests | requests/s | p50 ms | p99 ms | live connections | not 200 | agent MiB | HAProxy MiB |", "|---|---|---|---|---|---|---|---|---|",
	(.[] | "| \(.what) | \(.requests // "–") | \(.rps // "–") | \(if .p50_us then .p50_us / 100 | round / 10 else "–" end) | \(if .p99_us then .p99_us / 100 | round / 10 else "–" end) | \(.live // "–") | \(.not_200 // "–") | \(.agent_rss_kib / 102.4 | round / 10) | \(.haproxy_rss_kib / 102.4 | round / 10) |")' "$out" >build/bench/scale.md
between scale build/bench/scale.md
jq -se --argjson connections "$CONNECTIONS" '(map(.not_200 // 0) | add) == 0 and all(.[] | select(.what | contains("live connections")); .live == $connections)' "$out" >/dev/null || { echo "scale: failed, see $out" >&2; exit 1; }
