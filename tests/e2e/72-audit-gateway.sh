#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole gateway writes the audit log: whatever clients put into any field, one request is one valid record, and no
# token, cookie, query or body is anywhere in it.
STACK_AUDIT=1
. tests/e2e/lib.sh

mark=$(head -c 12 /dev/urandom | xxd -p) # in everything that must not be found
cookie=cookie$mark query=query$mark body=body$mark basic=basic$mark key=apikey$mark
e2e_start

query() { stack_audit query "$@"; }
eventually() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.1; done
}
count_is() { [ "$(query --count)" = "$1" ]; }
last() { query | tail -1; }

# ---- A client certificate whose subject is hostile.
(cd "$STACK_DIR/tls" && stack_issue evil $'/CN=evil"},{"status":200\\\\/O=a\tb\x01\xc3\xa9/OU=line' "extendedKeyUsage=clientAuth" && cat evil.crt evil.key >evil.pem) 2>"$STACK_DIR/logs/evil.log" ||
	{ tap_fail "a certificate with a hostile subject is made"; cat "$STACK_DIR/logs/evil.log"; exit 1; }

# ---- Tokens whose claims are hostile; the issuer is trusted, its claims are no less hostile.
hostile=$'a"b\\c\n{"status":200}\x01\x7f\xc3\xa9\xf0\x9f\x98\x80 "},{"'
hostile_json=$(jq -cn --arg v "$hostile" '$v')
plain_token=$(stack_token staff)
expired_token=$(stack_token staff --lifetime -60)
hostile_token=$(stack_token staff --claim "sub=$hostile_json" --claim "client_id=\"back-office\"" --claim "jti=$hostile_json" --claim "username=$hostile_json")
hostile_scope=$(stack_token staff --claim "scope=\"accounts/read \\\"},{\\\\u0001\\\"\"")
hostile_client=$(stack_token staff --claim "client_id=$hostile_json")

before=$(query --count)
# One connection and one request each; prints how many.
sent=$(python3 - "$GATEWAY_PORT" "$STACK_DIR/tls" "$plain_token" "$expired_token" "$hostile_token" "$hostile_scope" "$hostile_client" \
	"$cookie" "$query" "$body" "$basic" "$key" <<'PY'
import base64, re, socket, ssl, sys
port, tls = int(sys.argv[1]), sys.argv[2]
plain, expired, hostile_token, hostile_scope, hostile_client, cookie, query, body, basic, key = sys.argv[3:13]
sent = 0

def context(certificate=None):
    c = ssl.create_default_context(cafile=tls + '/ca.pem')
    c.set_alpn_protocols(['http/1.1'])
    if certificate:
        c.load_cert_chain(tls + '/' + certificate)
    return c

def raw(data, certificate=None):
    """Sends it. A line end in a head can end it, so that the rest is another request: each has an answer. Without one, the connection is a record."""
    global sent
    with socket.create_connection(('localhost', port), timeout=20) as s, context(certificate).wrap_socket(s, server_hostname='localhost') as t:
        t.sendall(data)
        answer = b''
        try:
            while chunk := t.recv(65536):
                answer += chunk
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass
        sent += max(1, len(re.findall(rb'HTTP/1\.[01] [1-5]\d\d ', answer)))

def request(method=b'GET', target=b'/v1/accounts/1', host=b'localhost', headers=(), token=plain, payload=b'', certificate=None):
    head = [method + b' ' + target + b' HTTP/1.1', b'host: ' + host, b'connection: close']
    if token:
        head.append(b'authorization: Bearer ' + token.encode())
    if payload:
        head.append(b'content-length: %d' % len(payload))
    raw(b'\r\n'.join(head + list(headers)) + b'\r\n\r\n' + payload, certificate)

bad = [b'"', b'\\', b'\\"', b'"},{"x":"', b'\t', b'\x01', b'\x0b', b'\x1b[31m', b'\x7f', b'\x80', b'\xff\xfe', b'\xc3', b'\xc0\xaf',
       b'\xed\xa0\x80', b'\xf4\x90\x80\x80', '\u2028\u2029'.encode(), '\U0001f600'.encode(), b'%0a%0d%00', b'\\u000a', b"'; --", b'%s%n%d', b'$(id)', b'\n', b'\r', b'\r\n ', b'\0',
       b'x' * 8000, b'"' * 8000, b'\x01' * 8000, b'\xff' * 8000]
good_trace = b'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
for value in bad:
    request(headers=[b'user-agent: a' + value + b'z'])
    request(target=b'/v1/accounts/a' + value + b'z')
    request(target=b'/v1/accounts/1?q=' + query.encode() + value)
    request(host=b'localhost' + value)
    request(method=b'GET' + value)
    request(headers=[b'traceparent: 00-' + value + b'-01'])
    request(headers=[good_trace, b'traceparent: 00-' + value + b'-01'])
    request(headers=[b'traceparent: 00-' + value + b'-01', good_trace])
    request(headers=[b'x-forwarded-for: 1.2.3.4' + value])
    request(headers=[b'content-type: ' + value], method=b'POST', payload=b'x' + value)
    request(headers=[b'x-request-id: ' + value])
    if value.strip(b'\r\n '): # empty lines before a request are waited over
        raw(value + b'\r\n\r\n')
    raw(b'GET / HTTP/1.1' + value + b'\r\nhost: localhost\r\n\r\n')

# Claims, certificates.
for token in hostile_token, hostile_scope, hostile_client:
    request(token=token)
request(certificate='evil.pem')

# Secrets wherever clients put them.
secret = [b'cookie: session=' + cookie.encode(), b'x-api-key: ' + key.encode()]
request(headers=secret)
request(headers=secret, token=expired)
request(headers=secret, token=plain[:-4] + 'AAAA')
request(headers=secret, token=plain + '.' + key)
request(headers=secret, token=None)
request(headers=secret + [b'authorization: Basic ' + base64.b64encode(basic.encode())], token=None)
request(headers=secret + [b'authorization: Bearer ' + key.encode()])
request(target=b'/v1/accounts?access_token=' + plain.encode(), token=None)
request(target=b'/v1/accounts?id=1%27%20or%201=1--' + query.encode(), headers=secret)
request(method=b'POST', headers=secret + [b'content-type: application/json'], payload=b'{"password":"%s"}' % body.encode())
request(method=b'POST', headers=secret + [b'content-type: application/x-www-form-urlencoded'], payload=b"a=1' or 1=1--%s" % body.encode())
request(method=b'POST', headers=secret + [b'content-type: application/json'], payload=b'{"a":"<script>alert(1)</script>%s"' % body.encode())
request(headers=secret + [b'cookie: a=<script>alert(1)</script>' + cookie.encode()])
request(target=b'/v1/unknown', headers=secret)
print(sent)
PY
) || { tap_fail "hostile requests are sent"; exit 1; }
ok "$sent requests are $sent records" eventually 30 count_is $((before + sent))
[ "$(query --count)" = $((before + sent)) ] || echo "# $(query --count) records, $before before"
is "each is one JSON object with the same members" "$(query | jq -c 'keys_unsorted' | sort | uniq -c | wc -l)" 1
is "no line was anything else" "$(query --events --where audit=invalid --count) $(query --events --where audit=notice --count)" "0 0"
is "no gap was told" "$(query --events --where audit=gap --count)" 0
is "no control byte is in any of them" "$(query | LC_ALL=C tr -d '\n' | LC_ALL=C tr -cd '\000-\037\177' | wc -c)" 0
query >"$E2E_DIR/records"
is "all of them are valid UTF-8" "$(iconv -f utf-8 -t utf-8 "$E2E_DIR/records" | cmp - "$E2E_DIR/records" && echo same)" same
is "no value made a member" "$(query | jq -r 'select(has("x")) | .id' | wc -l)" 0
is "tokens with hostile claims are refused, and what they claim is in no record" "$(query --where auth=claim_unsafe | jq -c '[.status, .sub, .client, .jti, .scopes]' | sort | uniq -c | tr -s ' ')" ' 3 [401,"","","",""]'
is "the hostile subject of a certificate is a value" "$(query | jq -r 'select(.cert_subject != "") | .cert_subject | contains("CN=evil\\\"}\\,{\\\"status\\\":200")')" true
is "8 KB of a user agent are cut to 512 bytes" "$(query | jq -r '.ua | select(startswith("axxx")) | length')" 512

# ---- Nothing secret is in the log, in its files, or in any of the gateway's own logs.
signature() { local rest=${1##*.}; echo "${rest:0:40}"; }
payload() { local rest=${1#*.}; echo "${rest:0:60}"; }
patterns=("$mark" "$(printf %s "$basic" | base64 | cut -c1-24)" "$(signature "$plain_token")" "$(signature "$expired_token")" "$(payload "$plain_token")"
	"$(payload "$hostile_token")" "alert(1)" "or 1=1" "or%201=1")
printf '%s\n' "${patterns[@]}" >"$E2E_DIR/patterns"
query --events >"$E2E_DIR/all"
is "no token, cookie, query or body is in a record" "$(grep -c -F -f "$E2E_DIR/patterns" "$E2E_DIR/all")" 0
grep -F -f "$E2E_DIR/patterns" "$E2E_DIR/all" | head -3 | cut -c1-600 | sed 's/^/# /'
is "nor in a file of the log" "$(grep -r -l -a -F -f "$E2E_DIR/patterns" "$STACK_DIR/audit" | wc -l)" 0
is "nor in a log of the gateway's programs" "$(grep -l -a -F -f "$E2E_DIR/patterns" "$STACK_DIR"/logs/{agent,haproxy,registry,audit}.log 2>/dev/null | wc -l)" 0
# That the search finds what is there: the patterns against what was sent.
is "the search would find them" "$(printf 'cookie: session=%s\n%s\n' "$cookie" "$plain_token" | grep -c -F -f "$E2E_DIR/patterns")" 2

# ---- Every way to ask.
get "/v1/accounts/find-me?x=1" -H "$(bearer staff)" -A "finder" -H "x-nothing: 1"
expect "a request to look for" 200
found() { [ "$(query --where path=/v1/accounts/find-me --count)" = 1 ]; }
eventually 10 found
record=$(query --where path=/v1/accounts/find-me)
value() { jq -r ".$1" <<<"$record"; }
one() { # NAME ARGUMENTS...
	local name=$1
	shift
	is "$name" "$(query "$@" | jq -c --arg id "$(value id)" 'select(.id == $id) | .path')" '"/v1/accounts/find-me"'
}
none() { # NAME ARGUMENTS...
	local name=$1
	shift
	is "$name" "$(query "$@" | jq -c --arg id "$(value id)" 'select(.id == $id)' | wc -l)" 0
}
one "by its id" --id "$(value id)"
one "by subject" --subject staff-user-1
one "by client" --client back-office
one "by route" --route "$(value route)"
one "by status" --status 200
one "by class of status" --status 2xx
one "by source address" --ip "$(value ip)"
one "by any member" --where "ua=finder"
one "by time" --from "$(value time)" --to "$(value time)"
none "another status" --status 403
none "another subject" --subject nobody
none "before it" --to "2020-01-01T00:00:00Z"
rules=$(query --where waf=block | jq -r '.rules | split(",")[0]' | head -1)
is "by a WAF rule" "$(query --rule "$rules" | jq -r --arg r "$rules" '.rules | split(",") | index($r) != null' | sort -u)" true
is "a table has a heading and a line" "$(query --id "$(value id)" -f table -c status,path | tr -s ' ' | sed 's/ $//' | paste -sd'|')" "status path|200 /v1/accounts/find-me"
query --follow --where ua=follower >"$E2E_DIR/followed" 2>"$E2E_DIR/follow.err" &
follower=$!
STACK_PIDS+=("$follower")
get /v1/accounts/followed -H "$(bearer staff)" -A follower
got() { [ "$(jq -r .path "$E2E_DIR/followed" 2>/dev/null)" = /v1/accounts/followed ]; }
ok "--follow shows what comes" eventually 20 got
kill "$follower"
ok "a log of the gateway verifies, content included" stack_audit verify --content --key "$STACK_DIR/audit-keys/wrapping.key"

# ---- As many records as the agent was asked for requests: how one without a record would be seen (docs/limits.md).
asked() { agent_metrics | awk '$1 == "sallyport_spoa_request_microseconds_count" { n += $2 } $1 == "sallyport_spoa_responses_total" { n -= $2 } END { print n + 0 }'; }
recorded() { query | jq -c 'select(.agent_us >= 0)' | wc -l; }
all_recorded() { [ "$(asked)" -gt 0 ] && [ "$(asked)" = "$(recorded)" ]; }
ok "each request that the agent was asked about has a record" eventually 20 all_recorded
