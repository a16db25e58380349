"""Cargo at work, where nobody sees its own bar: how many crates are built, for how long, and about what is left.

Of what cargo says, warnings and errors stay; a line for each crate does not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# How often it is said how far cargo is, in seconds.
EVERY = 10.0
# Which part of the crates has to be built before it is said how long the rest will take.
ENOUGH = 0.1

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
BAR = re.compile(r"^\s*(?:Building|Checking|Documenting) \[[^\]]*\] (?P<built>\d+)/(?P<all>\d+)")
# What cargo says of each crate, one in a line.
OF_A_CRATE = re.compile(r"^\s*(Compiling|Checking|Documenting|Fresh|Downloaded|Dirty) \S")


def cargo(arguments: list[str], cwd: Path, capture: bool = False) -> subprocess.CompletedProcess:
    """Runs cargo; on a terminal it shows its own bar. `capture` gives its standard output instead of showing it."""
    command, stdout = ["cargo", *arguments], subprocess.PIPE if capture else None
    if sys.stderr.isatty():
        return subprocess.run(command, cwd=cwd, stdout=stdout, text=True, check=False)
    # The only way to learn its counts: it draws the bar for us.
    bar = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "100"}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **bar},
        stdout=stdout,
        stderr=subprocess.PIPE,
        # With universal newlines a bar that is drawn over the one before is a line like others.
        text=True,
        errors="replace",
    ) as process:
        telling = threading.Thread(target=tell, args=(process.stderr,))
        telling.start()
        output = process.stdout.read() if capture else None
        telling.join()
    return subprocess.CompletedProcess(command, process.returncode, output)


def tell(lines: Iterable[str]) -> None:
    """Says what is worth it of what cargo says; and how far it is, also while one crate takes long."""
    bar, over = Bar(), threading.Event()

    def tick() -> None:
        while not over.wait(EVERY):
            if told := bar.progress():
                print(f"    {told}", flush=True)

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    for line in lines:
        if not bar.takes(line):
            print(line.rstrip("\n"), flush=True)
    over.set()
    ticking.join()


class Bar:
    """How far cargo is, as its own bar says."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._first: int | None = None
        self._built = self._all = 0
        # What was built when it was said last.
        self._said = -1

    def takes(self, line: str) -> bool:
        """Whether a line is of the bar, or of nothing but a crate that is built."""
        plain = ANSI.sub("", line).rstrip()
        if match := BAR.match(plain):
            self._built, self._all = int(match["built"]), int(match["all"])
            # Those that were built already count too, at once.
            self._first = self._built if self._first is None else self._first
            return True
        return not plain or OF_A_CRATE.match(plain) is not None

    def progress(self) -> str | None:
        """How far it is; none before there is a bar. Crates differ, so what is left is a guess: as if those to come
        were like those before."""
        if self._first is None:
            return None
        seconds = self._now() - self._began
        told = f"{self._built} of {self._all} crates, {seconds:.0f} s"
        done, left = self._built - self._first, self._all - self._built
        # One that takes long would make the rest look long too.
        moves, self._said = self._built != self._said, self._built
        if moves and done > 0 and done >= ENOUGH * (done + left):
            told += f", about {seconds * left / done:.0f} s left"
        return told
