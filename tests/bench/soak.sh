#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make soak: half of the gateway's load, or SOAK_RATE requests/s, for SOAK_SECONDS (an hour; 600 for ten minutes): no error, no growth of
# memory, no drift of the latency. Prints one line per slice, keeps them as JSON in build/bench/soak.jsonl, writes what stands between the marks in
# docs/performance.md, and fails when one of the three is seen.
set -u
cd "$(dirname "$0")/../.." || exit 1
SOAK_SECONDS=${SOAK_SECONDS:-3600} SOAK_SLICES=${SOAK_SLICES:-12}
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
BENCH_OURS_ONLY=1
bench_setup
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
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
jq -rs --arg machine "$(machine)" --arg seconds "$SOAK_SECONDS" --arg before "$load_before" --arg after "$(cut -d' ' -f1-3 /proc/loadavg)" '
	"\($seconds) s at \(.[0].rate) requests/s, token and CRS 3.3. \($machine); load average \($before) before, \($after) after.", "",
	"| slice | requests | not 200 | p50 ms | p99 ms | agent MiB | HAProxy MiB |", "|---|---|---|---|---|---|---|",
	(.[] | "| \(.slice) | \(.requests) | \(.not_200) | \(.p50_us / 100 | round / 10) | \(.p99_us / 100 | round / 10) | \(.agent_rss_kib / 102.4 | round / 10) | \(.haproxy_rss_kib / 102.4 | round / 10) |")' "$out" >build/bench/soak.md
between soak build/bench/soak.md
# The first slice may still fill pools; from the second on nothing grows by more than a tenth, and the median stays within twice the best.
jq -se '(map(.not_200) | add) == 0 and (.[1:] | (last.agent_rss_kib <= first.agent_rss_kib * 1.1) and (last.haproxy_rss_kib <= first.haproxy_rss_kib * 1.1))
	and last.p50_us <= 2 * (map(.p50_us) | min)' "$out" >/dev/null && echo "soak: no error, no growth, no drift" || { echo "soak: failed, see $out" >&2; exit 1; }
