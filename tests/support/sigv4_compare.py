# SPDX-License-Identifier: Apache-2.0
# Signs random requests with botocore and with the program given, and compares the Authorization headers.
import json
import random
import subprocess
import sys
from datetime import datetime, timezone
from unittest import mock
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20150830
rng = random.Random(SEED)
TEXT = "abcXYZ019-._~ /+=&%é日😀:\"'(),;"
PLAIN = "abcXYZ019-_ \t,;=\"/"


def text(chars, low, high):
    return "".join(rng.choice(chars) for _ in range(rng.randint(low, high)))


def random_case():
    s3 = rng.random() < 0.3
    segments = [quote(text(TEXT.replace("/", ""), 0, 8), safe="-._~") for _ in range(rng.randint(0, 4))]
    if not s3 and rng.random() < 0.3:
        segments.insert(rng.randint(0, len(segments)), rng.choice([".", "..", ""]))
    path = "/" + "/".join(segments)
    pairs = [
        quote(text(TEXT, 1, 6), safe="-._~") + "=" + quote(text(TEXT, 0, 8), safe="-._~")
        for _ in range(rng.choice([0, 0, 1, 3]))
    ]
    headers = [["Host", "svc.example.com" + rng.choice(["", ":8443"])]]
    headers += [["X-Amz-" + text("abcdef", 3, 8), text(PLAIN, 1, 20).strip() or "v"] for _ in range(rng.randint(0, 4))]
    headers += [["Content-Type", "application/x-amz-json-1.1"]]
    rng.shuffle(headers)
    moment = datetime.fromtimestamp(rng.randint(0, 4102444800), timezone.utc)
    return {
        "method": rng.choice(["GET", "POST", "PUT", "DELETE"]),
        "path": path,
        "query": "&".join(pairs),
        "headers": headers,
        "body": text(TEXT, 0, 200),
        "s3": s3,
        "id": "AKID" + text("ABCDEF0123", 4, 16),
        "secret": text("abcdefXYZ/+0123", 20, 60),
        "token": text("abcdefXYZ/+=0123", 50, 800) if rng.random() < 0.5 else None,
        "region": rng.choice(["eu-west-1", "us-east-1", "cn-north-1"]),
        "service": "s3" if s3 else rng.choice(["ssm", "logs", "kms", "sts"]),
        "time": moment.strftime("%Y%m%dT%H%M%SZ"),
        "moment": moment,
    }


def by_botocore(case):
    keys = Credentials(case["id"], case["secret"], case["token"])
    signer = (botocore.auth.S3SigV4Auth if case["s3"] else botocore.auth.SigV4Auth)(keys, case["service"], case["region"])
    url = "https://svc.example.com" + case["path"] + ("?" + case["query"] if case["query"] else "")
    request = AWSRequest(method=case["method"], url=url, data=case["body"].encode())
    for name, value in case["headers"]:
        request.headers.add_header(name, value)
    request.context["client_config"] = None
    request.context["payload_signing_enabled"] = True
    with mock.patch("botocore.auth.get_current_datetime", return_value=case["moment"].replace(tzinfo=None)):
        signer.add_auth(request)
    signed = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    have = [name.lower() for name, _ in case["headers"]]
    # What botocore adds itself is signed too: the date, the token, S3's hash of the body.
    added = [[name, request.headers[name]] for name in signed if name not in have]
    return request.headers["Authorization"], case["headers"] + added


cases = [random_case() for _ in range(2000)]
expected, lines = [], []
for case in cases:
    authorization, headers = by_botocore(case)
    expected.append(authorization)
    lines.append(json.dumps({k: v for k, v in case.items() if k != "moment"} | {"headers": headers}))
got = subprocess.run([sys.argv[1]], input="\n".join(lines) + "\n", text=True, capture_output=True, check=True).stdout.splitlines()
bad = [i for i, (a, b) in enumerate(zip(expected, got, strict=True)) if a != b]
for i in bad[:3]:
    print("botocore:", expected[i], "\nours:    ", got[i], "\nfor:     ", lines[i])
print(f"{len(cases) - len(bad)} of {len(cases)} agree, seed {SEED}")
sys.exit(bool(bad))
