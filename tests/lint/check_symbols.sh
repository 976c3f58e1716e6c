#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No symbol of ours starts with jwt_: one named like a function of libjwt would replace it at run time.
cd "$(dirname "$0")/../.." || exit 1
make -s -j"$(nproc)" build/release/libsallyport.a all || exit 1
bad=0
for file in build/release/libsallyport.a build/release/sallyport-*; do
	[ -f "$file" ] || continue
	hits=$(nm "$file" 2>/dev/null | grep -E ' [A-TV-Z] jwt_')
	[ -z "$hits" ] || { echo "$file: $hits"; bad=1; }
	case $file in *.a) continue ;; esac
	hits=$(nm -D --defined-only "$file" | grep -vE ' [ABDRVW] (_IO_stdin_used|_init|_fini|__bss_start|_edata|_end|stderr|stdout|stdin|environ|__environ)')
	exported=$(grep -cE ' T ' <<<"$hits")
	[ "$exported" -eq 0 ] || { echo "$file exports functions:"; grep ' T ' <<<"$hits" | head; bad=1; }
done
exit $bad
