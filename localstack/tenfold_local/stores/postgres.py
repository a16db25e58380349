"""PostgreSQL, for Aurora and RDS: TLS with a certificate authority of its own, and scram-sha-256."""

from __future__ import annotations

import platform
import shutil
import signal
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tenfold_local.say import run
from tenfold_local.stores import certificate
from tenfold_local.stores.store import Store

# User, password and database. It listens on the loopback address only.
TENFOLD = "tenfold"
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}


class Postgres(Store):
    name, title = "postgres", "PostgreSQL 17"
    platforms = tuple(f"{system}-{machine}" for system in ("linux", "darwin") for machine in ("amd64", "arm64v8"))
    refuses_root = True
    # "Immediate shutdown", which leaves no shared memory behind.
    stop_signal = signal.SIGQUIT

    def platform(self) -> str:
        return f"{platform.system().lower()}-{MACHINES.get(platform.machine(), platform.machine())}"

    def problem(self) -> str | None:
        if self.platform() not in self.platforms:
            return f"{self.title} is there for {', '.join(self.platforms)}, and this is {self.platform()}"
        return super().problem()

    def unpack(self, fetched: Path) -> None:
        (jar,) = fetched.glob("*.jar")
        with zipfile.ZipFile(jar) as archive, tempfile.TemporaryFile() as copy:
            (name,) = (name for name in archive.namelist() if name.endswith(".txz"))
            shutil.copyfileobj(archive.open(name), copy)
            copy.seek(0)
            with tarfile.open(fileobj=copy, mode="r:xz") as content:
                content.extractall(self.program)

    def prepare(self) -> None:
        certificate.make(self.folder)
        (self.folder / "password").write_text(TENFOLD)
        # As Aurora's `rds.force_ssl`, which is its default.
        access = (f"hostssl all all {address} scram-sha-256\n" for address in ("127.0.0.1/32", "::1/128"))
        (self.folder / "pg_hba.conf").write_text("".join(access))

    def initialise(self) -> None:
        access = ("--username", TENFOLD, "--auth", "scram-sha-256", "--pwfile", self.folder / "password")
        initdb = [self._binary("initdb"), "-D", self._data, *access, "--encoding=UTF8", "--no-locale", "--no-sync"]
        run(initdb, f"making the data folder of {self.title}", **self.process())
        create = [self._binary("postgres"), "--single", "-D", self._data, "postgres"]
        run(create, f"making the database of {self.title}", input=f"CREATE DATABASE {TENFOLD}\n", **self.process())

    def command(self) -> list:
        # Nothing has to survive the machine's end, so nothing waits for its disk.
        settings = {
            "listen_addresses": "localhost",
            "unix_socket_directories": "",
            "hba_file": self.folder / "pg_hba.conf",
            "ssl": "on",
            "ssl_cert_file": self.folder / "server.pem",
            "ssl_key_file": self.folder / "server.key",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [self._binary("postgres"), "-D", self._data, "-p", self.port, *options]

    def is_ready(self) -> bool:
        """As pg_ctl tells."""
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def values(self) -> dict[str, str]:
        return {
            "host": "localhost",
            "port": str(self.port),
            "database": TENFOLD,
            "user": TENFOLD,
            "password": TENFOLD,
            # What the server's certificate is to be verified with; it is for `localhost` and 127.0.0.1.
            "ca": str(self.folder / "ca.pem"),
            "url": f"postgres://{TENFOLD}:{TENFOLD}@localhost:{self.port}/{TENFOLD}?sslmode=require",
        }

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _binary(self, name: str) -> Path:
        return self.program / "bin" / name
