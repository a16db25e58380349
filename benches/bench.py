#!/usr/bin/env python3
"""`make bench`: decisions in process, cold start, the AWS calls of a request; ends in one JSON line.

All of it is written into `benches/README.md` too, with the machine and the date. `N` (20) is how often each function
is started. `QUICK=1` only shows that everything runs: it measures hardly at all and writes nothing down. Nothing here
asserts a time: machines differ, and so do hours.
"""

import json
import os
import subprocess
import sys

import figures
import readme
import rounds
from coldstart.coldstart import measure
from running import ROOT, step

# From exec to the first question for an event, of a release binary with two SDK clients, on two cores; and its package,
# as it is deployed: zipped.
TARGET_MS, TARGET_MB = 5, 4
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
    """What is told of it, as text and for the JSON line."""
    reports = dict(zip(COMMANDS, measure(list(COMMANDS.values()), runs, VARIABLES)))
    rust, python = reports[RUST], reports[PYTHON]
    times = round(python["ready_ms"]["median"] / rust["ready_ms"]["median"], 1)
    memory = round(python["rss_mib"] / rust["rss_mib"], 1)
    rows = [
        [name, *(str(told["ready_ms"][key]) for key in ("median", "min", "max")), str(told["rss_mib"])]
        for name, told in reports.items()
    ]
    rows.append(["Python / Rust", str(times), "", "", str(memory)])
    head = [f"{runs} starts of each, in turn", "median ms", "min", "max", "resident MiB"]
    text = figures.table(head, rows)
    text += f"\n\nThe targets are {TARGET_MS} ms and {TARGET_MB} MB zipped; the binary has {rust['mib']} MiB."
    return text, {
        "runs": runs,
        "targetMs": TARGET_MS,
        "targetZipMb": TARGET_MB,
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
    return "\n".join(table), json.loads(last)


def main():
    os.chdir(ROOT)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    runs = int(os.environ.get("N", "3" if quick else "20"))
    told, left_out = rounds.measured(rounds.QUICK if quick else rounds.FULL)
    decisions = figures.decisions(told) + "".join(f"\n\n{line}" for line in left_out)
    print(f"\n{decisions}")
    step("building the release binary: minutes the first time")
    cargo("build", "--release", "--package", "circuit-breaker", "--bin", "circuit-breaker-gateway")
    step("cold start: from exec to the first GET /2018-06-01/runtime/invocation/next")
    cold_text, cold = cold_start(runs)
    print(cold_text)
    step("AWS calls, counted in the deterministic world as this runs")
    calls_text, calls = aws_calls()
    print(calls_text)
    if quick:
        step("QUICK: nothing is written into benches/README.md")
    else:
        readme.write(document(decisions, cold_text, calls_text))
        step("written into benches/README.md")
    print(f"\n{json.dumps({'decisions': figures.as_json(told), 'coldStart': cold, 'calls': calls})}")


def document(decisions, cold_start, calls):
    """The figures of a run as they are written down."""
    return "\n\n".join(
        [
            f"On {readme.machine()}, {readme.today()}.",
            f"Decisions in process:\n\n{decisions}",
            f"Cold start:\n\n{cold_start}",
            f"AWS calls:\n\n```text\n{calls}\n```",
        ]
    )


if __name__ == "__main__":
    try:
        main()
    except (figures.NoFigures, readme.NoPlace) as error:
        sys.exit(f"error: {error}")
