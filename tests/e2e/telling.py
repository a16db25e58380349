"""How a demo tells its story: steps, what is waited for while it changes, promises that have to be kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
TTY = sys.stdout.isatty()
GREEN, YELLOW, RED = 32, 33, 31
COLOURS = {
    **dict.fromkeys(("closed", "200", "committed", "compensated", "resolved"), GREEN),
    **dict.fromkeys(("halfOpen", "202", "running", "compensating"), YELLOW),
    **dict.fromkeys(("open", "forcedOpen", "stuck"), RED),
}


class Broken(Exception):
    """A promise that was not kept."""


def step(number: int, title: str) -> None:
    print(f"\n{bold(f'{number}. {title}')}", flush=True)


def watch(
    what: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    words: Callable[[T], str] = str,
    within: float = 60,
) -> T:
    """Shows what is waited for while it changes."""
    began, shown, shown_at = time.monotonic(), "", 0.0
    while True:
        seen = look()
        waited = time.monotonic() - began
        line = f"{what}: {words(seen)}"
        if TTY:
            print(f"\r   {line}\033[K", end="", flush=True)
        elif line != shown and (done(seen) or time.monotonic() - shown_at >= 1):
            say(line)
            shown, shown_at = line, time.monotonic()
        elif time.monotonic() - shown_at >= 2:
            say(f"{line} (for {waited:.0f} s)")
            shown_at = time.monotonic()
        if done(seen):
            if TTY:
                print()
            return seen
        if waited > within:
            if TTY:
                print()
            raise Broken(f"{line}, and no more after {within:.0f} s")
        time.sleep(0.1)


def promised(kept: bool, promise: str) -> None:
    if not kept:
        raise Broken(promise)


def say(words: str) -> None:
    print(f"   {words}", flush=True)


def bar(done: int, of: int) -> str:
    return "[" + "#" * done + "." * (of - done) + "]"


def bold(words: str) -> str:
    return f"\033[1m{words}\033[0m" if TTY else words


def paint(word: str) -> str:
    return f"\033[{COLOURS[word]}m{word}\033[0m" if TTY and word in COLOURS else word
