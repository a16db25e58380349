"""What every store has: files that Maven fetches, a process with a folder of its own, and what others are told of it.

Nothing of its data outlives it: the folder is made anew with each start.
"""

from __future__ import annotations

import abc
import os
import pwd
import shutil
import signal
import stat
from pathlib import Path

from tenfold_local import daemon, paths, ports

# Who runs what refuses to run as root, where we are root.
NOBODY = "nobody"


class Store(abc.ABC):
    """A server on a port of its own."""

    # As patterns and folders name it, and as people do.
    name: str
    title: str
    start_seconds = 60
    # Data need not be saved when it ends.
    stop_signal = signal.SIGKILL
    # Those that Maven has different files for; the machine's is one of them.
    platforms: tuple[str, ...] = ("",)
    refuses_root = False

    @abc.abstractmethod
    def unpack(self, fetched: Path) -> None:
        """Makes `program` of what Maven has fetched."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Fills the new `folder` before the process starts."""

    def initialise(self) -> None:
        """What is to be done before the process starts, too, and as its user."""

    @abc.abstractmethod
    def command(self) -> list:
        """The process; `folder` is in its command line."""

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    @abc.abstractmethod
    def values(self) -> dict[str, str]:
        """What a template can be told of it, whether it runs or not."""

    def problem(self) -> str | None:
        """What the machine lacks for it, and what to do."""
        return self._problem_of_root()

    def platform(self) -> str:
        return self.platforms[0]

    @property
    def port_name(self) -> str:
        return f"TENFOLD_{self.name.upper()}_PORT"

    @property
    def port(self) -> int:
        return ports.named(self.port_name)

    @property
    def definition(self) -> Path:
        """What is fetched, and how it is configured."""
        return paths.LOCALSTACK / "stores" / self.name

    @property
    def program(self) -> Path:
        return paths.STORES / self.name

    @property
    def folder(self) -> Path:
        return paths.RUNNING_STORES / self.name

    @property
    def log(self) -> Path:
        return paths.RUNNING_STORES / f"{self.name}.log"

    @property
    def _pid(self) -> Path:
        return paths.RUNNING_STORES / f"{self.name}.pid"

    def was_started(self) -> bool:
        """Whether it was, and nobody has stopped it."""
        return self._pid.exists()

    def running(self) -> daemon.Running | None:
        return daemon.running(self._pid, str(self.folder))

    def session(self) -> int:
        """Another number with each start."""
        return self._pid.stat().st_mtime_ns if self._pid.exists() else 0

    def spawn(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        self.prepare()
        if user := self.user():
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.initialise()
        daemon.spawn(self.command(), self._pid, self.port, self.log, **self.process())

    def stop(self) -> None:
        daemon.end(self._pid, str(self.folder), self.stop_signal)

    def process(self) -> dict:
        """How it, and what prepares its data, are run: apart from the caller's settings, and not as root."""
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.folder / "tmp"), "LC_ALL": "C"}
        options = {"cwd": self.folder, "env": environment}
        if user := self.user():
            options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return options

    def user(self) -> pwd.struct_passwd | None:
        """Whose process it is, where it cannot be ours."""
        return pwd.getpwnam(NOBODY) if self.refuses_root and os.geteuid() == 0 else None

    def _problem_of_root(self) -> str | None:
        closed = _closed(self.folder) if self.user() else None
        return closed and (
            f"{self.title} does not run as root, and {NOBODY}, as whom it is run then, may not enter {closed}: "
            f"chmod o+x {closed}, or be another user than root"
        )


def _closed(path: Path) -> Path | None:
    """The outermost folder on the way to a path that only its owner and its group may enter."""
    folders = [folder for folder in reversed((path, *path.parents)) if folder.is_dir()]
    return next((folder for folder in folders if not folder.stat().st_mode & stat.S_IXOTH), None)
