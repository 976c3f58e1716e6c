#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two thousand services: rendered, started with, each found, and none costs the others a rule. Times are told, not judged.
. tests/e2e/lib.sh
COUNT=2000
export STACK_SETTINGS="del(.waf, .services) | .services_file = \"services.txt\" | .upstream.resolvers = []"
more_parameters() {
	jq -n --arg url "https://localhost:$ACCOUNTS1_PORT" --argjson count "$COUNT" 'range($count) as $i
		| {url: $url, version: "v1", "route-prefix": "/v1/many/\($i)", authorizer: "staff", "throttle-rate": "5000", "throttle-burst": "10000"}
		| to_entries[] | {Name: "/bank/dev/api-services/many-\($i)/\(.key)", Type: "String", Value: .value, Version: 1}'
}
timed() { # WHAT COMMAND...
	local what=$1 began code
	shift
	began=$(date +%s%N)
	"$@"
	code=$?
	echo "# $what: $((($(date +%s%N) - began) / 1000000)) ms"
	return $code
}
quietly() { "$@" >/dev/null; }
frontend() { sed -n '/^frontend gateway/,/^backend /p' "$1" | grep -v '^backend '; }

stack_free_ports
mkdir -p "$STACK_DIR/logs" "$STACK_DIR/run" "$STACK_DIR/waf-cache" "$STACK_DIR/issuer"
{ printf "%s\n" accounts-v1 accounts-v2 payments-v1; seq -f "many-%g" 0 $((COUNT - 1)); } >"$STACK_DIR/services.txt"
stack_certs && stack_parameters && stack_settings || exit 1
stack_access_log
stack_issuer && stack_upstreams || exit 1

# What a request meets is the same text for three services as for two thousand.
jq 'del(.services_file) | .services = ["accounts-v1", "accounts-v2", "payments-v1"]' "$STACK_DIR/gateway.json" >"$STACK_DIR/few.json"
ok "a few are rendered" "$STACK_BIN/sallyport-registry" --config "$STACK_DIR/few.json" render "$E2E_DIR/few"
ok "many are rendered" timed "render of $COUNT services" stack_registry render "$E2E_DIR/many"
TIMEFORMAT='# and again, CPU time: %U + %S s'
{ time stack_registry render "$E2E_DIR/many"; } 2>&1
is "each has its backend" "$(grep -c '^backend svc_' "$E2E_DIR/many/haproxy.cfg")" $((COUNT + 3))
is "and not one rule more is tried for a request" "$(frontend "$E2E_DIR/many/haproxy.cfg" | sha256sum)" "$(frontend "$E2E_DIR/few/haproxy.cfg" | sha256sum)"
ok "of which there are some" test "$(frontend "$E2E_DIR/many/haproxy.cfg" | wc -l)" -gt 50

ok "they are applied" timed "apply" quietly stack_registry apply --note many
start() { stack_agent && stack_haproxy; }
ok "the gateway starts with them" timed "start of agent and HAProxy" start
staff=$(bearer staff --lifetime 3600)
reached() { get "/v1/many/$1" -H "$staff"; [ "$STATUS $(record | jq -r .service)" = "200 many-$1" ]; }
for i in 0 1 999 1234 $((COUNT - 1)); do ok "service $i is found" reached "$i"; done
get "/v1/many/$COUNT" -H "$staff"
expect "what is not there is not" 404
load() { # SERVICE: what a request to it costs
	"$STACK_BIN/tests/bench/load" --url "https://localhost:$GATEWAY_PORT/v1/many/$1" --ca "$E2E_DIR/tls/ca.pem" -H "$staff" --connections 4 --count 2000 --seconds 120 >"$E2E_DIR/load.json"
	echo "# service $1: $(jq -c '{p50_us, p99_us}' "$E2E_DIR/load.json")"
	[ "$(jq -c '[.status, .failed]' "$E2E_DIR/load.json")" = '[{"200":2000},{}]' ]
}
ok "the first service serves" load 0
ok "and the last" load $((COUNT - 1))
worker=$(awk '/^VmRSS/ { print $2 }' /proc/"$(pgrep -P "$PID_haproxy" | tail -1)"/status)
echo "# memory: HAProxy $worker KiB, agent $(awk '/^VmRSS/ { print $2 }' "/proc/$PID_agent/status") KiB"

# A change of one of them touches no other.
ok "one is changed" quietly stack_registry set many-1000 throttle-rate=77 throttle-burst=99 url="https://localhost:$ACCOUNTS2_PORT"
timed "apply of a change" stack_registry apply >"$E2E_DIR/apply.out" 2>&1
like "without a reload" "$(cat "$E2E_DIR/apply.out")" "3 changes: runtime update, no reload; 1 server moves"
ok "it is found behind it" reached 1000
is "by its new address" "$(jq -r .service <<<"$BODY")" accounts-v2
ok "and its neighbour, too" reached 1001
is "where it was" "$(jq -r .service <<<"$BODY")" accounts-v1
stack_registry plan >"$E2E_DIR/plan.out" 2>&1
is "then there is nothing to do" "$?" 0
