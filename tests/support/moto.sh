#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# AWS in a process: moto's server, from PyPI, in build/venv.
#
#   moto.sh install         makes build/venv; exit code 77 when it cannot be had
#   moto.sh start FOLDER    starts the server on a free port; FOLDER gets pid, url and log; prints the URL
#   moto.sh stop FOLDER
#
# Use: url=$(tests/support/moto.sh start "$dir") || skip
set -u
cd "$(dirname "$0")/../.." || exit 1
venv=build/venv
requirements="moto[server]==5.2.5 boto3==1.44.5 botocore==1.44.5"

install() {
	exec 8>build/.venv.lock
	flock 8
	[ "$(cat $venv/requirements 2>/dev/null)" = "$requirements" ] && return 0
	python3 -m venv $venv >build/venv.log 2>&1 &&
		$venv/bin/pip -q --disable-pip-version-check install $requirements >>build/venv.log 2>&1 || {
		echo "moto.sh: PyPI cannot be reached, or Python's venv module is missing; see build/venv.log" >&2
		return 77
	}
	echo "$requirements" >$venv/requirements
}

start() {
	local dir=$1 i
	install || return
	# Port 0: the server chooses one and says which.
	$venv/bin/python -u -m moto.server -H 127.0.0.1 -p 0 >"$dir/log" 2>&1 8>&- &
	echo $! >"$dir/pid"
	for i in $(seq 150); do
		url=$(sed -n 's/.*Running on \(http:[^ ]*\).*/\1/p' "$dir/log")
		[ -n "$url" ] && { echo "$url" | tee "$dir/url"; return 0; }
		kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
		sleep 0.2
	done
	echo "moto.sh: the server did not start; see $dir/log" >&2
	stop "$dir"
	return 1
}

stop() {
	[ -s "$1/pid" ] && kill "$(cat "$1/pid")" 2>/dev/null
	return 0
}

mkdir -p build
case ${1:-} in
install) install ;;
start) start "$2" ;;
stop) stop "$2" ;;
*) sed -n 's/^# \{0,1\}//p' "$0" | sed 1d >&2; exit 64 ;;
esac
