"""Builds every function once, and lays each out as `sam deploy` takes it: target/lambda/<name>/bootstrap."""

from __future__ import annotations

import json

from tenfold_local import compiling, paths
from tenfold_local.say import Failure, run, timed


def functions(slugs: list[str]) -> None:
    """Cargo's dev profile: no link-time optimization, and shared with what the tests build."""
    names = binaries(slugs)
    if not names:
        return
    with timed(f"building {len(names)} functions"):
        # --workspace, though only some are built: dependencies then have the same features as in a
        # build of everything, and are not compiled twice.
        cargo("build", "--workspace", *(f"--bin={name}" for name in names))
        for name in names:
            _lay_out(name)


def binaries(slugs: list[str]) -> list[str]:
    """The workspace's binaries that belong to these patterns, by cargo's own account."""
    if not (paths.ROOT / "Cargo.toml").exists():
        return []
    metadata = json.loads(cargo("metadata", "--no-deps", "--format-version=1", capture=True))
    return sorted(
        target["name"]
        for package in metadata["packages"]
        for target in package["targets"]
        if "bin" in target["kind"]
        and any(target["name"].startswith(f"{slug}-") for slug in slugs)
    )


def cargo(*arguments: str, capture: bool = False) -> str | None:
    done = compiling.cargo(list(arguments), paths.ROOT, capture)
    if done.returncode:
        raise Failure(f"cargo {arguments[0]} failed: its messages are above")
    return done.stdout


def _lay_out(name: str) -> None:
    """Copies the binary without its debug information: that is nine tenths of it."""
    built, bootstrap = paths.TARGET / "debug" / name, paths.ARTIFACTS / name / "bootstrap"
    stamp = paths.ARTIFACTS / f"{name}.stamp"

    # Of both files: `make deploy` puts release binaries in the same place.
    def state() -> str:
        return " ".join(str(path.stat().st_mtime_ns) for path in (built, bootstrap))

    if bootstrap.exists() and stamp.exists() and stamp.read_text() == state():
        return
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    stripped = paths.ARTIFACTS / f"{name}.stripped"
    run(["strip", "-o", stripped, built], f"stripping {name}")
    stripped.replace(bootstrap)
    stamp.write_text(state())
