# SPDX-License-Identifier: Apache-2.0
"""Reads the OWASP CRS regression tests and renders their requests as go-ftw, upstream's runner, sends them."""
import base64
import glob
import json
import os
import urllib.parse

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FORM = "application/x-www-form-urlencoded"


class Stage:
    """One request of a test, and what upstream expects of it."""

    def __init__(self, name, stage):
        self.name = name
        self.input = stage["input"]
        self.output = stage["output"]
        self.request = render_request(self.input)
        self.response = render_response(self.input)

    def batch_line(self):
        line = {"id": self.name, "request": base64.b64encode(self.request).decode()}
        if self.response is not None:
            line["response"] = base64.b64encode(self.response).decode()
        return json.dumps(line)


def to_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode()


def find_header(headers, name):
    for key, value in headers:
        if key.lower() == name.lower():
            return str(value)
    return None


def query_escape(text):
    return urllib.parse.quote_plus(to_bytes(text), safe="~").replace("%7E", "~")


def encode_form(data):
    """go-ftw encodes the pairs of a form unless they are encoded already."""
    if urllib.parse.unquote_plus(data.decode("latin-1"), "latin-1").encode("latin-1") != data:
        return data
    pairs = []
    for token in data.split(b"&"):
        name, equals, value = token.partition(b"=")
        pairs.append(query_escape(name) + equals.decode() + query_escape(value))
    return "&".join(pairs).encode()


def complete(method, headers, data):
    """The headers go-ftw adds, and the data as it sends them."""
    if data:
        if find_header(headers, "Content-Type") is None:
            headers.append(("Content-Type", FORM))
        if find_header(headers, "Content-Type") == FORM:
            data = encode_form(data)
    return data


def render_request(spec):
    if "encoded_request" in spec:
        return base64.b64decode(spec["encoded_request"])
    method = spec.get("method", "GET")
    headers = list((spec.get("headers") or {}).items())
    data = to_bytes(spec.get("data") or "")
    automatic = spec.get("autocomplete_headers", True)
    if automatic:
        data = complete(method, headers, data)
    if (find_header(headers, "Content-Type") or "").startswith("multipart/form-data;"):
        data = data.replace(b"\n", b"\r\n")
    if automatic:
        if find_header(headers, "Connection") is None:
            headers.append(("Connection", "close"))
        with_body = method in ("POST", "PUT", "PATCH", "DELETE")
        if (data or with_body) and find_header(headers, "Content-Length") is None:
            headers.append(("Content-Length", str(len(data))))
    line = "%s %s %s\r\n" % (method, spec.get("uri", "/"), spec.get("version", "HTTP/1.1"))
    head = line + "".join("%s: %s\r\n" % (k, "" if v is None else v) for k, v in headers) + "\r\n"
    return head.encode() + data


def render_response(spec):
    """What upstream's back end answers: /reflect sends what the request's JSON asks for."""
    if not str(spec.get("uri", "/")).startswith("/reflect"):
        return None
    try:
        wanted = json.loads(spec.get("data") or "{}")
    except ValueError:
        return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    body = to_bytes(wanted.get("body", ""))
    if "encodedBody" in wanted:
        body = base64.b64decode(wanted["encodedBody"])
    headers = dict(wanted.get("headers") or {})
    headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    headers["Content-Length"] = len(body)
    head = "HTTP/1.1 %d Reflected\r\n" % wanted.get("status", 200)
    head += "".join("%s: %s\r\n" % item for item in headers.items())
    return (head + "\r\n").encode() + body


def load(folder):
    """All stages of all test files below `folder`, in order."""
    stages = []
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.yaml"), recursive=True)):
        with open(path, "rb") as source:
            document = yaml.load(source, Loader=LOADER)
        for test in (document or {}).get("tests", []):
            name = "%s-%s" % (document["rule_id"], test["test_id"])
            several = len(test["stages"]) > 1
            for number, stage in enumerate(test["stages"], 1):
                stage = stage.get("stage", stage)
                stages.append(Stage(name + ("/%d" % number if several else ""), stage))
    return stages
