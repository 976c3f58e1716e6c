#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Records over TCP, as a HAProxy on another machine sends them: through a ring, with and without lengths before the
# messages, while datagrams come in, too; the daemon is killed meanwhile and what it had in its spool is not lost.
. tests/e2e/audit_lib.sh

audit_begin tcp
query() { "$audit" query --log "$dir/log" --key "$dir/keys/wrapping.key" "$@"; }
requests() { # FRONTEND-PORT PATH COUNT
	seq "$3" | xargs -I{} echo "url=\"http://127.0.0.1:$1$2\"" | curl -sf -o /dev/null --fail-early -K - 2>/dev/null || true
}
count_is() { [ "$(query --where "path=$1" --count)" = "$2" ]; }

free_port audit_port; free_port tcp_port; free_port status_port; free_port counted_port; free_port lines_port; free_port datagram_port
"$audit" keygen "$dir/keys" >/dev/null || { tap_fail "keys are made"; tap_done; exit 1; }
frontend() { # NAME PORT TARGET COUNTER
	cat <<CFG
backend seq_$1
  stick-table type integer size 1 store gpc0
frontend $1
  bind 127.0.0.1:$2
  log $3 len 65000 format rfc5424 local0
  tcp-request connection track-sc0 int(1) table seq_$1
  http-request set-var(txn.path) path
  log-format '{"seq":"%pid%[str($4)]-%[sc_inc_gpc0(0)]","id":"%[uuid]","path":"%[var(txn.path),json(utf8s)]","status":%ST}'
  http-request return status 200
CFG
}
cat >"$dir/haproxy.cfg" <<CFG
global
  nbthread 2
ring counted
  format rfc5424
  maxlen 65000
  size 8388608
  timeout connect 5s
  timeout server 10s
  server audit 127.0.0.1:$tcp_port log-proto octet-count
ring lines
  format rfc5424
  maxlen 65000
  size 8388608
  timeout connect 5s
  timeout server 10s
  server audit 127.0.0.1:$tcp_port log-proto legacy
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
$(frontend counted "$counted_port" "ring@counted" 001)
$(frontend lines "$lines_port" "ring@lines" 002)
$(frontend datagrams "$datagram_port" "127.0.0.1:$audit_port" 003)
CFG

"$audit" hold --listen "127.0.0.1:$audit_port" --listen-tcp "127.0.0.1:$tcp_port" -- "$audit" serve --log "$dir/log" \
	--listen "127.0.0.1:$audit_port" --listen-tcp "127.0.0.1:$tcp_port" --status "127.0.0.1:$status_port" \
	--signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key" --immutable off 2>"$dir/serve.err" &
holder=$!
pids+=("$holder")
eventually 20 answers "$status_port" /healthz || { tap_fail "the daemon starts"; tap_done; exit 1; }
haproxy -f "$dir/haproxy.cfg" 2>"$dir/haproxy.err" &
haproxy=$!
pids+=("$haproxy")
eventually 10 answers "$counted_port" / || { tap_fail "HAProxy starts"; tap_done; exit 1; }
tap_run "HAProxy's rings connect" eventually 20 metric_is stream_connections 2

for port in "$counted_port" "$lines_port" "$datagram_port"; do requests "$port" /a 500; done
tap_run "messages with lengths, lines and datagrams: 1500 requests are 1500 records" eventually 30 count_is /a 1500
is "each once, and all valid" "$(query --where path=/a | jq -r .seq | sort -u | wc -l) $(query --events --where audit=invalid --count)" "1500 0"

# What was put into the spool outlives the daemon; what only the connection holds does not, and is a gap or cut off.
worker=$(ps -o pid= --ppid "$holder" | tr -d ' ')
kill -9 "$worker"
tap_run "the daemon is started again" eventually 20 answers "$status_port" /healthz
poked=0
connected_by_a_record() { # each ring gets one
	requests "$counted_port" /c 1
	requests "$lines_port" /c 1
	poked=$((poked + 2))
	metric_is stream_connections 2
}
case $(haproxy -v | sed -n '1s/^HAProxy version \([0-9]*\.[0-9]*\).*/\1/p') in # docs/limits.md
2.*) tap_run "HAProxy's rings connect again" eventually 30 metric_is stream_connections 2 ;;
3.0) tap_skip "HAProxy's rings connect again" "those of HAProxy 3.0 do not" && lines_port=$datagram_port counted_port=$datagram_port ;;
*) eventually 60 connected_by_a_record && tap_pass "HAProxy's rings connect again when there are records" || tap_fail "HAProxy's rings connect again when there are records" ;;
esac
for port in "$counted_port" "$lines_port" "$datagram_port"; do requests "$port" /b 200; done
tap_run "and records come" eventually 30 count_is /b 600
is "what was committed before is still there once" "$(query --where path=/a | jq -r .seq | sort -u | wc -l)" 1500
# What a ring of 3.2 loses before it notices.
accounted() { [ "$(query --events --where audit=gap | jq -s 'map(.missing) | add // 0')" = $((poked - $(query --where path=/c --count))) ]; }
tap_run "gaps are told for what a ring has lost, and no others" eventually 30 accounted

# Nobody's protocol.
printf 'GET / HTTP/1.1\r\n\r\n' >"/dev/tcp/127.0.0.1/$tcp_port"
printf '99999999 too long' >"/dev/tcp/127.0.0.1/$tcp_port"
invalid_is() { [ "$(query --events --where audit=invalid --count)" = "$1" ]; }
tap_run "what is no message is kept, marked" eventually 20 invalid_is 1
is "and counted" "$(metric stream_broken_total)" 1
kill "$holder"
wait "$holder"
is "SIGTERM ends daemon and holder" "$?" 0
tap_run "the log verifies" "$audit" verify --content --log "$dir/log" --public-key "$dir/keys/public.pem" --key "$dir/keys/wrapping.key"
tap_done
