#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make run where a port is taken: it says which and how to choose another, and starts nothing.
. tests/e2e/lib.sh
stack_free_ports
export SALLYPORT_DEV_DIR=$E2E_DIR/dev GATEWAY_PORT ADMIN_PORT ISSUER_PORT AGENT_METRICS_PORT AUDIT_PORT ACCOUNTS1_PORT ACCOUNTS2_PORT PAYMENTS_PORT
take_ports() { # KIND PORT...: until it is ended
	exec python3 -c '
import socket, sys, time
kept = []
for port in sys.argv[2:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM)
    s.bind(("127.0.0.1", int(port)))
    if sys.argv[1] == "tcp":
        s.listen()
    kept.append(s)
time.sleep(250)' "$@"
}
start_fails() { ! bash haproxy/dev/run.sh >"$E2E_DIR/run.out" 2>&1; }

take_ports tcp "$GATEWAY_PORT" "$PAYMENTS_PORT" &
taker=$!
for port in "$GATEWAY_PORT" "$PAYMENTS_PORT"; do eventually 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; done
ok "with ports taken it does not start" start_fails
is "it names each and the variable to set" "$(grep 'is taken' "$E2E_DIR/run.out")" "stack: port $GATEWAY_PORT is taken; choose another with GATEWAY_PORT=PORT
stack: port $PAYMENTS_PORT is taken; choose another with PAYMENTS_PORT=PORT"
ok "nothing was started" test ! -s "$SALLYPORT_DEV_DIR/run/pids"
kill "$taker"
wait "$taker" 2>/dev/null

take_ports udp "$AUDIT_PORT" &
taker=$!
udp_is_taken() { ! udp_port_is_free "$AUDIT_PORT"; }
eventually 20 udp_is_taken
ok "nor with the port of the audit log, which is one of UDP" start_fails
is "it names it" "$(grep 'is taken' "$E2E_DIR/run.out")" "stack: UDP port $AUDIT_PORT is taken; choose another with AUDIT_PORT=PORT"
kill "$taker"
wait "$taker" 2>/dev/null || true # it was ended by a signal
