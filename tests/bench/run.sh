#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make bench: the gateway beside a plain HAProxy, interleaved in one run on this machine; ratios are what counts.
# Writes build/bench/results.json and the table between the marks in docs/performance.md. --quick: shorter rounds, no file changed.
# The CRS is Debian's (3.3), or the release CRS_DIR points at.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROUNDS=3 SECONDS_EACH=5 QUICK=
[ "${1:-}" = --quick ] && { ROUNDS=1 SECONDS_EACH=2 QUICK=1; }
make -s -j"$(nproc)" all test-tools || exit 1
. haproxy/dev/stack.sh
STACK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-bench.XXXXXX")
STACK_BIN=$PWD/build/release
OUT=build/bench
mkdir -p "$OUT"
trap 'stack_stop; rm -rf "$STACK_DIR"' EXIT
trap 'exit 130' INT TERM
stack_free_ports
free_port PLAIN_PORT
free_port UPSTREAM_PORT

# One service per contender, all behind the same gateway and in front of the same upstream.
stack_parameters() {
	local p=/bank/dev service
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
	} | jq -s '{Parameters: .}' >"$STACK_DIR/parameters.json"
}
STACK_SETTINGS='.services = ["token", "aws", "crs"] | .throttle.ceiling_rate = 500000 | .throttle.ceiling_burst = 1000000 | .nbthread = 1 | .waf.default_ruleset = "aws" | .log.target = "127.0.0.1:9"'

# The fastest upstream there is, and the plain proxy the gateway is compared with: same TLS, same upstream, nothing else.
stack_upstreams() {
	cat >"$STACK_DIR/plain.cfg" <<-EOF
		global
		    nbthread 1
		    tune.bufsize 131072
		defaults
		    mode http
		    timeout client 30s
		    timeout server 30s
		    timeout connect 1s
		frontend upstream
		    bind 127.0.0.1:$UPSTREAM_PORT ssl crt $STACK_DIR/tls/server.pem
		    http-request wait-for-body time 5s if METH_POST
		    http-request return status 200 content-type application/json string '{"balance":"125.00","currency":"EUR"}'
		frontend plain
		    bind 127.0.0.1:$PLAIN_PORT ssl crt $STACK_DIR/tls/server.pem alpn h2,http/1.1
		    default_backend upstream
		backend upstream
		    http-reuse safe
		    server s localhost:$UPSTREAM_PORT ssl verify required ca-file $STACK_DIR/tls/ca.pem verifyhost localhost
	EOF
	stack_spawn plain haproxy -f "$STACK_DIR/plain.cfg"
	stack_wait_port "$PLAIN_PORT" plain
}
stack_access_log() { :; }
stack_start || exit 1

token=$(stack_token staff --lifetime 7200)
cat >"$STACK_DIR/transfer.json" <<'EOF'
{"from":"DE89370400440532013000","to":"GB29NWBK60161331926819","amount":{"currency":"EUR","value":"125.00"},"reference":"Invoice 2026/11-042, thank you","executionDate":"2026-11-30","instant":false,"notify":["email"],"id":"6f1d2c3b-0a4e-4a53-8f0e-4b2f0b9c1d77"}
EOF
query='12345678/transactions?from=2026-10-01&to=2026-11-01&limit=50&cursor=eyJpZCI6MTIzfQ'
headers=(-H "Authorization: Bearer $token" -H "User-Agent: sallyport-bench/1.0" -H "Accept: application/json" -H "Accept-Encoding: gzip" -H "X-Request-Id: 6f1d2c3b")
url_of() { if [ "$1" = plain ]; then echo "https://localhost:$PLAIN_PORT/v1/plain/$query"; else echo "https://localhost:$GATEWAY_PORT/v1/$1/$query"; fi; }
load() { # CONTENDER KIND [options]
	local url extra=()
	url=$(url_of "$1")
	[ "$2" = post ] && extra=(--method POST --body "$STACK_DIR/transfer.json" -H "Content-Type: application/json")
	shift 2
	"$STACK_BIN/tests/bench/load" --url "$url" --ca "$STACK_DIR/tls/ca.pem" "${headers[@]}" "${extra[@]}" "$@"
}
contenders="plain token aws crs"
crs_name=$([ -n "${CRS_DIR:-}" ] && basename "$CRS_DIR" || echo "CRS $(dpkg-query -W -f '${Version}' modsecurity-crs 2>/dev/null)")

: >"$OUT/runs.jsonl"
note() { jq -c --arg c "$1" --arg k "$2" --arg w "$3" '. + {contender: $c, kind: $k, load: $w}' >>"$OUT/runs.jsonl"; }
for c in $contenders; do load "$c" get --connections 16 --seconds 1 >/dev/null; done
for round in $(seq "$ROUNDS"); do
	for kind in get post; do
		for c in $contenders; do
			echo "round $round/$ROUNDS: $kind $c" >&2
			load "$c" "$kind" --connections 32 --seconds "$SECONDS_EACH" | note "$c" "$kind" closed
		done
	done
done
# Open loop at half of what the slowest contender carries: latency without queues, stalls seen in every request they delay.
rate=$(jq -s '[group_by(.contender)[] | map(.rps) | add / length] | min / 2 | floor' "$OUT/runs.jsonl")
for round in $(seq "$ROUNDS"); do
	for c in $contenders; do
		echo "round $round/$ROUNDS: latency at $rate/s, $c" >&2
		load "$c" get --connections 32 --seconds "$SECONDS_EACH" --rate "$rate" | note "$c" get open
	done
done

jq -s --arg machine "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores" --arg haproxy "$(haproxy -v | sed -n 's/.*version \([^ ]*\).*/\1/p' | head -1)" \
	--arg openssl "$(openssl version | cut -d' ' -f2)" --arg crs "$crs_name" --arg load "$(cut -d' ' -f1-3 /proc/loadavg)" --argjson rate "$rate" '
	def median: sort | .[length / 2 | floor];
	{machine: $machine, haproxy: $haproxy, openssl: $openssl, crs: $crs, loadavg: $load, open_rate: $rate,
	 rows: (group_by([.load, .kind, .contender]) | map({load: .[0].load, kind: .[0].kind, contender: .[0].contender, rps: (map(.rps) | median | floor),
		rps_min: (map(.rps) | min | floor), rps_max: (map(.rps) | max | floor), p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median),
		failed: (map(.issued - (.status["200"] // 0)) | add)}))}' "$OUT/runs.jsonl" >"$OUT/results.json"

jq -r '
	def row($l; $k; $c): .rows[] | select(.load == $l and .kind == $k and .contender == $c);
	def name: {plain: "HAProxy alone, TLS on both sides", token: "gateway, token check", aws: "gateway, token + AWS rules", crs: "gateway, token + CRS"}[.];
	. as $r
	| "Machine: \(.machine); HAProxy \(.haproxy), OpenSSL \(.openssl), \(.crs). HAProxy with one thread, agent with one thread, load generator and upstream on the same cores. Load of others at the start: \(.loadavg).\n",
	  "| what | GET/s | of HAProxy alone | POST/s | of HAProxy alone | p50 µs at \(.open_rate)/s | p99 µs at \(.open_rate)/s | not 200 |", "|---|---|---|---|---|---|---|---|",
	  (["plain", "token", "aws", "crs"][] | . as $c | ($r | row("closed"; "get"; $c)) as $g | ($r | row("closed"; "post"; $c)) as $p | ($r | row("open"; "get"; $c)) as $o
		| ($r | row("closed"; "get"; "plain")) as $g0 | ($r | row("closed"; "post"; "plain")) as $p0
		| "| \($c | name) | \($g.rps) (\($g.rps_min)–\($g.rps_max)) | \($g.rps * 100 / $g0.rps | floor) % | \($p.rps) (\($p.rps_min)–\($p.rps_max)) | \($p.rps * 100 / $p0.rps | floor) % | \($o.p50_us) | \($o.p99_us) | \($g.failed + $p.failed + $o.failed) |")' \
	"$OUT/results.json" | tee "$OUT/table.md"
echo "agent memory: $(awk '/^VmRSS/ { print $2 }' "/proc/$PID_agent/status") KiB" | tee -a "$OUT/table.md"

if [ -z "$QUICK" ] && grep -q '<!-- bench:gateway -->' docs/performance.md 2>/dev/null; then
	awk -v table="$OUT/table.md" '/<!-- bench:gateway -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; skip = 1; next }
		/<!-- bench:end -->/ { skip = 0 } !skip' docs/performance.md >"$OUT/performance.md" && cp "$OUT/performance.md" docs/performance.md
fi
