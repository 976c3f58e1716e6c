#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The registry on SSM by its real protocol: a service is added, tuned and removed under traffic, and faults change nothing.
. tests/e2e/lib.sh
mkdir -p "$E2E_DIR/moto"
moto=$(tests/support/moto.sh start "$E2E_DIR/moto") || { tap_skip "the registry on SSM" "moto cannot be installed from PyPI"; exit 0; }
STACK_PIDS+=("$(cat "$E2E_DIR/moto/pid")")
echo ok >"$E2E_DIR/mode"
build/venv/bin/python tests/support/fault_proxy.py "$moto" "$E2E_DIR/mode" >"$E2E_DIR/proxy.url" 2>"$E2E_DIR/proxy.err" &
STACK_PIDS+=($!)
eventually 10 test -s "$E2E_DIR/proxy.url"
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=a-secret-of-the-test AWS_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true \
	AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_CONFIG_FILE=/dev/null
endpoint=$(cat "$E2E_DIR/proxy.url")
P=/bank/dev

# What the file store would hold goes to SSM; the settings name the endpoint.
export STACK_SETTINGS="del(.waf) | .store = {kind: \"ssm\", endpoint_url: \"$endpoint\"} | .services_file = \"services.txt\" | del(.services)"
aws_put() { # FILE: all parameters of it
	build/venv/bin/python - "$moto" "$1" <<-'PYTHON'
		import boto3, json, sys
		ssm = boto3.client("ssm", endpoint_url=sys.argv[1], region_name="eu-west-1")
		for p in json.load(open(sys.argv[2]))["Parameters"]:
		    ssm.put_parameter(Name=p["Name"], Value=p["Value"], Type=p["Type"], Overwrite=True)
	PYTHON
}
aws_get() { # NAME
	build/venv/bin/python - "$moto" "$P/$1" <<-'PYTHON'
		import boto3, sys
		ssm = boto3.client("ssm", endpoint_url=sys.argv[1], region_name="eu-west-1")
		print(ssm.get_parameter(Name=sys.argv[2], WithDecryption=True)["Parameter"]["Value"])
	PYTHON
}
put() { jq -n --arg n "$P/$1" --arg v "$2" '{Parameters: [{Name: $n, Value: $v, Type: "String"}]}' >"$E2E_DIR/put.json" && aws_put "$E2E_DIR/put.json"; }

quietly() { "$@" >/dev/null; }

stack_free_ports
mkdir -p "$STACK_DIR"
stack_parameters
aws_put "$STACK_DIR/parameters.json"
put api-services/accounts-v1/throttle-rate 5000
put api-services/accounts-v1/throttle-burst 10000
printf '%s\n' accounts-v1 accounts-v2 payments-v1 >"$STACK_DIR/services.txt"
stack_start || { tap_fail "the stack starts on SSM"; exit 1; }
tap_pass "the stack starts on SSM"
get /v1/accounts/1 -H "$(bearer staff)"
expect "requests are served" 200
is "outputs are in SSM" "$(aws_get api-gateway/registered-services)" accounts-v1,accounts-v2,payments-v1
is "the gateway's address too" "$(aws_get api-gateway/url)" "https://localhost:$GATEWAY_PORT"
is "the store is named in errors as it was asked" "$(stack_registry set accounts-v1 throttle-rate=0 2>&1 | head -1 | cut -d";" -f1)" \
	"error: $P/api-services/accounts-v1/throttle-rate: \"0\" is not allowed"

stack_spawn watch "$STACK_BIN/sallyport-registry" --config "$STACK_DIR/gateway.json" watch --interval 1 --min-interval 0
metric() { sed -n "s/^sallyport_registry_$1 //p" "$STACK_DIR/gateway/registry.prom" 2>/dev/null; }
more_polls() { [ "$(metric "polls_total{result=\"$1\"}")" -gt "$2" ] 2>/dev/null; }
polls() { metric "polls_total{result=\"$1\"}"; }
answers() { get "$1" -H "$(bearer staff)"; [ "$STATUS" = "$2" ]; }
eventually 10 more_polls unchanged 0

# --- traffic while the three operational notes are played: add, tune, remove
token=$(stack_token staff --lifetime 600)
(
	while [ ! -f "$E2E_DIR/enough" ]; do
		curl -s --max-time 10 --cacert "$E2E_DIR/tls/ca.pem" -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $token" \
			"https://localhost:$GATEWAY_PORT/v1/accounts/[1-20]"
	done >>"$E2E_DIR/traffic"
) &
traffic=$!
STACK_PIDS+=($traffic)
jq -n --arg url "https://localhost:$ACCOUNTS2_PORT/v1" '{openapi: "3.0.3", info: {title: "cards", version: "1"}, servers: [{url: $url}],
	paths: {"/cards": {get: {}}, "/cards/{id}": {get: {}, delete: {}}}, security: [{oauth: ["accounts/read"]}]}' >"$E2E_DIR/cards.json"
stack_registry import cards-v1 "$E2E_DIR/cards.json" authorizer=staff --dry-run >"$E2E_DIR/import" 2>&1
is "an OpenAPI document shows what it would write" "$(sort "$E2E_DIR/import" | tr '\n' ' ')" \
	"authorizer=staff methods=GET,DELETE route-prefix=/v1/cards scopes=accounts/read url=https://localhost:$ACCOUNTS2_PORT version=v1 "
ok "and is imported" quietly stack_registry import cards-v1 "$E2E_DIR/cards.json" authorizer=staff
ok "the service goes live by itself" eventually 20 answers /v1/cards/7 200
is "its parameters are in SSM" "$(aws_get api-services/cards-v1/route-prefix)" /v1/cards
stack_registry export cards-v1 >"$E2E_DIR/exported.json"
stack_registry import cards-v1 "$E2E_DIR/exported.json" --dry-run >"$E2E_DIR/again" 2>&1
ok "what is exported says the same" grep -q '^methods=GET,DELETE$' "$E2E_DIR/again"
put api-services/cards-v1/throttle-rate 3
put api-services/cards-v1/throttle-burst 4
state() { jq -r --arg s "$1" --arg f "$2" '.services[$s][$f] // empty' "$STACK_DIR/gateway/current/state.json"; }
state_is() { [ "$(state "$1" "$2")" = "$3" ]; }
ok "a tuned throttle is live" eventually 20 state_is cards-v1 throttle-burst 4
throttled() { for _ in 1 2 3 4 5 6 7 8 9 10; do answers /v1/cards/7 429 && return 0; done; return 1; }
ok "and throttles" eventually 10 throttled
ok "the service is taken away" quietly stack_registry deregister cards-v1
ok "and answers no more" eventually 20 answers /v1/cards/7 404
is "its parameters stay with their owner" "$(aws_get api-services/cards-v1/throttle-burst)" 4
: >"$E2E_DIR/enough"
wait $traffic 2>/dev/null
ok "hundreds of requests went by meanwhile" test "$(wc -l <"$E2E_DIR/traffic")" -ge 200
is "and none of them failed" "$(grep -v '^200$' "$E2E_DIR/traffic" | sort | uniq -c)" ""

# --- faults of SSM
fault() { echo "$1" >"$E2E_DIR/mode"; }
for kind in fail drop deny; do
	before=$(polls store_failed)
	fault "$kind"
	ok "$kind: the poll fails" eventually 60 more_polls store_failed "${before:-0}"
	answers /v1/accounts/1 200
	expect "$kind: what runs stays" 200
	fault ok
	before=$(polls unchanged)
	ok "$kind: it recovers" eventually 60 more_polls unchanged "${before:-0}"
done
ok "the reason is in the log with AWS's code and request id" grep -q 'UnrecognizedClientException: The security token.*request fault-proxy-1' "$STACK_DIR/logs/watch.log"
fault throttle
before=$(cat "$E2E_DIR/mode.count")
ok "throttled every second time, a plan is made" quietly stack_registry plan
ok "with twice the requests" test "$(($(cat "$E2E_DIR/mode.count") - before))" -ge 6
fault slow
ok "slow answers are waited for" quietly stack_registry plan
fault ok
AWS_SECRET_ACCESS_KEY='' stack_registry plan >"$E2E_DIR/plan" 2>&1
is "half a pair of keys is an error" "$(grep -c 'AWS credentials from environment: the secret access key is missing' "$E2E_DIR/plan")" 1

# --- hostile values
put api-services/accounts-v1/route-prefix $'/v1/x\n    server evil 10.0.0.1:80'
put api-services/accounts-v2/url 'https://a" ; exec /bin/sh #'
held() { [[ $(metric held_back_services) -ge $1 ]]; }
ok "hostile values are held back" eventually 20 held 2
ok "and reach nothing that is rendered" bash -c "! grep -rqE 'evil|exec /bin/sh' '$STACK_DIR/gateway/current/' '$STACK_DIR/gateway/agent.json'"
answers /v1/accounts/1 200
expect "the services run on as they were" 200
like "the output says why, escaped" "$(aws_get api-gateway/held-back-services)" '\\x0a'
is "with a line for each" "$(aws_get api-gateway/held-back-services | grep -vc '^accounts-v[12]: ')" 0
ok "no secret is in any log" bash -c "! grep -rqF 'a-secret-of-the-test' '$STACK_DIR/logs' '$STACK_DIR/gateway'"
