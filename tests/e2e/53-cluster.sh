#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes, each in a network namespace of its own, hold one limit together: under uneven load, while a node is lost and comes
# back, during reloads, and after a partition. payments-v1 has 100/s and 200; one agent serves all nodes through its socket.
. tests/e2e/lib.sh
. tests/e2e/throttle_lib.sh
NODES=(n1 n2 n3)
NS=sp$$
hub=$NS-hub
ns() { local node=$1; shift; ip netns exec "$NS-$node" "$@"; }
remove_namespaces() { local n; for n in "${NODES[@]}" hub; do ip netns del "$NS-$n" 2>/dev/null; done; }
if [ "$(id -u)" -ne 0 ] || ! ip netns add "$hub" 2>/dev/null; then
	tap_skip "three nodes in network namespaces" "needs the right to make network namespaces"
	exit 0
fi
trap 'code=$?; stack_stop; remove_namespaces; (exit $code); e2e_end' EXIT

make_namespaces() {
	local i n
	ip netns exec "$hub" ip link add name hub type bridge && ip netns exec "$hub" ip link set hub up || return 1
	for i in 1 2 3; do
		n=$NS-n$i
		ip netns add "$n" && ip -n "$hub" link add "p$i" type veth peer name eth netns "$n" || return 1
		ip -n "$hub" link set "p$i" master hub up
		ip -n "$n" link set lo up && ip -n "$n" addr add "10.99.0.$i/24" dev eth && ip -n "$n" link set eth up || return 1
	done
}

node_certificates() {
	local n
	for n in "${NODES[@]}"; do
		(cd "$E2E_DIR/tls" && stack_issue "$n" "/CN=$n" "subjectAltName=DNS:$n
extendedKeyUsage=serverAuth,clientAuth" && cat "$n.crt" "$n.key" >"$n.pem") 2>>"$E2E_DIR/logs/certs.log"
	done
	(cd "$E2E_DIR/tls" && openssl ecparam -name prime256v1 -genkey -noout -out alien.key && openssl req -x509 -new -key alien.key -days 2 -subj /CN=n3 -out alien.crt && cat alien.crt alien.key >alien.pem) 2>>"$E2E_DIR/logs/certs.log"
}

settings_of() { # NODE
	jq --arg d "$E2E_DIR" --arg n "$1" '.output_dir = $d + "/" + $n | .cluster = {node: $n, nodes: ["n1=10.99.0.1:8400", "n2=10.99.0.2:8400", "n3=10.99.0.3:8400"],
		certificate: ($d + "/tls/" + $n + ".pem"), ca_file: ($d + "/tls/ca.pem")} | .nbthread = 2' "$E2E_DIR/gateway.json" >"$E2E_DIR/$1.json"
}

start_node() { # NODE
	(exec ip netns exec "$NS-$1" haproxy -Ws -f "$E2E_DIR/$1/current/haproxy.cfg" -S "$E2E_DIR/$1/master.sock" >>"$E2E_DIR/logs/haproxy-$1.log" 2>&1) &
	STACK_PIDS+=("$!")
	printf -v "PID_$1" %s "$!"
}
lose_node() { # NODE: at once, without a word
	local pid=PID_$1 worker
	worker=$(echo "show info" | socat - "UNIX-CONNECT:$E2E_DIR/$1/stats.sock" | sed -n 's/^Pid: //p')
	kill -9 "${!pid}" "$worker"
	wait "${!pid}" 2>/dev/null
}
answers() { [ "$(ns "$1" curl -s -o /dev/null -w '%{http_code}' --max-time 2 --cacert "$E2E_DIR/tls/ca.pem" "https://localhost:$GATEWAY_PORT/v1/payments")" = 401 ]; }
connected() { # NODE COUNT: so many peers are connected
	[ "$(echo "show peers" | socat - "UNIX-CONNECT:$E2E_DIR/$1/stats.sock" | grep -c 'remote,active.*last_status=ESTA')" = "$2" ]
}
admitted() { "$STACK_BIN/sallyport-registry" --config "$E2E_DIR/$1.json" throttles --json | jq '.routes[] | select(.key == "payments-v1").admitted'; }
agree() { # all nodes on what was let through
	local sum
	sum=$(admitted n1)
	[ -n "$sum" ] && [ "$(admitted n2)" = "$sum" ] && [ "$(admitted n3)" = "$sum" ]
}
asked() { [[ $(ns "$1" curl -s -o /dev/null -w '%{http_code}' --max-time 20 --cacert "$E2E_DIR/tls/ca.pem" -H "$customers" "https://localhost:$GATEWAY_PORT/v1/payments") =~ ^(200|429)$ ]]; }

flood() { # NODE RATE SECONDS
	ns "$1" "$LOAD" --url "https://localhost:$GATEWAY_PORT/v1/payments" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --connections 8 --rate "$2" --seconds "$3" >"$E2E_DIR/flood-$1.json" &
	FLOODS+=("$!")
	[ -n "$BEGAN" ] || BEGAN=$(now_us)
	OFFERING+=("$E2E_DIR/flood-$1.json")
}
uneven() { flood n1 500 "$1"; flood n2 60 "$1"; flood n3 10 "$1"; }
logs=("$E2E_DIR/logs/requests-n1.log" "$E2E_DIR/logs/requests-n2.log" "$E2E_DIR/logs/requests-n3.log")
all() { cat "${logs[@]}" | wc -l; }
clear() { local l; for l in "${logs[@]}"; do : >"$l"; done; FLOODS=() OFFERING=() BEGAN=; }
forget() { sleep 2.5; clear; }
# What was let through beyond the limit is missing afterwards, for (2 · burst + rate) / rate seconds at most (docs/throttles.md).
settle() { sleep 5; }
# floods_end: sets TOOK_MS, in which all was let through, and LATENCY_MS, the longest the load paused or waited
floods_end() {
	wait "${FLOODS[@]}"
	TOOK_MS=$((($(now_us) - BEGAN) / 1000))
	note_latency "$(cat "${OFFERING[@]}")"
}
# common_limit NAME BEYOND [BURSTS]: what all nodes let through was burst + rate·t (BURSTS times each) within 5 %, and BEYOND more at most
common_limit() {
	local times=${3:-1} span
	span=$(span_ms payments-v1 "${logs[@]}")
	within "$1" "$(all)" $((times * (200 * 1000 + 100 * span) * 95 / 100000 - times * $(slack 100))) $((times * (200 * 1000 + 100 * TOOK_MS) * 105 / 100000 + $2))
}
statuses() { jq -sc '[.[].status | keys] | add | unique' "$E2E_DIR"/flood-n*.json; }

more_parameters() { parameter "$p/api-services/payments-v1/client-rate" 5000; }
PAYMENTS_RATE=100 PAYMENTS_BURST=200
# A bucket for the whole gateway as well, too large to matter: on HAProxy 2.6 it changes how addresses are counted.
STACK_SETTINGS="$THROTTLE_SETTINGS | .throttle = {global_rate: 100000, global_burst: 200000}"
stack_free_ports
mkdir -p "$E2E_DIR/logs" "$E2E_DIR/run" "$E2E_DIR/issuer"
make_namespaces && stack_certs && node_certificates && stack_parameters && stack_settings && stack_issuer || { tap_fail "the nodes' surroundings start"; exit 1; }
for n in "${NODES[@]}"; do
	settings_of "$n"
	"$STACK_BIN/sallyport-registry" --config "$E2E_DIR/$n.json" apply >>"$E2E_DIR/logs/registry.log" 2>&1 || { tap_fail "apply on $n"; exit 1; }
	(exec ip netns exec "$NS-$n" "$STACK_BIN/tests/tools/upstream" --cert "$E2E_DIR/tls/server.crt" --key "$E2E_DIR/tls/server.key" --log "$E2E_DIR/logs/requests-$n.log" \
		accounts-v1="$ACCOUNTS1_PORT" accounts-v2="$ACCOUNTS2_PORT" payments-v1="$PAYMENTS_PORT" >>"$E2E_DIR/logs/upstreams.log" 2>&1) &
	STACK_PIDS+=("$!")
done
ln -s n1 "$E2E_DIR/gateway"
stack_agent || { tap_fail "the agent starts"; exit 1; }
for n in "${NODES[@]}"; do start_node "$n"; done
for n in "${NODES[@]}"; do eventually 40 answers "$n" || { tap_fail "$n answers"; exit 1; }; done
for n in "${NODES[@]}"; do ok "$n is connected to both others by TLS" eventually 40 connected "$n" 2; done
customers=$(bearer customers --lifetime 3600)
sleep 1

forget
uneven 6
floods_end
is "uneven load: nothing but 200 and 429" "$(statuses)" '["200","429"]'
common_limit "uneven load: the limit is that of all nodes together" 0
at_most "in any second too" "$(most_in 1 payments-v1 "${logs[@]}")" $((300 * 105 / 100 + $(slack 100)))

forget
uneven 8
sleep 4
kill -USR2 "$PID_n1"
sleep 1
kill -USR2 "$PID_n2"
floods_end
is "two nodes reload: no request is lost" "$(jq -sc '[.[].failed] | unique' "$E2E_DIR"/flood-n*.json)" '[{}]'
common_limit "two nodes reload: the limit holds, but for a quarter of a bucket each" 100
for n in n1 n2; do eventually 30 connected $n 2; done
sleep 2

forget
flood n1 400 9
flood n2 60 9
sleep 3
lose_node n3
floods_end
is "a node is lost: nobody notices" "$(jq -sc '[.[].failed] | unique' "$E2E_DIR"/flood-n[12].json)" '[{}]'
common_limit "a node is lost: the limit holds" 0

forget
flood n1 400 12
sleep 2
start_node n3
eventually 40 answers n3
flood n3 300 6
floods_end
common_limit "it comes back: at most one more bucket per node" 600
echo "# $(all) of $((200 + TOOK_MS / 10)) let through while a node came back"
ok "it is connected again" eventually 30 connected n1 2
settle
forget
uneven 5
floods_end
common_limit "and then the limit holds again" 0

# A partition: each side enforces the limit by itself; when it ends, no bucket is given twice.
ip -n "$hub" link set p3 down
ok "a partition is noticed" eventually 60 connected n3 0
ok "on both sides" eventually 60 connected n1 1
forget
flood n1 400 5
flood n3 400 5
floods_end
common_limit "a partition: each side holds the limit" 0 2
clear
flood n1 400 10
flood n3 400 10
sleep 2
ip -n "$hub" link set p3 up
floods_end
# Both sides begin with empty buckets; until they have found each other again each gives its rate.
at_most "the end of a partition gives no fresh bucket" "$(all)" $((100 * TOOK_MS * 105 / 100000 + 100 * TOOK_MS * 8 / 10000 + $(slack 100)))
echo "# $(all) let through in $TOOK_MS ms around the end of the partition"
for n in "${NODES[@]}"; do ok "$n finds the others again" eventually 60 connected "$n" 2; done
# Each has its row from before; the first request on it makes it anew, from what all know.
ok "and knows what all have let through" eventually 60 agree
for n in "${NODES[@]}"; do ok "$n is asked" asked "$n"; done
settle
forget
uneven 5
floods_end
common_limit "and hold the limit together" 0

shown=$("$STACK_BIN/sallyport-registry" --config "$E2E_DIR/n2.json" throttles --json)
within "throttles on any node shows the common level" "$(jq '.routes[] | select(.key == "payments-v1").left' <<<"$shown")" 0 200
is "and the gateway's, of which all nodes took" "$(jq '.gateway[0] | [.key, .burst, .admitted > 5000]' -c <<<"$shown")" '["gateway",200000,true]'

# A stranger cannot take a node's place.
lose_node n3
cp "$E2E_DIR/tls/alien.pem" "$E2E_DIR/tls/n3.pem"
start_node n3
eventually 40 answers n3
# By then the others would have connected: they try again every few seconds.
sleep 8
ok "a certificate of another CA is not let in" connected n3 0
