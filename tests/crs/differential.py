#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The same requests, the same rules: does libmodsecurity report the same rules? Differences are explained in differences.txt,
which must cover each of them. Prints TAP.

    differential.py --program build/release/sallyport-waf --peer build/release/tests/tools/modsec_batch --tests DIR
        --differences FILE NAME=SETUP,RULES-FOLDER ... [-- OPTION...]
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import corpus  # noqa: E402
import run  # noqa: E402

# Rules that follow from the score, and so from any other difference.
CONSEQUENCES = {949110, 949111, 959100, 980130, 980170}


def read_differences(path):
    """{(side, rule): [names or "*"]}"""
    found = collections.defaultdict(list)
    with open(path) as source:
        for line in source:
            if line.strip() and not line.startswith("#"):
                side, rule, tests, _ = line.split(None, 3)
                found[side, int(rule)] += tests.split(",")
    return found


def ours(program, setup, rules, batch, options):
    settings = [o for s in run.SETTINGS for o in ("--set", s)]
    for variable in ("paranoia_level", "executing_paranoia_level"):
        settings += ["--set", "tx.%s=4" % variable]
    done = subprocess.run([program, "eval", "--batch", "--rules", setup, "--rules", rules, "--detection-only"] + settings +
                          options + [batch], stdout=subprocess.PIPE, timeout=1800)
    answers = map(json.loads, done.stdout.splitlines())
    return {a["id"]: set(a["matched"]) for a in answers if a["action"] != "malformed"}


def theirs(peer, setup, rules, batch):
    with open(batch) as lines:
        done = subprocess.run([peer, os.path.join(HERE, "modsecurity.conf"), setup, rules + "/*.conf"], stdin=lines,
                              stdout=subprocess.PIPE, timeout=1800)
    return {a["id"]: set(a["matched"]) for a in map(json.loads, done.stdout.splitlines())}


def unexplained(mine, peer, known):
    found = []
    for name in mine:
        if name not in peer:
            found.append("%s: no answer of libmodsecurity" % name)
            continue
        for rule in sorted((mine[name] ^ peer[name]) - CONSEQUENCES):
            side = "ours" if rule in mine[name] else "theirs"
            tests = known.get((side, rule), [])
            if name not in tests and "*" not in tests:
                found.append("%s %d %s" % (side, rule, name))
    return found


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--tests", required=True)
    parser.add_argument("--differences", required=True)
    parser.add_argument("rulesets", nargs="+")
    arguments = parser.parse_args(sys.argv[1:split])
    known = read_differences(arguments.differences)
    stages = [s for s in corpus.load(arguments.tests) if s.response is None]
    number, failures = 0, 0
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
        batch.write("".join(stage.batch_line() + "\n" for stage in stages))
        batch.flush()
        for ruleset in arguments.rulesets:
            name, paths = ruleset.split("=", 1)
            setup, rules = paths.split(",")
            mine = ours(arguments.program, setup, rules, batch.name, sys.argv[split + 1:])
            peer = theirs(arguments.peer, setup, rules, batch.name)
            same = sum(1 for n in mine if not (mine[n] ^ peer.get(n, set())) - CONSEQUENCES)
            wrong = unexplained(mine, peer, known)
            number += 1
            failures += bool(wrong) or not mine
            print("%sok %d - %s: %d requests, %d with the same rules, the others explained" % (
                "not " if wrong or not mine else "", number, name, len(mine), same))
            for text in wrong[:40]:
                print("# " + text)
    print("1..%d" % number)
    sys.exit(1 if failures else 0)


main()
