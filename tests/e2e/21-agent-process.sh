#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent as a service manager meets it: --check, readiness and watchdog, the user it becomes, its socket, addresses in use.
. tests/e2e/lib.sh
agent=$STACK_BIN/sallyport-spoa
mkdir -p "$E2E_DIR/logs" "$E2E_DIR/run"
chmod 777 "$E2E_DIR/run"
free_port METRICS

# Every error of a file at once, each with its JSON path and its place.
cat >"$E2E_DIR/bad.json" <<'JSON'
{
  "threads": 0,
  "thread": 1,
  "listen": ["unix:/run/a.sock", "http:/x"],
  "socket_mode": "0888",
  "metrics_listen": "here",
  "authorizers": { "staff": { "issuer": "https://i.test", "algorithms": ["RS256", "HS256"], "typ": "JWS" },
                   "empty": {} },
  "routes": { "a": { "authorizer": "stuff", "waf": "off", "scopes": ["x", "a b"] },
              "b": { "authorizer": "staff" } }
}
JSON
is "--check ends with code 1" "$("$agent" --check "$E2E_DIR/bad.json" 2>"$E2E_DIR/errors"; echo $?)" 1
is "it names every error, its member and its line" "$(sed "s|^error: $E2E_DIR/bad.json:\([0-9]*\):[0-9]*: \([^:]*\): .*|\1 \2|" "$E2E_DIR/errors" | sort -n -k1,1 -k2)" '2 threads
3 thread
4 listen[1]
5 socket_mode
6 metrics_listen
7 authorizers.staff.typ
7 authorizers["staff"]
7 authorizers["staff"].algorithms[1]
8 authorizers.empty
8 authorizers["empty"]
9 routes.a.authorizer
9 routes["a"].scopes[1]
10 routes.b'
like "and what it should be" "$(cat "$E2E_DIR/errors")" "threads: must be a whole number from 1 to 64"
like "with the nearest right name" "$(cat "$E2E_DIR/errors")" "no authorizer 'stuff'; the nearest is 'staff'"
cat >"$E2E_DIR/bad.json" <<'JSON'
{ "waf": { "rulesets": { "one": ["/nonexistent/a.conf"], "two": ["/nonexistent/b.conf"] } },
  "routes": { "a": { "authorizer": "none", "waf_ruleset": "one" }, "b": { "authorizer": "none", "waf_ruleset": "two" } } }
JSON
is "then every error of what the file names" "$("$agent" --check "$E2E_DIR/bad.json" 2>&1 | grep -c '/nonexistent/[ab].conf: ')" 2
is "what is not JSON has its place too" "$(printf '{\n "threads": }' >"$E2E_DIR/bad.json"; "$agent" --check "$E2E_DIR/bad.json" 2>&1 | grep -c 'bad.json:2:')" 1

# sd_notify(3): readiness, reloads, the watchdog, the end.
config() { # NAME EXTRA
	jq -n --arg s "unix:$E2E_DIR/run/$1.sock" --arg m "127.0.0.1:$METRICS" "{revision: \"r1\", listen: [\$s], metrics_listen: \$m} + {${2:-}}" >"$E2E_DIR/$1.json"
	chmod 644 "$E2E_DIR/$1.json"
}
socat -u "UNIX-RECV:$E2E_DIR/run/notify" "OPEN:$E2E_DIR/notify.log,creat,append" &
STACK_PIDS+=($!)
eventually 10 test -S "$E2E_DIR/run/notify"
chmod 666 "$E2E_DIR/run/notify"
told() { [ "$(grep -ao "$1" "$E2E_DIR/notify.log" | wc -l)" -ge "$2" ]; } # TEXT TIMES
drop=''
[ "$(id -u)" -ne 0 ] || drop='user: "nobody", socket_group: "nogroup", socket_mode: "0620"'
config one "$drop"
start() { NOTIFY_SOCKET=$E2E_DIR/run/notify WATCHDOG_USEC=1000000 stack_spawn "$1" "$agent" --config "$E2E_DIR/$1.json"; }
start one
ok "it says when it is ready" eventually 30 told READY=1 1
is "and then it answers" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$METRICS/ready")" 200
ok "it feeds the watchdog" eventually 30 told WATCHDOG=1 2
kill -HUP "$PID_one"
ok "it says that it reloads" eventually 30 told RELOADING=1 1
ok "since when" told MONOTONIC_USEC=[0-9] 1
ok "and that it is ready again" eventually 30 told READY=1 2

if [ -n "$drop" ]; then
	is "it is another user now, without rights to win back" "$(sed -nE 's/^(Uid|Groups|CapEff|NoNewPrivs):\s*//p' "/proc/$PID_one/status" | tr '\t\n ' '    ' | tr -s ' ')" \
		"$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -g nobody) 0000000000000000 1 "
	is "its socket has the mode and the group" "$(stat -c '%a %G' "$E2E_DIR/run/one.sock")" "620 nogroup"
else
	tap_skip "the user it becomes" "needs root"
fi

# Addresses in use.
is "a second one does not take the socket" "$("$agent" --config "$E2E_DIR/one.json" 2>&1; echo $?)" "error: cannot listen on '$E2E_DIR/run/one.sock': another process does
1"
config two
is "nor the port of the metrics" "$("$agent" --config "$E2E_DIR/two.json" 2>&1; echo $?)" "error: cannot listen on 'tcp:127.0.0.1:$METRICS': Address already in use
1"

kill -TERM "$PID_one"
wait "$PID_one"
is "SIGTERM ends it with code 0" "$?" 0
ok "it says that it stops" eventually 10 told STOPPING=1 1
start one
ok "a socket file left behind is replaced" eventually 30 told READY=1 3
kill -KILL "$PID_one"
wait "$PID_one" 2>/dev/null
start one
ok "that of a killed one too" eventually 30 told READY=1 4
