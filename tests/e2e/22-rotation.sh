#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An issuer that rotates its keys: tokens of the new key pass from the first one on, those of the old key go on passing, and
# an unknown key costs no second fetch, and no waiting, before the cool-down is over.
. tests/e2e/lib.sh
e2e_start

metric() { agent_metrics | awk -v m="sallyport_spoa_$1" '$1 == m { print $2 }'; }
fetches() { metric 'keyset_refreshes_total{authorizer="staff"}'; }
# Requests one after the other until $E2E_DIR/stop is there; the statuses that came, each once.
keep_asking() { # TOKEN-HEADER
	while [ ! -e "$E2E_DIR/stop" ]; do
		curl -s -m 10 -o /dev/null -w '%{http_code}\n' --cacert "$E2E_DIR/tls/ca.pem" -H "$1" "https://localhost:$GATEWAY_PORT/v1/accounts/1"
		sleep 0.05
	done | sort | uniq -c >"$E2E_DIR/statuses"
}

old=$(bearer staff)
get /v1/accounts/1 -H "$old"
expect "a token of the first key passes" 200
before=$(fetches)
# The agent fetches a key set regularly, once a minute: right behind that there is time for all that follows. Here it has just started.
fetched_again() { [ "$(fetches)" != "$before" ]; }
[ -z "${E2E_OUTSIDE:-}" ] || eventually 120 fetched_again
before=$(fetches) held_before=$(metric held_back_total)
echo "  waiting for the cool-down of 30 s" >&2
sleep 31
keep_asking "$old" &
asking=$!
ok "the issuer rotates its key" rotate_keys staff
new=$(bearer staff)
get /v1/accounts/1 -H "$new"
expect "the first token of the new key passes" 200
is "it waited for its key" "$(metric held_back_total)" $((held_before + 1))
is "there was one fetch" "$(fetches)" $((before + 1))
get /v1/accounts/1 -H "$old"
expect "a token of the old key passes still" 200

openssl genrsa -out "$E2E_DIR/stranger.pem" 2048 2>/dev/null
stranger="Authorization: Bearer $("$STACK_BIN/sallyport-jwt" mint --key "$E2E_DIR/stranger.pem" --issuer "https://localhost:$ISSUER_PORT/staff" \
	--sub stranger --client-id back-office)"
get /v1/accounts/1 -H "$stranger"
expect "an unknown key is refused" 401
like "with its reason" "$(header www-authenticate)" "^Bearer error=\"invalid_token\", error_description=\"the token's key \(kid\) is not one of"
is "at once" "$(metric held_back_total)" $((held_before + 1))
is "without another fetch" "$(fetches)" $((before + 1))
touch "$E2E_DIR/stop"
wait "$asking"
is "no request failed over the rotation" "$(awk '{ print $2 }' "$E2E_DIR/statuses" | xargs)" 200
