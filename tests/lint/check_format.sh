#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layout is clang-format's. Without it this check says so and passes.
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 0; }
git ls-files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror
