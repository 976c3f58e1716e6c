#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The rules under AWS's names catch what they are for, each of them; aws+crs blocks each class of attack in each place of a request, and ordinary
traffic passes it. Prints TAP.

    run.py --program build/release/sallyport-waf --aws haproxy/waf/aws NAME=PATH[,PATH...] ... [-- OPTION...]

Each NAME=PATH,... is a rule set that ordinary traffic must pass; one whose name begins with aws+crs has to block every class of attack.
"""
import argparse
import base64
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import matrix  # noqa: E402
import pathological  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
USUAL = {"Host": "api.bank.example", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0", "Accept": "application/json"}


def expand(text):
    """@A*2060@ is 2060 times the letter A."""
    return re.sub(r"@(.)\*(\d+)@", lambda m: m.group(1) * int(m.group(2)), text)


def body_of(spec):
    if "base64" in spec:
        return base64.b64decode(spec["base64"])
    body = expand(spec.get("body", ""))
    if "random_base64" in spec:
        generator = random.Random(2)
        body = body.replace("@RANDOM@", base64.b64encode(generator.randbytes(spec["random_base64"])).decode())
    if "repeat" in spec:
        body = "[" + ",".join(body.replace("@N@", str(n)) for n in range(spec["repeat"])) + "]"
    if spec.get("crlf"):
        body = body.replace("\n", "\r\n")
    return body.encode()


def render(spec):
    if isinstance(spec, str):
        spec = {"target": spec}
    headers = dict(USUAL)
    headers.update(spec.get("headers", {}))
    method, body = spec.get("method", "GET"), body_of(spec)
    if body or method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = len(body)
    head = "%s %s HTTP/1.1\r\n" % (method, expand(spec["target"]))
    head += "".join("%s: %s\r\n" % (k, expand(str(v))) for k, v in headers.items() if v is not None)
    return (head + "\r\n").encode() + body


def evaluate(program, options, requests):
    """The answers to {name: request}, by name."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
        for name, request in requests.items():
            batch.write(json.dumps({"id": name, "request": base64.b64encode(request).decode()}) + "\n")
        batch.flush()
        done = subprocess.run([program, "eval", "--batch"] + options + [batch.name], stdout=subprocess.PIPE, timeout=600)
    return {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}


class Tap:
    def __init__(self):
        self.number = self.failures = 0

    def test(self, good, name, why=""):
        self.number += 1
        self.failures += not good
        print("%sok %d - %s" % ("" if good else "not ", self.number, name))
        if not good and why:
            print("# " + why[:600])


def rule_names(folder):
    """The AWS name of each rule that has one, by id."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".conf"):
            with open(os.path.join(folder, name)) as source:
                for rule in source.read().split("\nSecRule ")[1:]:
                    labelled = re.search(r'"id:(\d+),.*msg:\'(\w+)\'', rule, re.S)
                    if labelled:
                        found[int(labelled.group(1))] = labelled.group(2)
    return found


def test_attacks(tap, program, aws, options):
    names = rule_names(aws)
    with open(os.path.join(HERE, "attacks.yaml")) as source:
        attacks = yaml.safe_load(source)
    tap.test(len(set(names.values())) == 34, "there are rules under 34 names", "%d" % len(set(names.values())))
    tap.test(set(names) == set(attacks), "every rule has an attack", "%s" % sorted(set(names) ^ set(attacks)))
    requests = {"%d/%d" % (rule, n): render(spec) for rule, specs in attacks.items() for n, spec in enumerate(specs, 1)}
    answers = evaluate(program, ["--rules", aws, "--detection-only"] + options, requests)
    blocked = evaluate(program, ["--rules", aws] + options, requests)
    for name in requests:
        rule = int(name.split("/")[0])
        counts_only = names.get(rule) == "SizeRestrictions_BODY"
        good = rule in answers[name]["matched"] and (blocked[name]["action"] == "block") != counts_only
        tap.test(good, "%s catches its attack %s" % (names.get(rule), name), json.dumps([answers[name], blocked[name]]))


def test_ordinary(tap, program, name, paths, options):
    with open(os.path.join(HERE, "ordinary.yaml")) as source:
        requests = {spec["name"]: render(spec) for spec in yaml.safe_load(source)}
    answers = evaluate(program, [o for path in paths for o in ("--rules", path)] + options, requests)
    for request in requests:
        answer = answers.get(request, {"action": "no answer"})
        tap.test(answer["action"] == "pass", "%s lets pass: %s" % (name, request), json.dumps(answer))


def test_matrix(tap, program, name, paths, options):
    requests = dict(matrix.cases("/v1/accounts"))
    answers = evaluate(program, [o for path in paths for o in ("--rules", path)] + options, requests)
    for request in requests:
        answer = answers.get(request, {"action": "no answer"})
        tap.test(answer["action"] == "block" and answer["matched"], "%s blocks %s" % (name, request), json.dumps(answer))


def test_pathological(tap, program, name, paths, options):
    """Whatever does not end within the budget is blocked; without a budget to speak of, everything is."""
    cases = list(pathological.cases())
    rules = [o for path in paths for o in ("--rules", path)]
    requests = {case: request for case, request, _ in cases}
    answers = evaluate(program, rules + options, requests)
    starved = evaluate(program, rules + options + ["--step-budget", "50"], requests)
    for case, _, ends in cases:
        answer = answers.get(case, {"action": "no answer"})
        stopped = bool(answer.get("budget_exhausted"))
        good = answer["action"] in ("pass", "block") and (not stopped or answer["action"] == "block") and (ends is None or stopped == ends)
        tap.test(good, "%s ends with a verdict: %s" % (name, case), json.dumps(answer))
        tap.test(starved.get(case, {}).get("action") == "block", "%s, starved, blocks: %s" % (name, case), json.dumps(starved.get(case)))


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--aws", required=True)
    parser.add_argument("rulesets", nargs="*")
    arguments = parser.parse_args(sys.argv[1:split])
    options, tap = sys.argv[split + 1:], Tap()
    test_attacks(tap, arguments.program, arguments.aws, options)
    for ruleset in arguments.rulesets:
        name, paths = ruleset.split("=", 1)
        test_ordinary(tap, arguments.program, name, paths.split(","), options)
        if name.startswith("aws+crs"):
            test_matrix(tap, arguments.program, name, paths.split(","), options)
            test_pathological(tap, arguments.program, name, paths.split(","), options)
    print("1..%d" % tap.number)
    sys.exit(1 if tap.failures else 0)


if __name__ == "__main__":
    main()
