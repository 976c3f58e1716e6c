#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Header hygiene: what the service gets, what it never gets, what the client gets back.
. tests/e2e/lib.sh
e2e_start

token=$(stack_token staff --sub 7b1c-user --client-id back-office --scope "accounts/read accounts/write")
auth="Authorization: Bearer $token"
# What the gateway sees us come from.
us=127.0.0.1
[ -z "${E2E_OUTSIDE:-}" ] || us='(10|172|192\.168)(\.[0-9]{1,3}){2,3}'

get /v1/accounts -H "$auth"
is "authorization is forwarded untouched" "$(upstream_header authorization)" "Bearer $token"
is "the subject" "$(upstream_header x-auth-subject)" 7b1c-user
is "the client id" "$(upstream_header x-auth-client-id)" back-office
is "the scopes" "$(upstream_header x-auth-scopes)" "accounts/read accounts/write"
is "the pool" "$(upstream_header x-auth-pool)" staff
is "the request id is the client's and the service's" "$(upstream_header x-request-id)" "$(header x-request-id)"
like "a trace is started" "$(upstream_header traceparent)" '^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$'
is "x-forwarded-proto" "$(upstream_header x-forwarded-proto)" https
like "x-forwarded-host" "$(upstream_header x-forwarded-host)" '^localhost(:[0-9]+)?$'
like "x-forwarded-for" "$(upstream_header x-forwarded-for)" "^$us\$"
like "forwarded" "$(upstream_header forwarded)" "^for=\"?$us\"?;.*proto=https"

get /v1/accounts -H "$auth" -H 'x-auth-subject: admin' -H 'X-Auth-Scopes: everything' -H 'x-auth-client-id: evil' -H 'x-auth-pool: root' \
	-H 'x-auth-anything: x' -H 'x-request-id: forged' -H 'x-forwarded-for: 6.6.6.6' -H 'forwarded: for=6.6.6.6' -H 'x-forwarded-host: evil' -H 'x-forwarded-proto: http'
is "a forged subject is dropped" "$(upstream_header x-auth-subject)" 7b1c-user
is "forged scopes are dropped" "$(upstream_header x-auth-scopes)" "accounts/read accounts/write"
is "a forged client id is dropped" "$(upstream_header x-auth-client-id)" back-office
is "a forged pool is dropped" "$(upstream_header x-auth-pool)" staff
is "nothing else under x-auth- passes" "$(upstream_header x-auth-anything)" ""
ok "a forged request id is dropped" test "$(upstream_header x-request-id)" != forged
like "a forged x-forwarded-for is dropped" "$(upstream_header x-forwarded-for)" "^$us\$"
ok "a forged forwarded is dropped" bash -c '! grep -q 6.6.6.6 <<<"$0"' "$(upstream_header forwarded)"
is "a forged x-forwarded-proto is dropped" "$(upstream_header x-forwarded-proto)" https

trace=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
get /v1/accounts -H "$auth" -H "traceparent: $trace"
like "a good trace is kept" "$(upstream_header traceparent)" '^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$'
get /v1/accounts -H "$auth" -H "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01"
ok "a bad trace is replaced" test "$(upstream_header traceparent)" != "00-00000000000000000000000000000000-00f067aa0ba902b7-01"
get /v1/accounts -H "$auth" -H "traceparent: $trace" -H 'traceparent: 00-x-"-01'
like "of two, a good and a bad one, neither the bad one nor both" "$(upstream_header traceparent)" '^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$'
get /v1/accounts -H "$auth"
is "the server software is not named" "$(header server)" ""
like "the answer tells browsers to insist on TLS" "$(header strict-transport-security)" '^max-age=[0-9]+'
