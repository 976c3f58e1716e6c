#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tests/suites/clone.sh does inside a clean root, where nothing but this runs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/suites/tap.sh
. haproxy/dev/stack.sh
useradd --home-dir /home/tester --shell /bin/bash tester
echo "tester ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/tester
chown -R tester: /home/tester
logs=/var/log/clone
mkdir "$logs"
stack_free_ports
export GATEWAY_PORT ADMIN_PORT ISSUER_PORT AGENT_METRICS_PORT AUDIT_PORT ACCOUNTS1_PORT ACCOUNTS2_PORT PAYMENTS_PORT
export HOME=/home/tester E2E=10 UNIT_VARIANTS=release

as_tester() { runuser -u tester -- "$@"; }
# A group of its own that takes SIGINT, like what a terminal starts; GROUP is its number.
in_group() { # LOG COMMAND...
	setsid env --default-signal=INT runuser -u tester -- "${@:2}" >"$logs/$1" 2>&1 </dev/null &
	GROUP=$!
}
within() { # SECONDS COMMAND...: true as soon as the command is
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] && sleep 0.5 || return 1
	done
}
said() { grep -q -- "$2" "$logs/$1"; }
nobody_left() { ! ps -u tester -o pid=,args= | grep .; }
asks() { # WHOSE-TOKEN PATH: the status
	as_tester curl -s -m 10 -o /dev/null -w '%{http_code}' --cacert build/dev/tls/ca.pem -H "Authorization: Bearer $(as_tester build/dev/token "$1")" "https://localhost:$GATEWAY_PORT$2"
}

in_group run make run
tap_run "make run installs, builds and starts all" within 900 said run 'Ctrl-C ends everything'
tap_run "a token gets 200" test "$(asks staff /v1/accounts/42)" = 200
tap_run "one of the other pool gets 401" test "$(asks customers /v1/accounts/42)" = 401
kill -INT -- "-$GROUP"
tap_run "Ctrl-C ends it" within 60 nobody_left
[ "$tap_bad" -eq 0 ] || tail -30 "$logs/run" | sed 's/^/# /'

make_test() {
	as_tester make test >"$logs/test" 2>&1 && grep -E '^[0-9]+ passed, 0 failed' "$logs/test" && return
	tail -40 "$logs/test"
	return 1
}
tap_run "make test passes" make_test
in_group interrupted make test
tap_run "another one comes to its end-to-end tests" within 600 said interrupted '  10-requests'
sleep 1
kill -INT -- "-$GROUP"
tap_run "Ctrl-C ends them, and what they started" within 60 nobody_left
in_group killed make test
tap_run "a third one comes to them, too" within 600 said killed '  10-requests'
sleep 1
kill -KILL -- "-$GROUP"
tap_run "and make test passes after it was killed" make_test
tap_done
