# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the end-to-end topics share: a stack of their own in a temporary folder, requests by curl, TAP results.
#
#   . tests/e2e/lib.sh; e2e_start; get /v1/accounts -H "$(bearer staff)"; expect "a token passes" 200
set -u
. tests/suites/tap.sh
. haproxy/dev/stack.sh

E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-e2e.XXXXXX")
STACK_DIR=$E2E_DIR
STACK_BIN=$PWD/build/${V:-release}
chmod 711 "$E2E_DIR"

e2e_end() {
	local code=$?
	trap - EXIT
	stack_stop
	! declare -F e2e_leave >/dev/null || e2e_leave
	if [ "$tap_bad" -ne 0 ] || [ "$code" -ne 0 ]; then
		for log in "$E2E_DIR"/logs/*.log; do
			[ -s "$log" ] && { echo "# --- ${log##*/}"; tail -25 "$log" | cut -c1-400 | sed 's/^/# /'; }
		done
	fi
	[ -n "${E2E_KEEP:-}" ] || rm -rf "$E2E_DIR"
	tap_done
	[ "$code" -eq 0 ] && [ "$tap_bad" -eq 0 ]
	exit $?
}
trap e2e_end EXIT
trap 'exit 130' INT TERM

e2e_start() {
	stack_free_ports
	stack_start || { tap_fail "the stack starts"; exit 1; }
}

# What topics that can run outside (tests/e2e/outside.sh) ask of the processes, whose programs are run on the agent's side.
agent_metrics() { curl -s "http://127.0.0.1:$AGENT_METRICS_PORT/metrics"; }
agent_configuration() { cat "$STACK_DIR/gateway/agent.json"; }
on_the_agent() { # PROGRAM ARGUMENT...
	local program=$1
	shift
	"$STACK_BIN/$program" "$@"
}
rotate_keys() { curl -sf -o /dev/null -X POST --cacert "$E2E_DIR/tls/ca.pem" "https://localhost:$ISSUER_PORT/$1/rotate"; } # POOL

# One request. Results: STATUS, the body in $BODY, the header lines in $E2E_DIR/headers.
STATUS='' BODY=''
get() { # PATH [curl options]
	local path=$1
	shift
	STATUS=$(curl -sS --max-time 20 --cacert "$E2E_DIR/tls/ca.pem" -o "$E2E_DIR/body" -D "$E2E_DIR/headers" -w '%{http_code}' \
		--path-as-is "$@" "https://localhost:$GATEWAY_PORT$path" 2>"$E2E_DIR/curl.err") || STATUS="curl-$? $(cat "$E2E_DIR/curl.err")"
	BODY=$(tr -d '\0' <"$E2E_DIR/body" 2>/dev/null)
}

header() { # NAME: its value in the last answer
	tr -d '\r' <"$E2E_DIR/headers" | awk -v name="$1" 'BEGIN { name = tolower(name) ":" } tolower($1) == name { sub(/^[^:]*: */, ""); print; exit }'
}

expect() { # NAME STATUS [BODY]
	if [ "$STATUS" != "$2" ]; then
		tap_fail "$1"
		echo "# status '$STATUS', expected $2; body: ${BODY:0:200}"
	elif [ $# -gt 2 ] && [ "$BODY" != "$3" ]; then
		tap_fail "$1"
		echo "# body '${BODY:0:300}', expected '$3'"
	else
		tap_pass "$1"
	fi
}

is() { # NAME ACTUAL EXPECTED
	if [ "$2" = "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# '${2//$'\n'/ | }', expected '${3//$'\n'/ | }'"; fi
}

like() { # NAME ACTUAL REGEX
	if [[ $2 =~ $3 ]]; then tap_pass "$1"; else tap_fail "$1"; echo "# '${2:0:300}' does not match '$3'"; fi
}

ok() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then tap_pass "$name"; else tap_fail "$name"; fi
}

bearer() { echo "Authorization: Bearer $(stack_token "$@")"; }

# A header the sample upstream saw, from the JSON it answered with.
upstream_header() { jq -r --arg n "$1" '[.headers[] | select((.[0] | ascii_downcase) == $n) | .[1]] | join("|")' <<<"$BODY"; }

eventually() { # SECONDS COMMAND...: true as soon as the command is
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# The access-log record of the last answer, by its request id; waits for it.
record() {
	local id
	id=$(header x-request-id)
	eventually 20 grep -qF "\"$id\"" "$E2E_DIR/logs/access.log" || { echo '{}'; return; }
	grep -F "\"$id\"" "$E2E_DIR/logs/access.log" | tail -1
}

[ -z "${E2E_OUTSIDE:-}" ] || . tests/e2e/outside.sh
