#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make bench: the gateway beside its peers, interleaved in one run on this machine; ratios are what counts. About ten minutes.
# Writes build/bench/results.json (the one before is kept as results.previous.json, and the ratios of both are compared), and what stands between the
# marks in docs/performance.md with its plots. --quick: a minute or two, no file of the project changed.
# The CRS is Debian's (3.3) and a release of version 4 at CRS_DIR. What is not there is skipped and said to be.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-2} QUICK=
[ "${1:-}" = --quick ] && { ROUNDS=1 SECONDS_EACH=1 QUICK=1; }
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
. tests/bench/contenders.sh
[ -n "$QUICK" ] || command -v gnuplot >/dev/null || $([ "$(id -u)" = 0 ] || echo sudo) apt-get install -y -qq --no-install-recommends gnuplot-nox >/dev/null || echo "no gnuplot: the plots stay as they are" >&2
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
bench_setup
bench_start || exit 1
OUT=build/bench

token=$(stack_token staff --lifetime 7200)
# @@@@@@@@: a number that differs in each request. What a client sends again and again (token, user agent, accept) stays.
query='12345678/transactions?from=2026-10-01&to=2026-11-01&limit=50&cursor=eyJp@@@@@@@@'
agent_headers=(-H "User-Agent: sallyport-bench/1.0" -H "Accept: application/json" -H "Accept-Encoding: gzip" -H "X-Request-Id: 6f1d2c3b-@@@@@@@@")
headers=(-H "Authorization: Bearer $token" "${agent_headers[@]}")

# --- the requests -----------------------------------------------------------------------------------------
transfer='{"from":"DE8937040044@@@@@@@@00","to":"GB29NWBK6016@@@@@@@@19","amount":{"currency":"EUR","value":"1@@@@@@@@.00"},"reference":"Invoice @@@@@@@@, thank you","executionDate":"2026-11-30","instant":false,"notify":["email"],"id":"6f1d2c3b-@@@@@@@@-8f0e"}'
printf %s "$transfer" >"$STACK_DIR/json"
jq -nc '[range(75) | {creditor: "GB29NWBK60161331926819", name: "Employee @@@@@@@@", amount: {currency: "EUR", value: "\(2000 + .).00"}, reference: "Salary November 2026, number @@@@@@@@ \(.)", executionDate: "2026-11-30", urgent: false, notify: "employee-\(.)@bank.example"}]' >"$STACK_DIR/json16k"
for i in $(seq 40); do printf '%sfield_%s=Some+ordinary+text+@@@@@@@@+of+the+form' "$([ "$i" = 1 ] || echo '&')" "$i"; done >"$STACK_DIR/form"
cat >"$STACK_DIR/kinds" <<-END
	get GET
	json POST application/json
	form POST application/x-www-form-urlencoded
	json16k POST application/json
END
kinds="get json form json16k"

load() { "$STACK_BIN/tests/bench/load" --fresh --ca "$STACK_DIR/tls/ca.pem" "$@"; }
send() { # CONTENDER KIND [options]: load with the request of that kind
	local kind method type args=()
	read -r kind method type < <(grep "^$2 " "$STACK_DIR/kinds")
	[ "$method" = POST ] && args=(--method POST --body "$STACK_DIR/$kind" -H "Content-Type: $type")
	load --url "${URL[$1]}/$query" "${headers[@]}" "${args[@]}" "${@:3}"
}

# --- measuring --------------------------------------------------------------------------------------------
: >"$OUT/runs.jsonl"
# proxy_us CONTENDER: CPU time of what works for it beside its agent
proxy_us() {
	local pid sum=0
	for pid in ${PIDS[$1]}; do [ "$pid" = "${AGENT_OF[$1]:-}" ] || sum=$((sum + $(cpu_us "$pid"))); done
	echo "$sum"
}
agent_us() { [ -z "${AGENT_OF[$1]:-}" ] || cpu_us "${AGENT_OF[$1]}"; }
# measure CONTENDER KIND LOAD COMMAND...: one line of results, with the CPU time of proxy and agent
measure() {
	local c=$1 kind=$2 what=$3 proxy agent out
	shift 3
	proxy=$(proxy_us "$c") agent=$(agent_us "$c")
	out=$("$@") || { echo "failed: $c $kind $what" >&2; return; }
	proxy=$(($(proxy_us "$c") - proxy))
	[ -z "$agent" ] || agent=$(($(agent_us "$c") - agent))
	jq -c --arg c "$c" --arg k "$kind" --arg w "$what" --arg load "$(cut -d' ' -f1 /proc/loadavg)" --argjson cpu "[$proxy${agent:+,$agent}]" \
		'. + {contender: $c, kind: $k, load: $w, loadavg: ($load | tonumber), cpu_us: $cpu}' <<<"$out" >>"$OUT/runs.jsonl"
}
has() { case " ${contenders[*]} " in *" $1 "*) true ;; *) false ;; esac; }
present() { local c; for c in "$@"; do has "$c" && echo "$c"; done; }
# rounds LIST-OF-CONTENDERS COMMAND...: the command for each contender in turn, ROUNDS times
rounds() {
	local list=$1 round c
	shift
	for round in $(seq "$ROUNDS"); do
		for c in $list; do "$@" "$c"; done
	done
}
say() { echo "$(date +%T) $*" >&2; }

# 64 connections keep the cores busy for each of them. With 32 a tenth is idle in front of the gateways, whose requests wait for two processes in turn.
closed() { measure "$3" "$1" "$2" send "$3" "$1" --warm --connections "${2#c}" --seconds "$SECONDS_EACH"; }
open_loop() { measure "$3" get "$2" send "$3" get --warm --connections 32 --seconds "$SECONDS_EACH" --rate "$1"; }
ordinary() {
	local f raw=() dir=$STACK_DIR/ordinary-$1
	[ -d "$dir" ] || python3 tests/bench/ordinary.py "$dir" "localhost:1" "/${URL[$1]#https://localhost:*/}" "$token"
	for f in "$dir"/*.http; do raw+=(--raw "$f"); done
	measure "$1" ordinary c64 load --url "${URL[$1]}" "${raw[@]}" --warm --connections 64 --seconds "$SECONDS_EACH"
}
# 19 good requests and one whose token has a broken signature.
mixed() {
	local i raw=() sent=$token
	for i in $(seq 20); do
		[ "$i" = 20 ] && sent=${token%??????????}AAAAAAAAAA
		printf 'GET /%s/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nUser-Agent: sallyport-bench/1.0\r\nAccept: application/json\r\n\r\n' \
			"${URL[$1]#https://localhost:*/}" "$query" "$sent" >"$STACK_DIR/mixed-$1-$i"
		raw+=(--raw "$STACK_DIR/mixed-$1-$i")
	done
	measure "$1" mixed c64 load --url "${URL[$1]}" "${raw[@]}" --warm --connections 64 --seconds "$SECONDS_EACH"
}
new_connections() { measure "$1" connect c64 send "$1" get --connections 64 --seconds "$SECONDS_EACH" --close; }
# As many distinct tokens as the fastest round needs: each request is the first with its token.
cold() { measure "$1" cold c64 load --url "${URL[$1]}/$query" "${agent_headers[@]}" --tokens "$STACK_DIR/tokens" --warm --connections 64 --count "$(($(wc -l <"$STACK_DIR/tokens") - 64))" --seconds 60; }
h2() {
	local h=() i
	for ((i = 1; i < ${#headers[@]}; i += 2)); do h+=(-H "${headers[i]}"); done
	measure "$1" h2 c64 h2_load "$1" "${h[@]}"
}
h2_load() { # h2load's report as load prints it
	local c=$1
	shift
	h2load -c 64 -m 4 -D "$SECONDS_EACH" --warm-up-time=1 "$@" "${URL[$c]}/$query" 2>/dev/null | awk '
		/^finished in/ { rps = $4 }
		/^requests:/ { done = $8; total = $2 }
		/^status codes:/ { ok = $3 }
		END { printf "{\"rps\":%s,\"requests\":%d,\"issued\":%d,\"status\":{\"200\":%d}}", rps + 0, done, done, ok }'
}

all="${contenders[*]}"
ours=$(present token retry aws crs crs4)
say "contenders: $all"
for c in $all; do send "$c" get --connections 64 --seconds 1 >/dev/null; done
for kind in $kinds; do
	say "closed loop: $kind"
	rounds "$all" closed "$kind" c64
done
say "ordinary traffic"
rounds "$(present plain floor token retry crs crs4 nginx coraza)" ordinary
say "95 % good, 5 % bad"
rounds "$(present token crs crs4)" mixed
say "new TLS connections"
rounds "$(present plain token crs)" new_connections
say "h2"
rounds "$(present plain jwt token retry crs crs4 nginx coraza)" h2
if [ -z "$QUICK" ]; then
	say "cold tokens"
	stack_token staff --lifetime 7200 --count 3000 >"$STACK_DIR/tokens"
	ROUNDS=1 rounds "$(present token)" cold
	for connections in 1 4 16 32 256; do
		say "$connections connections"
		ROUNDS=1 rounds "$(present plain token crs crs4)" closed get "c$connections"
	done
fi
# Open loop: latency counts from when a request was due, so that a stall is seen in every request it delays.
capacity=$(jq -s '[.[] | select(.kind == "get" and .load == "c64" and (.contender | IN("token", "aws", "crs", "crs4")))] | [group_by(.contender)[] | map(.rps) | sort | .[length / 2 | floor]] | min | floor' "$OUT/runs.jsonl")
say "latency at half of $capacity/s"
# shellcheck disable=SC2086
rounds "$(present plain jwt $ours)" open_loop $((capacity / 2)) half
if [ -z "$QUICK" ]; then
	for percent in 10 25 75 90; do
		ROUNDS=1 rounds "$(present plain token crs crs4)" open_loop $((capacity * percent / 100)) "rate$percent"
	done
fi

# How long a start takes that finds its rules in the cache: from the fork to the first answer that says ready.
start_ms() { # CONFIG
	local began pid _
	free_port START_PORT
	jq --arg m "127.0.0.1:$START_PORT" --arg s "unix:$STACK_DIR/start.sock" '.metrics_listen = $m | .listen = [$s]' "$1" >"$STACK_DIR/start.json"
	began=$(date +%s%N)
	"$STACK_BIN/sallyport-spoa" --config "$STACK_DIR/start.json" >"$STACK_DIR/logs/start.log" 2>&1 &
	pid=$!
	for _ in $(seq 2000); do curl -sf -o /dev/null "http://127.0.0.1:$START_PORT/ready" && break; sleep 0.005; done
	echo "$((($(date +%s%N) - began) / 1000000))"
	kill "$pid"
	wait "$pid" 2>/dev/null
}
largest=$(present crs crs4 | tail -1)
agent_config=$STACK_DIR/gateway/agent.json
[ "$largest" = crs4 ] && agent_config=$STACK_DIR/crs4/gateway/agent.json
starts=$(for _ in 1 2 3; do start_ms "$agent_config"; done | sort -n | sed -n 2p)

# --- the report -------------------------------------------------------------------------------------------
names=$(for c in "${contenders[@]}"; do jq -n --arg c "$c" --arg n "${NAME[$c]}" '{id: $c, name: $n}'; done | jq -s .)
[ -n "$QUICK" ] || [ ! -s "$OUT/results.json" ] || mv "$OUT/results.json" "$OUT/results.previous.json"
results=$OUT/results.json
[ -z "$QUICK" ] || results=$OUT/results.quick.json
jq -s --argjson names "$names" --arg skipped "$(printf '%s\n' "${skipped[@]}")" --arg before "$load_before" --arg after "$(cut -d' ' -f1-3 /proc/loadavg)" --argjson capacity "$capacity" \
	--arg machine "$(machine)" --arg haproxy "$(haproxy -v | sed -n 's/.*version \([^ ]*\).*/\1/p' | head -1)" \
	--arg openssl "$(openssl version | cut -d' ' -f2)" --argjson rss "$(awk '/^VmRSS/ { print $2 }' "/proc/${AGENT_OF[$largest]}/status")" --argjson rounds "$ROUNDS" --argjson seconds "$SECONDS_EACH" \
	--argjson threads "$BENCH_THREADS" --argjson start_ms "$starts" '
	def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
	{machine: $machine, haproxy: $haproxy, openssl: $openssl, threads: $threads, load_before: $before, load_after: $after, capacity: $capacity, agent_rss_kib: $rss,
	 agent_start_ms: $start_ms, rounds: $rounds, seconds: $seconds, contenders: $names, skipped: ($skipped | split("\n") | map(select(. != ""))),
	 rows: (group_by([.load, .kind, .contender]) | map({load: .[0].load, kind: .[0].kind, contender: .[0].contender, rps: (map(.rps) | median | floor),
		rps_min: (map(.rps) | min | floor), rps_max: (map(.rps) | max | floor)}
		+ ([("p50_us", "p90_us", "p99_us", "p999_us", "max_us") as $q | {($q): (map(.[$q] // 0) | median)}] | add)
		+ {cpu_us: ((map(.requests) | add) as $n | map(.cpu_us) | transpose | map(if $n > 0 then add / $n * 10 | round / 10 else 0 end)),
		not_200: (map(.issued - (.status["200"] // 0)) | add), loadavg: (map(.loadavg) | median)}))}' "$OUT/runs.jsonl" >"$results" || exit 1
previous=/dev/null
[ -n "$QUICK" ] || [ ! -s "$OUT/results.previous.json" ] || previous=$OUT/results.previous.json
jq -r --slurpfile previous "$previous" -f tests/bench/report.jq "$results" | tee "$OUT/table.md"
[ -z "$QUICK" ] || exit 0
jq -r -f tests/bench/arithmetic.jq "$results" | tee "$OUT/arithmetic.md"
tests/bench/plots.sh "$results" docs/plots || exit 1
between gateway "$OUT/table.md"
between arithmetic "$OUT/arithmetic.md"
