"""Waiting for what comes true by itself: poll, with a deadline, and say what was seen last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    what: str,
    look: Callable[[], T],
    holds: Callable[[T], object] = bool,
    within: float = 15.0,
    every: float = 0.1,
) -> T:
    """Looks until what is seen holds, and gives it. `what` says in words what is waited for."""
    began = time.monotonic()
    while True:
        seen = look()
        if holds(seen):
            return seen
        waited = time.monotonic() - began
        if waited >= within:
            raise AssertionError(f"{what}: not so within {within:g} s; seen last: {seen!r}")
        time.sleep(min(every, within - waited))
