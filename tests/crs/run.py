#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Runs the OWASP CRS regression tests through `sallyport-waf eval --batch`, with upstream's settings, and prints TAP.

    run.py --program build/release/sallyport-waf --crs DIR [--exceptions FILE] [-- OPTION...]

Options behind -- go to sallyport-waf: --reference, --cache-dir, ... A test in the file of exceptions must fail: one that passes
is reported, so that the list cannot grow stale.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus  # noqa: E402

# tests/regression/README.md of the rule set.
SETTINGS = [
    "tx.blocking_paranoia_level=4",
    "tx.detection_paranoia_level=4",
    "tx.crs_validate_utf8_encoding=1",
    "tx.arg_name_length=100",
    "tx.arg_length=400",
    "tx.total_arg_length=64000",
    "tx.max_num_args=255",
    "tx.max_file_size=64100",
    "tx.combined_file_sizes=65535",
]


def rule_options(crs):
    options = ["--rules", os.path.join(crs, "crs-setup.conf.example"), "--rules", os.path.join(crs, "rules")]
    for setting in SETTINGS:
        options += ["--set", setting]
    return options + ["--detection-only"]


def run_batch(program, options, lines):
    """The answers by id. A program that ends early gives none for the rest."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as batch:
        batch.write("".join(line + "\n" for line in lines))
        batch.flush()
        done = subprocess.run([program, "eval", "--batch"] + options + [batch.name], stdout=subprocess.PIPE,
                              timeout=1800)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 3, 4):
        sys.exit("Bail out! %s ended with code %d" % (program, done.returncode))
    return {answer["id"]: answer for answer in answers}


def render_log(program, options, stage):
    """The rules that matched as ModSecurity writes them into its log, for tests that look there."""
    with tempfile.NamedTemporaryFile(suffix=".http") as request, tempfile.NamedTemporaryFile() as response:
        request.write(stage.request)
        request.flush()
        extra = []
        if stage.response is not None:
            response.write(stage.response)
            response.flush()
            extra = ["--response", response.name]
        done = subprocess.run([program, "eval", "--json"] + options + extra + [request.name],
                              stdout=subprocess.PIPE, timeout=300)
    lines = []
    for match in json.loads(done.stdout).get("matches", []):
        lines.append('[id "%s"] [msg "%s"] [data "%s"] %s' % (
            match.get("id"), escape(match.get("msg", "")), escape(match.get("data", "")), match.get("variable", "")))
    return "\n".join(lines)


def escape(text):
    """Bytes that would break a line of the log, as ModSecurity writes them."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda m: "\\x%02x" % ord(m.group()), text)


def check_log(log, text):
    """What is wrong with a log, as a list of texts."""
    wrong = []
    if "match_regex" in log and not re.search(log["match_regex"].strip(), text):
        wrong.append("log does not match %r: %s" % (log["match_regex"], text))
    if "no_match_regex" in log and re.search(log["no_match_regex"].strip(), text):
        wrong.append("log matches %r: %s" % (log["no_match_regex"], text))
    return wrong


def check(stage, answer, log_of):
    if answer is None:
        return ["no answer"]
    wrong = []
    matched = set(answer["matched"])
    log = stage.output.get("log") or {}
    refused = answer["action"] == "malformed"
    if stage.output.get("expect_error") and refused:
        return []
    for rule in log.get("expect_ids", []):
        if rule not in matched:
            wrong.append("rule %d did not match; %s" % (rule, sorted(matched)))
    for rule in log.get("no_expect_ids", []):
        if rule in matched:
            wrong.append("rule %d matched" % rule)
    if "match_regex" in log or "no_match_regex" in log:
        wrong += check_log(log, log_of(stage))
    status = 400 if refused else 200
    if "status" in stage.output and stage.output["status"] != status:
        wrong.append("status %d, not %d: %s" % (status, stage.output["status"], answer.get("error", sorted(matched))))
    return wrong


def read_exceptions(path):
    """NAME REASON per line."""
    found = {}
    if path:
        with open(path) as source:
            for line in source:
                if line.strip() and not line.startswith("#"):
                    name, reason = line.strip().split(None, 1)
                    found[name] = reason
    return found


def report(stages, answers, exceptions, log_of):
    failures, number = 0, 0
    for stage in stages:
        number += 1
        wrong = check(stage, answers.get(stage.name), log_of)
        reason = exceptions.pop(stage.name, None)
        if wrong and reason:
            print("ok %d - %s # SKIP %s" % (number, stage.name, reason))
        elif not wrong and not reason:
            print("ok %d - %s" % (number, stage.name))
        else:
            failures += 1
            print("not ok %d - %s" % (number, stage.name))
            for text in wrong or ["passes, though it is listed as an exception: " + reason]:
                print("# " + text[:600])
    for name in exceptions:
        number, failures = number + 1, failures + 1
        print("not ok %d - %s is listed as an exception but there is no such test" % (number, name))
    print("1..%d" % number)
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--crs", required=True)
    parser.add_argument("--exceptions")
    parser.add_argument("--only", help="a regular expression of test names")
    parser.add_argument("options", nargs="*")
    arguments = parser.parse_args()
    stages = corpus.load(os.path.join(arguments.crs, "tests"))
    exceptions = read_exceptions(arguments.exceptions)
    if arguments.only:
        stages = [s for s in stages if re.search(arguments.only, s.name)]
        exceptions = {}
    options = rule_options(arguments.crs) + arguments.options
    answers = run_batch(arguments.program, options, [s.batch_line() for s in stages])
    failures = report(stages, answers, exceptions, lambda stage: render_log(arguments.program, options, stage))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
