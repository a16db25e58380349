"""Progress, durations, and the one way to fail."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path


class Failure(Exception):
    """Ends the command with this message, and no traceback."""


def step(text: str) -> None:
    print(f"--> {text}", flush=True)


@contextlib.contextmanager
def timed(text: str):
    step(text)
    started = time.monotonic()
    yield
    print(f"    {time.monotonic() - started:.1f} s", flush=True)


def run(command: list, what: str, **options) -> None:
    """Runs a command whose output only matters when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise Failure(f"{what} failed (exit {done.returncode}):\n{done.stdout.rstrip()}")


def tail(path: Path, lines: int = 30) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def fail(failure: Failure) -> int:
    print(f"error: {failure}", file=sys.stderr, flush=True)
    return 1
