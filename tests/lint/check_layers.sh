#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Includes point down only (docs/architecture.md).
cd "$(dirname "$0")/../.." || exit 1
bad=0
allow() { # FOLDER PATTERN-OF-ALLOWED-INCLUDES
	local hits
	hits=$(grep -rnE --include='*.[ch]' --include='*.def' '^#include "' "$1" | grep -vE "#include \"($2)")
	[ -z "$hits" ] || { echo "$hits"; bad=1; }
}
allow common 'common/'
allow aws 'common/|aws/'
allow spoa/spop 'common/|spoa/spop/'
allow spoa/auth 'common/|spoa/auth/'
allow spoa/waf 'common/|spoa/waf/'
allow spoa/agent 'common/|spoa/spop/|spoa/auth/|spoa/waf/waf.h|spoa/agent/|spoa/config'
allow registry 'common/|aws/|registry/'
allow audit 'common/|aws/|audit/'
exit $bad
