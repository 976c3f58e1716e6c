#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What clients see: every row of the table of answers, over HTTP/1.1 and HTTP/2.
. tests/e2e/lib.sh
e2e_start

staff=$(bearer staff) customers=$(bearer customers)
readonly unauthorized='{"message":"Unauthorized"}' forbidden='{"message":"Forbidden"}' not_found='{"message":"Not Found"}'
{ printf '"'; head -c 65534 /dev/zero | tr '\0' a; printf '"'; } >"$E2E_DIR/at-limit"
{ cat "$E2E_DIR/at-limit"; printf ' '; } >"$E2E_DIR/over-limit"

for http in --http1.1 --http2; do
	h="${http#--}:"
	get /v1/accounts $http -H "$staff"
	expect "$h a good token reaches the service by the exact prefix" 200
	is "$h the service is the one the prefix names" "$(jq -r .service <<<"$BODY")" accounts-v1
	get /v1/accounts/42/transactions?limit=5 $http -H "$staff"
	expect "$h and by the wildcard below it" 200
	is "$h the path arrives as it was sent" "$(jq -r .path <<<"$BODY")" /v1/accounts/42/transactions
	is "$h the query arrives as it was sent" "$(jq -r .query <<<"$BODY")" limit=5
	get /v2/accounts/1 $http -H "$staff"
	is "$h the other version is another service" "$(jq -r .service <<<"$BODY")" accounts-v2
	get /v1/payments $http -H "$customers"
	is "$h the customers pool has its own service" "$(jq -r .service <<<"$BODY")" payments-v1

	get /v1/accounts $http
	expect "$h no token" 401 "$unauthorized"
	is "$h no token: challenge" "$(header www-authenticate)" "Bearer"
	like "$h gateway answers carry a request id" "$(header x-request-id)" '^[0-9a-f-]{36}$'
	is "$h gateway answers are JSON" "$(header content-type)" application/json

	get /v1/accounts $http -H "Authorization: Bearer not.a.token"
	expect "$h a malformed token" 401 "$unauthorized"
	like "$h a malformed token: challenge" "$(header www-authenticate)" '^Bearer error="invalid_token", error_description="[^"]+"$'
	get /v1/accounts $http -H "$(bearer staff --lifetime -120)"
	expect "$h an expired token" 401 "$unauthorized"
	is "$h an expired token: challenge" "$(header www-authenticate)" 'Bearer error="invalid_token", error_description="the token has expired"'
	get /v1/accounts $http -H "$customers"
	expect "$h a token of the other pool" 401 "$unauthorized"
	get /v1/payments/1 $http -H "$(bearer customers --scope accounts/read)"
	expect "$h a token without the scope" 403 "$forbidden"
	is "$h a token without the scope: challenge" "$(header www-authenticate)" 'Bearer scope="payments/read payments/write", error="insufficient_scope"'

	get /v1/unknown $http -H "$staff"
	expect "$h an unknown route" 404 "$not_found"
	get /v3/accounts $http -H "$staff"
	expect "$h an unknown version" 404 "$not_found"
	get /v1/accountsX $http -H "$staff"
	expect "$h a prefix is not a prefix of a word" 404 "$not_found"
	get /v1/payments $http -X DELETE -H "$customers"
	expect "$h a method the service does not have" 404 "$not_found"

	for path in /v1/accounts/..%2fadmin /v1/accounts/%2e%2e/x /v1//accounts /v1/accounts/../payments '/v1/accounts;x=1' /v1/accounts/%00 '/v1/accounts\x' /v1/accounts/%5cx; do
		get "$path" $http -H "$staff"
		expect "$h an ambiguous path is refused: $path" 400
	done

	get / $http -H "$staff" -X OPTIONS --request-target '*'
	if [ "$http" = --http1.1 ]; then
		expect "$h a target without a path is refused" 400
	else # HAProxy 3.0 and later read it as the path /
		like "$h a target without a path is refused" "$STATUS" '^40[04]$'
	fi

	get /v1/accounts $http -H "$staff" -H 'Content-Type: application/json' --data-binary "@$E2E_DIR/at-limit"
	is "$h a body at the limit arrives whole" "$STATUS $(jq -r .body_bytes <<<"$BODY")" "200 65536"
	get /v1/accounts $http -H "$staff" -H 'Content-Type: application/json' -H 'Expect:' --data-binary "@$E2E_DIR/over-limit"
	expect "$h one byte more is too large" 413 '{"message":"Payload Too Large"}'
	if [ "$http" = --http1.1 ]; then # over HTTP/2 nobody asks
		get /v1/accounts $http -H "$staff" -H 'Content-Type: application/json' -H 'Expect: 100-continue' --expect100-timeout 30 --data-binary "@$E2E_DIR/over-limit"
		expect "$h and told before it is sent to who asks" 413 '{"message":"Payload Too Large"}'
	fi

	# HAProxy resets an h2 stream whose upstream closed without an answer, and does not log it (docs/limits.md).
	if [ "$http" = --http1.1 ]; then
		get "/v1/accounts?close=1" $http -X POST -H "$staff"
		expect "$h an upstream that closes" 502 '{"message":"Bad Gateway"}'
	fi
	get "/v1/accounts?bad=1" $http -H "$staff"
	expect "$h an upstream that does not speak HTTP" 502 '{"message":"Bad Gateway"}'
	get "/v2/accounts?delay_ms=3000" $http -H "$staff"
	expect "$h an upstream slower than the service's timeout" 504 '{"message":"Gateway Timeout"}'
done

get /v1/accounts -H "$staff" -H "$staff"
expect "two authorization headers" 401 "$unauthorized"
get /v1/accounts -H "$staff" --http1.1 -H 'Transfer-Encoding: chunked' -d '{"a":1}' -H 'Content-Type: application/json'
is "a chunked body arrives" "$STATUS $(jq -r .body_bytes <<<"$BODY")" "200 7"

curl -s --max-time 3 "http://127.0.0.1:80/" -o /dev/null
is "port 80 is not open" "$?" 7
ok "TLS 1.1 is refused" bash -c "! curl -s --max-time 5 --cacert $E2E_DIR/tls/ca.pem --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 https://localhost:$GATEWAY_PORT/v1/accounts -o /dev/null"
for version in 1.2 1.3; do
	get /v1/accounts -H "$staff" --tlsv$version --tls-max $version
	expect "TLS $version is spoken" 200
done

# Connections to the agent are kept: each needs a handshake, as long as a verdict takes. Health checks have their own.
connections() { agent_metrics | awk '/^sallyport_spoa_connections_total.*accepted/ { n += $2 } /^sallyport_spoa_connections_closed_total.*healthcheck/ { n -= $2 } END { print n + 0 }'; }
before=$(connections)
curl -s --cacert "$E2E_DIR/tls/ca.pem" -H "$staff" -o /dev/null -w '%{http_code}\n' "https://localhost:$GATEWAY_PORT/v1/accounts?n=[1-200]" >"$E2E_DIR/statuses"
is "200 requests" "$(sort "$E2E_DIR/statuses" | uniq -c | xargs)" "200 200"
more=$(($(connections) - before))
[ "$more" -le 10 ] && tap_pass "have few connections to the agent" || tap_fail "have few connections to the agent: $more"
