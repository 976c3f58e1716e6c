#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The AWS layer against moto's server and botocore's signer.
set -u
. tests/suites/tap.sh
dir=$(mktemp -d)
trap 'tests/support/moto.sh stop "$dir"; rm -rf "$dir"' EXIT
if url=$(tests/support/moto.sh start "$dir"); then
	export MOTO_URL=$url
	tap_cmocka moto build/release/tests/tools/aws_moto
else
	tap_skip "AWS by moto" "moto cannot be installed from PyPI"
fi
if tests/support/moto.sh install; then
	tap_run "2000 requests signed as botocore signs them" build/venv/bin/python tests/support/sigv4_compare.py \
		build/release/tests/tools/sigv4_sign
else
	tap_skip "requests signed as botocore signs them" "botocore cannot be installed from PyPI"
fi
tap_done
