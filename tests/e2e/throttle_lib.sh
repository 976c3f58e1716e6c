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

# offer RATE SECONDS PATH [options of load]: open loop, h1; prints load's JSON
offer() {
	local rate=$1 seconds=$2 path=$3
	shift 3
	"$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" --rate "$rate" --connections 8 --seconds "$seconds" "$@"
}

# offer_h2 RATE SECONDS PATH HEADER: four h2 connections; prints {"200":N,"429":N}
offer_h2() {
	h2load -c 4 -m 8 --rps $(($1 / 4)) -D "$2" -H "$4" "https://localhost:$GATEWAY_PORT$3" >"$E2E_DIR/h2load.out" 2>&1
	sed -n 's/^status codes: \([0-9]*\) 2xx, [0-9]* 3xx, \([0-9]*\) 4xx, \([0-9]*\) 5xx.*/{"200":\1,"4xx":\2,"5xx":\3}/p' "$E2E_DIR/h2load.out"
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

# A worker hands over what it knows only when it has run for five seconds itself.
wait_until_it_can_hand_over() { sleep 6; }
worker_pid() { echo "show info" | socat - "UNIX-CONNECT:$STACK_DIR/gateway/stats.sock" | sed -n 's/^Pid: //p'; }
reload_haproxy() { # waits for another worker
	local before
	before=$(worker_pid)
	kill -USR2 "$PID_haproxy"
	eventually 10 worker_is_not "$before"
}
worker_is_not() { local pid; pid=$(worker_pid) && [ -n "$pid" ] && [ "$pid" != "$1" ]; }
