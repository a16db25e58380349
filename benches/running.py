"""Running what takes a while, so that it is seen to."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALL = re.compile("")


def step(text: str) -> None:
    print(f"\n--> {text}", flush=True)


def run(command: list[str], shown: re.Pattern = ALL, env: dict[str, str] | None = None) -> int:
    """Runs a command and passes on those lines of its output that are to be shown; all of them where it fails."""
    kept = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout:
            kept.append(line)
            if shown.search(line):
                print(line, end="", flush=True)
    if process.returncode and shown is not ALL:
        print("".join(kept), end="", flush=True)
    return process.returncode
