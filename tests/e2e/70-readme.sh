#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README's tour, command by command: each curl answers with the status the README shows.
. tests/e2e/lib.sh
STACK_AUDIT=1
e2e_start
cat >"$E2E_DIR/token" <<EOF
#!/usr/bin/env bash
cd "$PWD" && . haproxy/dev/stack.sh && STACK_DIR=$E2E_DIR STACK_BIN=$STACK_BIN ISSUER_PORT=$ISSUER_PORT stack_token "\$@"
EOF
chmod +x "$E2E_DIR/token"

# Lines "status<TAB>command": the status is the one of the HTTP line below the command, or empty.
awk '/^```console/ { on = 1; next } /^```/ { on = 0 } !on { next }
	/^\$ / { if (command != "") print status "\t" command; command = substr($0, 3); status = "" }
	/^HTTP\// { status = $2 }
	END { if (command != "") print status "\t" command }' README.md |
	sed -e "s#localhost:8443#localhost:$GATEWAY_PORT#g" -e "s#build/dev#$E2E_DIR#g" >"$E2E_DIR/commands"
curls=0
while IFS=$'\t' read -r status command <&3; do
	case $status$command in
	[0-9]*curl*)
		eval "$command" >"$E2E_DIR/out" 2>&1
		is "$command" "$(sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$E2E_DIR/out" | head -1)" "$status"
		curls=$((curls + 1))
		;;
	*sallyport-audit*) ok "$command" eventually 5 eval "set -o pipefail; $command >$E2E_DIR/out && test -s $E2E_DIR/out" ;;
	*) eval "$command" ;;
	esac
done 3< <(sed 's/^\t/ \t/' "$E2E_DIR/commands")
ok "the tour has its commands" test "$curls" -ge 6
