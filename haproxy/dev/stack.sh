# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The development stack as shell functions, shared by haproxy/dev/run.sh (make run) and tests/e2e/lib.sh.
#
#   STACK_DIR   where everything of this stack lives: certificates, keys, configuration, sockets, logs
#   STACK_BIN   where the programs are (build/release)
#   GATEWAY_PORT ADMIN_PORT ISSUER_PORT AGENT_METRICS_PORT AUDIT_PORT ACCOUNTS1_PORT ACCOUNTS2_PORT PAYMENTS_PORT
#
# Every function returns non-zero and says on stderr what is wrong. Processes are remembered by pid and ended by pid.

STACK_PIDS=()

stack_say() { echo "stack: $*" >&2; }

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Access-log records come by UDP, which nobody can connect to.
udp_port_is_free() { ! grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") " /proc/net/udp /proc/net/udp6 2>/dev/null; }

# A free port below the ephemeral range; ports handed out once are not handed out again by this shell.
STACK_PORTS_USED=" "
free_port() { # VARIABLE
	local port
	while :; do
		port=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
		case $STACK_PORTS_USED in *" $port "*) continue ;; esac
		port_is_free "$port" && udp_port_is_free "$port" && break
	done
	STACK_PORTS_USED="$STACK_PORTS_USED$port "
	printf -v "$1" %s "$port"
}

stack_free_ports() {
	local name
	for name in GATEWAY_PORT ADMIN_PORT ISSUER_PORT AGENT_METRICS_PORT AUDIT_PORT ACCOUNTS1_PORT ACCOUNTS2_PORT PAYMENTS_PORT; do
		free_port "$name"
	done
}

stack_ports_are_free() {
	local name bad=0
	for name in GATEWAY_PORT ADMIN_PORT ISSUER_PORT AGENT_METRICS_PORT ACCOUNTS1_PORT ACCOUNTS2_PORT PAYMENTS_PORT; do
		port_is_free "${!name}" || { stack_say "port ${!name} is taken; choose another with $name=PORT"; bad=1; }
	done
	udp_port_is_free "$AUDIT_PORT" || { stack_say "UDP port $AUDIT_PORT is taken; choose another with AUDIT_PORT=PORT"; bad=1; }
	return $bad
}

# When a process was started, in clock ticks since boot: with the pid it names one process for good.
stack_started() { [ -r "/proc/$1/stat" ] && sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }

# stack_spawn NAME COMMAND...: in the background, output to logs/NAME.log; the pid in PID_NAME
stack_spawn() {
	local name=$1
	shift
	"$@" >>"$STACK_DIR/logs/$name.log" 2>&1 &
	STACK_PIDS+=($!)
	printf -v "PID_$name" %s "$!"
	echo "$! $(stack_started $!) $name" >>"$STACK_DIR/run/pids"
}

# Ends what an earlier, interrupted run of the same folder left behind; nothing else.
stack_end_leftovers() {
	local pid started name
	[ -f "$STACK_DIR/run/pids" ] || return 0
	while read -r pid started name; do
		[ -n "$started" ] && [ "$(stack_started "$pid")" = "$started" ] || continue
		stack_say "ending $name (pid $pid), left by an interrupted run"
		kill "$pid" 2>/dev/null
		for _ in $(seq 100); do [ "$(stack_started "$pid")" = "$started" ] || break; sleep 0.05; done
		[ "$(stack_started "$pid")" != "$started" ] || kill -9 "$pid" 2>/dev/null
	done <"$STACK_DIR/run/pids"
	rm -f "$STACK_DIR/run/pids"
}

stack_wait_port() { # PORT WHAT
	local i
	for i in $(seq 100); do
		port_is_free "$1" || return 0
		sleep 0.1
	done
	stack_say "$2 does not answer on port $1; its log ends:"
	tail -20 "$STACK_DIR/logs/$2.log" >&2
	return 1
}

# A development CA, a server certificate and two client certificates. Made once, renewed a week before they end.
stack_certs() {
	local dir=$STACK_DIR/tls
	mkdir -p "$dir" "$STACK_DIR/logs" "$STACK_DIR/run"
	[ -f "$dir/server.pem" ] && openssl x509 -checkend 604800 -noout -in "$dir/server.pem" >/dev/null && return 0
	(
		set -e
		cd "$dir"
		umask 077
		openssl ecparam -name prime256v1 -genkey -noout -out ca.key
		openssl req -x509 -new -key ca.key -days 90 -subj "/CN=Sallyport development CA" -out ca.pem \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
		stack_issue server "/CN=localhost" "subjectAltName=DNS:localhost,DNS:gateway.test,IP:127.0.0.1
extendedKeyUsage=serverAuth"
		stack_issue client "/CN=mobile-app/O=Sallyport development" "extendedKeyUsage=clientAuth"
		cat server.crt server.key >server.pem
		chmod 644 ca.pem
	) 2>"$STACK_DIR/logs/certs.log" || { stack_say "openssl failed:"; cat "$STACK_DIR/logs/certs.log" >&2; return 1; }
}

stack_issue() { # NAME SUBJECT EXTENSIONS
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
	printf '%s\n' "$3" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 60 -extfile "$1.ext" -out "$1.crt"
}

stack_upstreams() {
	stack_spawn upstreams "$STACK_BIN/tests/tools/upstream" --cert "$STACK_DIR/tls/server.crt" --key "$STACK_DIR/tls/server.key" \
		--log "$STACK_DIR/logs/upstream-requests.log" \
		accounts-v1="$ACCOUNTS1_PORT" accounts-v2="$ACCOUNTS2_PORT" payments-v1="$PAYMENTS_PORT"
	stack_wait_port "$PAYMENTS_PORT" upstreams
}

# Ends what this shell started, newest first, and waits for it.
stack_stop() {
	local i pid
	for ((i = ${#STACK_PIDS[@]} - 1; i >= 0; i--)); do
		kill "${STACK_PIDS[i]}" 2>/dev/null
	done
	for pid in "${STACK_PIDS[@]}"; do
		for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	STACK_PIDS=()
	rm -f "$STACK_DIR/run/pids"
}

# --- the gateway's settings and parameters ---------------------------------------------------------------

# The sample bank: what service teams would have written to SSM, in the shape `aws ssm get-parameters-by-path` prints.
stack_parameters() {
	local p=/bank/dev
	{
		parameter "$p/cognito/staff/pool-id" eu-west-1_staff
		parameter "$p/cognito/staff/client/back-office" back-office
		parameter "$p/cognito/staff/client/api-authoriser" api-authoriser
		parameter "$p/cognito/customers/pool-id" eu-west-1_customers
		parameter "$p/cognito/customers/client/mobile" mobile
		parameter "$p/cognito/customers/client/web" web
		parameter "$p/kms/operational/arn" arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555
		service_parameters accounts-v1 "https://localhost:$ACCOUNTS1_PORT" v1 /v1/accounts staff
		service_parameters accounts-v2 "https://localhost:$ACCOUNTS2_PORT" v2 /v2/accounts staff
		parameter "$p/api-services/accounts-v2/timeout-ms" 1000
		service_parameters payments-v1 "https://localhost:$PAYMENTS_PORT" v1 /v1/payments customers
		parameter "$p/api-services/payments-v1/scopes" payments/read,payments/write
		parameter "$p/api-services/payments-v1/methods" GET,POST
		parameter "$p/api-services/payments-v1/throttle-rate" "${PAYMENTS_RATE:-50}"
		parameter "$p/api-services/payments-v1/throttle-burst" "${PAYMENTS_BURST:-100}"
		if declare -F more_parameters >/dev/null; then more_parameters; fi # what a test adds
	} | jq -s '{Parameters: .}' >"$STACK_DIR/parameters.json"
}

parameter() { # NAME VALUE
	jq -n --arg n "$1" --arg v "$2" '{Name: $n, Type: (if $v | contains(",") then "StringList" else "String" end), Value: $v, Version: 1}'
}

service_parameters() { # ID URL VERSION PREFIX AUTHORIZER
	local p=/bank/dev/api-services/$1
	parameter "$p/url" "$2"
	parameter "$p/version" "$3"
	parameter "$p/route-prefix" "$4"
	parameter "$p/authorizer" "$5"
}

# STACK_SETTINGS is a jq program that changes the settings before they are written.
stack_settings() {
	local crs='[]'
	if [ -n "${CRS_DIR:-}" ]; then
		crs=$(jq -n --arg d "$CRS_DIR" '[$d + "/crs-setup.conf.example", $d + "/rules/*.conf"]')
	elif [ -d /usr/share/modsecurity-crs/rules ]; then
		crs='["/etc/modsecurity/crs/crs-setup.conf", "/usr/share/modsecurity-crs/rules/*.conf"]'
	fi
	# Host_localhost_HEADER: this is how the development stack is reached.
	echo "SecRuleRemoveById 9100210" >"$STACK_DIR/waf-dev.conf"
	jq -n --arg dir "$STACK_DIR" --arg root "$PWD" --arg bin "$STACK_BIN" --argjson crs "$crs" \
		--arg gateway "$GATEWAY_PORT" --arg admin "$ADMIN_PORT" --arg issuer "https://localhost:$ISSUER_PORT" \
		--arg metrics "$AGENT_METRICS_PORT" --arg audit "$AUDIT_PORT" '{
		environment: "dev",
		store: {kind: "file", path: ($dir + "/parameters.json")},
		services: ["accounts-v1", "accounts-v2", "payments-v1"],
		public_url: ("https://localhost:" + $gateway),
		output_dir: ($dir + "/gateway"),
		listen: ["127.0.0.1:" + $gateway],
		tls: {certificate: ($dir + "/tls/server.pem"), client_ca: ($dir + "/tls/ca.pem")},
		upstream: {ca_file: ($dir + "/tls/ca.pem"), timeout_ms: 10000},
		admin: {listen: ("127.0.0.1:" + $admin)},
		log: {target: ("127.0.0.1:" + $audit)},
		ip_rate: {exempt: ["127.0.0.0/8"]},
		unauthorized: {limit: 100000},
		agent: {binary: ($bin + "/sallyport-spoa"), timeout_ms: 2000, socket: [$dir + "/run/spoa.sock"], pid_file: ($dir + "/run/spoa.pid"),
			metrics_listen: ("127.0.0.1:" + $metrics)},
		authorizers: {
			staff: {issuer: ($issuer + "/staff"), ca_file: ($dir + "/tls/ca.pem")},
			customers: {issuer: ($issuer + "/customers"), ca_file: ($dir + "/tls/ca.pem")}
		},
		waf: {aws: [$root + "/haproxy/waf/aws/*.conf", $dir + "/waf-dev.conf"],
			crs: (if $crs == [] then [] else [$root + "/haproxy/waf/crs/*.conf"] + $crs end), cache_dir: ($dir + "/waf-cache"), default_ruleset: "aws+crs"}
	}'" | ${STACK_SETTINGS:-.}" >"$STACK_DIR/gateway.json"
}

# --- the gateway ------------------------------------------------------------------------------------------

stack_issuer() {
	stack_spawn issuer "$STACK_BIN/sallyport-jwt" serve --listen "127.0.0.1:$ISSUER_PORT" --issuer "https://localhost:$ISSUER_PORT" \
		--tls-cert "$STACK_DIR/tls/server.crt" --tls-key "$STACK_DIR/tls/server.key" --keys "$STACK_DIR/issuer"
	stack_wait_port "$ISSUER_PORT" issuer
}

# A token of the development issuer: stack_token POOL [options of sallyport-jwt mint, which win over the defaults]
stack_token() {
	local pool=$1 client=back-office scope="accounts/read accounts/write"
	shift
	[ "$pool" = staff ] || { client=mobile; scope="payments/read payments/write"; }
	"$STACK_BIN/sallyport-jwt" mint --key "$STACK_DIR/issuer/$pool.pem" --issuer "https://localhost:$ISSUER_PORT/$pool" \
		--sub "$pool-user-1" --client-id "$client" --scope "$scope" "$@"
}

stack_registry() { "$STACK_BIN/sallyport-registry" --config "$STACK_DIR/gateway.json" "$@"; }

# With STACK_HOLD its socket is held over restarts, as a systemd socket unit does, and it is started again when it ends.
stack_agent() {
	local agent=("$STACK_BIN/sallyport-spoa" --config "$STACK_DIR/gateway/agent.json")
	[ -z "${STACK_HOLD:-}" ] || agent=(python3 tests/support/hold_socket.py "$STACK_DIR/run/spoa.sock" "$STACK_DIR/run/spoa.pid" "${agent[@]}")
	"${agent[@]}" >>"$STACK_DIR/logs/agent.log" 2>&1 &
	PID_agent=$!
	STACK_PIDS+=("$PID_agent")
	echo "$PID_agent $(stack_started "$PID_agent") agent" >>"$STACK_DIR/run/pids"
	[ -n "${STACK_HOLD:-}" ] || echo "$PID_agent" >"$STACK_DIR/run/spoa.pid"
	# The first start compiles the rules: some seconds, until they are in the cache.
	local i
	for i in $(seq 600); do
		curl -sf -o /dev/null "http://127.0.0.1:$AGENT_METRICS_PORT/ready" && return 0
		kill -0 "$PID_agent" 2>/dev/null || break
		sleep 0.1
	done
	stack_say "the agent is not ready; its log ends:"
	tail -20 "$STACK_DIR/logs/agent.log" >&2
	return 1
}

stack_haproxy() {
	stack_spawn haproxy haproxy -Ws -dMglobal -f "$STACK_DIR/gateway/current/haproxy.cfg" -S "$STACK_DIR/gateway/master.sock,mode,600"
	stack_wait_port "$GATEWAY_PORT" haproxy
}

# Where access-log records go: the audit log when STACK_AUDIT is set, else lines in logs/access.log.
stack_access_log() {
	if [ -z "${STACK_AUDIT:-}" ]; then
		: >"$STACK_DIR/logs/access.log"
		stack_spawn access socat -u "UDP4-RECV:$AUDIT_PORT,bind=127.0.0.1,rcvbuf=8388608" "OPEN:$STACK_DIR/logs/access.log,wronly,append"
		return
	fi
	local keys=$STACK_DIR/audit-keys
	[ -f "$keys/wrapping.key" ] || "$STACK_BIN/sallyport-audit" keygen "$keys" >>"$STACK_DIR/logs/audit.log" 2>&1 ||
		{ stack_say "no keys for the audit log:"; tail -3 "$STACK_DIR/logs/audit.log" >&2; return 1; }
	stack_spawn audit "$STACK_BIN/sallyport-audit" hold --listen "127.0.0.1:$AUDIT_PORT" -- "$STACK_BIN/sallyport-audit" serve --log "$STACK_DIR/audit" \
		--signing-key "$keys/signing.pem" --public-key "$keys/public.pem" --key "$keys/wrapping.key" --status none --immutable off # so that the folder can be deleted
}

stack_audit() { # COMMAND...: sallyport-audit on this stack's log
	local command=$1
	shift
	case $command in
	verify) "$STACK_BIN/sallyport-audit" verify --log "$STACK_DIR/audit" --public-key "$STACK_DIR/audit-keys/public.pem" "$@" ;;
	*) "$STACK_BIN/sallyport-audit" "$command" --log "$STACK_DIR/audit" --key "$STACK_DIR/audit-keys/wrapping.key" "$@" ;;
	esac
}

# The folders, certificates, files and processes of a whole gateway.
stack_start() {
	mkdir -p "$STACK_DIR/logs" "$STACK_DIR/run" "$STACK_DIR/waf-cache" "$STACK_DIR/issuer" || return 1
	stack_end_leftovers
	stack_ports_are_free && stack_certs && stack_parameters && stack_settings || return 1
	stack_access_log || return 1
	stack_issuer && stack_upstreams || return 1
	stack_registry apply >>"$STACK_DIR/logs/registry.log" 2>&1 || { stack_say "apply failed:"; tail -20 "$STACK_DIR/logs/registry.log" >&2; return 1; }
	stack_agent && stack_haproxy
}
