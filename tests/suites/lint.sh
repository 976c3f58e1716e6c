#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rules that a compiler does not check: tests/lint/check_*.sh, one test each.
set -u
. tests/suites/tap.sh
for check in tests/lint/check_*.sh; do
	tap_run "$(basename "$check" .sh)" bash "$check"
done
tap_done
