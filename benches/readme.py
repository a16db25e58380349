"""Where the figures of a run are kept: between two lines of `benches/README.md`."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- Figures: `make bench` writes what is between this line and the last one. -->"
END = "<!-- End of the figures. -->"


class NoPlace(Exception):
    """The lines between which figures are written are not there, or not once and in their order."""


def with_figures(text: str, figures: str) -> str:
    """A document with other figures between its two lines; all else stays as it is."""
    lines = text.splitlines()
    found = [(lines.count(mark), mark) for mark in (BEGIN, END)]
    if wrong := [f"{n} times `{mark}`" for n, mark in found if n != 1]:
        raise NoPlace(f"benches/README.md has {' and '.join(wrong)}; once each was expected: put them back")
    begin, end = lines.index(BEGIN), lines.index(END)
    if end < begin:
        raise NoPlace(f"benches/README.md has `{END}` before `{BEGIN}`: put them in their order")
    return "\n".join([*lines[: begin + 1], "", *figures.strip().splitlines(), "", *lines[end:]]) + "\n"


def write(figures: str) -> None:
    README.write_text(with_figures(README.read_text(), figures))


def machine() -> str:
    """What the figures of a run depend on besides the code."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} {'core' if cores == 1 else 'cores'}, {_model()}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def today(date: datetime.date | None = None) -> str:
    date = date or datetime.date.today()
    return f"{date.day} {date:%B %Y}"
