#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A sample of the regression tests through the running gateway: what `sallyport-waf eval` would block with the same rules is answered
403, what it would pass reaches the service. Prints TAP.

    gateway.py --program build/release/sallyport-waf --tests DIR --address HOST:PORT --ca FILE --token TOKEN [--every N] -- OPTION...
"""
import argparse
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402

REACHES = re.compile(rb"^(?:GET|POST) /(?:get|post)(?=[? ])")
PRINTABLE = re.compile(rb"^[\x21-\x7e]+ [\x21-\x7e]+ HTTP/1\.1$")


def rewrite(request, token):
    """The request on a route of the gateway, with a token. None: it does not fit a route."""
    line, _, rest = request.partition(b"\r\n")
    if not REACHES.match(line) or not PRINTABLE.match(line) or re.search(rb"(?im)^(?:authorization|transfer-encoding):", rest):
        return None
    line = REACHES.sub(lambda m: m.group().split(b" ")[0] + b" /v1/accounts", line)
    return line + b"\r\nAuthorization: Bearer " + token.encode() + b"\r\n" + rest


def send(address, context, request):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as connection:
            connection.sendall(request)
            answer = b""
            while b"\r\n" not in answer:
                more = connection.recv(4096)
                if not more:
                    break
                answer += more
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def verdicts(program, options, requests):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
        for stage, request in requests:
            stage.request, stage.response = request, None
            batch.write(stage.batch_line() + "\n")
        batch.flush()
        done = subprocess.run([program, "eval", "--batch"] + options + [batch.name], stdout=subprocess.PIPE, timeout=600)
    return {a["id"]: a for a in map(json.loads, done.stdout.splitlines())}


def main():
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    for name in ("--program", "--tests", "--address", "--ca", "--token"):
        parser.add_argument(name, required=True)
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_args(sys.argv[1:split])
    stages = corpus.load(arguments.tests)
    fitting = [(s, r) for s, r in ((s, rewrite(s.request, arguments.token)) for s in stages) if r][::arguments.every]
    expected = verdicts(arguments.program, sys.argv[split + 1:], fitting)
    context = ssl.create_default_context(cafile=arguments.ca)
    failures = 0
    for number, (stage, request) in enumerate(fitting, 1):
        wanted = 403 if expected[stage.name]["action"] == "block" else 200
        status = send(arguments.address, context, request)
        failures += status != wanted
        print("%sok %d - %s is answered %d" % ("not " if status != wanted else "", number, stage.name, wanted))
        if status != wanted:
            print("# status %d; %s" % (status, json.dumps(expected[stage.name])))
    print("1..%d" % len(fitting))
    sys.exit(1 if failures or not fitting else 0)


main()
