#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The WAF in the gateway: attacks in every place of a request are answered 403 and logged with their rule ids;
# ordinary banking traffic passes; modes and exclusions of a service do what they say.
. tests/e2e/lib.sh
more_parameters() {
	parameter /bank/dev/api-services/accounts-v2/oversize continue
	parameter /bank/dev/api-services/accounts-v2/body-limit 4096
	parameter /bank/dev/api-services/accounts-v2/waf-count "label:core-rule-set:GenericLFI_QueryArguments,tag:attack-lfi,932160"
}
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

# Every class of attack in every place of a request, and ordinary traffic, over HTTP/1.1; some here over h2 and in other forms.
token=${staff##* }
tap_relay gateway /usr/bin/python3 tests/waf/gateway.py --address "127.0.0.1:$GATEWAY_PORT" --ca "$E2E_DIR/tls/ca.pem" --token "$token" \
	--prefix /v1/accounts --log "$E2E_DIR/logs/access.log"

blocked "SQL injection in the query over h2" "/v1/accounts?id=1%27%20union%20select%20password%20from%20users--%20" --http2
blocked "SQL injection deep in JSON over h2" /v1/accounts --http2 "${json[@]}" --data-raw '{"a":{"b":[1,{"c":"1'"'"' or 1=1 union select null,version()--"}]}}'
blocked "a path into WEB-INF" /v1/accounts/WEB-INF/web.xml
blocked "cross-site scripting in a chunked body" /v1/accounts --http1.1 "${json[@]}" -H 'Transfer-Encoding: chunked' --data-raw '{"note":"<script>alert(1)</script>"}'
printf '{"note":"<script>alert(1)</script>"}' >"$E2E_DIR/note"
blocked "cross-site scripting in an h2 body without a length" /v1/accounts --http2 "${json[@]}" -X POST -T - <"$E2E_DIR/note"

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

# Parameter waf-count: reported, let through; other rules block still.
lfi="/v2/accounts?file=../../../../etc/passwd"
get "$lfi" "${base[@]}"
expect "a rule that only counts refuses nothing" 200
line=$(record)
is "and is logged as counted" "$(jq -r .waf <<<"$line")" count
like "with its label" "$(jq -r .labels <<<"$line")" 'core-rule-set:GenericLFI_QueryArguments'
like "and an explanation" "$(jq -r .explain <<<"$line")" '^[0-9]+@'
blocked "what another rule finds in the same request" "$lfi&q=%3Cscript%3Ealert(1)%3C/script%3E"

# Parameter oversize=continue: the head is inspected, the rest is passed on, and the record says so.
{ printf '{"note":"'; head -c 20000 /dev/zero | tr '\0' a; printf '"}'; } >"$E2E_DIR/oversize"
get /v2/accounts "${base[@]}" "${json[@]}" --data-binary "@$E2E_DIR/oversize"
expect "a body over the limit is let through where the service asks for it" 200
line=$(record)
like "its record says that only the head was inspected" "$(jq -r .labels <<<"$line")" '^sallyport:waf:oversize'
is "nothing was found in it" "$(jq -r .waf <<<"$line")" pass
{ printf '{"note":"<script>alert(1)</script>'; head -c 20000 /dev/zero | tr '\0' a; printf '"}'; } >"$E2E_DIR/oversize"
blocked "an attack in the head of a body over the limit" /v2/accounts "${json[@]}" --data-binary "@$E2E_DIR/oversize"
get /v1/accounts "${base[@]}" "${json[@]}" --data-binary "@$E2E_DIR/long" -H "Transfer-Encoding: chunked" --http1.1
expect "a long chunked body within the limit is inspected as a whole" 403
{ cat "$E2E_DIR/oversize" "$E2E_DIR/oversize" "$E2E_DIR/oversize" "$E2E_DIR/oversize"; } >"$E2E_DIR/over"
get /v1/accounts "${base[@]}" "${json[@]}" --data-binary "@$E2E_DIR/over" -H "Transfer-Encoding: chunked" --http1.1
expect "a chunked body over the limit is refused" 413

# What cannot be inspected is not let through, and is told.
get /v1/accounts "${base[@]}" "${json[@]}" --data-raw '{"note":'
expect "a body that does not parse is refused" 403
like "its record says why" "$(record | jq -r .explain)" 'uninspected@|9100011@'
is "and has the label" "$(record | jq -r .labels)" sallyport:waf:uninspected

# From the record to its explanation.
get "/v1/accounts?id=1%27%20or%201=1--" "${base[@]}"
line=$(record)
rules=(); while read -r path; do rules+=(-r "$path"); done < <(agent_configuration | jq -r '.waf.rulesets | .aws[], .crs[]')
explained=$(on_the_agent sallyport-waf explain "${rules[@]}" "$(jq -r .explain <<<"$line")" <"$E2E_DIR/logs/access.log")
like "an explanation id is explained" "$explained" 'WAF verdict: block, score [0-9]+'
like "with the rule and its message" "$explained" '942100 .*SQL Injection'
like "and how to let such requests through" "$explained" 'waf-exclude = .*942100'
