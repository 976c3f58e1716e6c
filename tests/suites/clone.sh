#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README's two commands in a clean clone on a clean Debian, by somebody who is not root and has sudo; also behind runs that were
# interrupted. CLONE="trixie" runs only that release.
set -u
. tests/suites/tap.sh
. tests/suites/roots.sh
roots_or_skip "a clean clone"
work=$(mktemp -d "$PWD/build/clone.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
for suite in ${CLONE:-bookworm trixie}; do
	if ! root=$(tests/support/root.sh make "$suite" sudo make ca-certificates procps); then
		tap_skip "$suite" "a root cannot be made"
		continue
	fi
	copy_sources "$work/$suite/clone/sallyport"
	echo "  $suite" >&2
	ROOT_BINDS="$work/$suite/clone:/home/tester" TAP_RELAY_SECONDS=1500 tap_relay "$suite:" \
		tests/support/root.sh trial "$root" "$work/$suite/overlay" bash /home/tester/sallyport/tests/support/clone_steps.sh
	rm -rf "${work:?}/$suite"
done
tap_done
