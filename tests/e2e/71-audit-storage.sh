#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit log and what becomes of its files: segments whose retention is over are removed by the daemon, behind a
# tombstone, and any other removal is found; a disk that is read-only, or slow, for a while loses nothing.
. tests/e2e/audit_lib.sh

bin=$PWD/build/${V:-release}
audit_begin storage
more_cleanup() { mountpoint -q "$dir/small" 2>/dev/null && umount "$dir/small"; }

ready() { curl -sf -o /dev/null "http://127.0.0.1:$status_port/ready"; }
refuses() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$status_port/ready")" = 503 ]; }
query() { "$audit" query --log "$audit_log" --key "$dir/keys/wrapping.key" "$@"; }
verify() { "$audit" verify --log "$audit_log" --public-key "$dir/keys/public.pem" --key "$dir/keys/wrapping.key" "$@"; }
segments() { (cd "$audit_log" && echo *.seg); }
serve() { # ARGUMENTS...
	"$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port" --status "127.0.0.1:$status_port" --immutable off \
		--signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key" "$@" 2>>"$dir/serve.err" &
	server=$!
	pids+=("$server")
	eventually 20 ready
}
stop() { kill "$server"; wait "$server"; }
send() { # FROM TO
	local i
	for i in $(seq "$1" "$2"); do
		printf '<134>1 - - haproxy 1 - - {"seq":"1-%d","id":"r%d","status":200}' "$i" "$i" >"/dev/udp/127.0.0.1/$audit_port"
	done
}
count_is() { [ "$(query --count 2>/dev/null)" = "$1" ]; }

free_port audit_port; free_port status_port
"$audit" keygen "$dir/keys" >/dev/null || { tap_fail "keys are made"; tap_done; exit 1; }
cp -r "$dir/keys" "$dir/keys-of-log"

# ---- Retention: segments of 100, 95, 91, 89 and 10 days ago.
audit_log=$dir/log
"$bin/tests/tools/audit_old_log" "$audit_log" "$dir/keys" 100 95 91 89 10 || { tap_fail "an old log is written"; tap_done; exit 1; }
cp -r "$audit_log" "$dir/old"
tap_run "an old log verifies" verify --content
serve --remove-after 600
send 1 10
eventually 20 count_is 60
is "nothing is removed right after a start" "$(segments)" "00000001.seg 00000002.seg 00000003.seg 00000004.seg 00000005.seg 00000006.seg"
stop
serve --remove-after 0
tap_run "the daemon removes what is older than 90 days" eventually 20 metric_is removed_segments_total 2
# The third segment's last block may be as new as the start of the fourth: 89 days.
is "and nothing else" "$(segments)" "00000003.seg 00000004.seg 00000005.seg 00000006.seg 00000007.seg"
is "with their keys and indexes" "$(find "$audit_log" -name '0000000[12].*' | wc -l)" 0
tap_run "the log verifies while it is open" verify --content
stop
verify --content --json >"$dir/verify.json"
is "the log verifies, behind one tombstone" "$(jq -c '[.intact, .tombstones, .first_record, (.notes | length)]' "$dir/verify.json")" '[true,1,21,0]'
is "the records that are left are all there" "$(query --count)" 40
rm "$audit_log"/00000003.*
verify >"$dir/verify.out"
is "one more segment removed by hand is missing" "$? $(grep -c '^missing, segment 4 at byte 0, records 1 to 30' "$dir/verify.out")" "2 1"

rm -rf "$audit_log"; cp -r "$dir/old" "$audit_log"
rm "$audit_log"/0000000[12].*
verify >"$dir/verify.out"
is "the same segments removed by hand are missing" "$? $(grep -c '^missing, segment 3 at byte 0, records 1 to 20' "$dir/verify.out")" "2 1"
rm -rf "$audit_log"; cp -r "$dir/old" "$audit_log"

# ---- Less than 90 days.
"$audit" serve --log "$audit_log" --retention-days 30 --listen "127.0.0.1:$audit_port" --signing-key "$dir/keys/signing.pem" \
	--key "$dir/keys/wrapping.key" 2>"$dir/short.err"
is "less than 90 days need a flag" "$? $(grep -c 'needs --allow-short-retention' "$dir/short.err")" "64 1"
serve --remove-after 0 --retention-days 30 --allow-short-retention
tap_run "with it they are what the daemon keeps" eventually 20 metric_is removed_segments_total 3
stop
is "the log says so" "$(query --events --where audit=start | tail -1 | jq -c '[.retention_days, .allowed_by]')" '[30,"--allow-short-retention"]'
verify >"$dir/verify.out"
is "and so does verification" "$? $(grep -c '^note.*records through 30 were removed after a retention of 30 days, below 90' "$dir/verify.out")" "0 1"

# ---- A disk that is read-only for a while.
mkdir "$dir/small"
if mount -t tmpfs -o size=16m tmpfs "$dir/small" 2>/dev/null; then
	audit_log=$dir/small/log
	serve --when-full refuse --segment-mib 1
	send 1 100
	eventually 20 count_is 100
	# The open segment keeps its writable descriptor, so that a remount is refused: the daemon is stopped, and starts again.
	if mount -o remount,ro "$dir/small" 2>/dev/null; then
		tap_run "a read-only disk makes /ready say so" eventually 30 eval 'send 101 101; refuses'
	else
		stop
		mount -o remount,ro "$dir/small"
		"$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port" --status none --immutable off \
			--signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key" 2>"$dir/ro.err"
		is "the daemon does not start on a read-only disk, and says why" "$? $(grep -c 'Read-only file system' "$dir/ro.err")" "1 1"
		mount -o remount,rw "$dir/small"
		serve --when-full refuse
		send 101 101
	fi
	mount -o remount,rw "$dir/small"
	tap_run "what came before and after is there" eventually 30 count_is 101
	stop
	tap_run "and verifies" verify --content
	umount "$dir/small"
else
	tap_skip "a read-only disk" "no right to mount a tmpfs"
fi

# ---- A disk that is slow: fdatasync() takes as long as a file is there, at most 30 s.
if [ "${V:-release}" != release ]; then
	tap_skip "a slow disk" "a sanitizer wants to be loaded first"
	tap_done
	exit
fi
cat >"$dir/slow.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
int fdatasync(int fd)
{
	static int (*real)(int);
	const char *gate = getenv("SLOW_DISK");
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	for (int i = 0; i < 3000 && access(gate, F_OK) == 0; i++)
		usleep(10000);
	return real(fd);
}
C
cc -shared -fPIC -o "$dir/slow.so" "$dir/slow.c" -ldl || { tap_fail "the slow disk is built"; tap_done; exit 1; }
audit_log=$dir/slow-log
export SLOW_DISK=$dir/is-slow
LD_PRELOAD=$dir/slow.so serve --when-full refuse --spool-mib 16 --commit-ms 10
send 1 1
eventually 20 metric_is committed_record 3
touch "$SLOW_DISK"
send 2 2
# More than half a spool of 16 MiB: 3000 records of 4 KB.
python3 - "$audit_port" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3, 3003):
    s.sendto(('<134>1 - - haproxy 1 - - {"seq":"1-%d","id":"r%d","ua":"%s"}' % (i, i, 'x' * 4000)).encode(), ('127.0.0.1', int(sys.argv[1])))
PY
tap_run "a disk that takes too long makes /ready say so" eventually 20 refuses
rm "$SLOW_DISK"
tap_run "when it is done the daemon is ready again" eventually 20 ready
tap_run "no record was lost over it" eventually 20 count_is 3002
is "nothing was dropped, no gap was told" "$(metric socket_drops_total) $(query --events --where audit=gap --count)" "0 0"
stop
tap_run "and the log verifies" verify --content
tap_done
