#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make soak in small: SOAK_RATE requests/s (500, whatever the machine can do) for SOAK_SECONDS (60) lose none and let no process grow. The drift of
# the latency is told and not judged: a machine that is shared has one of its own, and time enough is given to everything.
set -u
. tests/suites/tap.sh
export SOAK_RATE=${SOAK_RATE:-500} SOAK_SECONDS=${SOAK_SECONDS:-60} SOAK_SLICES=${SOAK_SLICES:-6} SOAK_PAGE=no
export SOAK_SETTINGS='.agent.timeout_ms = 10000 | .upstream.connect_timeout_ms = 30000'
found=build/bench/soak.found
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rm -f "$found"
tests/bench/soak.sh >"$log" 2>&1
if [ -s "$found" ]; then
	while IFS=$'\t' read -r result what figures; do
		case $what,$result in
		*latency*) ;;
		*,ok) tap_pass "soak: $what" ;;
		*) tap_fail "soak: $what" ;;
		esac
		echo "# $what: $result, $figures"
	done <"$found"
else
	tap_fail "soak: it runs"
fi
[ "$tap_bad" -eq 0 ] || sed 's/^/# /' "$log" | tail -40
tap_done
