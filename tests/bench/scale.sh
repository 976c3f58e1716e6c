#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How the gateway carries much of everything: BENCH_SERVICES services (2000), CONNECTIONS live connections (9500), TOKENS distinct tokens (20000),
# bodies of 64 KiB. Prints one JSON object for each and writes build/bench/scale.jsonl.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BENCH_SERVICES=${BENCH_SERVICES:-2000}
CONNECTIONS=${CONNECTIONS:-9500} TOKENS=${TOKENS:-20000}
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
BENCH_OURS_ONLY=1
bench_setup
began=$(date +%s%N)
bench_start || exit 1
started_ms=$((($(date +%s%N) - began) / 1000000))
token=$(stack_token staff --lifetime 7200)
read -r _ worker _ < <(haproxy_pids)
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
: >build/bench/scale.jsonl
# step NAME [options of load]
step() {
	local name=$1
	shift
	"$STACK_BIN/tests/bench/load" --ca "$STACK_DIR/tls/ca.pem" -H "User-Agent: sallyport-scale/1.0" -H "Accept: application/json" --timeout-ms 60000 "$@" |
		jq -c --arg name "$name" --argjson agent "$(rss "$PID_agent")" --argjson haproxy "$(rss "$worker")" '{what: $name, requests, rps: (.rps | floor), p50_us, p99_us, connects, not_200: (.issued - (.status["200"] // 0)), failed, agent_rss_kib: $agent, haproxy_rss_kib: $haproxy}' |
		tee -a build/bench/scale.jsonl
}
bearer=(-H "Authorization: Bearer $token")
echo "{\"what\":\"start with $BENCH_SERVICES services\",\"ms\":$started_ms,\"agent_rss_kib\":$(rss "$PID_agent"),\"haproxy_rss_kib\":$(rss "$worker")}" | tee -a build/bench/scale.jsonl
step "$BENCH_SERVICES services, 32 connections" --url "${URL[token]}/1" "${bearer[@]}" --connections 32 --seconds 5
step "$CONNECTIONS live connections" --url "${URL[token]}/1" "${bearer[@]}" --connections "$CONNECTIONS" --count $((CONNECTIONS * 3)) --seconds 120
stack_token staff --lifetime 7200 --count "$TOKENS" >"$STACK_DIR/tokens"
step "$TOKENS distinct tokens, first time" --url "${URL[token]}/1" --tokens "$STACK_DIR/tokens" --connections 32 --count "$TOKENS" --seconds 300
step "$TOKENS distinct tokens, second time" --url "${URL[token]}/1" --tokens "$STACK_DIR/tokens" --connections 32 --count "$TOKENS" --seconds 300
{ printf '{"document":"'; head -c 48000 /dev/urandom | base64 -w0; printf '"}'; } >"$STACK_DIR/large"
step "bodies of $(stat -c %s "$STACK_DIR/large") bytes, token" --url "${URL[token]}/1" "${bearer[@]}" --method POST --body "$STACK_DIR/large" -H "Content-Type: application/json" --connections 32 --seconds 5
step "bodies of $(stat -c %s "$STACK_DIR/large") bytes, token + CRS" --url "${URL[crs]}/1" "${bearer[@]}" --method POST --body "$STACK_DIR/large" -H "Content-Type: application/json" --connections 32 --seconds 5
