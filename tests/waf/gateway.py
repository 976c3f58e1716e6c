#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Attacks and ordinary traffic through the running gateway: every class of attack in every place of a request is answered 403 and logged with its
rules and an explanation; ordinary requests are let through. A path that may be read in two ways is answered 400 before that. Prints TAP.

    gateway.py --address HOST:PORT --ca FILE --token TOKEN --prefix /v1/accounts --log ACCESS-LOG
"""
import argparse
import json
import os
import re
import socket
import ssl
import sys
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import matrix  # noqa: E402
import run  # noqa: E402

LOG_SECONDS = 20
# What haproxy/gateway.cfg refuses of a path.
AMBIGUOUS = re.compile(rb"^[A-Z]+ [^ ?]*(?:%(?:25)*(?:2[ef]|5c|[01][0-9a-f]|7f)|//|/\.{1,2}[/ ?]|;)", re.I)


def send(address, context, request):
    """Status and request id of the answer; status 0 when there is none."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                more = connection.recv(65536)
                if not more:
                    break
                answer += more
    status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    named = re.search(rb"(?im)^x-request-id: *(\S+)", answer)
    return int(status.group(1)) if status else 0, named.group(1).decode() if named else ""


def with_token(request, token):
    line, _, rest = request.partition(b"\r\n")
    return line + b"\r\nAuthorization: Bearer " + token.encode() + b"\r\n" + rest


def ordinary(prefix):
    """Requests of ordinary.yaml on a route of the gateway, without those that bring credentials of their own."""
    with open(os.path.join(run.HERE, "ordinary.yaml"), encoding="utf-8") as text:
        for spec in yaml.safe_load(text):
            request = run.render(dict(spec, target=prefix + spec["target"]))
            if not AMBIGUOUS.match(request) and not any(name.lower() == "authorization" for name in spec.get("headers", {})):
                yield spec["name"], request


def read_records(path, ids):
    """The access log's records of these requests, by id; waits for them."""
    end = time.monotonic() + LOG_SECONDS
    while True:
        with open(path, encoding="utf-8") as log:
            found = {r["id"]: r for r in (json.loads(line[line.index("{"):]) for line in log if line.endswith("}\n")) if r["id"] in ids}
        if len(found) == len(ids) or time.monotonic() > end:
            return found
        time.sleep(0.2)


def is_told(record):
    """The record of a block names rules, by numbers, and has an explanation that names them, too."""
    rules = record.get("rules", "").split(",")
    return record.get("waf") == "block" and all(rule.isdigit() for rule in rules) and rules[0] + "@" in record.get("explain", "")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--address", "--ca", "--token", "--prefix", "--log"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    context = ssl.create_default_context(cafile=arguments.ca)
    tap, blocked = run.Tap(), {}
    for name, request in matrix.cases(arguments.prefix):
        wanted = 400 if AMBIGUOUS.match(request) else 403
        status, request_id = send(arguments.address, context, with_token(request, arguments.token))
        tap.test(status == wanted, "%s is answered %d" % (name, wanted), "status %d" % status)
        if wanted == 403:
            blocked[name] = request_id
    records = read_records(arguments.log, set(blocked.values()))
    for name, request_id in blocked.items():
        record = records.get(request_id, {})
        tap.test(is_told(record), "%s is logged with its rules" % name, json.dumps(record))
    for name, request in ordinary(arguments.prefix):
        status, _ = send(arguments.address, context, with_token(request, arguments.token))
        tap.test(status == 200, "let through: %s" % name, "status %d" % status)
    print("1..%d" % tap.number)
    sys.exit(1 if tap.failures else 0)


if __name__ == "__main__":
    main()
