# SPDX-License-Identifier: Apache-2.0
# Shared by the suites: numbered TAP lines from commands and from cmocka programs.
tap_n=0 tap_bad=0
tap_pass() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
tap_fail() { tap_n=$((tap_n + 1)); tap_bad=$((tap_bad + 1)); echo "not ok $tap_n - $1"; }
tap_skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; }
# tap_run NAME COMMAND...: one test by exit code, output shown when it fails
tap_run() {
	local name=$1 log
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then tap_pass "$name"; else tap_fail "$name"; sed 's/^/# /' "$log" | tail -60; fi
	rm -f "$log"
}
# tap_cmocka NAME PROGRAM: every test of a cmocka program. A crash is a failure of its own, and so is a program
# that says less than its plan promised: exit() in a test ends a program with code 0.
# A skipped test is "not ok 2 # SKIP name" from cmocka 1.1.5 and "ok 2 # SKIP name" from later ones.
tap_cmocka() {
	local name=$1 program=$2 out code planned=0 seen=0 bad=$tap_bad
	out=$(mktemp)
	CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
		timeout 300 "$program" >"$out" 2>&1
	code=$?
	while IFS= read -r line; do
		case $line in
		1..*) planned=$((planned + ${line#1..})) && continue ;;
		*"# SKIP"*) tap_skip "$name: $(sed -E 's/^(not )?ok [0-9]+ *-? *//; s/ *# SKIP */ /; s/^ *| *$//g' <<<"$line")" "" ;;
		"ok "*) tap_pass "$name: ${line#ok * - }" ;;
		*) tap_fail "$name: ${line#not ok * - }" ;;
		esac
		seen=$((seen + 1))
	done < <(grep -aE '^(1\.\.[0-9]+$|(not )?ok [0-9]+ )' "$out")
	if [ "$planned" -eq 0 ]; then
		tap_fail "$name ran no test"
	elif [ "$seen" -ne "$planned" ]; then
		tap_fail "$name told $seen results of $planned"
	fi
	if [ "$code" -ne 0 ] && [ "$tap_bad" -eq "$bad" ]; then
		tap_fail "$name ended with code $code"
	fi
	[ "$tap_bad" -eq "$bad" ] || sed 's/^/# /' "$out" | tail -80
	rm -f "$out"
}
# tap_relay PREFIX COMMAND...: the results of a command that prints TAP itself, under our numbers and the prefix.
tap_relay() {
	local prefix=$1 line code out
	shift
	out=$(mktemp)
	# In our group, so that a terminal's Ctrl-C comes to it, too.
	timeout --foreground -k 60 "${TAP_RELAY_SECONDS:-3000}" "$@" >"$out"
	code=$?
	while IFS= read -r line; do
		case $line in
		"ok "*"# SKIP"*) line=${line#ok * - }; tap_skip "$prefix ${line%% # SKIP*}" "${line##*# SKIP }" ;;
		"ok "*) tap_pass "$prefix ${line#ok * - }" ;;
		"not ok "*) tap_fail "$prefix ${line#not ok * - }" ;;
		"#"*) echo "$line" ;;
		esac
	done <"$out"
	if [ "$code" -ne 0 ] && ! grep -q '^not ok' "$out"; then
		tap_fail "$prefix ended with code $code"
	fi
	rm -f "$out"
}
tap_done() { echo "1..$tap_n"; [ "$tap_bad" -eq 0 ]; }
