#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The combined databases must not change a verdict: every request of the regression tests, with each rule set and paranoia
level, gives the same rules, action and score as the evaluation rule by rule. Prints TAP.

    equality.py --program build/release/sallyport-waf --tests DIR NAME=PATH[,PATH...] ... [-- OPTION...]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402

COMPARED = ("id", "action", "status", "score", "matched")


def evaluate(program, options, batch):
    done = subprocess.run([program, "eval", "--batch"] + options + [batch], stdout=subprocess.PIPE, timeout=1800)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [{key: answer[key] for key in COMPARED} for answer in answers]


def differences(program, options, batch, expected):
    combined = evaluate(program, options, batch)
    reference = evaluate(program, options + ["--reference"], batch)
    if len(combined) != expected or len(reference) != expected:
        return ["%d and %d answers to %d requests" % (len(combined), len(reference), expected)]
    return ["%s, rule by rule: %s" % pair for pair in zip(combined, reference) if pair[0] != pair[1]]


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
        batch.flush()
        for ruleset in arguments.rulesets:
            name, paths = ruleset.split("=", 1)
            for level in range(1, 5):
                options = [o for path in paths.split(",") for o in ("--rules", path)]
                for variable in ("blocking_paranoia_level", "detection_paranoia_level", "paranoia_level"):
                    options += ["--set", "tx.%s=%d" % (variable, level)]
                wrong = differences(arguments.program, options + sys.argv[split + 1:], batch.name, len(stages))
                number += 1
                failures += bool(wrong)
                print("%sok %d - %s at paranoia level %d, %d requests" % (
                    "not " if wrong else "", number, name, level, len(stages)), flush=True)
                for text in wrong[:5]:
                    print("# " + text[:600])
    print("1..%d" % number)
    sys.exit(1 if failures else 0)


main()
