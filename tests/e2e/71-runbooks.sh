#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The runbooks of docs/operations.md: each trouble is made, its commands are run and say what the page says, and what the page
# does about it helps.
. tests/e2e/lib.sh
STACK_AUDIT=1
e2e_start
staff=$(bearer staff --lifetime 3600) customers=$(bearer customers --lifetime 3600)
registry() { stack_registry "$@" >"$E2E_DIR/out" 2>&1; }
says() { grep -qE "$1" "$E2E_DIR/out" || { sed 's/^/# /' "$E2E_DIR/out"; return 1; }; }
answers_with() { get "$2" "${@:3}"; [ "$STATUS" = "$1" ]; }

ok "plan: nothing to do" registry plan
ok "and it says so" says '^nothing to do: revision 1-[0-9a-f]{6} is live$'

# --- the issuer is down
kill "$PID_issuer"
wait "$PID_issuer" 2>/dev/null
kill -HUP "$PID_agent"
refresh_failed() { grep -q "key set of 'staff' was not refreshed, the old one stays" "$E2E_DIR/logs/agent.log"; }
ok "issuer down: the log says that the old keys stay" eventually 20 refresh_failed
get /v1/accounts/1 -H "$staff"
expect "issuer down: tokens are accepted" 200
agent_metrics >"$E2E_DIR/out"
ok "issuer down: the metrics have keys and their age" says '^sallyport_spoa_keyset_age_seconds\{authorizer="staff"\} [0-9]'
ok "issuer down: and count failures" says '^sallyport_spoa_keyset_failures_total\{authorizer="staff"\} [1-9]'
stack_issuer

# --- SSM is down
free_port nobody
jq --arg u "http://127.0.0.1:$nobody" '.store = {kind: "ssm", region: "eu-west-1", endpoint_url: $u}' "$E2E_DIR/gateway.json" >"$E2E_DIR/ssm.json"
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b "$STACK_BIN/sallyport-registry" --config "$E2E_DIR/ssm.json" plan >"$E2E_DIR/out" 2>&1
is "SSM down: plan fails" "$?" 1
ok "SSM down: and says why" says "^error: '/bank/dev': AmazonSSM.GetParametersByPath: .*Failed to connect"
get /v1/accounts/1 -H "$staff"
expect "SSM down: what runs stays" 200

# --- the agent does not stay up
ok "agent: --check finds nothing wrong with what runs" "$STACK_BIN/sallyport-spoa" --check "$E2E_DIR/gateway/agent.json"
jq '(.waf.rulesets | .. | arrays | select(all(.[]; type == "string") and length > 0)) |= ["/nope/*.conf"]' "$E2E_DIR/gateway/current/agent.json" >"$E2E_DIR/bad-agent.json"
"$STACK_BIN/sallyport-spoa" --check "$E2E_DIR/bad-agent.json" >"$E2E_DIR/out" 2>&1
is "agent: --check fails for what cannot work" "$?" 1
ok "agent: and says what it is" says "no file matches '/nope/\*.conf'"
kill "$PID_agent"
wait "$PID_agent" 2>/dev/null
get /v1/accounts/1 -H "$staff"
expect "agent down: 503, never an unchecked pass" 503 '{"message":"Service Unavailable"}'
stack_agent
ok "agent up: 200 again" eventually 20 answers_with 200 /v1/accounts/1 -H "$staff"

# --- a limit is wrong
ok "limit: set writes" registry set payments-v1 throttle-rate=500 throttle-burst=1000
ok "limit: and says what" says '^2 parameters of payments-v1 written; apply brings them live$'
ok "limit: apply" registry apply
ok "limit: takes no reload" says '^~ payments-v1 throttle-rate: 50 -> 500  \(runtime\)$'
get /v1/payments -H "$customers"
ok "limit: throttles" registry throttles
ok "limit: shows it" says '^ *payments-v1 +500 +1000 +[0-9]+ +[0-9]+ +0$'
registry set payments-v1 throttle-rate=5000 throttle-burst=100
ok "limit: what cannot be is refused" says '^error: /bank/dev/api-services/payments-v1/throttle-burst: burst 100 is not above rate 5000; give a burst of at least 5001$'
ok "limit: and nothing is written" says '^error: nothing was written$'
registry history
ok "history lists both" says '^\* 2-[0-9a-f]{6} +20'
ok "rollback" registry rollback
ok "rollback: to the revision before" says '^revision 1-[0-9a-f]{6} is live again: runtime update, no reload$'
ok "apply brings the parameters live again" registry apply

# --- the WAF refuses what it should not
attack="/v1/accounts?id=1%27%20or%201=1--"
get "$attack" -H "$staff"
expect "WAF: refused" 403
id=$(header x-request-id)
recorded() { stack_audit query --id "$id" >"$E2E_DIR/record" && test -s "$E2E_DIR/record"; }
ok "WAF: the record is found by the request's id" eventually 20 recorded
"$STACK_BIN/sallyport-waf" explain "$id" <"$E2E_DIR/record" >"$E2E_DIR/out" 2>&1
ok "WAF: explain names the rule" says '^942100 +phase 2  SQL Injection Attack Detected via libinjection$'
ok "WAF: and the parameter" says '^    waf-exclude = '
excluded=$(sed -n 's/^    waf-exclude = //p' "$E2E_DIR/out" | head -1)
ok "WAF: which is set" registry set accounts-v1 "waf-exclude=$excluded"
ok "WAF: and applied" registry apply
ok "WAF: then the request passes" eventually 30 answers_with 200 "$attack" -H "$staff"
get "/v2/accounts?id=1%27%20or%201=1--" -H "$staff"
expect "WAF: for this service alone" 403

# --- HAProxy keeps much memory
worker=$(pgrep -P "$PID_haproxy" | tail -1)
haproxy_rss() { awk '/^VmRSS/ { print $2 }' "/proc/$worker/status"; }
"$STACK_BIN/tests/bench/load" --url "https://localhost:$GATEWAY_PORT/v1/accounts/1" --ca "$E2E_DIR/tls/ca.pem" -H "$staff" --connections 100 --count 300 --seconds 60 >/dev/null
before=$(haproxy_rss)
pkill -QUIT -P "$PID_haproxy"
gave_back() { [ "$(haproxy_rss)" -lt "$before" ]; }
ok "memory: HAProxy gives back some of its $before KiB at SIGQUIT" eventually 20 gave_back
ok "memory: and lists its pools" eventually 20 grep -q 'Dumping pools usage' "$E2E_DIR/logs/haproxy.log"
get /v1/accounts/1 -H "$staff"
expect "memory: requests go on" 200

# --- the certificate has expired, or soon will
echo | openssl s_client -connect "localhost:$GATEWAY_PORT" 2>/dev/null | openssl x509 -noout -subject -enddate >"$E2E_DIR/out"
ok "certificate: its end is shown" says '^notAfter='
(cd "$E2E_DIR/tls" && stack_issue server "/CN=renewed" "subjectAltName=DNS:localhost
extendedKeyUsage=serverAuth" 2>/dev/null && cat server.crt server.key >server.pem)
kill -USR2 "$PID_haproxy"
renewed() { openssl s_client -connect "localhost:$GATEWAY_PORT" </dev/null 2>/dev/null | openssl x509 -noout -subject | grep -q renewed; }
ok "certificate: a reload brings the new one" eventually 20 renewed
get /v1/accounts/1 -H "$staff"
expect "certificate: and requests go on" 200

# --- keys and backups of the audit log
(umask 077; openssl rand -hex 32 >"$E2E_DIR/audit-keys/new.key")
"$STACK_BIN/sallyport-audit" rekey --log "$E2E_DIR/audit" --key "$E2E_DIR/audit-keys/new.key" --key "$E2E_DIR/audit-keys/wrapping.key" >"$E2E_DIR/out" 2>&1
ok "rekey wraps the data keys anew" says '^1 of 1 segments have their data key wrapped anew$'
mkdir "$E2E_DIR/restored"
cp -r "$E2E_DIR/audit" "$E2E_DIR/restored/log"
cp -r "$E2E_DIR/audit-keys" "$E2E_DIR/restored/keys"
"$STACK_BIN/sallyport-audit" verify --content --log "$E2E_DIR/restored/log" --public-key "$E2E_DIR/restored/keys/public.pem" --key "$E2E_DIR/restored/keys/new.key" >"$E2E_DIR/out" 2>&1
ok "a copy taken while it is written proves itself with the new key" says '^intact: [0-9]+ records '
ok "and says that its content was decrypted" says 'content decrypted$'
ok "an anchor is printed" "$STACK_BIN/sallyport-audit" anchor --log "$E2E_DIR/audit" --public-key "$E2E_DIR/audit-keys/public.pem"

# --- the disk of the audit log is full
small=$E2E_DIR/small
mkdir "$small"
if ! mount -t tmpfs -o size=1m tmpfs "$small" 2>/dev/null; then
	tap_skip "a full disk" "needs the right to mount"
	exit 0
fi
trap 'code=$?; stack_stop; umount "$small"; (exit $code); e2e_end' EXIT
free_port small_port
free_port small_status
keys=$E2E_DIR/audit-keys
stack_spawn full "$STACK_BIN/sallyport-audit" serve --listen "127.0.0.1:$small_port" --status "127.0.0.1:$small_status" --log "$small" \
	--signing-key "$keys/signing.pem" --public-key "$keys/public.pem" --key "$keys/wrapping.key" --immutable off
ready_says() { curl -s "http://127.0.0.1:$small_status/ready" | grep -qx "$1"; }
pending() { curl -s "http://127.0.0.1:$small_status/metrics" | grep -qE "^sallyport_audit_pending_records $1$"; }
log_says() { grep -q "$1" "$E2E_DIR/logs/full.log"; }
ok "disk: ready" eventually 20 ready_says ready
python3 - "$small_port" <<'PY'
import json, os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b"<134>1 - - - - - - " + json.dumps({"n": i, "x": os.urandom(600).hex()}).encode(), ("127.0.0.1", int(sys.argv[1])))
PY
ok "disk: full, and /ready says so" eventually 30 ready_says "degraded: the disk takes nothing"
ok "disk: the log says why" log_says "cannot write: No space left on device; received records wait$"
ok "disk: records wait" pending "[1-9][0-9]*"
mount -o remount,size=64m "$small"
ok "disk: with room the log is written again" eventually 30 log_says "the log is written again after [0-9]* ms$"
ok "disk: nothing waits any longer" eventually 30 pending 0
kill "$PID_full"
wait "$PID_full" 2>/dev/null
"$STACK_BIN/sallyport-audit" verify --log "$small" --public-key "$keys/public.pem" >"$E2E_DIR/out" 2>&1
ok "disk: and is whole" says '^intact: [0-9]+ records '
