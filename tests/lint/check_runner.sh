#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The test runner counts right: real cmocka programs that pass, skip, fail, crash, end early or are empty.
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/suites"
cp tests/run.sh "$work/tests/"
cp tests/suites/tap.sh "$work/tests/suites/"
cat >"$work/program.c" <<'END'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
static void passes(void **s) { (void)s; }
static void skips(void **s) { (void)s; skip(); }
static void fails(void **s) { (void)s; assert_int_equal(1, 2); }
static void aborts(void **s) { (void)s; abort(); }
static void ends(void **s) { (void)s; exit(0); }
static void hides(void **s) { (void)s; printf("no end of line"); fflush(stdout); }
static void forges(void **s) { (void)s; printf("ok 7 - forged\n"); }
static int refuses(void **s) { (void)s; return -1; }
int main(int argc, char **argv)
{
	static void (*const tests[])(void **) = { passes, skips, fails, aborts, ends, hides, forges };
	int which = argc > 1 ? atoi(argv[1]) : 0;
	const struct CMUnitTest group[] = { cmocka_unit_test(passes), { "it", which < 7 ? tests[which] : passes, NULL, NULL, NULL },
		cmocka_unit_test(passes) };
	if (which == 9)
		return 0;
	return cmocka_run_group_tests(group, which == 8 ? refuses : NULL, NULL);
}
END
${CC:-cc} -o "$work/program" "$work/program.c" -lcmocka || exit 1
bad=0
expect() { # TEXT LAST-LINE EXIT-CODE SUITE-BODY
	local last code
	printf '. tests/suites/tap.sh\n%s\n' "$4" >"$work/tests/suites/it.sh"
	"$work/tests/run.sh" it >"$work/out" 2>&1
	code=$?
	last=$(tail -1 "$work/out")
	[ "$last" = "$2" ] && [ "$code" -eq "$3" ] && return
	echo "$1: '$last' and code $code instead of '$2' and code $3"
	bad=1
}
program() { # NUMBER
	printf '#!/bin/sh\nexec %s/program %s\n' "$work" "$1" >"$work/run$1"
	chmod +x "$work/run$1"
	echo "tap_cmocka it $work/run$1; tap_done"
}
expect "all pass" "3 passed, 0 failed, 0 skipped" 0 "$(program 0)"
expect "a skipped test" "2 passed, 0 failed, 1 skipped" 0 "$(program 1)"
expect "a failed test" "2 passed, 1 failed, 0 skipped" 1 "$(program 2)"
expect "a crash" "1 passed, 1 failed, 0 skipped" 1 "$(program 3)"
expect "an early exit with code 0" "1 passed, 1 failed, 0 skipped" 1 "$(program 4)"
expect "a result that output hides" "2 passed, 1 failed, 0 skipped" 1 "$(program 5)"
expect "a result too many" "4 passed, 1 failed, 0 skipped" 1 "$(program 6)"
expect "a group that cannot be set up" "0 passed, 2 failed, 0 skipped" 1 "$(program 8)"
expect "a program without tests" "0 passed, 1 failed, 0 skipped" 1 "$(program 9)"
expect "a program that is not there" "0 passed, 1 failed, 0 skipped" 1 "tap_cmocka it $work/missing; tap_done"
expect "a suite without results" "0 passed, 1 failed, 0 skipped" 1 "true"
expect "a suite that only skips" "0 passed, 0 failed, 1 skipped" 1 "tap_skip it why; tap_done"
expect "a suite that is cut off" "1 passed, 1 failed, 0 skipped" 1 "tap_pass it; exit 0"
expect "a suite that dies" "1 passed, 1 failed, 0 skipped" 1 "tap_pass it; exit 3"
expect "a command that fails" "1 passed, 1 failed, 0 skipped" 1 "tap_run a true; tap_run b false; tap_done"
exit $bad
