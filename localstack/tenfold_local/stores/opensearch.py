"""OpenSearch, for Amazon OpenSearch Service: one node with a small heap."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from tenfold_local import prerequisites
from tenfold_local.stores import http
from tenfold_local.stores.store import Store

MIN_JAVA = 21
HEAP = "512m"


class OpenSearch(Store):
    name, title = "opensearch", "OpenSearch 3.6"
    # It takes about ten on two cores that have nothing else to do.
    start_seconds = 120
    refuses_root = True

    def problem(self) -> str | None:
        if not prerequisites.java_since(MIN_JAVA):
            return (
                f"{self.title} needs a JDK, {MIN_JAVA} or later, and there is none in JAVA_HOME, on the PATH or where "
                "JDKs usually are: install one beside the other, for instance from adoptium.net, or set JAVA_HOME"
            )
        return super().problem()

    def unpack(self, fetched: Path) -> None:
        (archive,) = fetched.glob("*.zip")
        with zipfile.ZipFile(archive) as content:
            content.extractall(self.program)

    def prepare(self) -> None:
        for folder in ("conf", "data", "logs"):
            (self.folder / folder).mkdir()
        shutil.copy(self._home / "config" / "log4j2.properties", self.folder / "conf")
        settings = (self.definition / "opensearch.yml").read_text()
        places = f"path.data: {self.folder / 'data'}\npath.logs: {self.folder / 'logs'}\n"
        (self.folder / "conf" / "opensearch.yml").write_text(f"{settings}http.port: {self.port}\n{places}")

    def command(self) -> list:
        """What its own script comes to, which starts two more JVMs to find it out."""
        return [
            prerequisites.java_since(MIN_JAVA),
            f"-Xms{HEAP}",
            f"-Xmx{HEAP}",
            # Little data, and few cores: start quickly.
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            # These are its own, in its jvm.options.
            "--add-modules=jdk.incubator.vector",
            f"-javaagent:{self._home / 'agent' / 'opensearch-agent.jar'}",
            "--add-opens=java.base/java.nio=org.apache.arrow.memory.core,ALL-UNNAMED",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-Dopensearch.path.home={self._home}",
            f"-Dopensearch.path.conf={self.folder / 'conf'}",
            "-Dopensearch.distribution.type=zip",
            *("-cp", self._home / "lib" / "*", "org.opensearch.bootstrap.OpenSearch"),
        ]

    def is_ready(self) -> bool:
        return http.answers(f"{self.values()['url']}/_cluster/health?wait_for_status=yellow&timeout=1s")

    def values(self) -> dict[str, str]:
        return {"host": "127.0.0.1", "port": str(self.port), "url": f"http://127.0.0.1:{self.port}"}

    @property
    def _home(self) -> Path:
        (home,) = self.program.glob("opensearch-*")
        return home
