"""ports.env, and who holds a port."""

from __future__ import annotations

import errno
import glob
import os
import re
import socket

from tenfold_local.paths import LOCALSTACK
from tenfold_local.say import Failure

FILE = LOCALSTACK / "ports.env"


def localstack() -> int:
    return named("TENFOLD_LOCALSTACK_PORT")


def named(name: str) -> int:
    values = dict(
        line.split("=", 1)
        for line in FILE.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    asked = os.environ.get(name)
    text = asked or values.get(name)
    if text is None:
        raise Failure(f"{name} is neither in {FILE} nor in the environment: set it, for instance to 4566")
    number = re.fullmatch(r"\s*([0-9]{1,5})\s*", text)
    if not number or not 1 <= int(number[1]) <= 65535:
        where = "the environment" if asked else FILE
        raise Failure(
            f"{name} must be a port number from 1 to 65535, it is {text!r} in {where}: "
            f"set it to a free port, for instance {name}=4576"
        )
    return int(number[1])


def obstacle(port: int) -> str | None:
    """What keeps this user's programs from listening on the port; none where nothing does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            return f"in use by {holder(port)}" if in_use else f"not for this user ({error.strerror})"
    return None


def holder(port: int) -> str:
    """The process that listens on the port, as far as this user may see it."""
    inodes = _listening_inodes(port)
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            pid = descriptor.split("/")[2]
            return f"process {pid} ({_command(pid)[:120]})"
    return f"a process that cannot be seen from here (try: lsof -i :{port})"


def _command(pid: str) -> str:
    """In one line, whatever the process was started with."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return " ".join(file.read().replace(b"\0", b" ").decode(errors="replace").split())
    except OSError:
        return "it has just ended"


def _listening_inodes(port: int) -> set[str]:
    listen = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        with open(table) as file:
            for fields in (line.split() for line in file.readlines()[1:]):
                if fields[3] == listen and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes.add(fields[9])
    return inodes
