#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plan, apply, rollback against a real HAProxy and agent: runtime updates and reloads, refusals, two at once, a kill at every step.
. tests/e2e/lib.sh
stack_free_ports
stack_certs || exit 1

registry() { "$STACK_BIN/sallyport-registry" "$@" -c "$E2E_DIR/gateway.json"; }
parameter() { printf '{"Name":"/bank/dev/%s","Type":"String","Value":"%s","Version":1}' "$1" "$2"; }
running() { curl -s --max-time 5 "http://127.0.0.1:$ADMIN_PORT/revision" | jq -r .revision; }
current() { basename "$(readlink "$E2E_DIR/out/current")"; }
rate() { echo "get map rate.map $1" | socat - "UNIX-CONNECT:$E2E_DIR/out/stats.sock" | sed -n 's/.*value="\([0-9]*\)".*/\1/p'; }
answers() { # the gateway answers at all: without a token that is 401, without an agent or key set 503
	local status
	status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 --cacert "$E2E_DIR/tls/ca.pem" "https://localhost:$GATEWAY_PORT/v1/accounts")
	[ "$status" = 401 ]
}

list=''
for p in cognito/staff/pool-id=eu-west-1_Staff cognito/staff/client/back-office=b cognito/staff/client/api-authoriser=a \
	cognito/customers/pool-id=eu-west-1_Cust cognito/customers/client/mobile=m cognito/customers/client/web=w \
	api-services/accounts/url=https://localhost:"$ACCOUNTS1_PORT" api-services/accounts/version=v1 \
	api-services/accounts/route-prefix=/v1/accounts api-services/accounts/authorizer=customers; do
	list="$list${list:+,}$(parameter "${p%%=*}" "${p#*=}")"
done
echo "{\"Parameters\":[$list]}" >"$E2E_DIR/parameters.json"
printf '# who is live\naccounts # since v1\n' >"$E2E_DIR/services.txt"
cat >"$E2E_DIR/gateway.json" <<JSON
{ "environment": "dev", "store": { "kind": "file", "path": "parameters.json" }, "services_file": "services.txt",
  "output_dir": "out", "listen": ["127.0.0.1:$GATEWAY_PORT"], "tls": { "certificate": "tls/server.pem" },
  "admin": { "listen": "127.0.0.1:$ADMIN_PORT" }, "upstream": { "ca_file": "tls/ca.pem", "resolvers": [] }, "hard_stop_s": 3,
  "log": { "target": "127.0.0.1:$AUDIT_PORT" }, "keep_revisions": 50, "nbthread": 1, "public_url": "https://localhost:$GATEWAY_PORT",
  "agent": { "binary": "$STACK_BIN/sallyport-spoa", "socket": ["$E2E_DIR/spoa.sock"], "pid_file": "$E2E_DIR/agent.pid",
             "metrics_listen": "127.0.0.1:$AGENT_METRICS_PORT" } }
JSON

# --- before anything runs
registry plan >"$E2E_DIR/out.txt"; is "a plan with changes ends with 2" $? 2
like "it names the service" "$(cat "$E2E_DIR/out.txt")" "\+ accounts: /v1/accounts"
ok "the first apply writes files" registry apply --note "first"
registry plan >/dev/null; is "a plan without changes ends with 0" $? 0

stack_spawn agent "$STACK_BIN/sallyport-spoa" -c "$E2E_DIR/out/agent.json"
echo "$PID_agent" >"$E2E_DIR/agent.pid"
stack_spawn haproxy haproxy -W -S "unix@$E2E_DIR/out/master.sock" -db -f "$E2E_DIR/out/current/haproxy.cfg"
stack_wait_port "$GATEWAY_PORT" haproxy && stack_wait_port "$AGENT_METRICS_PORT" agent || exit 1
for _ in $(seq 50); do answers && break; sleep 0.1; done
ok "the gateway answers" answers
is "it runs the applied revision" "$(running)" "$(current)"

# --- runtime updates and reloads
worker() { # the master does not answer while it executes itself anew
	local pid= i
	for i in $(seq 100); do
		pid=$(echo "show proc" | socat - "UNIX-CONNECT:$E2E_DIR/out/master.sock" 2>/dev/null | awk '$2 == "worker" { print $1; exit }')
		[ -z "$pid" ] || break
		sleep 0.1
	done
	echo "$pid"
}
before=$(worker)
ok "set changes a parameter" registry set accounts throttle-rate=50 throttle-burst=80
like "a rate goes live without a reload" "$(registry apply)" "runtime update, no reload"
is "the running map has it" "$(rate accounts)" 50
is "the worker stayed" "$(worker)" "$before"
is "the new revision is named by what runs" "$(running)" "$(current)"
ok "the parameters of a new service" registry register payments url=https://localhost:"$PAYMENTS_PORT" version=v1 route-prefix=/v1/payments authorizer=staff
like "a new service reloads" "$(registry apply)" "reload of HAProxy"
[ "$(worker)" != "$before" ]; is "by another worker" $? 0
is "which names its revision" "$(running)" "$(current)"
is "the agent knows the route" "$(jq -r '.routes.payments.authorizer' "$E2E_DIR/out/agent.json")" staff
is "outputs are published" "$(jq -r '.Parameters[] | select(.Name == "/bank/dev/api-gateway/registered-services") | .Value' "$E2E_DIR/parameters.json")" accounts,payments
like "diff shows what came" "$(registry diff 1 3)" "\+ payments: /v1/payments"
ok "a service is deregistered" registry deregister payments
ok "and goes" registry apply
registry deregister payment 2>"$E2E_DIR/err.txt"; is "what is not live is not deregistered" $? 1
like "and named" "$(cat "$E2E_DIR/err.txt")" "'payment' is not in .*services.txt"
is "its route stays with the agent while HAProxy drains" "$(jq -r '.routes | has("payments")' "$E2E_DIR/out/agent.json")" true
ok "rollback goes back" registry rollback 3
like "to the revision asked for" "$(running)" "^3-"
ok "apply goes forward again" registry apply

# --- refusals change nothing
cp "$E2E_DIR/parameters.json" "$E2E_DIR/p1.json"
registry register accounts url=https://x version=v1 route-prefix=/v1/x authorizer=staff 2>"$E2E_DIR/err.txt"; is "a live service is not registered over" $? 1
like "and told what to do" "$(cat "$E2E_DIR/err.txt")" "'accounts' is registered already; .set. changes its parameters"
registry set acounts throttle-rate=5 2>"$E2E_DIR/err.txt"; is "a service that is none is refused" $? 1
like "with the nearest" "$(cat "$E2E_DIR/err.txt")" "did you mean 'accounts'"
ok "and nothing is written" cmp "$E2E_DIR/p1.json" "$E2E_DIR/parameters.json"
is_unchanged() { [ "$(running)" = "$was" ] && [ "$(current)" = "$was" ] && answers; }
was=$(current)
registry set accounts throttle-rate=0 2>"$E2E_DIR/err.txt"; is "a wrong value is refused" $? 1
like "with its path and what is allowed" "$(cat "$E2E_DIR/err.txt")" "/bank/dev/api-services/accounts/throttle-rate: .0. is not allowed; give a whole number from 1"
jq '(.Parameters[] | select(.Name | endswith("accounts/url"))).Value = "https://x\n  use_backend y"' "$E2E_DIR/parameters.json" >"$E2E_DIR/p2.json"
cp "$E2E_DIR/parameters.json" "$E2E_DIR/p1.json"; cp "$E2E_DIR/p2.json" "$E2E_DIR/parameters.json"
registry apply 2>/dev/null; is "a hostile value is refused" $? 1
ok "and nothing changed" is_unchanged
cp "$E2E_DIR/p1.json" "$E2E_DIR/parameters.json"
mv "$E2E_DIR/tls/server.pem" "$E2E_DIR/tls/gone.pem"
registry set accounts timeout-ms=1234 >/dev/null
registry apply 2>"$E2E_DIR/err.txt" >/dev/null; is "what haproxy -c refuses is refused" $? 1
mv "$E2E_DIR/tls/gone.pem" "$E2E_DIR/tls/server.pem"
like "with HAProxy's reason" "$(cat "$E2E_DIR/err.txt")" "HAProxy refuses the configuration: .*server.pem"
ok "and nothing changed then either" is_unchanged
ok "mended, it applies" registry apply

cp "$E2E_DIR/gateway.json" "$E2E_DIR/good.json"
jq '.waf = {crs: ["/nowhere/a.conf"], aws: ["/nowhere/b.conf"], default_ruleset: "aws+crs"}' "$E2E_DIR/good.json" >"$E2E_DIR/gateway.json"
registry apply 2>"$E2E_DIR/err.txt" >/dev/null; is "what the agent refuses is refused" $? 1
is "with the agent's reasons, a line each" "$(sed -n '1p; s/^  //p' "$E2E_DIR/err.txt" | grep -c 'error: the agent refuses its configuration, exit code 1:$\|^/nowhere/[ab].conf: ')" "$(wc -l <"$E2E_DIR/err.txt")"
cp "$E2E_DIR/good.json" "$E2E_DIR/gateway.json"
was=$(current)
ok "and nothing changed then either" is_unchanged
registry set accounts timeout-ms=4321 >/dev/null
mv "$E2E_DIR/out/master.sock" "$E2E_DIR/out/gone.sock"
registry apply 2>"$E2E_DIR/err.txt" >/dev/null; is "without a master there is no reload" $? 1
mv "$E2E_DIR/out/gone.sock" "$E2E_DIR/out/master.sock"
like "which is told" "$(cat "$E2E_DIR/err.txt")" "master does not answer.*nothing was changed"
ok "and true" is_unchanged
ok "with one there is" registry apply

# --- drift
echo "set map rate.map accounts 7" | socat - "UNIX-CONNECT:$E2E_DIR/out/stats.sock" >/dev/null
registry plan >"$E2E_DIR/out.txt"; is "a change behind the registry's back is found" $? 2
like "and named" "$(cat "$E2E_DIR/out.txt")" "drift: rate.map was changed at run time"
if command -v script >/dev/null; then
	coloured() { TERM=xterm script -qec "$(printf '%q ' env "$@" "$STACK_BIN/sallyport-registry" plan -c "$E2E_DIR/gateway.json")" /dev/null </dev/null; }
	like "on a terminal in colour" "$(coloured A=B)" $'\033\\[31m! drift: rate.map'
	is "unless told otherwise" "$(coloured NO_COLOR=1 | grep -c $'\033')" 0
else
	tap_skip "plan on a terminal" "there is no script(1)"
fi
ok "apply puts it right" registry apply
is "the rate is back" "$(rate accounts)" 50

# --- two at once
registry set accounts throttle-rate=60 >/dev/null
registry apply >"$E2E_DIR/one.txt" 2>&1 & one=$!
registry apply >"$E2E_DIR/two.txt" 2>&1 & two=$!
wait $one; a=$?
wait $two; b=$?
[ $((a + b)) -le 1 ]; is "of two applies at once at least one succeeds" $? 0
if [ $((a + b)) -eq 1 ]; then like "the other says why not" "$(cat "$E2E_DIR/one.txt" "$E2E_DIR/two.txt")" "another sallyport-registry is at work"; fi
is "and its revision runs" "$(running)" "$(current)"
is "with the new rate" "$(rate accounts)" 60

# --- killed at every step: what runs is a whole revision, and the next apply finishes
port_of() { echo "show servers state svc_accounts" | socat - "UNIX-CONNECT:$E2E_DIR/out/stats.sock" | awk '$4 == "primary" || $4 == "spare" { if ($7 % 2 == 0) print $19 }' | xargs; }
n=100
# The steps of an apply are those that registry/deploy.c names, and each is one of these.
steps="written checked agent-installed agent-reloaded switched servers-moved map-updated live applied"
is "every step of an apply is among these" "$(grep -ho 'deploy_step("[a-z-]*")' registry/*.c | cut -d'"' -f2 | sort | xargs)" "$(tr ' ' '\n' <<<"$steps" | sort | xargs)"
for step in $steps; do
	n=$((n + 1))
	free_port NEXT_PORT
	registry set accounts url="https://localhost:$NEXT_PORT" throttle-rate=$n throttle-burst=400 scopes="read$n" >/dev/null
	SALLYPORT_TEST_KILL_AT=$step registry apply >/dev/null 2>&1
	is "killed at $step" $? 137
	ok "the gateway answers after a kill at $step" answers
	like "it runs the old revision, or the new one" "$(running) $(rate accounts)" "^[0-9]+-[0-9a-f]{6} ($n|$((n - 1))|60)$"
	ok "HAProxy takes what current points to" haproxy -q -c -f "$E2E_DIR/out/current/haproxy.cfg"
	ok "the next apply finishes" registry apply
	is "and its rate runs" "$(rate accounts)" $n
	is "under its name" "$(running)" "$(current)"
	is "and its address alone is in use" "$(port_of)" "$NEXT_PORT"
done
# A reload is killed on its way as well.
for step in switched live; do
	n=$((n + 1))
	registry set accounts timeout-ms=$((1000 + n)) throttle-rate=$n >/dev/null
	SALLYPORT_TEST_KILL_AT=$step registry apply >/dev/null 2>&1
	is "killed at $step of a reload" $? 137
	ok "the gateway answers after it" answers
	ok "the next apply finishes that, too" registry apply
	is "with its rate" "$(rate accounts)" $n
	is "and under its name" "$(running)" "$(current)"
done
is "the list keeps its comments" "$(cat "$E2E_DIR/services.txt")" $'# who is live\naccounts # since v1'
history=$(registry history --json)
is "the history has one current revision" "$(jq '[.[] | select(.current)] | length' <<<"$history")" 1
