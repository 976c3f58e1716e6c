# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the topics of the audit log share: a folder in $dir, the processes in $pids ended at the end, results, metrics.
#
#   . tests/e2e/audit_lib.sh; audit_begin tcp
# A topic may have a function more_cleanup, called before the folder goes.
set -u
. tests/suites/tap.sh
. haproxy/dev/stack.sh

audit=$PWD/build/${V:-release}/sallyport-audit
pids=()

audit_begin() { # NAME
	dir=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-audit-$1.XXXXXX")
	trap audit_end EXIT
	trap 'exit 130' INT TERM
}
audit_end() {
	local pid
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${pids[@]}"; do
		for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	if declare -F more_cleanup >/dev/null; then more_cleanup; fi
	[ "$tap_bad" -eq 0 ] || tail -n 20 "$dir"/*.err | sed 's/^/# /'
	rm -rf "$dir"
}

is() { # NAME ACTUAL EXPECTED
	if [ "$2" = "$3" ]; then tap_pass "$1"; else tap_fail "$1"; echo "# '$2', expected '$3'"; fi
}
eventually() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.1; done
}
answers() { curl -sf -o /dev/null "http://127.0.0.1:$1$2"; } # PORT PATH
metric() { curl -sf "http://127.0.0.1:$status_port/metrics" | awk -v m="sallyport_audit_$1" '$1 == m { print $2 }'; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
