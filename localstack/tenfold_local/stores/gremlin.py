"""Gremlin Server, for Neptune: `POST /gremlin` as Neptune's data API has it, on a TinkerGraph in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from tenfold_local import prerequisites
from tenfold_local.stores import http
from tenfold_local.stores.store import Store

HEAP = "256m"


class Gremlin(Store):
    name, title = "gremlin", "Gremlin Server 3.7"

    def unpack(self, fetched: Path) -> None:
        shutil.move(fetched, self.program / "lib")

    def prepare(self) -> None:
        for file in ("graph.properties", "traversal.groovy"):
            shutil.copy(self.definition / file, self.folder)
        settings = (self.definition / "server.yaml").read_text()
        (self.folder / "server.yaml").write_text(f"{settings}port: {self.port}\n")

    def command(self) -> list:
        return [
            prerequisites.java(),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            *("-cp", self.program / "lib" / "*", "org.apache.tinkerpop.gremlin.server.GremlinServer"),
            self.folder / "server.yaml",
        ]

    def is_ready(self) -> bool:
        """When `g` is there; the first query takes a second, this is it."""
        return http.answers(f"{self.values()['url']}/gremlin?gremlin=g.V().count()")

    def values(self) -> dict[str, str]:
        return {"host": "127.0.0.1", "port": str(self.port), "url": f"http://127.0.0.1:{self.port}"}
