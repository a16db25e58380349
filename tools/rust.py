#!/usr/bin/env python3
"""The Rust part of the checks: `tools/rust.py compile|unit|sim|conformance`.

    compile      builds all tests of the workspace at once, so that each crate is built with one set of features,
                 and notes what was built; and the explorers
    unit         runs those that need nothing but themselves, package by package, and the examples in comments
    sim          puts every mutant in and lets the explorers find it, and explores a part: the newest workload whole,
                 the others at random (a taste of each is among the unit tests; `make sim` explores all of it)
    conformance  runs the suite that holds the world against LocalStack, for `localstack/tenfold run`

`cargo test` does the same, but does not say which package a test is of; here a line for each tells `stages.py` how
many seconds a pattern took: as many as its programs kept all cores busy for. By the clock it is more, since LocalStack
is at work beside them, which the end-to-end tests account for.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import sim as explorers

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "localstack"))

from tenfold_local import compiling  # noqa: E402
CONFORMANCE = "tenfold-conformance"
SELECTION = ("--workspace", "--features", f"{CONFORMANCE}/localstack")
# The module of a core's tests that runs its workloads in the world.
WORLD = "world_invariants"
BUILT = ROOT / "target" / "tests-built.json"


@dataclass(frozen=True)
class Test:
    """A test program."""

    package: str
    folder: str
    name: str
    program: str

    @property
    def slug(self) -> str | None:
        """Its pattern."""
        parts = Path(self.folder).relative_to(ROOT).parts
        return parts[1] if parts[0] == "functions" else None

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """What to run of it, by the part of its pattern's time that it is."""
        if self.slug and self.name == "core":
            return {"unit": ("--skip", f"{WORLD}::"), "world": (f"{WORLD}::",)}
        return {"unit": ()}


def compile_all() -> int:
    arguments = ["test", *SELECTION, "--no-run", "--message-format", "json-render-diagnostics"]
    done = compiling.cargo(arguments, ROOT, capture=True)
    if done.returncode:
        return done.returncode
    found = []
    for message in map(json.loads, done.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
            folder = str(Path(message["manifest_path"]).parent)
            found.append([_package(folder), folder, message["target"]["name"], message["executable"]])
    BUILT.write_text(json.dumps(sorted(found), indent=1))
    # The profile `sim`, like `make sim`: it takes longer to build and half as long to find the mutants, in every run.
    for slug in explorers.patterns():
        explorers.build(slug)
    return 0


def _package(folder: str) -> str:
    lines = (Path(folder) / "Cargo.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("name"))


def built() -> list[Test]:
    if not BUILT.exists():
        sys.exit("rust: nothing is built; run: tools/rust.py compile")
    return [Test(*fields) for fields in json.loads(BUILT.read_text())]


def unit() -> int:
    failed = []
    for test in built():
        if test.package == CONFORMANCE:
            continue
        for part, arguments in test.parts.items():
            # The name of a module is a filter like any other: one that fits nothing runs nothing, and is well.
            if arguments and not has_tests(test, *arguments):
                print(f"error: {test.package} has no test for its part {part!r}: {' '.join(arguments)}", flush=True)
                failed.append(f"{test.package} {test.name}")
            elif run(test, *arguments, part=part):
                failed.append(f"{test.package} {test.name}")
    if subprocess.run(["cargo", "test", "--quiet", *SELECTION, "--doc"], cwd=ROOT, check=False).returncode:
        failed.append("examples in comments")
    if failed:
        print(f"error: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def sim() -> int:
    failed = [slug for slug in explorers.patterns() if not explores(slug)]
    if failed:
        print(f"error: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def explores(slug: str) -> bool:
    """Whether every mutant of a pattern is found, and nothing else."""
    # What would make more of it, or less, from the shell of who runs the tests.
    settings = {"P", "SECONDS", "RUNS", "LIMIT", "ONLY", "REPLAY", "VERBOSE", "SEED"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    explorer = explorers.build(slug)
    listing = subprocess.run(
        [explorer], env={**environment, "REPLAY": "which"}, stdout=subprocess.PIPE, text=True, check=False
    )
    newest = listing.stdout.splitlines()[-1].strip()
    part = {"ONLY": newest, "SECONDS": "0", "RUNS": "1"}
    began = busy()
    lines = []
    with subprocess.Popen(
        [explorer], cwd=ROOT, env={**environment, **part}, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    print(f"seconds: {slug} sim {busy() - began:.2f}", flush=True)
    try:
        summary = json.loads(lines[-1])["patterns"][slug]
    except (IndexError, KeyError, ValueError):
        return False
    # Its exit code says that this was not all.
    return summary["violations"] == 0 and 0 < summary["mutants_total"] == summary["mutants_caught"]


def conformance() -> int:
    # With its output: it says how many sequences were compared.
    codes = [run(test, "--show-output", *threads()) for test in built() if test.package == CONFORMANCE]
    return max(codes, default=1)


def run(test: Test, *arguments: str, part: str = "unit") -> int:
    """Runs a test program as cargo does."""
    print(f"     Running {test.package} {test.name}", flush=True)
    began = busy()
    environment = {**os.environ, "CARGO_MANIFEST_DIR": test.folder}
    code = subprocess.run(
        [test.program, *arguments], cwd=test.folder, env=environment, check=False
    ).returncode
    if test.slug:
        print(f"seconds: {test.slug} {part} {busy() - began:.2f}", flush=True)
    return code


def has_tests(test: Test, *arguments: str) -> bool:
    listing = subprocess.run(
        [test.program, *arguments, "--list"], stdout=subprocess.PIPE, text=True, check=False
    )
    return ": test\n" in listing.stdout


def busy() -> float:
    """For how many seconds what has ended below this process would have kept all cores busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / cores()


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> tuple[str, ...]:
    """Most areas wait most of the time; but all sequences of all of them at once are too many for LocalStack."""
    return ("--test-threads", "2" if os.environ.get("TENFOLD_CONFORMANCE") == "1" else "6")


COMMANDS = {"compile": compile_all, "unit": unit, "sim": sim, "conformance": conformance}


def main() -> int:
    # All patterns: what `make sim` would leave out is not to be left out here.
    os.environ.pop("P", None)
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: tools/rust.py {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    return COMMANDS[sys.argv[1]]()


if __name__ == "__main__":
    sys.exit(main())
