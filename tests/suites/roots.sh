# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the suites that run in Debian roots (tests/support/root.sh); on top of tap.sh.

# roots_or_skip NAME: ends the suite with one skipped test and the reason where there can be no root.
roots_or_skip() {
	local why
	why=$(tests/support/root.sh possible)
	[ -n "$why" ] || return 0
	tap_skip "$1" "$why"
	tap_done
	exit
}
# copy_sources FOLDER: the sources as they are here, without what was built and without history.
copy_sources() { mkdir -p "$1" && tar -c --exclude=./build --exclude=./.git . | tar -x -C "$1"; }
