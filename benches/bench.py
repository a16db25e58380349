#!/usr/bin/env python3
"""`make bench`: cold start beside a Python function's, then the AWS calls of a request; ends in one JSON line.

`N` (20) is how often each function is started. Nothing here asserts a time: machines differ, and so do hours.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from coldstart.coldstart import measure

ROOT = Path(__file__).resolve().parents[1]
# From exec to the first question for an event, of a release binary with two SDK clients, on two cores.
TARGET_MS = 12
RUST, PYTHON = "Rust: circuit-breaker-gateway", "Python: awslambdaric, boto3, Powertools"
COMMANDS = {
    RUST: ["target/release/circuit-breaker-gateway"],
    PYTHON: [sys.executable, "-m", "awslambdaric", "benches/coldstart/python_function.handler"],
}
# What the gateway's template gives it; nothing is called at these addresses.
VARIABLES = {
    "TABLE_NAME": "table",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/queue",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/dead-letters",
}


def cargo(*arguments, **options):
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, check=False, **options)
    if done.returncode:
        sys.exit(f"error: cargo {arguments[0]} failed: its messages are above")
    return done.stdout


def cold_start(runs):
    reports = dict(zip(COMMANDS, measure(list(COMMANDS.values()), runs, VARIABLES)))
    print(f"{f'{runs} starts of each, in turn':<40}{'median ms':>11}{'min':>8}{'max':>8}{'resident MiB':>14}")
    for name, told in reports.items():
        ms = told["ready_ms"]
        print(f"{name:<40}{ms['median']:>11}{ms['min']:>8}{ms['max']:>8}{told['rss_mib']:>14}")
    rust, python = reports[RUST], reports[PYTHON]
    times = round(python["ready_ms"]["median"] / rust["ready_ms"]["median"], 1)
    memory = round(python["rss_mib"] / rust["rss_mib"], 1)
    print(f"{'Python / Rust':<40}{times:>11}{memory:>30}")
    print(f"target: {TARGET_MS} ms; measured: {rust['ready_ms']['median']} ms with a binary of {rust['mib']} MiB")
    return {
        "runs": runs,
        "targetMs": TARGET_MS,
        "binaryMib": rust["mib"],
        "rust": {"readyMs": rust["ready_ms"], "residentMib": rust["rss_mib"]},
        "python": {"readyMs": python["ready_ms"], "residentMib": python["rss_mib"]},
        "ratio": {"readyMs": times, "residentMib": memory},
    }


def aws_calls():
    """The example prints its table, and the same as a line of JSON."""
    *table, last = cargo(
        *("run", "--quiet", "--package", "circuit-breaker-core", "--example", "budgets"),
        stdout=subprocess.PIPE,
        text=True,
    ).splitlines()
    print(*table, sep="\n")
    return json.loads(last)


def step(text):
    print(f"\n--> {text}", flush=True)


def main():
    os.chdir(ROOT)
    step("building the release binary: minutes the first time")
    cargo("build", "--release", "--package", "circuit-breaker", "--bin", "circuit-breaker-gateway")
    step("cold start: from exec to the first GET /2018-06-01/runtime/invocation/next")
    cold = cold_start(int(os.environ.get("N", "20")))
    step("AWS calls, counted in the deterministic world as this runs")
    calls = aws_calls()
    print(f"\n{json.dumps({'coldStart': cold, 'calls': calls})}")


if __name__ == "__main__":
    main()
