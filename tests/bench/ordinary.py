#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Writes requests of tests/waf/ordinary.yaml as files for load --raw, below PREFIX and with a bearer token.

    ordinary.py DIR HOST PREFIX TOKEN

Left out: methods whose answers have no body or that the upstream of the benchmark does not take, and requests that bring their own credentials.
"""
import os
import re
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "waf"))
import run  # noqa: E402


# Values of arguments, in the query, a form or JSON, whose end is a run of letters and digits.
VALUE = re.compile(rb'([=]|":\s*")([^&"\s<>]*?[A-Za-z0-9]{2})[A-Za-z0-9]{8}(?=[&"\s]|$)')


def freshen(request):
    """Long values differ in each request: load --fresh has a number for each mark."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    return VALUE.sub(rb"\1\2@@@@@@@@", line) + b"\r\n" + rest + b"\r\n\r\n" + VALUE.sub(rb"\1\2@@@@@@@@", body)


def main():
    folder, host, prefix, token = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(run.HERE, "ordinary.yaml"), encoding="utf-8") as text:
        specs = yaml.safe_load(text)
    for number, spec in enumerate(specs):
        headers = {k: v for k, v in spec.get("headers", {}).items() if k.lower() != "authorization"}
        if spec.get("method", "GET") not in ("GET", "POST") or len(headers) < len(spec.get("headers", {})):
            continue
        spec = dict(spec, target=prefix + spec["target"], headers=dict(headers, Host=host, Authorization="Bearer " + token))
        with open(os.path.join(folder, "%03d.http" % number), "wb") as out:
            out.write(freshen(run.render(spec)))


main()
