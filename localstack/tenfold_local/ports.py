"""ports.env, and who holds a port."""

from __future__ import annotations

import glob
import os
import socket

from tenfold_local.paths import LOCALSTACK
from tenfold_local.say import Failure

FILE = LOCALSTACK / "ports.env"


def localstack() -> int:
    return _port("TENFOLD_LOCALSTACK_PORT")


def _port(name: str) -> int:
    values = dict(
        line.split("=", 1)
        for line in FILE.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    text = os.environ.get(name) or values.get(name)
    if text is None:
        raise Failure(f"{name} is neither in {FILE} nor in the environment")
    if not text.strip().isdigit():
        raise Failure(f"{name} must be a port number, it is {text!r}")
    return int(text)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"process {pid} ({command[:120]})"
    return f"a process that cannot be seen from here (try: lsof -i :{port})"


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
