#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What has threads, under ThreadSanitizer: the unit tests that start some, an agent that is reloaded and asked for its metrics
# under load, and an audit log that is read, asked and stopped while it receives.
set -u
. tests/suites/tap.sh
. haproxy/dev/stack.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-tsan.XXXXXX")
bin=build/tsan
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
	rm -rf "$dir"
}
trap cleanup EXIT
export TSAN_OPTIONS=exitcode=66:second_deadlock_stack=1

eventually() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.1; done
}
# ended_clean NAME PID LOG: SIGTERM, code 0 and no report
ended_clean() {
	kill -TERM "$2"
	wait "$2"
	local code=$?
	if [ "$code" -eq 0 ] && ! grep -q 'WARNING: ThreadSanitizer' "$3"; then
		tap_pass "$1"
	else
		tap_fail "$1 (code $code)"
		grep -A 40 'WARNING: ThreadSanitizer' "$3" | head -80 | sed 's/^/# /'
	fi
}
again() { # SECONDS COMMAND...: until the time is over
	local end=$((SECONDS + $1))
	shift
	while [ "$SECONDS" -lt "$end" ]; do "$@" >/dev/null 2>&1; sleep 0.2; done
}

sources=$(grep -lE 'pthread_create|worker_start|agent_start|key_source_new|writer_start' $(find tests/unit -name 'test_*.c' | sort))
echo "  building tsan" >&2
make -s -j"$(nproc)" V=tsan $(for s in $sources; do echo "$bin/${s%.c}"; done) "$bin/sallyport-spoa" "$bin/sallyport-audit" "$bin/tests/tools/spop_load" >&2 ||
	{ tap_fail "build tsan"; tap_done; exit 1; }
for source in $sources; do tap_cmocka "tsan/$(basename "${source%.c}")" "$bin/${source%.c}"; done

# ---- the agent
free_port metrics_port
cat >"$dir/rules.conf" <<'RULES'
SecRule ARGS "@rx (?i)evil" "id:1001,phase:2,deny,status:403,log,msg:'evil'"
SecRule REQUEST_HEADERS "@contains worse" "id:1002,phase:1,deny,status:403,log,msg:'worse'"
RULES
config() { # REVISION
	cat >"$dir/agent.json" <<-JSON
		{ "revision": "$1", "listen": ["unix:$dir/agent.sock"], "threads": 3, "metrics_listen": "127.0.0.1:$metrics_port", "drain_timeout_ms": 1000,
		  "waf": { "rulesets": { "own": ["$dir/rules.conf"] }, "cache_dir": "$dir/cache" },
		  "routes": { "open": { "authorizer": "none", "waf_ruleset": "own" } } }
	JSON
}
mkdir "$dir/cache"
config r0
"$bin/sallyport-spoa" --config "$dir/agent.json" 2>"$dir/agent.log" &
agent=$!
pids+=("$agent")
agent_says() { curl -sf "http://127.0.0.1:$metrics_port/metrics" | grep -q "$1"; }
reload() { config "r$((++revision))"; kill -HUP "$agent"; agent_says requests_total; }
revision=0
if eventually 60 agent_says connections_total; then
	"$bin/tests/tools/spop_load" --agent "unix:$dir/agent.sock" --route open --path /a --query x=evil -c 6 -p 4 -d 6 >"$dir/load" 2>&1 &
	load=$!
	again 5 reload
	wait "$load"
	tap_run "an agent is loaded, reloaded and asked for its metrics" agent_says "revision=\"r[1-9]"
	tap_run "it has judged requests" bash -c "curl -s http://127.0.0.1:$metrics_port/metrics | grep -qE 'requests_total.verdict=\"403\". [1-9]'"
else
	tap_fail "the agent starts"
fi
ended_clean "no report of the agent" "$agent" "$dir/agent.log"

# ---- the audit log
free_port log_port
free_port status_port
"$bin/sallyport-audit" keygen "$dir/keys" >/dev/null
"$bin/sallyport-audit" hold --listen "127.0.0.1:$log_port" -- "$bin/sallyport-audit" serve --log "$dir/log" --listen "127.0.0.1:$log_port" \
	--status "127.0.0.1:$status_port" --signing-key "$dir/keys/signing.pem" --public-key "$dir/keys/public.pem" --key "$dir/keys/wrapping.key" \
	--segment-mib 1 --immutable off --commit-ms 50 2>"$dir/audit.log" &
audit=$!
pids+=("$audit")
status() { curl -sf "http://127.0.0.1:$status_port/metrics"; }
query() { "$bin/sallyport-audit" query --log "$dir/log" --key "$dir/keys/wrapping.key" "$@"; }
if eventually 60 status; then
	python3 - "$log_port" <<'PY' &
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(1, 20001):
    s.sendto(b'<134>1 - - - - - - {"seq":"7-%d","id":"%d","path":"/%s"}' % (n, n, b"x" * (n % 300)), ("127.0.0.1", int(sys.argv[1])))
    if n % 100 == 0:
        time.sleep(0.02)
PY
	sender=$!
	again 4 status &
	asking=$!
	again 4 query --id 77
	wait "$sender" "$asking"
	all_there() { [ "$(query --count)" = 20000 ]; }
	tap_run "an audit log receives, is asked and queried" eventually 60 all_there
else
	tap_fail "the audit log starts"
fi
ended_clean "no report of the audit log" "$audit" "$dir/audit.log"
tap_done
