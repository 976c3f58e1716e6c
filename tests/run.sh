#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs suites and sums them up:  tests/run.sh lint unit fuzz-replay e2e ...
#
# A suite is a script tests/suites/NAME.sh that prints TAP ("ok 1 - text", "not ok 2 - text", "# SKIP") on
# standard output; its standard error is shown as it comes. Everything lands below build/results.
# A suite named with a question mark is skipped when LATE_AFTER seconds have gone by before its turn.
# Last line: "N passed, N failed, N skipped". Exit code 0 only when nothing failed and something passed.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/results
passed=0 failed=0 skipped=0

tally() { # FILE -> adds to the counts; a suite that printed no result has failed
	local file=$1 code=$2 ok bad skip plan
	skip=$(grep -ciE '^ *ok\b.*# *skip' "$file")
	ok=$(($(grep -cE '^ *ok\b' "$file") - skip))
	bad=$(grep -cE '^ *not ok\b' "$file")
	if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "  the suite ended with code $code and no failed test of its own: counted as one failure"
		bad=1
	fi
	plan=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$file" | tail -1)
	if [ "${plan:-none}" != $((ok + bad + skip)) ] && [ "$bad" -eq 0 ]; then
		echo "  the suite planned ${plan:-nothing} and told $((ok + bad + skip)) results: counted as one failure"
		bad=1
	fi
	if [ $((ok + bad + skip)) -eq 0 ]; then
		echo "  the suite ran no test: counted as one failure"
		bad=1
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	echo "  $ok passed, $bad failed, $skip skipped"
	[ "$skip" -eq 0 ] || grep -iE '^ *ok\b.*# *skip' "$file" | sed 's/^/    skipped: /' | head -20
}

for suite in "$@"; do
	if [ "$suite" != "${suite%\?}" ]; then
		suite=${suite%\?}
		if [ "$SECONDS" -ge "${LATE_AFTER:-3600}" ]; then
			echo "== $suite"
			echo "  skipped: $SECONDS s have gone by"
			skipped=$((skipped + 1))
			continue
		fi
	fi
	script=tests/suites/$suite.sh
	[ -f "$script" ] || { echo "run.sh: no suite '$suite'" >&2; exit 64; }
	echo "== $suite"
	start=$SECONDS
	bash "$script" | tee "build/results/$suite.tap" | grep --line-buffered -E '^ *not ok|^ *# '
	code=${PIPESTATUS[0]}
	tally "build/results/$suite.tap" "$code"
	echo "  $((SECONDS - start)) s"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
