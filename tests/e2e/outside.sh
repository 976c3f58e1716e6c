# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what lib.sh uses
# E2E_OUTSIDE=FOLDER: topics run against a gateway that is there already and that they can neither start, stop nor give other settings
# (docker-compose.yml, in tests/suites/compose.sh). It listens at $GATEWAY_PORT of this machine; the folder has two programs:
#
#   inside SERVICE COMMAND...   runs a command in the service's container
#   aws ARGUMENT...             the AWS CLI, on the emulator of SSM
#
# Such a topic asks the gateway for nothing but what clients see, parameters that it adds in more_parameters, access-log records, and
# the functions of lib.sh that stand here, too.
ISSUER_PORT=9443 # the issuer's name of itself

inside() { "$E2E_OUTSIDE/inside" "$@" </dev/null; }
stack_registry() { inside registry sallyport-registry "$@"; }
agent_metrics() { inside agent curl -s http://127.0.0.1:9702/metrics; }
agent_configuration() { inside agent cat /var/lib/sallyport/gateway/agent.json; }
on_the_agent() { "$E2E_OUTSIDE/inside" agent "$@"; }
issuers_key() { (umask 077 && inside issuer cat "/var/lib/issuer/$1.pem" >"$E2E_DIR/issuer/$1.pem"); }
rotate_keys() {
	inside issuer curl -sf -o /dev/null -X POST --cacert /etc/sallyport/tls/ca.pem "https://localhost:$ISSUER_PORT/$1/rotate" && issuers_key "$1"
}

e2e_start() {
	mkdir -p "$E2E_DIR/tls" "$E2E_DIR/issuer" "$E2E_DIR/logs"
	if [ -n "${STACK_SETTINGS:-}" ]; then
		tap_fail "the topic needs other settings than a gateway outside has"
		exit 1
	fi
	inside gateway cat /etc/sallyport/tls/ca.pem >"$E2E_DIR/tls/ca.pem" && issuers_key staff && issuers_key customers || { tap_fail "the gateway is there"; exit 1; }
	# Its end is bounded there as well: what ends here ends the client alone.
	inside audit timeout 600 sallyport-audit query --follow --log /var/lib/sallyport-audit --from 1m >"$E2E_DIR/logs/access.log" &
	STACK_PIDS+=("$!")
	! declare -F more_parameters >/dev/null || add_parameters || { tap_fail "the topic's parameters are live"; exit 1; }
}

# What a topic adds is there as long as the topic is.
add_parameters() {
	local p=/bank/dev document
	more_parameters | jq -c '{Name, Type, Value, Overwrite: true}' >"$E2E_DIR/added"
	while read -r document; do
		"$E2E_OUTSIDE/aws" ssm put-parameter --cli-input-json "$document" </dev/null >/dev/null || return 1
	done <"$E2E_DIR/added"
	eventually 60 stack_registry plan >/dev/null
}
e2e_leave() {
	[ ! -s "$E2E_DIR/added" ] || "$E2E_OUTSIDE/aws" ssm delete-parameters --names $(jq -r .Name "$E2E_DIR/added") >/dev/null
}
