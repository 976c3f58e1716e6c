# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the topics about limits share. Counts come from the log of the sample upstreams, never from the gateway.

# These topics need no rules of the WAF, whose compilation takes longer than most of them.
THROTTLE_SETTINGS="${STACK_SETTINGS:-.} | del(.waf)"
UPSTREAM_LOG=$E2E_DIR/logs/upstream-requests.log
LOAD=$STACK_BIN/tests/bench/load

# most_in SECONDS SERVICE [LOG...]: the most requests the service saw in any window of so many seconds
most_in() {
	local seconds=$1 service=$2
	shift 2
	sort -n "${@:-$UPSTREAM_LOG}" | awk -v w="$seconds" -v s="$service" '$2 == s { t[n++] = $1 } END { w *= 1000000; for (i = 0; i < n; i++) { while (t[i] - t[j] > w) j++; if (i - j + 1 > most) most = i - j + 1 } print most + 0 }'
}
# peak SERVICE RATE [LOG...]: the most by which any time t, whatever its length, saw more than rate·t requests of the service
peak() {
	local service=$1 rate=$2
	shift 2
	sort -n "${@:-$UPSTREAM_LOG}" | awk -v s="$service" -v r="$rate" '$2 == s { if (!n) first = $1; y = n++ - r * ($1 - first) / 1000000; if (n == 1 || y < low) low = y; if (y - low + 1 > most) most = y - low + 1 } END { print int(most + 0.999) }'
}
seen() { awk -v s="$1" '$2 == s { n++ } END { print n + 0 }' "$UPSTREAM_LOG"; } # SERVICE
seen_between() { # SERVICE FROM TO: unix microseconds
	awk -v s="$1" -v a="$2" -v b="$3" '$2 == s && $1 >= a && $1 < b { n++ } END { print n + 0 }' "$UPSTREAM_LOG"
}
now_us() { local t=$EPOCHREALTIME; echo "${t/./}"; }

at_most() { if [ "$2" -le "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# $2, at most $3"; fi; }
at_least() { if [ "$2" -ge "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# $2, at least $3"; fi; }
within() { # NAME ACTUAL FROM TO
	if [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# $2, expected $3 to $4"; fi
}

# What a machine does to a test. Requests are counted at the service some time after HAProxy let them through, never longer than
# the slowest of them took in all (LATENCY_MS): in a time t the service can see what was let through in t + LATENCY_MS. And while
# the load generator pauses nothing is let through. Bounds are widened by as much as was measured, on a fast machine hardly at all.
LATENCY_MS=0
note_latency() { # JSON of load, or a time of h2load such as 12.42ms
	LATENCY_MS=$(sed 's/^{.*"max_us": *\([0-9]*\).*/\1us/' <<<"$1" | awk '/us$/ { ms = $1 / 1000 } /ms$/ { ms = $1 + 0 } /[0-9]s$/ { ms = $1 * 1000 } { if (ms > most) most = ms } END { print int(most + 1) }')
}
# Beyond burst + rate·t: what the machine adds, one request per thread of HAProxy that saw the same last token, and a millisecond's tokens.
slack() { echo $(($1 * LATENCY_MS / 1000 + 3)); } # RATE

# lull_ms SERVICE: the longest time in which HAProxy had no request of the service, from the access log
lull_ms() {
	grep -F "\"service\":\"$1\"" "$E2E_DIR/logs/access.log" | sed 's/^.*"time":"[^T]*T\(..\):\(..\):\(..\)\.\(...\)Z".*/\1 \2 \3\4/' |
		awk '{ t = ($1 * 60 + $2) * 60000 + $3; if (NR > 1 && t < last - 43200000) t += 86400000; print t; last = t }' | sort -n |
		awk 'NR > 1 && $1 - last > most { most = $1 - last } { last = $1 } END { print most + 0 }'
}
# Forgets what was counted until now, once the last record of it has come.
forget_counts() {
	local before=-1 now
	until now=$(stat -c %s "$E2E_DIR/logs/access.log" 2>/dev/null || echo 0); [ "$now" = "$before" ]; do before=$now; sleep 0.2; done
	: >"$UPSTREAM_LOG"
	[ ! -f "$E2E_DIR/logs/access.log" ] || : >"$E2E_DIR/logs/access.log"
}

# span_ms SERVICE [LOG...]: from the first to the last request that reached it
span_ms() {
	local service=$1
	shift
	sort -n "${@:-$UPSTREAM_LOG}" | awk -v s="$service" '$2 == s { if (!first) first = $1; last = $1 } END { print int((last - first) / 1000) }'
}

# none_refused NAME JSON-OF-LOAD STALL-MS: below the rate. A generator that pauses longer sends so many at once afterwards that
# a bucket, which does not grow beyond its size meanwhile, must refuse some: then this says nothing.
none_refused() {
	note_latency "$2"
	if jq -e '.status["200"] == .issued' <<<"$2" >/dev/null; then
		tap_pass "$1"
	elif [ "$LATENCY_MS" -gt "$3" ] && jq -e '.failed == {} and (.status | keys | inside(["200", "429"]))' <<<"$2" >/dev/null; then
		tap_skip "$1" "the machine stood still for $LATENCY_MS ms"
	else
		tap_fail "$1"
		echo "# $2"
	fi
}

# offer RATE SECONDS PATH [options of load]: open loop, h1; prints load's JSON
offer() {
	local rate=$1 seconds=$2 path=$3
	shift 3
	"$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" --rate "$rate" --connections 8 --seconds "$seconds" "$@"
}

# offer_until_told RATE PATH OUTPUT [options of load]: the same in the background, until told_to_stop
offer_until_told() {
	local rate=$1 path=$2 output=$3
	shift 3
	(exec "$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" --rate "$rate" --connections 8 --seconds 250 "$@") >"$output" &
	FLOOD=$!
}
told_to_stop() { kill "$FLOOD"; wait "$FLOOD"; }

# offer_h2 RATE SECONDS PATH HEADER: four h2 connections; H2 is {"200":N,"4xx":N,"5xx":N}
offer_h2() {
	h2load -c 4 -m 8 --rps $(($1 / 4)) -D "$2" -H "$4" "https://localhost:$GATEWAY_PORT$3" >"$E2E_DIR/h2load.out" 2>&1
	note_latency "$(awk '/^time for request:/ { print $5 }' "$E2E_DIR/h2load.out")"
	H2=$(sed -n 's/^status codes: \([0-9]*\) 2xx, [0-9]* 3xx, \([0-9]*\) 4xx, \([0-9]*\) 5xx.*/{"200":\1,"4xx":\2,"5xx":\3}/p' "$E2E_DIR/h2load.out")
}

# patch_parameters JQ [ARGS]: changes the stored parameters; set_parameter LEAF VALUE sets one of them.
patch_parameters() {
	local program=$1
	shift
	jq "$@" "$program" "$STACK_DIR/parameters.json" >"$STACK_DIR/parameters.new" && mv "$STACK_DIR/parameters.new" "$STACK_DIR/parameters.json"
}
set_parameter() { # shellcheck disable=SC2016 # jq's variables
	patch_parameters '.Parameters |= (map(select(.Name != $n)) + [{Name: $n, Type: "String", Value: $v, Version: 2}])' \
		--arg n "/bank/dev/api-services/$1" --arg v "$2"
}

worker_pid() { echo "show info" | socat - "UNIX-CONNECT:$STACK_DIR/gateway/stats.sock" | sed -n 's/^Pid: //p'; }
reload_haproxy() { # waits for another worker
	local before
	before=$(worker_pid)
	kill -USR2 "$PID_haproxy"
	eventually 30 worker_is_not "$before"
}
knows() { # SERVICE: the worker has been told of its bucket
	echo "show table route_local key $1" | socat - "UNIX-CONNECT:$STACK_DIR/gateway/stats.sock" | grep -q "gpc0=[1-9]"
}
worker_is_not() { local pid; pid=$(worker_pid) && [ -n "$pid" ] && [ "$pid" != "$1" ]; }
