"""One `bootstrap` process: started clean, read line by line, and gone when we are gone."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# The kernel sends a process its "parent died" signal when the *thread* that started it ends, and
# LocalStack's threads come and go. So all of them are started by one thread that never ends.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bootstrap-spawner")

# setpriv (util-linux) sets that signal after the fork. Doing it in Python between fork and exec can
# deadlock a program with threads. Where there is no setpriv (macOS), an orderly stop still kills.
_SETPRIV = shutil.which("setpriv")
DIE_WITH_PARENT = [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []

_alive: "weakref.WeakSet[Process]" = weakref.WeakSet()


class Process:
    def __init__(
        self,
        command: list[str],
        cwd: str,
        env: dict[str, str],
        on_line: Callable[[str], None],
        on_exit: Callable[["Process", int], None],
    ) -> None:
        self._on_line = on_line
        self._on_exit = on_exit
        self._reading = threading.Lock()
        self._partial = b""
        self._popen = _spawner.submit(
            subprocess.Popen,
            [*DIE_WITH_PARENT, *command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()
        self.pid = self._popen.pid
        self._output = self._popen.stdout.fileno()
        os.set_blocking(self._output, False)
        _alive.add(self)
        threading.Thread(target=self._read, name=f"bootstrap-{self.pid}-out", daemon=True).start()
        threading.Thread(target=self._wait, name=f"bootstrap-{self.pid}-wait", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._popen.returncode

    def kill(self) -> None:
        """Kills the process and all that it started, and returns when it is gone."""
        self._kill_group()
        self._popen.wait()

    def drain(self) -> bool:
        """Delivers every line that the process has written so far; False at the output's end.

        What a function prints before it answers is in the pipe before its answer is on the wire, so
        a drain after the answer has all of it: no waiting, no guessing. A pipe holds 64 KiB, so a
        few reads are enough, and a function that never stops printing cannot hold its caller up.
        """
        with self._reading:
            for _ in range(8):
                if self._popen.stdout.closed:
                    return False
                try:
                    data = os.read(self._output, 1 << 16)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                *lines, self._partial = (self._partial + data).split(b"\n")
                for line in lines:
                    self._deliver(line)
            return True

    def peak_memory_mb(self) -> int | None:
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        return None

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while self.drain():
            poll.poll()
        with self._reading:
            if self._partial:
                self._deliver(self._partial)
                self._partial = b""
            self._popen.stdout.close()

    def _deliver(self, line: bytes) -> None:
        self._on_line(line.decode("utf-8", "replace").rstrip("\r"))

    def _wait(self) -> None:
        returncode = self._popen.wait()
        self._kill_group()
        self.drain()
        _alive.discard(self)
        self._on_exit(self, returncode)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def kill_all() -> None:
    for process in list(_alive):
        process.kill()
