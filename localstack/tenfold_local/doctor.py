"""What this machine has of what Tenfold needs: told before anything is downloaded, and nothing is changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tenfold_local import paths, ports, prerequisites, server, stores
from tenfold_local.say import Failure

GB = 1e9
# What the folders of a fresh clone grow to: what is installed, and what cargo builds for `make demo`, and for
# `make test` with its tests, explorers and gates.
INSTALLED_GB, DEMO_GB, TEST_GB = 1.4, 2.6, 9.8


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and whether anything is in the way."""

    what: str
    found: str
    is_well: bool = True

    def __str__(self) -> str:
        return f"  {'ok' if self.is_well else 'NO'}  {self.what:<22} {self.found}"


def tell() -> None:
    findings = [*commands(), disk(), *in_use(), *needed_stores(), *installed()]
    print("\n".join(map(str, findings)))
    if bad := [finding for finding in findings if not finding.is_well]:
        raise Failure(f"{len(bad)} of {len(findings)} in the way: {', '.join(f.what for f in bad)}")
    print("all there; next: make demo")


def commands() -> Iterable[Finding]:
    for item in prerequisites.all_of_them():
        problem = item.problem()
        yield Finding(item.name, problem or shutil.which(item.command) or "", problem is None)


def disk() -> Finding:
    free = shutil.disk_usage(paths.ROOT).free / GB
    to_install = max(0.0, INSTALLED_GB - size(paths.LOCAL))
    built = size(paths.TARGET)
    needed, for_tests = (to_install + max(0.0, gb - built) for gb in (DEMO_GB, TEST_GB))
    found = (
        f"{free:.0f} GB free; make demo needs {needed:.0f} GB more, make test {for_tests:.0f} GB"
    )
    return Finding("disk", found, free >= needed)


def in_use() -> Iterable[Finding]:
    if elsewhere := os.environ.get("TENFOLD_ENDPOINT"):
        answers = bool(server.instance())
        found = "answers" if answers else "does not answer; start it, or unset TENFOLD_ENDPOINT"
        yield Finding("TENFOLD_ENDPOINT", f"{elsewhere} {found}", answers)
        return
    port = "LocalStack's port"
    try:
        port = f"port {ports.localstack()}"
        yield Finding(port, "LocalStack runs there, ours" if server.is_up() else "LocalStack will have it")
    except Failure as failure:
        yield Finding(port, str(failure), is_well=False)


def needed_stores() -> Iterable[Finding]:
    """The real servers that patterns need, and no others."""
    for store in stores.needed(paths.patterns()):
        problem = stores.problem_of(store)
        is_there = (store.program / ".installed").exists()
        what = f"{size(store.program):.1f} GB" if is_there else "not yet: the first run gets it"
        yield Finding(store.title, problem or what, problem is None)


def installed() -> Iterable[Finding]:
    parts = {
        "LocalStack": paths.VENV,
        "sam, pytest and more": paths.TOOLS,
        "DynamoDB Local": paths.DYNAMODB,
        "checkov and other gates": paths.GATES,
        "cdk-nag": paths.GATES_NAG,
        "what cargo has built": paths.TARGET,
    }
    for what, folder in parts.items():
        # A folder without its stamp was left by an installation that was cut off.
        is_there = (folder / ".installed").exists() or (folder == paths.TARGET and folder.exists())
        yield Finding(what, f"{size(folder):.1f} GB" if is_there else "not yet: the first run gets it")


def size(folder: Path) -> float:
    """How much a folder takes, in GB; 0 where there is none."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total / GB
