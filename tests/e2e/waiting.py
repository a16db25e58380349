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
    within: float = 60.0,
    every: float = 0.1,
) -> T:
    """Looks until what is seen holds, and gives it. `what` says in words what is waited for.

    `within` keeps a test from hanging; it is no promise of how long anything takes. A look that began before
    it was over is not the last one, however long it took. Looks come `every` so many seconds at first and less often
    later: those of eight tests at once are most of what LocalStack has to do.
    """
    pause, longest = every, min(1.0, 10 * every)
    deadline = time.monotonic() + within
    while True:
        is_last = time.monotonic() >= deadline
        seen = look()
        if holds(seen):
            return seen
        if is_last:
            raise AssertionError(f"{what}: not so within {within:g} s; seen last: {seen!r}")
        time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        pause = max(every, min(1.3 * pause, longest))
