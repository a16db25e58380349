"""A background process of this checkout: started in a session of its own, known by its pid file, ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """A process that a pid file names, and its port where the file says that too."""

    pid: int
    port: int | None


def running(pid_file: Path, marker: str) -> Running | None:
    """What the pid file names, if it still is the process that was started: one with `marker` in its command line."""
    try:
        pid, *port = map(int, pid_file.read_text().split())
    except (OSError, ValueError):
        return None
    command = _ps(pid, "stat=,args=")
    is_zombie = command.startswith("Z")
    if marker not in command or is_zombie:
        return None
    return Running(pid, port[0] if port else None)


def spawn(command: list, pid_file: Path, port: int, log: Path, **options) -> subprocess.Popen:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    pid_file.write_text(f"{process.pid} {port}")
    return process


def end(pid_file: Path, marker: str, number: int = signal.SIGTERM, seconds: float = 15) -> None:
    """Asks the process to end, and kills what is left of its session."""
    if ours := running(pid_file, marker):
        _signal(os.kill, ours.pid, number)
        deadline = time.monotonic() + seconds
        while not _is_gone(ours.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        # The whole session, so that nothing that it started outlives it.
        _signal(os.killpg, ours.pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)


def _is_gone(pid: int) -> bool:
    """Whether no thread of it is left, and all that it had is free: its port, for instance."""
    state = _ps(pid, "stat=").strip()
    has_threads = "l" in state
    return not state or (state.startswith("Z") and not has_threads)


def _ps(pid: int, columns: str) -> str:
    return subprocess.run(
        ["ps", "-ww", "-o", columns, "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


def _signal(send, pid: int, number: int) -> None:
    try:
        send(pid, number)
    except ProcessLookupError:
        pass
