"""What comes from Maven: the files that a pom.xml names, each with the SHA-256 that stands beside it in SHA256SUMS.

Where from, and with what credentials, is Maven's own business: its settings say so.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from tenfold_local.say import Failure, run

SUMS = "SHA256SUMS"


def sources(folder: Path) -> list[Path]:
    """The files that say what is fetched."""
    return [folder / "pom.xml", folder / SUMS]


def fetch(folder: Path, into: Path, what: str, platform: str = "") -> None:
    """Copies what the pom.xml in `folder` names, and what that needs at run time; nothing unknown passes."""
    _copy(folder, into, what, platform)
    known = dict(reversed(line.split()) for line in (folder / SUMS).read_text().splitlines())
    for file in sorted(into.iterdir()):
        if known.get(file.name) != _sum(file):
            found = "is not the file that is locked" if file.name in known else "is not locked"
            raise Failure(f"{what}: {file.name} {found} in {folder / SUMS}; delete it in Maven's repository (~/.m2)")


def lock(folder: Path, platforms: tuple[str, ...] = ("",)) -> None:
    """Writes SHA256SUMS anew, for every platform that there are files for."""
    sums = {}
    for platform in platforms:
        with tempfile.TemporaryDirectory() as into:
            _copy(folder, Path(into), f"locking {folder.name}", platform)
            sums |= {file.name: _sum(file) for file in Path(into).iterdir()}
    (folder / SUMS).write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _copy(folder: Path, into: Path, what: str, platform: str) -> None:
    run(
        [
            *("mvn", "--batch-mode", "--quiet", "--file", folder / "pom.xml"),
            *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}"),
            *([f"-Dplatform={platform}"] if platform else []),
        ],
        f"fetching {what} with Maven",
    )


def _sum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
