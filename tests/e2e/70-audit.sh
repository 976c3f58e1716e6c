#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit log with a real HAProxy: 100 000 requests are 100 000 records, also when the daemon is killed
# five times, when HAProxy reloads, and when the disk is full for a while. Then queries, proofs and tampering.
#
# AUDIT_REQUESTS: how many (100000)
. tests/e2e/audit_lib.sh
# At full speed the kernel's usual buffer of a socket is too small, and only root may have a larger one (docs/audit.md).
if [ "$(id -u)" -ne 0 ] && [ "$(cat /proc/sys/net/core/rmem_max)" -lt 33554432 ]; then
	tap_skip "the audit log at full speed" "net.core.rmem_max is small, and this is not root"
	tap_done
	exit
fi

requests=${AUDIT_REQUESTS:-100000}
audit_begin log

more_cleanup() {
	mountpoint -q "$dir/small" 2>/dev/null && umount "$dir/small"
	chattr -R -i -a "$dir" 2>/dev/null
}

query() { "$audit" query --log "$audit_log" --key "$dir/keys/wrapping.key" "$@"; }
verify() { "$audit" verify --log "$audit_log" --public-key "$dir/keys/public.pem" --key "$dir/keys/wrapping.key" "$@"; }
listens() { ss -Hlnu "sport = :$audit_port" | grep -q .; }

free_port audit_port; free_port status_port; free_port http_port
audit_log=$dir/log
"$audit" keygen "$dir/keys" >/dev/null || { tap_fail "keys are made"; tap_done; exit 1; }

# ---- HAProxy: one record per request, numbered per process without a gap, also for what it refuses.
cat >"$dir/haproxy.cfg" <<CFG
global
  log 127.0.0.1:$audit_port len 65000 format rfc5424 local0
  nbthread 2
  stats socket $dir/haproxy.sock mode 600 level admin expose-fd listeners
  master-worker
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
backend seq
  stick-table type integer size 1 store gpc0
frontend in
  bind 127.0.0.1:$http_port
  log global
  tcp-request connection track-sc0 int(1) table seq
  http-request set-var(txn.ua) req.hdr(user-agent)
  http-request set-var(txn.path) path
  log-format '{"time":"%[date,ltime(%Y-%m-%dT%H:%M:%S)].%ms%[str(Z)]","seq":"%pid-%[sc_inc_gpc0(0)]","id":"%[uuid]","ip":"%ci","port":%cp,"method":"%[method]","path":"%[var(txn.path),json(utf8s)]","status":%ST,"bytes":%B,"total_ms":%Ta,"state":"%tsc","ua":"%[var(txn.ua),json(utf8s)]"}'
  http-request return status 200
CFG

serve=("$audit" hold --listen "127.0.0.1:$audit_port" -- "$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port"
	--status "127.0.0.1:$status_port" --signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key"
	--immutable off --segment-mib 4)
TZ=UTC "${serve[@]}" 2>"$dir/serve.err" &
holder=$!
pids+=("$holder")
TZ=UTC haproxy -W -f "$dir/haproxy.cfg" 2>"$dir/haproxy.err" &
haproxy=$!
pids+=("$haproxy")
eventually 10 answers "$status_port" /healthz && eventually 10 answers "$http_port" / ||
	{ tap_fail "the daemon and HAProxy start"; tap_done; exit 1; }
answers "$http_port" / # at least one more, so that the count below does not depend on the probe
settled() { # nothing comes any more
	local count=$(query --count)
	sleep 1
	[ "$count" -gt 0 ] && [ "$(query --count)" = "$count" ]
}
eventually 30 settled
before=$(query --count)

# ---- Load, five kills.
h2load --h1 -n "$requests" -c 16 -t 1 "http://127.0.0.1:$http_port/load" >"$dir/load.out" 2>&1 &
load=$!
pids+=("$load")
kills() { grep -c 'ended by signal 9' "$dir/serve.err"; }
killed() { [ "$(kills)" -gt "$1" ]; }
kill_daemon() { # and see that it is gone: one that is ending could be found twice
	local before=$(kills) worker
	worker=$(ps -o pid= --ppid "$holder" | tr -d ' ')
	[ -n "$worker" ] && kill -9 "$worker" 2>/dev/null && eventually 20 killed "$before"
}
while [ "$(kills)" -lt 5 ]; do # under load, as long as that lasts
	sleep 0.4
	kill_daemon
done
wait "$load"
done_requests=$(sed -n 's/^requests: .* \([0-9]*\) succeeded.*/\1/p' "$dir/load.out")
is "HAProxy answered every request" "$done_requests" "$requests"
is "the daemon was killed five times" "$(grep -c 'ended by signal 9' "$dir/serve.err")" 5
arrived() { [ "$(query --count)" -ge $((before + requests)) ]; }
eventually 30 arrived
is "$requests requests are $requests records" "$(($(query --count) - before))" "$requests"
is "no record came twice" "$(query --where path=/load | jq -r .id | sort | uniq -d | wc -l)" 0
is "no gap was told" "$(query --events --where audit=gap --count)" 0
eventually 20 answers "$status_port" /healthz # the last of those that were killed may be starting still
is "no datagram was dropped" "$(metric socket_drops_total)" 0
if verify --content >"$dir/verify.out" 2>&1; then tap_pass "the log verifies, content included"; else tap_fail "the log verifies, content included"; sed 's/^/# /' "$dir/verify.out"; fi

# ---- A reload under load: every process' numbers are there from 1 to its last.
h2load --h1 -n 40000 -c 16 -t 1 "http://127.0.0.1:$http_port/reload" >"$dir/reload.out" 2>&1 &
load=$!
sleep 0.2
kill -USR2 "$haproxy"
wait "$load"
processes() { query | jq -r .seq | cut -d- -f1 | sort -u | wc -l; }
both_heard() { answers "$http_port" /reloaded; sleep 0.6; [ "$(processes)" = 2 ]; }
eventually 60 both_heard # the new process may come after the load
eventually 30 settled
per_process() { query | jq -r .seq | awk -F- '{ n[$1]++; if ($2 > max[$1]) max[$1] = $2 } END { for (p in n) { printf "%s ", (n[p] == max[p]) ? "whole" : "gap"; count++ } print count }'; }
is "no record is missing over a reload" "$(per_process)" "whole whole 2"

# ---- What clients send stays in one record.
hostile=$(printf 'a"b\\c\x01\x7f\xff\xc3\xa9 \xf0\x9f\x98\x80')
curl -s -o /dev/null -A "$hostile" "http://127.0.0.1:$http_port/hostile"
curl -s -o /dev/null -A "$(head -c 8000 /dev/zero | tr '\0' 'x')" "http://127.0.0.1:$http_port/long"
printf 'GET /\x22\x3e HTTP/1.1\r\nhost: x\r\nuser-agent: a\tb\r\n\r\n' | socat -t1 - "TCP:127.0.0.1:$http_port" >/dev/null
printf 'BROKEN\r\n\r\n' | socat -t1 - "TCP:127.0.0.1:$http_port" >/dev/null
eventually 30 settled
is "a hostile user agent is one record" "$(query --where path=/hostile --count)" 1
is "8 KB of user agent are one record" "$(query --where path=/long | jq -r '.ua | length')" 8000
is "a refused request is a record" "$(query --status 400 --count)" 1
is "every record is valid JSON" "$(query --events --where audit=invalid)" ""

# ---- Queries and proofs.
id=$(query --where path=/hostile | jq -r .id)
is "a record is found by its id" "$(query --id "$id" | jq -r .path)" /hostile
is "csv has a heading and a line" "$(query --id "$id" -f csv -c path,status | tr -d '\r')" $'path,status\n"/hostile","200"'
"$audit" prove --log "$audit_log" --key "$dir/keys/wrapping.key" --id "$id" >"$dir/proof.json"
tap_run "its proof holds with the public key alone" "$audit" check-proof --public-key "$dir/keys/public.pem" "$dir/proof.json"
sed 's,/hostile,/harmless,' "$dir/proof.json" >"$dir/forged.json"
"$audit" check-proof --public-key "$dir/keys/public.pem" "$dir/forged.json" >/dev/null
is "a changed proof does not" "$?" 2

# ---- A clean end; then tampering.
"$audit" anchor --log "$audit_log" --public-key "$dir/keys/public.pem" >"$dir/anchor.json"
kill "$holder"
wait "$holder"
is "SIGTERM ends daemon and holder" "$?" 0
tap_run "the closed log contains its anchor" verify --anchor "$dir/anchor.json"
is "the log says when it was closed" "$(query --events --where audit=stop --count)" 1
cp -r "$audit_log" "$dir/copy"
printf 'X' | dd of="$audit_log/00000001.seg" bs=1 seek=200 conv=notrunc status=none
verify >"$dir/verify.out"
is "a changed byte is found" "$? $(grep -c '^changed, segment 1 ' "$dir/verify.out")" "2 1"
rm -rf "$audit_log"; cp -r "$dir/copy" "$audit_log"
rm "$(ls "$audit_log"/*.seg | tail -1)"
verify >"$dir/verify.out"
is "a removed segment is found" "$? $(grep -c '^truncated' "$dir/verify.out")" "2 1"
rm -rf "$audit_log"; cp -r "$dir/copy" "$audit_log"

# ---- The format document: the chain and a signature by openssl alone.
segment=$(ls "$audit_log"/*.seg | tail -1)
at=0 link='' links=0 blocks=0 signed=''
head_at() { dd if="$segment" bs=1 skip="$1" count=160 status=none; }
field() { head_at "$1" | xxd -p -c 160 | cut -c $(($2 * 2 + 1))-$((($2 + $3) * 2)); }
size=$(stat -c %s "$segment")
while [ "$at" -lt "$size" ] && [ "$blocks" -lt 40 ]; do
	[ -z "$link" ] || [ "$(field "$at" 64 32)" = "$link" ] && links=$((links + 1))
	link=$(head_at "$at" | openssl dgst -sha256 -r | cut -c1-64)
	case $(field "$at" 4 1) in 03 | 04) signed=$at ;; esac
	blocks=$((blocks + 1)) at=$((at + 160 + 0x$(field "$at" 44 4)))
done
is "openssl follows the chain" "$links" "$blocks"
head_at "$signed" >"$dir/head"
dd if="$segment" bs=1 skip=$((signed + 160)) count=64 status=none >"$dir/signature"
tap_run "openssl verifies a checkpoint" openssl pkeyutl -verify -pubin -inkey "$dir/keys/public.pem" -rawin \
	-in "$dir/head" -sigfile "$dir/signature"

# ---- A full disk.
mkdir "$dir/small"
if mount -t tmpfs -o size=8m tmpfs "$dir/small" 2>/dev/null; then
	audit_log=$dir/small/log
	"$audit" hold --listen "127.0.0.1:$audit_port" -- "$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port" \
		--status "127.0.0.1:$status_port" --signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key" \
		--immutable off --when-full refuse 2>"$dir/full.err" &
	holder=$!
	pids+=("$holder")
	eventually 10 answers "$status_port" /ready
	dd if=/dev/zero of="$dir/small/ballast" bs=4k 2>/dev/null # until nothing more fits
	h2load --h1 -n 20000 -c 8 -t 1 "http://127.0.0.1:$http_port/full" >"$dir/full.out" 2>&1
	refuses() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$status_port/ready")" = 503 ]; }
	tap_run "a full disk makes /ready say so" eventually 10 refuses
	rm "$dir/small/ballast"
	tap_run "space makes it ready again" eventually 20 answers "$status_port" /ready
	all_there() { [ "$(query --where path=/full --count 2>/dev/null)" = 20000 ]; }
	eventually 20 all_there
	is "no record was lost over a full disk" "$(query --where path=/full --count)" 20000
	stall_told() { [ "$(query --events --where audit=stalled --count)" = 1 ]; }
	tap_run "the log says that it stalled" eventually 5 stall_told
	kill "$holder"
	wait "$holder"
	tap_run "the log of a full disk verifies" verify --content
else
	tap_skip "a full disk" "no right to mount a tmpfs"
fi

# ---- Attributes.
audit_log=$dir/attributes
"$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port" --status "127.0.0.1:$status_port" \
	--signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key" 2>"$dir/attributes.err" &
server=$!
pids+=("$server")
eventually 10 answers "$status_port" /ready
if [ "$(metric append_only)" = 1 ]; then
	is "an open segment is append-only" "$(lsattr "$audit_log/00000001.seg" | cut -c6)" a
	kill "$server"; wait "$server"
	is "a closed segment is immutable" "$(lsattr "$audit_log/00000001.seg" | cut -c5)" i
	if rm -f "$audit_log/00000001.seg" 2>/dev/null; then tap_fail "an immutable segment cannot be removed"; else tap_pass "an immutable segment cannot be removed"; fi
else
	tap_skip "append-only and immutable segments" "not possible on this file system or without the privilege"
fi
is "files are their owner's alone" "$(stat -c %a "$audit_log" "$audit_log"/* | sort -u | xargs)" "600 700"
tap_done
