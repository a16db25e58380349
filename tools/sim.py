#!/usr/bin/env python3
"""`make sim`: explores every pattern in the deterministic world, or the one named by P.

Builds and runs one explorer after the other, and ends with one line of JSON about all of them.
Arguments and the environment (SECONDS, SEED, REPLAY, VERBOSE …) reach the explorers as they are.
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ["build", "--profile", "sim", "--example", "sim", "--message-format", "json-render-diagnostics"]
sys.path.insert(0, str(ROOT / "localstack"))

from tenfold_local import compiling  # noqa: E402


def patterns() -> list[str]:
    """The slugs of all patterns that have an explorer, or the wanted one."""
    found = sorted(path.parts[-4] for path in ROOT.glob("functions/*/core/examples/sim.rs"))
    if not found:
        sys.exit("sim: no pattern has an explorer: functions/<slug>/core/examples/sim.rs was expected")
    wanted = os.environ.get("P")
    if not wanted:
        return found
    if wanted not in found:
        sys.exit(f"sim: there is no pattern {wanted!r} with an explorer; there are {', '.join(found)}")
    return [wanted]


def build(slug: str) -> str:
    """Builds a pattern's explorer and answers where it is."""
    done = compiling.cargo([*BUILD, "--package", f"{slug}-core", "--features", "mutants"], ROOT, capture=True)
    if done.returncode != 0:
        sys.exit(f"sim: the explorer of {slug} does not build")
    artifacts = (json.loads(line) for line in done.stdout.splitlines())
    return next(a["executable"] for a in artifacts if a.get("target", {}).get("name") == "sim" and a.get("executable"))


def run(explorer: str) -> tuple[bool, dict | None]:
    """Runs an explorer, showing what it says; answers whether all was well and its last line."""
    last = ""
    with subprocess.Popen([explorer, *sys.argv[1:]], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line
    try:
        summary = json.loads(last)
    except json.JSONDecodeError:
        summary = None
    return process.returncode == 0, summary


def main() -> None:
    slugs = patterns()
    all_well, merged, schedules, seconds = True, {}, 0, 0.0
    for slug in slugs:
        # One after the other: they all have the same name, and cargo keeps one file of that name.
        print(f"building the explorer of {slug}", flush=True)
        well, summary = run(build(slug))
        all_well &= well
        if summary is None:
            # Where one run was made again there is none.
            all_well &= "REPLAY" in os.environ
            continue
        merged |= summary["patterns"]
        count = sum(pattern["schedules"] for pattern in summary["patterns"].values())
        schedules += count
        seconds += count / max(1, summary["schedules_per_second"])
    if len(slugs) > 1:
        speed = round(schedules / seconds) if seconds else 0
        print(json.dumps({"patterns": merged, "schedules_per_second": speed}, separators=(",", ":")))
    sys.exit(0 if all_well else 1)


if __name__ == "__main__":
    main()
