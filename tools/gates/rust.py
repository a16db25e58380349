"""The documentation without warnings, and the least version of Rust, wherever it is named."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

from report import ROOT, Finding, Outcome, Refused, run

# Where the version is named, beside Cargo.toml.
WORKFLOW, README, CLIPPY = ".github/workflows/test.yml", "README.md", "clippy.toml"


def doc() -> Outcome:
    return doc_on(ROOT)


def doc_on(root: Path) -> Outcome:
    command = ["cargo", "doc", "--no-deps", "--workspace", "--keep-going", "--message-format=json"]
    done = run(command, "cargo", cwd=root, env={**os.environ, "RUSTDOCFLAGS": "-D warnings"})
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    findings = []
    for message in (line["message"] for line in told if line["reason"] == "compiler-message"):
        if message["level"] in ("error", "warning") and (span := next(iter(message["spans"]), None)):
            code = (message["code"] or {}).get("code", "rustdoc")
            hint = next((child["message"] for child in message["children"] if child["level"] == "help"), "")
            where = f"{span['file_name']}:{span['line_start']}"
            line = span["text"][0]["text"].strip()
            findings.append(Finding(code, where, line, message["message"], hint or "mend the comment"))
    if done.returncode and not findings:
        raise Refused(f"cargo doc failed:\n{done.stderr.strip()[-2000:]}")
    artifacts = [line for line in told if line["reason"] == "compiler-artifact"]
    documented = {line["package_id"] for line in artifacts if "/doc/" in str(line["filenames"])}
    return Outcome(len(documented) or bool(findings), "the documentation of the workspace's crates", findings)


def rust_version() -> Outcome:
    done = run(["cargo", "metadata", "--format-version=1", "--locked"], "cargo", cwd=ROOT)
    if done.returncode:
        raise Refused(f"cargo metadata failed:\n{done.stderr.strip()}")
    rustc = run(["rustc", "--version"], "rustc", cwd=ROOT).stdout.split()[1]
    return rust_version_on(ROOT, json.loads(done.stdout), rustc, bool(os.environ.get("GITHUB_ACTIONS")))


def rust_version_on(root: Path, metadata: dict, rustc: str, in_workflow: bool = False) -> Outcome:
    """`rust-version` of Cargo.toml against the workflow, Clippy, the README, each crate, and the compiler here."""
    least = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    findings: list[Finding] = []
    checks = 0

    def expect(holds: bool, where: str, resource: str, what: str, todo: str) -> None:
        nonlocal checks
        checks += 1
        if not holds:
            findings.append(Finding("rust-version", where, resource, what, todo))

    members = set(metadata["workspace_members"])
    for package in metadata["packages"]:
        name, needs = f"{package['name']} {package['version']}", package.get("rust_version")
        if package["id"] in members:
            what = f"says {needs}, and Cargo.toml {least}"
            expect(needs == least, "Cargo.toml", name, what, "rust-version.workspace = true")
        elif needs:
            what = f"needs Rust {needs}, and Cargo.toml promises {least}"
            todo = "take an older one, or raise rust-version"
            expect(version(needs) <= version(least), "Cargo.lock", name, what, todo)
    named = re.search(r'^\s*RUST: "?([\d.]+)"?', (root / WORKFLOW).read_text(), re.MULTILINE)
    builds = named[1] if named else "no version that could be found"
    what = f"the workflow builds with {builds}, and Cargo.toml says {least}"
    expect(builds == exact(least), WORKFLOW, "RUST", what, f'RUST: "{exact(least)}"')
    said = re.search(r"Rust ([\d.]+) or later", (root / README).read_text())
    what = f"the README asks for {said[1] if said else 'no version'}, and Cargo.toml for {least}"
    expect(bool(said) and said[1] == least, README, "Prerequisites", what, f"Rust {least} or later")
    msrv = tomllib.loads((root / CLIPPY).read_text()).get("msrv", least)
    expect(msrv == least, CLIPPY, "msrv", f"Clippy is told {msrv}, and Cargo.toml says {least}", "leave msrv out")
    builds_here = rustc == exact(least)
    if in_workflow:
        what = f"the workflow's rustc is {rustc}; {exact(least)} was expected"
        expect(builds_here, WORKFLOW, "rustc", what, "install the version that RUST names, and make it the default")
    note = (
        f"the least version's build: this one, with rustc {rustc}"
        if builds_here
        else f"the least version's build: the workflow's, with {exact(least)}; here rustc is {rustc}"
    )
    return Outcome(checks, f"crates and files that name a version of Rust ({least})", findings, [note])


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in (text.split("-")[0].split(".") + ["0", "0"])[:3])


def exact(text: str) -> str:
    return ".".join(map(str, version(text)))
