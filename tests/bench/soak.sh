#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make soak: half of the gateway's load, or SOAK_RATE requests/s, for SOAK_SECONDS (an hour; 600 for ten minutes) in SOAK_SLICES: no error, no growth
# of memory, no drift of the latency. Prints one line per slice, keeps them as JSON in build/bench/soak.jsonl and what was found, a line each (ok or
# bad, what, figures; by tabs), in build/bench/soak.found; writes what stands between the marks in docs/performance.md unless SOAK_PAGE is "no", and
# fails when something is bad. SOAK_SETTINGS is a jq program that changes the gateway's settings.
set -u
cd "$(dirname "$0")/../.." || exit 1
SOAK_SECONDS=${SOAK_SECONDS:-3600} SOAK_SLICES=${SOAK_SLICES:-12}
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
BENCH_OURS_ONLY=1
bench_rules
bench_setup
STACK_SETTINGS="$STACK_SETTINGS${SOAK_SETTINGS:+ | $SOAK_SETTINGS}"
out=build/bench/soak.jsonl found=build/bench/soak.found
rm -f "$out" "$found"
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
bench_start || exit 1
token=$(stack_token staff --lifetime $((SOAK_SECONDS + 3600 > 86400 ? 86400 : SOAK_SECONDS + 3600)))
run() { "$STACK_BIN/tests/bench/load" --url "${URL[crs]}/12345678?from=2026-10-01&limit=50&cursor=@@@@@@@@" --fresh --ca "$STACK_DIR/tls/ca.pem" -H "Authorization: Bearer $token" -H "User-Agent: sallyport-soak/1.0" -H "Accept: application/json" --connections 32 --timeout-ms 60000 "$@"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
# Warm: caches, pools and buffers have the size they will have.
full=$(run --seconds 5 | jq '.rps / 2 | floor')
rate=${SOAK_RATE:-$full}
read -r _ worker _ < <(haproxy_pids)
for slice in $(seq "$SOAK_SLICES"); do
	run --rate "$rate" --seconds $((SOAK_SECONDS / SOAK_SLICES)) >"$STACK_DIR/slice"
	# Memory as it is behind the slice.
	jq -c --argjson slice "$slice" --argjson agent "$(rss "$PID_agent")" --argjson haproxy "$(rss "$worker")" '{slice: $slice, rate: '"$rate"', requests, p50_us, p99_us, not_200: (.issued - (.status["200"] // 0)), status, failed, agent_rss_kib: $agent, haproxy_rss_kib: $haproxy}' "$STACK_DIR/slice" |
		tee -a "$out"
done
jq -rs --arg machine "$(machine)" --arg seconds "$SOAK_SECONDS" --arg rules "$RULES" --arg before "$load_before" --arg after "$(cut -d' ' -f1-3 /proc/loadavg)" '
	"\($seconds) s at \(.[0].rate) requests/s, token and \($rules). \($machine); load average \($before) before, \($after) after.", "",
	"| slice | requests | not 200 | p50 ms | p99 ms | agent MiB | HAProxy MiB |", "|---|---|---|---|---|---|---|",
	(.[] | "| \(.slice) | \(.requests) | \(.not_200) | \(.p50_us / 100 | round / 10) | \(.p99_us / 100 | round / 10) | \(.agent_rss_kib / 102.4 | round / 10) | \(.haproxy_rss_kib / 102.4 | round / 10) |")' "$out" >build/bench/soak.md
[ "${SOAK_PAGE:-yes}" = no ] || between soak build/bench/soak.md
# The first slice may still fill pools; from the second on nothing grows by more than a tenth, and HAProxy's few buffers of 128 KiB by 4 MiB more: how
# many of them are used at a time is for the machine to say. The median stays within twice the best.
jq -rs --argjson slices "$SOAK_SLICES" '
	def grows($name; member; $more): "\(.[1] | member) KiB in slice 2, \(last | member) KiB in the last" as $figures
		| [if (last | member) <= (.[1] | member) * 1.1 + $more then "ok" else "bad" end, "\($name) memory does not grow", $figures];
	[if length == $slices and (map(.not_200) | add) == 0 and all(.[]; .requests > 0) then "ok" else "bad" end, "no error", "\(map(.requests) | add) requests in \(length) slices, \(map(.not_200) | add) without 200"],
	grows("the agent\u0027s"; .agent_rss_kib; 0), grows("HAProxy\u0027s"; .haproxy_rss_kib; 4096),
	[if last.p50_us <= 2 * (map(.p50_us) | min) then "ok" else "bad" end, "no drift of the latency", "median \(last.p50_us) us in the last slice, \(map(.p50_us) | min) us in the best"]
	| @tsv' "$out" >"$found"
cat "$found"
[ "$(grep -c '^ok' "$found")" -eq 4 ] || { echo "soak: failed, see $out" >&2; exit 1; }
