# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What make bench compares, as shell functions on top of haproxy/dev/stack.sh; shared by run.sh, soak.sh and scale.sh.
# A contender is a URL that ends in one and the same upstream; url_of names it, pids_of the processes that work for it.

# Threads of every proxy that is compared; the agent has one.
BENCH_THREADS=${BENCH_THREADS:-2}
# CRS 4: the gateways but one run what an installation has.
BENCH_CRS4=${CRS_DIR:-../shared/data/crs-4.28.0}
unset CRS_DIR
# Connections of every proxy, each of which takes two files.
BENCH_MAXCONN=${BENCH_MAXCONN:-9900}
declare -A URL PIDS NAME AGENT_OF
contenders=()
skipped=()

contender() { # ID PORT PREFIX "PIDS" NAME
	contenders+=("$1")
	URL[$1]=https://localhost:$2$3
	PIDS[$1]=$4
	NAME[$1]=$5
}
skip() { skipped+=("$1: $2"); echo "not compared: $1: $2" >&2; }

bench_setup() {
	STACK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-bench.XXXXXX")
	export BENCH_DIR=$STACK_DIR
	STACK_BIN=$PWD/build/release
	# Compiled rules are kept from run to run.
	mkdir -p build/bench/waf-cache
	ln -s "$PWD/build/bench/waf-cache" "$STACK_DIR/waf-cache"
	trap 'stack_stop; rm -rf "$BENCH_DIR"' EXIT
	trap 'exit 130' INT TERM
	stack_free_ports
	free_port UPSTREAM_PORT
	free_port PLAIN_PORT
	free_port JWT_PORT
}

# One service per contender behind the same gateway and in front of the same upstream; BENCH_SERVICES more of them fill the tables.
stack_parameters() {
	local p=/bank/dev service
	{
		printf '%s\n' token aws crs
		seq -f 'filler-%.0f' 0 $((${BENCH_SERVICES:-0} - 1))
	} >"$BENCH_DIR/services"
	{
		parameter "$p/cognito/staff/pool-id" eu-west-1_staff
		parameter "$p/cognito/staff/client/back-office" back-office
		parameter "$p/cognito/staff/client/api-authoriser" api-authoriser
		parameter "$p/cognito/customers/pool-id" eu-west-1_customers
		parameter "$p/cognito/customers/client/mobile" mobile
		parameter "$p/cognito/customers/client/web" web
		parameter "$p/kms/operational/arn" arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555
		for service in token aws crs; do
			service_parameters "$service" "https://localhost:$UPSTREAM_PORT" v1 "/v1/$service" staff
			parameter "$p/api-services/$service/throttle-rate" 400000
			parameter "$p/api-services/$service/throttle-burst" 900000
		done
		parameter "$p/api-services/token/waf" off
		parameter "$p/api-services/aws/waf-ruleset" aws
		parameter "$p/api-services/crs/waf-ruleset" crs
	} | jq -s --arg p "$p/api-services/" --arg url "https://localhost:$UPSTREAM_PORT" --argjson more "${BENCH_SERVICES:-0}" '{Parameters: (. + [range($more) as $i
		| {url: $url, version: "v1", "route-prefix": "/v1/filler/\($i)", authorizer: "staff", waf: "off"} | to_entries[]
		| {Name: ($p + "filler-\($i)/" + .key), Type: "String", Value: .value, Version: 1}])}' >"$STACK_DIR/parameters.json"
}
export BENCH_THREADS BENCH_MAXCONN
STACK_SETTINGS='del(.services) | .services_file = $ENV.BENCH_DIR + "/services"
	| .throttle.ceiling_rate = 500000 | .throttle.ceiling_burst = 1000000 | .nbthread = ($ENV.BENCH_THREADS | tonumber) | .waf.default_ruleset = "aws" | .maxconn = ($ENV.BENCH_MAXCONN | tonumber)'
# Every gateway of a run asks the same issuer.
bench_gateway() {
	stack_settings && stack_registry apply >>"$STACK_DIR/logs/registry.log" 2>&1 || { tail -20 "$STACK_DIR/logs/registry.log" >&2; return 1; }
	stack_agent && stack_haproxy
}
# HAProxy -Ws: the master does nothing, its child everything.
haproxy_pids() { echo "$PID_haproxy $(tr '\n' ' ' <"/proc/$PID_haproxy/task/$PID_haproxy/children")"; }

# What the proxies that are compared have in common: sections before the frontend, the backend of the same upstream, and one of agents, whose
# connections HAProxy keeps in mode spop only, from 3.1 on.
proxy_defaults() {
	cat <<-EOF2
		global
		    nbthread $BENCH_THREADS
		    maxconn $BENCH_MAXCONN
		    tune.bufsize 131072
		defaults
		    mode http
		    timeout client 30s
		    timeout server 30s
		    timeout connect 1s
	EOF2
}
proxy_upstream() {
	cat <<-EOF2
		backend upstream
		    http-reuse safe
		    server s localhost:$UPSTREAM_PORT ssl verify required ca-file $STACK_DIR/tls/ca.pem verifyhost localhost
	EOF2
}
proxy_agents() { # SERVER: address and options
	cat <<-EOF2
		backend agents
		.if version_atleast(3.1)
		    mode spop
		.else
		    mode tcp
		.endif
		    timeout server 3m
		    server a $1
	EOF2
}

# The fastest upstream there is; the proxy the gateway is compared with: same TLS, same upstream, nothing else; and HAProxy's own check.
stack_upstreams() {
	local i
	for i in $(seq 100); do [ -s "$STACK_DIR/issuer/staff.pem" ] && break; sleep 0.1; done
	openssl pkey -in "$STACK_DIR/issuer/staff.pem" -pubout -out "$STACK_DIR/staff.pub" 2>/dev/null
	cat >"$STACK_DIR/upstream.cfg" <<-EOF2
		$(proxy_defaults)
		frontend upstream
		    bind 127.0.0.1:$UPSTREAM_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    http-request wait-for-body time 5s if METH_POST
		    http-request return status 200 content-type application/json string '{"balance":"125.00","currency":"EUR"}'
	EOF2
	cat >"$STACK_DIR/plain.cfg" <<-EOF2
		$(proxy_defaults)
		frontend plain
		    bind 127.0.0.1:$PLAIN_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    default_backend upstream
		$(proxy_upstream)
	EOF2
	cat >"$STACK_DIR/jwt.cfg" <<-EOF2
		$(proxy_defaults)
		frontend jwt
		    bind 127.0.0.1:$JWT_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    http-request set-var(txn.token) http_auth_bearer
		    http-request set-var(txn.alg) var(txn.token),jwt_header_query('\$.alg')
		    http-request set-var(txn.iss) var(txn.token),jwt_payload_query('\$.iss')
		    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('\$.exp','int')
		    http-request set-var(txn.now) date
		    http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
		    http-request deny deny_status 401 unless { var(txn.iss) -m str https://localhost:$ISSUER_PORT/staff }
		    http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
		    http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"$STACK_DIR/staff.pub") 1 }
		    default_backend upstream
		$(proxy_upstream)
	EOF2
	stack_spawn upstream haproxy -db -dMglobal -f "$STACK_DIR/upstream.cfg"
	stack_spawn plain haproxy -db -dMglobal -f "$STACK_DIR/plain.cfg"
	stack_spawn jwt haproxy -db -dMglobal -f "$STACK_DIR/jwt.cfg"
	stack_wait_port "$UPSTREAM_PORT" upstream && stack_wait_port "$PLAIN_PORT" plain && stack_wait_port "$JWT_PORT" jwt
}
# A socket that nobody reads from: what the audit log costs is measured by itself, and a port that nobody has costs an ICMP message for each record.
stack_access_log() {
	stack_spawn log python3 -c 'import signal, socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", int(sys.argv[1]))); signal.pause()' "$AUDIT_PORT"
}

# Another gateway of the same parameters and issuer: bench_gateway_beside ID ROUTE NAME. It takes CRS_DIR and STACK_SETTINGS from its caller.
bench_gateway_beside() {
	local STACK_DIR=$BENCH_DIR/$1 GATEWAY_PORT ADMIN_PORT AGENT_METRICS_PORT
	free_port GATEWAY_PORT
	free_port ADMIN_PORT
	free_port AGENT_METRICS_PORT
	mkdir -p "$STACK_DIR/logs" "$STACK_DIR/run"
	ln -s ../tls ../issuer ../parameters.json ../waf-cache "$STACK_DIR/"
	bench_gateway || return 1
	contender "$1" "$GATEWAY_PORT" "$2" "$(haproxy_pids) $PID_agent" "$3"
	AGENT_OF[$1]=$PID_agent
}
crs4_name() { basename "$(realpath "$BENCH_CRS4")" | sed 's/crs-/CRS /'; }
# For a run of the gateway alone: CRS 4 where there is a copy. RULES says what it is.
bench_rules() {
	RULES="CRS $(dpkg-query -W -f '${Version}' modsecurity-crs 2>/dev/null | cut -d- -f1)"
	[ ! -d "$BENCH_CRS4/rules" ] || { CRS_DIR=$(realpath "$BENCH_CRS4") && RULES=$(crs4_name); }
}
bench_crs4() {
	[ -d "$BENCH_CRS4/rules" ] || { skip "gateway, token + CRS 4" "no rules at $BENCH_CRS4 (CRS_DIR)"; return; }
	local CRS_DIR
	CRS_DIR=$(realpath "$BENCH_CRS4")
	bench_gateway_beside crs4 /v1/crs "gateway, token + $(crs4_name)"
}
bench_retry() {
	local STACK_SETTINGS="$STACK_SETTINGS | .upstream.retry_rate = 1000000"
	bench_gateway_beside retry /v1/token "gateway, token check, upstream.retry_rate 1000000"
}

# What the gateway cannot do without: the same round trip to the same agent, one condition on its verdict, and a log line of three members; no other rule.
bench_floor() {
	free_port FLOOR_PORT
	cat >"$STACK_DIR/floor.cfg" <<-EOF2
		$(proxy_defaults)
		frontend floor
		    bind 127.0.0.1:$FLOOR_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    log 127.0.0.1:$AUDIT_PORT len 65000 format raw local0 info
		    unique-id-format %[uuid()]
		    log-format '{"time":%[date(0,ms)],"id":"%[unique-id]","status":%ST}'
		    filter spoe engine gw config $STACK_DIR/gateway/current/spoe.conf
		    http-request wait-for-body time 5s if METH_POST
		    http-request set-var(txn.svc) str(token)
		    http-request send-spoe-group gw check
		    http-request deny deny_status 401 unless { var(txn.gw.verdict) -m int 200 }
		    default_backend upstream
		$(proxy_upstream)
		$(proxy_agents "unix@$STACK_DIR/run/spoa.sock pool-low-conn 8")
	EOF2
	stack_spawn floor haproxy -db -dMglobal -f "$STACK_DIR/floor.cfg"
	stack_wait_port "$FLOOR_PORT" floor || return
	AGENT_OF[floor]=$PID_agent
	contender floor "$FLOOR_PORT" /v1/token "$PID_floor $PID_agent" "HAProxy with the agent's token check and a short log, nothing else"
}

# nginx with libmodsecurity, unpacked from Debian's packages below build/, installed nowhere.
bench_nginx() {
	local root=$PWD/build/bench/nginx module dir=$STACK_DIR/nginx
	if [ ! -x "$root/usr/sbin/nginx" ]; then
		mkdir -p "$root"
		(cd "$root" && apt-get download nginx libnginx-mod-http-modsecurity libnginx-mod-http-ndk && for p in *.deb; do dpkg -x "$p" .; done) >"$STACK_DIR/logs/nginx-download.log" 2>&1
	fi
	module=$root/usr/lib/nginx/modules/ngx_http_modsecurity_module.so
	[ -f "$module" ] && [ -d /usr/share/modsecurity-crs/rules ] && ! ldd "$module" | grep -q 'not found' ||
		{ skip "nginx with libmodsecurity" "packages nginx, libnginx-mod-http-modsecurity, libmodsecurity3, modsecurity-crs are needed"; return; }
	free_port NGINX_PORT
	mkdir -p "$dir/tmp"
	sed 's/^SecRuleEngine .*/SecRuleEngine On/; s/^SecAuditEngine .*/SecAuditEngine Off/; s/^SecUnicodeMapFile .*//' "$root/etc/nginx/modsecurity.conf" >"$dir/rules.conf"
	printf 'Include /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n' >>"$dir/rules.conf"
	cat >"$dir/nginx.conf" <<-EOF2
		load_module $root/usr/lib/nginx/modules/ndk_http_module.so;
		load_module $module;
		daemon off;
		worker_processes $BENCH_THREADS;
		pid $dir/pid;
		error_log $dir/error.log error;
		events { worker_connections 1024; }
		http {
		    access_log off;
		    client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp; fastcgi_temp_path $dir/tmp; uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
		    client_body_buffer_size 64k;
		    keepalive_requests 1000000000;
		    upstream up { server localhost:$UPSTREAM_PORT; keepalive 256; keepalive_requests 1000000000; }
		    server {
		        listen 127.0.0.1:$NGINX_PORT ssl http2;
		        ssl_certificate $STACK_DIR/tls/server.crt;
		        ssl_certificate_key $STACK_DIR/tls/server.key;
		        modsecurity on;
		        modsecurity_rules_file $dir/rules.conf;
		        location / {
		            proxy_pass https://up;
		            proxy_http_version 1.1;
		            proxy_set_header Connection "";
		            proxy_ssl_verify on;
		            proxy_ssl_name localhost;
		            proxy_ssl_trusted_certificate $STACK_DIR/tls/ca.pem;
		        }
		    }
		}
	EOF2
	stack_spawn nginx "$root/usr/sbin/nginx" -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
	stack_wait_port "$NGINX_PORT" nginx || { skip "nginx with libmodsecurity" "it does not start"; return; }
	contender nginx "$NGINX_PORT" /v1/nginx "$PID_nginx $(tr '\n' ' ' <"/proc/$PID_nginx/task/$PID_nginx/children")" "nginx + libmodsecurity, CRS 3.3, no token check"
}

# Coraza's CRS 4 behind SPOE. coraza-spoa itself is not to be had as a Go module here, so this is an agent of our own around the same
# engine (tests/bench/coraza_peer, versions pinned by its go.sum), built below build/.
bench_coraza() {
	local binary=$PWD/build/bench/coraza-peer dir=$STACK_DIR/coraza rules=$BENCH_CRS4 version
	command -v go >/dev/null || { skip "Coraza" "no Go"; return; }
	[ -d "$rules/rules" ] || { skip "Coraza" "no CRS 4 at $rules (CRS_DIR)"; return; }
	(cd tests/bench/coraza_peer && timeout 300 go build -buildvcs=false -o "$binary" .) >"$STACK_DIR/logs/coraza-build.log" 2>&1 ||
		{ skip "Coraza" "$(grep -v '^go: downloading' "$STACK_DIR/logs/coraza-build.log" | tail -1 | cut -c1-100)"; return; }
	version=$(sed -n 's/^require .*coraza.v3 v//p' tests/bench/coraza_peer/go.mod)
	rules=$(realpath "$rules")
	free_port CORAZA_PORT
	free_port CORAZA_AGENT_PORT
	mkdir -p "$dir"
	cat >"$dir/rules.conf" <<-EOF2
		SecRuleEngine On
		SecRequestBodyAccess On
		SecAuditEngine Off
		SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
		SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
		Include $rules/crs-setup.conf.example
		Include $rules/rules/*.conf
	EOF2
	cat >"$dir/spoe.conf" <<-EOF2
		[coraza]
		spoe-agent coraza
		    messages coraza-req
		    option var-prefix coraza
		    option set-on-error error
		    timeout hello 2s
		    timeout idle 2m
		    timeout processing 2s
		    use-backend agents
		spoe-message coraza-req
		    args id=unique-id src=src port=src_port method=method path=path query=query ver=req.ver hdrs=req.hdrs_bin body=req.body
		    event on-frontend-http-request
	EOF2
	cat >"$dir/haproxy.cfg" <<-EOF2
		$(proxy_defaults)
		frontend coraza
		    bind 127.0.0.1:$CORAZA_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    unique-id-format %[uuid()]
		    option http-buffer-request
		    filter spoe engine coraza config $dir/spoe.conf
		    http-request deny deny_status 403 if { var(txn.coraza.action) -m str deny }
		    http-request deny deny_status 503 unless { var(txn.coraza.action) -m str pass }
		    default_backend upstream
		$(proxy_upstream)
		$(proxy_agents "127.0.0.1:$CORAZA_AGENT_PORT")
	EOF2
	stack_spawn coraza_agent "$binary" "127.0.0.1:$CORAZA_AGENT_PORT" "$dir/rules.conf"
	stack_wait_port "$CORAZA_AGENT_PORT" coraza_agent || { skip "Coraza" "it does not start"; return; }
	stack_spawn coraza haproxy -db -dMglobal -f "$dir/haproxy.cfg"
	stack_wait_port "$CORAZA_PORT" coraza || return
	AGENT_OF[coraza]=$PID_coraza_agent
	contender coraza "$CORAZA_PORT" /v1/coraza "$PID_coraza $PID_coraza_agent" "HAProxy + Coraza $version in an SPOE agent of ours, $(crs4_name), no token check"
}

# All of them. The order is that of the tables.
bench_start() {
	stack_start || return 1
	contender direct "$UPSTREAM_PORT" /v1/direct "$PID_upstream" "upstream, no proxy"
	contender plain "$PLAIN_PORT" /v1/plain "$PID_plain" "HAProxy alone, TLS on both sides"
	contender jwt "$JWT_PORT" /v1/jwt "$PID_jwt" "HAProxy with its jwt_verify"
	[ -n "${BENCH_OURS_ONLY:-}" ] || bench_floor || return 1
	local pids
	pids="$(haproxy_pids) $PID_agent"
	AGENT_OF[token]=$PID_agent AGENT_OF[aws]=$PID_agent AGENT_OF[crs]=$PID_agent
	contender token "$GATEWAY_PORT" /v1/token "$pids" "gateway, token check"
	contender aws "$GATEWAY_PORT" /v1/aws "$pids" "gateway, token + AWS rules"
	contender crs "$GATEWAY_PORT" /v1/crs "$pids" "gateway, token + CRS $(dpkg-query -W -f '${Version}' modsecurity-crs 2>/dev/null | cut -d- -f1)"
	[ -n "${BENCH_OURS_ONLY:-}" ] && return
	bench_crs4 && bench_retry && bench_nginx && bench_coraza
}

# CPU time of a process in µs.
cpu_us() { awk '{ us += $1 / 1000 } END { printf "%d", us }' "/proc/$1/task/"*/schedstat 2>/dev/null || echo 0; }

# between MARK FILE: the file in place of what stands between the marks of docs/performance.md.
between() {
	awk -v mark="$1" -v table="$2" '$0 == "<!-- bench:" mark " -->" { print; print ""; while ((getline line < table) > 0) print line; print ""; skip = 1; next }
		$0 == "<!-- bench:end -->" { skip = 0 } !skip' docs/performance.md >build/bench/performance.md && cp build/bench/performance.md docs/performance.md
}
machine() { echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores"; }
