#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# verify: a sound gateway passes, and each kind of damage fails the assertion that is about it.
. tests/e2e/lib.sh
export STACK_SETTINGS='del(.waf.aws) | .waf.default_ruleset = "crs"'
e2e_start

verify() { # OPTIONS...: results in $E2E_DIR/verify.tap, the exit code in CODE
	stack_registry verify --ca-file "$E2E_DIR/tls/ca.pem" "$@" >"$E2E_DIR/verify.tap" 2>"$E2E_DIR/verify.err"
	CODE=$?
}
full() { verify --issuer "https://localhost:$ISSUER_PORT" --access-log "$E2E_DIR/logs/access.log" --slo-ms 10000 "$@"; }
failed() { grep '^not ok' "$E2E_DIR/verify.tap" | sed 's/^not ok [0-9]* - //'; }
count() { grep -cE "$1" "$E2E_DIR/verify.tap"; }

full --throttle payments-v1
is "a sound gateway passes" "$CODE $(failed)" "0 "
ok "with at least 30 assertions that are not skipped" test "$(($(count '^ok') - $(count '# SKIP')))" -ge 60
is "and none skipped" "$(grep '# SKIP' "$E2E_DIR/verify.tap" | grep -v mtls)" ""
is "the plan is right" "$(tail -1 "$E2E_DIR/verify.tap")" "1..$(count '^(not )?ok')"
sleep 2

verify --slo-ms 10000
is "without tokens the rest passes" "$CODE $(failed)" "0 "
ok "and what needs them is skipped, visibly" test "$(count '# SKIP no token')" -ge 3

stack_token staff >"$E2E_DIR/token"
verify --token-staff "$E2E_DIR/token" --slo-ms 10000 --json
is "tokens come from files; JSON says the same" "$CODE $(jq -c '[.failed, (.passed > 50), ([.assertions[] | select(.outcome == "skipped")] | length) == .skipped]' "$E2E_DIR/verify.tap")" '0 [0,true,true]'
ok "no token shows in the results" bash -c "! grep -qF '$(cut -d. -f3 "$E2E_DIR/token")' '$E2E_DIR/verify.tap'"

stack_registry verify --slo-ms 10000 >"$E2E_DIR/verify.tap" 2>&1
like "without its CA the certificate is not trusted" "$(failed)" 'the certificate is trusted and names localhost'

cp "$STACK_DIR/parameters.json" "$E2E_DIR/parameters.good"
jq '(.Parameters[] | select(.Name | endswith("/default-throttle-rate")) | .Value) = "7"' "$E2E_DIR/parameters.good" >"$STACK_DIR/parameters.json"
full
is "an output that is not real" "$CODE $(failed)" "1 output default-throttle-rate is what is real"
jq '.Parameters |= map(select(.Name | endswith("/waf-acl-arn") | not))' "$E2E_DIR/parameters.good" >"$STACK_DIR/parameters.json"
full
is "an output that is missing" "$CODE $(failed)" "1 output waf-acl-arn is what is real"
jq '(.Parameters[] | select(.Name | endswith("/payments-v1/throttle-rate")) | .Value) = "many"' "$E2E_DIR/parameters.good" >"$STACK_DIR/parameters.json"
full
like "a parameter that is wrong" "$CODE $(failed)" '^1 the parameters hold no errors'
cp "$E2E_DIR/parameters.good" "$STACK_DIR/parameters.json"

echo "set map routes.map /v2/accounts/ payments-v1" | socat - "UNIX-CONNECT:$STACK_DIR/gateway/stats.sock" >/dev/null
full
like "a map that was changed by hand" "$(failed)" 'neither files nor maps were changed by hand'
stack_registry apply >/dev/null 2>&1

verify --issuer "https://localhost:$ISSUER_PORT" --access-log /dev/null --slo-ms 10000
is "an access log without the record" "$(failed)" "a marked request is in the access log"
verify --url "https://localhost:$ADMIN_PORT" --slo-ms 10000
like "another server than the gateway" "$CODE $(failed)" '^1 .*TLS 1.3 is spoken'
kill "$PID_agent"
eventually 10 bash -c "! kill -0 $PID_agent 2>/dev/null"
full
like "without the agent" "$(failed | tr '\n' '|')" 'the agent answers.*asks for a token: 401'
