#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The combined databases must not change a verdict: every request of the regression tests, with each rule set and paranoia
level, gives the same rules, action and score as the evaluation rule by rule. So does every request with a run of up to 200 bytes put
into its query or body: scanners have missed what stands far apart. Prints TAP.

    equality.py --program build/release/sallyport-waf --tests DIR NAME=PATH[,PATH...] ... [-- OPTION...]
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402

FILLERS = [b"a", b"+", b"%20", b"x1", b"(", b"%0a", b".", b"%c3%a9"]
COMPARED = ("id", "action", "status", "score", "matched", "budget_exhausted")


def padded(request, generator):
    """The request with a filler somewhere in its query or body, and the length of the body put right."""
    head, blank, body = request.partition(b"\r\n\r\n")
    line, newline, headers = head.partition(b"\r\n")
    filler = generator.choice(FILLERS) * generator.randint(1, 200)
    if body:
        at = generator.randint(0, len(body))
        body = body[:at] + filler + body[at:]
        headers = re.sub(rb"(?i)(content-length:\s*)\d+", lambda m: m.group(1) + b"%d" % len(body), headers)
    elif b"?" in line:
        at = generator.randint(line.index(b"?") + 1, max(line.rindex(b" "), line.index(b"?") + 1))
        line = line[:at] + filler + line[at:]
    return line + newline + headers + blank + body


def padded_line(stage, generator):
    stage.request = padded(stage.request, generator)
    stage.name += " padded"
    return stage.batch_line()


def evaluate(program, options, batch):
    done = subprocess.run([program, "eval", "--batch"] + options + [batch], stdout=subprocess.PIPE, timeout=1800)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [{key: answer.get(key) for key in COMPARED} for answer in answers]


def undecided(pair):
    """One of both met the limit on backtracking, which the other did not have to try."""
    return pair[0]["budget_exhausted"] or pair[1]["budget_exhausted"]


def differences(program, options, batch, expected):
    combined = evaluate(program, options, batch)
    reference = evaluate(program, options + ["--reference"], batch)
    if len(combined) != expected or len(reference) != expected:
        return ["%d and %d answers to %d requests" % (len(combined), len(reference), expected)]
    pairs = list(zip(combined, reference))
    wrong = ["%s, rule by rule: %s" % pair for pair in pairs if pair[0] != pair[1] and not undecided(pair)]
    stopped = sum(1 for pair in pairs if undecided(pair))
    if stopped > expected / 100:
        wrong.append("%d of %d requests met the limit on backtracking" % (stopped, expected))
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--tests", required=True)
    parser.add_argument("rulesets", nargs="+")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments = parser.parse_args(sys.argv[1:split])
    stages = corpus.load(arguments.tests)
    number, failures = 0, 0
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
        batch.write("".join(stage.batch_line() + "\n" for stage in stages))
        generator = random.Random(1)
        batch.write("".join(padded_line(stage, generator) + "\n" for stage in stages))
        batch.flush()
        for ruleset in arguments.rulesets:
            name, paths = ruleset.split("=", 1)
            for level in range(1, 5):
                options = [o for path in paths.split(",") for o in ("--rules", path)]
                for variable in ("blocking_paranoia_level", "detection_paranoia_level", "paranoia_level"):
                    options += ["--set", "tx.%s=%d" % (variable, level)]
                wrong = differences(arguments.program, options + sys.argv[split + 1:], batch.name, 2 * len(stages))
                number += 1
                failures += bool(wrong)
                print("%sok %d - %s at paranoia level %d, %d requests" % (
                    "not " if wrong else "", number, name, level, len(stages)), flush=True)
                for text in wrong[:5]:
                    print("# " + text[:600])
    print("1..%d" % number)
    sys.exit(1 if failures else 0)


main()
