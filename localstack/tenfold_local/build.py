"""Builds every function once, and lays each out as `sam deploy` takes it: target/lambda/<name>/bootstrap."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tenfold_local import paths
from tenfold_local.say import Failure, run, timed

# aws-lc gathers CPU jitter before its first TLS connection; a function has no time for that.
BUILD_ENVIRONMENT = {"AWS_LC_SYS_NO_JITTER_ENTROPY": "1"}


def functions(slugs: list[str]) -> None:
    """Cargo's dev profile: no link-time optimization, and shared with what the tests build."""
    if not (paths.ROOT / "Cargo.toml").exists():
        return
    with timed("building the functions"):
        done = subprocess.run(
            ["cargo", "build", "--workspace", "--bins"],
            cwd=paths.ROOT,
            env={**os.environ, **BUILD_ENVIRONMENT},
            check=False,
        )
        if done.returncode:
            raise Failure("cargo build failed: its messages are above")
        for name in binaries():
            if any(name.startswith(f"{slug}-") for slug in slugs):
                _lay_out(name)


def binaries() -> list[str]:
    """The workspace's binaries, by cargo's own account."""
    done = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise Failure("cargo metadata failed: its messages are above")
    return sorted(
        target["name"]
        for package in json.loads(done.stdout)["packages"]
        for target in package["targets"]
        if "bin" in target["kind"]
    )


def _lay_out(name: str) -> None:
    """Copies the binary without its debug information: that is nine tenths of it."""
    built, bootstrap = paths.TARGET / "debug" / name, paths.ARTIFACTS / name / "bootstrap"
    if _is_newer(bootstrap, built):
        return
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    stripped = bootstrap.with_name("bootstrap.new")
    run(["strip", "-o", stripped, built], f"stripping {name}")
    # A function that runs right now keeps its file.
    stripped.replace(bootstrap)


def _is_newer(path: Path, than: Path) -> bool:
    return path.exists() and path.stat().st_mtime_ns >= than.stat().st_mtime_ns
