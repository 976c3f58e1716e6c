#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent behind a real HAProxy, with the shortest configuration that the two need: restarts, reloads, malformed
# neighbours and large frames under load lose no request. tests/e2e/10-requests.sh has the whole gateway.
set -u
. tests/suites/tap.sh
BIN=$PWD/build/${V:-release}
DIR=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-agent.XXXXXX")
declare -A PID=()

finish() {
	local code=$? name
	trap - EXIT
	stop_activator
	for name in "${!PID[@]}"; do kill -9 "${PID[$name]}" 2>/dev/null; done
	wait 2>/dev/null
	if [ "$tap_bad" -ne 0 ] || [ "$code" -ne 0 ]; then
		for log in "$DIR"/*.log; do echo "# --- ${log##*/}"; tail -20 "$log" | cut -c1-300 | sed 's/^/# /'; done
	fi
	rm -rf "$DIR"
	tap_done
	[ "$code" -eq 0 ] && [ "$tap_bad" -eq 0 ]
	exit $?
}
trap finish EXIT
trap 'exit 130' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() { # COMMAND...: true within ten seconds
	for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	return 1
}
HTTP=$(free_port) METRICS=$(free_port)

config() { # NAME [EXTRA MEMBERS]: the agent's file; revision and metrics differ
	cat >"$DIR/$1.json" <<JSON
{ "revision": "${3:-1}", "listen": ["unix:$DIR/$1.sock"], "threads": 2, "drain_timeout_ms": 2000,
  ${2:-} "routes": { "open": { "authorizer": "none", "waf": "off" } } }
JSON
}
start_agent() { # NAME
	"$BIN/sallyport-spoa" --config "$DIR/$1.json" 2>>"$DIR/$1.log" &
	PID[$1]=$!
	wait_for test -S "$DIR/$1.sock"
}
stop_agent() { # NAME SIGNAL
	kill "-$2" "${PID[$1]}" && wait "${PID[$1]}" 2>/dev/null
	unset "PID[$1]"
}
# It ends its agent too, so it must not be killed before it has.
stop_activator() {
	[ -n "${PID[activator]:-}" ] || return 0
	kill -TERM "${PID[activator]}"
	wait "${PID[activator]}" 2>/dev/null
	unset 'PID[activator]'
}
# Holds the socket open over restarts of the agent, as systemd's socket units do.
start_activator() { # NAME
	python3 - "$DIR/$1.sock" "$DIR/$1.pid" "$BIN/sallyport-spoa" --config "$DIR/$1.json" 2>>"$DIR/$1.log" <<'PY' &
import os, signal, socket, sys
path, pidfile, *argv = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(4096)
def end(*_):
    os.kill(pid, signal.SIGKILL)
    os._exit(0)
while True:
    # A SIGTERM that comes within fork() waits until its child is known.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        if s.fileno() != 3:
            os.dup2(s.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
        os.execv(argv[0], argv)
    open(pidfile, "w").write(str(pid))
    signal.signal(signal.SIGTERM, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    os.waitpid(pid, 0)
PY
	PID[activator]=$!
	wait_for test -s "$DIR/$1.pid"
}

for engine in gw again; do
	# A loaded machine may leave the agent without a CPU for long; the idle time is to be above the processing time.
	idle=60s processing=5s
	[ "$engine" = gw ] || idle=2s processing=1s
	cat >>"$DIR/spoe.conf" <<SPOE
[$engine]
spoe-agent $engine-agent
    groups g-access
    option var-prefix gw
    option set-on-error err
    option continue-on-error
    option dontlog-normal
    no option send-frag-payload
    timeout hello 500ms
    timeout idle $idle
    timeout processing $processing
    register-var-names verdict auth waf us
    use-backend agents
    log global
spoe-group g-access
    messages check
spoe-message check
    args id=unique-id route=str(open) src=src method=method path=path query=query ver=req.ver hdrs=req.hdrs_bin body=req.body cut=bool(false)
SPOE
done

start_haproxy() { # SERVER-LINES
	cat >"$DIR/haproxy.cfg" <<CFG
global
    nbthread 2
    tune.bufsize 147456
    tune.maxrewrite 8192
    log stderr format raw local0 warning
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    timeout http-request 5s
    unique-id-format %{+X}o\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
frontend fe
    bind 127.0.0.1:$HTTP
    filter spoe engine gw config $DIR/spoe.conf
    # Asks once more. The connections of a killed agent end all at once, and a repetition on another one of them would
    # fail as well. Up to HAProxy 3.1 this engine has connections of its own, for two seconds only, so it opens a new one;
    # from 3.2 on, where engines share the connections, a pause lets HAProxy see which of them have ended.
    filter spoe engine again config $DIR/spoe.conf
    http-request wait-for-body time 5s if METH_POST
    http-request send-spoe-group gw g-access
    http-request set-var(txn.e1) var(txn.gw.err) if { var(txn.gw.err) -m found }
    http-request unset-var(txn.gw.err)            if { var(txn.e1) -m int ge 2 }
.if version_atleast(3.2)
    http-request pause 10                         if { var(txn.e1) -m int ge 2 }
.endif
    http-request send-spoe-group again g-access   if { var(txn.e1) -m int ge 2 }
    # And a third time: of a killed agent the kernel closes the connections first and the socket last, so the second one
    # may have been made in between.
    http-request set-var(txn.e2) var(txn.gw.err) if { var(txn.e1) -m int ge 2 } { var(txn.gw.err) -m found }
    http-request unset-var(txn.gw.err)            if { var(txn.e2) -m int ge 2 }
.if version_atleast(3.2)
    http-request pause 100                        if { var(txn.e2) -m int ge 2 }
.endif
    http-request send-spoe-group again g-access   if { var(txn.e2) -m int ge 2 }
    http-request return status 503 content-type text/plain lf-string "err %[var(txn.gw.err)]" if { var(txn.gw.err) -m found } || !{ var(txn.gw.verdict) -m found }
    http-request return status 200 content-type text/plain lf-string "%[var(txn.gw.verdict)] %[req.body_len]"
backend agents
.if version_atleast(3.1)
    mode spop
.else
    mode tcp
.endif
    timeout connect 500ms
    timeout server 3m
    option spop-check
    option redispatch 1
    retries 2
$1
CFG
	haproxy -db -f "$DIR/haproxy.cfg" 2>>"$DIR/haproxy.log" &
	PID[haproxy]=$!
	wait_for curl -sf "http://127.0.0.1:$HTTP/"
}
stop_haproxy() { kill "${PID[haproxy]}"; wait "${PID[haproxy]}" 2>/dev/null; unset 'PID[haproxy]'; }
server() { echo "    server $1 unix@$DIR/$1.sock check inter 200ms fall 2 rise 1 pool-low-conn 8"; }

# under_load NAME SECONDS COMMAND...: passes when not one request fails meanwhile
under_load() {
	local name=$1 seconds=$2
	shift 2
	wrk -t1 -c32 "-d${seconds}s" "http://127.0.0.1:$HTTP/v1/x?y=1" >"$DIR/wrk.out" 2>&1 &
	local load=$!
	sleep 0.5
	"$@"
	wait "$load"
	local requests
	requests=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$DIR/wrk.out")
	if [ "${requests:-0}" -gt 100 ] && ! grep -qE 'Non-2xx|Socket errors' "$DIR/wrk.out"; then
		tap_pass "$name ($requests requests)"
	else
		tap_fail "$name"
		sed 's/^/# /' "$DIR/wrk.out"
	fi
}

# ---- two agents, restarted in turn
config a1 "\"metrics_listen\": \"127.0.0.1:$METRICS\","
config a2
start_agent a1 && start_agent a2 || { tap_fail "the agents start"; exit 1; }
start_haproxy "$(server a1; server a2)" || { tap_fail "HAProxy starts"; exit 1; }

body=$(curl -s "http://127.0.0.1:$HTTP/")
[ "$body" = "200 0" ] && tap_pass "HAProxy gets the agent's verdict" || tap_fail "HAProxy gets the agent's verdict: '$body'"

restart_in_turn() {
	local name signal
	for signal in TERM KILL; do
		for name in a1 a2; do
			stop_agent "$name" "$signal"
			start_agent "$name"
			sleep 2.5
		done
	done
}
under_load "two agents stopped and killed in turn lose no request" 12 restart_in_turn

reload_often() {
	local i
	for i in $(seq 20); do
		config a1 "\"metrics_listen\": \"127.0.0.1:$METRICS\"," "r$i"
		kill -HUP "${PID[a1]}" "${PID[a2]}"
		sleep 0.1
	done
}
under_load "20 reloads lose no request" 4 reload_often
metric() { curl -s "http://127.0.0.1:$METRICS/metrics" | sed -n "s/^sallyport_spoa_$1 //p"; }
loaded_revision() { curl -s "http://127.0.0.1:$METRICS/metrics" | grep -q 'revision="r20"'; }
wait_for loaded_revision && tap_pass "the last revision is in use" || tap_fail "the last revision is in use"

reload_badly() {
	local i
	for i in 1 2 3; do
		echo '{ "threads": 0, "nonsense": 1 }' >"$DIR/a1.json"
		kill -HUP "${PID[a1]}"
		sleep 0.2
	done
}
under_load "reloads of a wrong file lose no request" 2 reload_badly
loaded_revision && tap_pass "a wrong file leaves the revision in use" || tap_fail "a wrong file leaves the revision in use"
[ "$(metric 'reloads_total{result="failed"}')" -ge 1 ] && tap_pass "failed reloads are counted" || tap_fail "failed reloads are counted"
grep -q "a1.json:1:14: threads: must be a whole number from 1 to 64" "$DIR/a1.log" &&
	tap_pass "the log says what is wrong, and where" || tap_fail "the log says what is wrong, and where"

bad_neighbours() {
	timeout 3 python3 - "$DIR/a1.sock" "$DIR/a2.sock" <<'PY'
import os, random, socket, sys, time
hello = bytes.fromhex("00000044010000000100001273" + "7570706f727465642d76657273696f6e7308032e30".replace("032e", "03322e")
                      + "0e6d61782d6672616d652d73697a6503fcf006" + "0c6361706162696c69746965730800")
hello = (len(hello) - 4).to_bytes(4, "big") + hello[4:]
random.seed(7)
junk = [b"\xff" * 64, b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n", hello + b"\0\0\0\x07\x03\0\0\0\x01\xf0\x80\x80",
        hello + b"\0\1\0\0\x03", hello[:9], hello * 2]
end = time.time() + 2.5
while time.time() < end:
    for path in sys.argv[1:]:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(0.2)
        s.connect(path)
        try:
            s.sendall(random.choice(junk + [hello + os.urandom(200)]))
            if random.random() < 0.5:
                s.recv(4096)
        except OSError:
            pass
        s.close()
PY
	return 0
}
under_load "malformed peers do not disturb the others" 3 bad_neighbours
[ "$(metric 'connections_closed_total{cause="protocol"}')" -ge 10 ] && tap_pass "malformed peers are counted" || tap_fail "malformed peers are counted"

head -c 128000 /dev/zero | tr '\0' 'x' >"$DIR/body"
body=$(curl -s -H 'Expect:' --data-binary "@$DIR/body" "http://127.0.0.1:$HTTP/")
[ "$body" = "200 128000" ] && tap_pass "a frame of 128 kB is judged" || tap_fail "a frame of 128 kB is judged: '$body'"
post_often() { for _ in $(seq 30); do curl -s -H 'Expect:' --data-binary "@$DIR/body" "http://127.0.0.1:$HTTP/"; echo; done | sort -u >"$DIR/posts"; }
under_load "frames of 128 kB beside small ones lose no request" 2 post_often
[ "$(cat "$DIR/posts")" = "200 128000" ] && tap_pass "nor do the large ones" || tap_fail "nor do the large ones: $(head -3 "$DIR/posts")"

rss() { awk '/^VmRSS/ { print $2 }' "/proc/${PID[a1]}/status"; }
before=$(rss)
under_load "a long run" 4 true
after=$(rss)
[ "$after" -le $((before + 512)) ] && tap_pass "memory is flat ($before kB, then $after kB)" || tap_fail "memory grew from $before kB to $after kB"

kill -TERM "${PID[a1]}"
wait "${PID[a1]}"
[ $? -eq 0 ] && tap_pass "SIGTERM ends with code 0" || tap_fail "SIGTERM ends with code 0"
unset 'PID[a1]'
[ ! -e "$DIR/a1.sock" ] && tap_pass "its socket file is gone" || tap_fail "its socket file is gone"
stop_haproxy
stop_agent a2 TERM

# ---- one agent, its socket held open by a service manager
config s1
start_activator s1
start_haproxy "$(server s1)" || { tap_fail "HAProxy starts with a passed socket"; exit 1; }
kill_often() {
	local signal
	for signal in TERM KILL TERM KILL; do
		kill "-$signal" "$(cat "$DIR/s1.pid")"
		sleep 2.5
	done
}
under_load "one agent stopped and killed behind a passed socket loses no request" 12 kill_often
stop_haproxy
stop_activator
