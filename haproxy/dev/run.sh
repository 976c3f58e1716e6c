#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make run: the whole gateway in the foreground with development keys, issuer, services and parameters.
# Everything lives in build/dev (SALLYPORT_DEV_DIR); ports are GATEWAY_PORT=8443 and so on, see below. Ctrl-C ends it.
set -u
cd "$(dirname "$0")/../.." || exit 1
STACK_DIR=${SALLYPORT_DEV_DIR:-$PWD/build/dev}
STACK_BIN=$PWD/build/release
: "${GATEWAY_PORT:=8443}" "${ADMIN_PORT:=8405}" "${ISSUER_PORT:=9443}" "${AGENT_METRICS_PORT:=9702}" "${AUDIT_PORT:=5140}"
: "${ACCOUNTS1_PORT:=9101}" "${ACCOUNTS2_PORT:=9102}" "${PAYMENTS_PORT:=9103}"
STACK_AUDIT=1
. haproxy/dev/stack.sh

end() {
	trap - EXIT INT TERM
	# shellcheck disable=SC2046
	[ -z "${TAIL_PID:-}" ] || kill "$TAIL_PID" $(pgrep -P "$TAIL_PID") 2>/dev/null
	echo
	stack_say "stopping"
	stack_stop
	exit "${1:-0}"
}
trap 'end 0' INT TERM
trap 'end $?' EXIT

# One readable line per request, the programs' own lines as they are.
show_logs() {
	"$STACK_BIN/sallyport-audit" query --log "$STACK_DIR/audit" --key "$STACK_DIR/audit-keys/wrapping.key" --follow --from 0m 2>/dev/null | jq --unbuffered -Rr 'fromjson? | "\(.time) \(.status) \(.method) \(.path) \(.service) sub=\(.sub) auth=\(.auth) waf=\(.waf)" +
		(if .rules != "" then " rules=\(.rules)" else "" end) + (if .throttle != "" then " throttle=\(.throttle)" else "" end) + " agent=\(.agent_us)us total=\(.total_ms)ms"' &
	tail -q -n 0 -F "$STACK_DIR"/logs/{agent,haproxy,issuer,registry,audit}.log 2>/dev/null
}

# build/dev/token POOL [options of sallyport-jwt mint]: a token of the development issuer.
write_token_script() {
	cat >"$STACK_DIR/token" <<-EOF
		#!/usr/bin/env bash
		# Prints a token of the development issuer: token staff|customers [options of sallyport-jwt mint]
		pool=\$1 client=back-office scope="accounts/read accounts/write"
		shift
		[ "\$pool" = staff ] || { client=mobile; scope="payments/read payments/write"; }
		exec $STACK_BIN/sallyport-jwt mint --key $STACK_DIR/issuer/\$pool.pem --issuer https://localhost:$ISSUER_PORT/\$pool \\
			--sub \$pool-user-1 --client-id "\$client" --scope "\$scope" "\$@"
	EOF
	chmod +x "$STACK_DIR/token"
}

echo "Starting the gateway; state and logs are in $STACK_DIR"
mkdir -p "$STACK_DIR/logs"
: >"$STACK_DIR/logs/haproxy.log"
stack_start || end 1

write_token_script
here=${STACK_DIR#"$PWD/"}
base=https://localhost:$GATEWAY_PORT
cat <<EOF

The gateway answers on $base. In another terminal, in this folder:

  export CURL_CA_BUNDLE=$here/tls/ca.pem
  staff() { echo "Authorization: Bearer \$($here/token staff "\$@")"; }
  customer() { echo "Authorization: Bearer \$($here/token customers "\$@")"; }

  curl -i -H "\$(staff)" $base/v1/accounts/42                  # 200 from accounts-v1
  curl -i -H "\$(staff)" $base/v2/accounts/42                  # 200 from accounts-v2
  curl -i -H "\$(customer)" $base/v1/payments                  # 200 from payments-v1
  curl -i $base/v1/accounts/42                                 # 401 no token
  curl -i -H "\$(customer)" $base/v1/accounts/42               # 401 token of the wrong pool
  curl -i -H "\$(staff --lifetime -60)" $base/v1/accounts/42   # 401 expired
  curl -i -H "\$(customer --scope other)" $base/v1/payments    # 403 scope missing
  curl -i -H "\$(staff)" "$base/v1/accounts?id=1%27%20or%201=1--"   # 403 SQL injection
  curl -i -H "\$(staff)" $base/v1/unknown                      # 404 unknown route

  $STACK_BIN/sallyport-audit query --log $here/audit --key $here/audit-keys/wrapping.key --format table --limit 20
  $STACK_BIN/sallyport-audit verify --log $here/audit --public-key $here/audit-keys/public.pem

Parameters: $here/parameters.json, applied by: $STACK_BIN/sallyport-registry -c $here/gateway.json apply
Metrics: http://127.0.0.1:$ADMIN_PORT/metrics and /agent/metrics. Ctrl-C ends everything.

EOF
show_logs &
TAIL_PID=$!
sleep 0.3
for pid in "$TAIL_PID" $(pgrep -P "$TAIL_PID"); do
	echo "$pid $(stack_started "$pid") log" >>"$STACK_DIR/run/pids"
done
while kill -0 "$PID_haproxy" 2>/dev/null && kill -0 "$PID_agent" 2>/dev/null; do
	sleep 1 &
	wait $!
done
stack_say "a part of the gateway has ended; its log:"
tail -5 "$STACK_DIR/logs/agent.log" "$STACK_DIR/logs/haproxy.log" >&2
end 1
