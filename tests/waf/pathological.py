# SPDX-License-Identifier: Apache-2.0
"""
Requests made to cost much: long and many parts, deep nesting, and values that bring patterns to try again at every byte. Each must end within the
budget, or be blocked because it does not. cases() gives (name, request, ends) where `ends` is True for what must run into the budget and None where
either will do.
"""
import json

import matrix

BYTES = 60000
VALUES = ["a", "<", "(", "%", "'", "' or ", ";", "${", "\\", "\\u0041", "a;", " ", "\t", "/", "../", "/*", "-- ", "=", "&amp;", "QUFB", "union select ", "<script",
          " onx=", "0x41", "1 and ", "`", "{{", "c'a't", "$IFS", "1", ".", "*", "?", "java.", "a b ", "x=x", "\"'", "a,b;", "\n", "(((a)", "[[", "!--", "&#", "é"]
# The square of their length, with patterns of CRS that may begin anywhere and read on to the end.
SQUARES = ["|"]


def post(content_type, body):
    return matrix.request("/v1/accounts", ["Content-Type: " + content_type], body)


def parts(count):
    return "".join('--B\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n' % i for i in range(count)) + "--B--\r\n"


def cases():
    form, xml, js = "application/x-www-form-urlencoded", "text/xml", "application/json"
    yield "a long cookie", matrix.request("/v1/accounts", ["Cookie: a=" + "x=" * 4000]), None
    yield "many cookies", matrix.request("/v1/accounts", ["Cookie: " + "; ".join("c%d=%s" % (i, "x" * 90) for i in range(90))]), None
    yield "1000 arguments", post(form, "&".join("a%d=value+%d" % (i, i) for i in range(1000))), None
    yield "1001 arguments", post(form, "&".join("a%d=v" % i for i in range(1001))), None
    yield "JSON of depth 62", post(js, '{"a":' * 62 + "1" + "}" * 62), None
    yield "JSON of depth 20000", post(js, "[" * 20000 + "]" * 20000), None
    yield "JSON of 990 numbers", post(js, json.dumps(list(range(990)))), None
    yield "XML of depth 5000", post(xml, "<a>" * 5000 + "</a>" * 5000), None
    yield "XML with 900 attributes", post(xml, "<a %s/>" % " ".join('b%d="c"' % i for i in range(900))), None
    yield "multipart of 900 parts", post("multipart/form-data; boundary=B", parts(900)), None
    for unit in VALUES + SQUARES:
        text = (unit * BYTES)[:BYTES // 2 if unit == "é" else BYTES]
        yield "%d bytes of %r" % (BYTES, unit), post(js, json.dumps({"a": text}, ensure_ascii=False)), unit in SQUARES or None
