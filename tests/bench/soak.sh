#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Half of the gateway's load, or SOAK_RATE requests/s, for SOAK_SECONDS (an hour): no error, no growth of memory, no drift of the latency.
# Prints one line per slice, as JSON in build/bench/soak.jsonl, and fails when one of the three is seen.
set -u
cd "$(dirname "$0")/../.." || exit 1
SOAK_SECONDS=${SOAK_SECONDS:-3600} SOAK_SLICES=${SOAK_SLICES:-12}
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
BENCH_OURS_ONLY=1
bench_setup
bench_start || exit 1
token=$(stack_token staff --lifetime $((SOAK_SECONDS + 3600 > 86400 ? 86400 : SOAK_SECONDS + 3600)))
out=build/bench/soak.jsonl
: >"$out"
run() { "$STACK_BIN/tests/bench/load" --url "${URL[crs]}/12345678?from=2026-10-01&limit=50" --ca "$STACK_DIR/tls/ca.pem" -H "Authorization: Bearer $token" -H "User-Agent: sallyport-soak/1.0" -H "Accept: application/json" --connections 32 "$@"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
# Warm: caches, pools and buffers have the size they will have.
rate=${SOAK_RATE:-$(run --seconds 5 | jq '.rps / 2 | floor')}
read -r _ worker _ < <(haproxy_pids)
for slice in $(seq "$SOAK_SLICES"); do
	run --rate "$rate" --seconds $((SOAK_SECONDS / SOAK_SLICES)) |
		jq -c --argjson slice "$slice" --argjson agent "$(rss "$PID_agent")" --argjson haproxy "$(rss "$worker")" '{slice: $slice, rate: '"$rate"', requests, p50_us, p99_us, not_200: (.issued - (.status["200"] // 0)), agent_rss_kib: $agent, haproxy_rss_kib: $haproxy}' |
		tee -a "$out"
done
# The first slice may still fill pools; from the second on nothing grows by more than a tenth, and the median stays within twice the best.
jq -se '(map(.not_200) | add) == 0 and (.[1:] | (last.agent_rss_kib <= first.agent_rss_kib * 1.1) and (last.haproxy_rss_kib <= first.haproxy_rss_kib * 1.1))
	and last.p50_us <= 2 * (map(.p50_us) | min)' "$out" >/dev/null && echo "soak: no error, no growth, no drift" || { echo "soak: failed, see $out" >&2; exit 1; }
