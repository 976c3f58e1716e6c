#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# End-to-end topics: tests/e2e/NN-topic.sh, each with real processes of its own. E2E="10 30" runs only those.
set -u
. tests/suites/tap.sh
# `timeout` takes a topic out of reach of a terminal's Ctrl-C: whoever gets it here tells the topic, which ends what it has started.
topic_pid=
trap '[ -z "$topic_pid" ] || kill "$topic_pid"; wait; exit 130' INT TERM HUP
make -s -j"$(nproc)" all test-tools >&2 || { tap_fail "build"; tap_done; exit 1; }
for script in tests/e2e/[0-9]*.sh; do
	topic=$(basename "$script" .sh)
	[ -z "${E2E:-}" ] || case " $E2E " in *" ${topic%%-*} "*) ;; *) continue ;; esac
	echo "  $topic" >&2
	out=build/results/e2e-$topic.tap
	rm -f "$out" # a run that was killed may still have a topic writing to its own
	timeout "${E2E_TIMEOUT:-300}" bash "$script" >"$out" 2>"build/results/e2e-$topic.err" &
	topic_pid=$!
	wait "$topic_pid"
	code=$? topic_pid=
	while IFS= read -r line; do
		case $line in
		"ok "*"# SKIP"*) text=${line#ok * - }; tap_skip "$topic: ${text%% # SKIP*}" "${text##*# SKIP }" ;;
		"ok "*) tap_pass "$topic: ${line#ok * - }" ;;
		"not ok "*) tap_fail "$topic: ${line#not ok * - }" ;;
		"# "*) echo "$line" ;;
		esac
	done <"$out"
	if [ "$code" -ne 0 ]; then
		grep -q '^not ok' "$out" || tap_fail "$topic ended with code $code"
		tail -40 "build/results/e2e-$topic.err" | sed 's/^/# /'
	fi
done
tap_done
