"""cargo-deny on the crates that the workspace depends on, and on those of the benches; deny.toml says what is allowed."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

from report import GATES, ROOT, Finding, Outcome, Refused, relative, run

CHECKS = ("licenses", "bans", "sources")
# For fetching RustSec's database; after that it is taken for out of reach.
PATIENCE = 60
# What is said of an entry of deny.toml that nothing needs.
UNNEEDED = ("license-not-encountered", "unmatched-skip", "unnecessary-skip")


def cargo_deny() -> Outcome:
    """The benches are a workspace of their own, under the same rules, of which each has to be needed by one of the two.
    Advisories are for what is deployed."""
    config = ROOT / "deny.toml"
    ours = cargo_deny_on(ROOT / "Cargo.toml", config)
    benches, found = crates_of(ROOT / "benches" / "decisions" / "Cargo.toml", config)
    ours.checks += benches
    unneeded = {finding.what for finding in found if finding.rule in UNNEEDED}
    ours.findings = [finding for finding in ours.findings if finding.rule not in UNNEEDED or finding.what in unneeded]
    ours.findings += [finding for finding in found if finding.rule not in UNNEEDED]
    ours.of_what = "the crates of Cargo.lock and benches/decisions/Cargo.lock: licences, versions, sources"
    return ours


def cargo_deny_on(manifest: Path, config: Path) -> Outcome:
    crates, findings = crates_of(manifest, config)
    found, note = advisories(manifest, config)
    of_what = "the crates of Cargo.lock: licences, versions, sources"
    return Outcome(crates, of_what, without_reasons(config) + findings + found, [note])


def crates_of(manifest: Path, config: Path) -> tuple[int, list[Finding]]:
    """How many crates a workspace has, and what is wrong with them."""
    done = deny(manifest, config, *CHECKS)
    told = lines(done)
    summary = next((line["fields"] for line in told if line["type"] == "summary"), {})
    if missing := [check for check in CHECKS if check not in summary]:
        end = "\n".join(line["fields"].get("message", "") for line in told if line["type"] == "log") or done.stderr
        raise Refused(f"cargo-deny did not check {', '.join(missing)}:\n{end.strip()}")
    # A line each crate, accepted or not.
    crates = sum(summary["licenses"][kind] for kind in ("helps", "errors"))
    return crates, diagnostics(told, manifest, config)


def advisories(manifest: Path, config: Path) -> tuple[list[Finding], str]:
    """Known vulnerabilities; where RustSec's database cannot be fetched, that is said and fails nothing."""
    try:
        done = deny(manifest, config, "advisories", timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return [], f"advisories: NOT checked, RustSec's database was not fetched within {PATIENCE} s"
    told = lines(done)
    if not any("advisories" in line["fields"] for line in told if line["type"] == "summary"):
        said = " ".join(line["fields"].get("message", "") for line in told if line["type"] == "log") or done.stderr
        if "failed to fetch advisory database" not in said:
            raise Refused(f"cargo-deny did not check advisories:\n{said.strip()}")
        return [], "advisories: NOT checked, RustSec's database cannot be reached from here"
    return diagnostics(told, manifest, config), "advisories: checked"


def deny(manifest: Path, config: Path, *checks: str, **options) -> subprocess.CompletedProcess:
    binary = GATES / "bin" / "cargo-deny"
    arguments = ["--format", "json", "--manifest-path", manifest, "--config", config, "check", *checks]
    return run([binary, *arguments], "cargo-deny", cwd=ROOT, **options)


def lines(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def diagnostics(told: list[dict], manifest: Path, config: Path) -> list[Finding]:
    found = []
    for line in told:
        fields = line["fields"]
        # A warning is about an entry of deny.toml that nothing needs.
        if line["type"] != "diagnostic" or fields["severity"] not in ("error", "warning"):
            continue
        spans = [label.get("span", "") for label in fields.get("labels", [])]
        names = ", ".join(dict.fromkeys(span.replace("\n", " and ").replace("registry+", "from ") for span in spans))
        graph = (fields.get("graphs") or [{}])[0].get("Krate", {})
        crate = " ".join(filter(None, (graph.get("name"), graph.get("version")))) or names.split(" ")[0]
        advisory = fields.get("advisory") or {}
        what = f"{fields['message']}: {names}" if names else fields["message"]
        # Of an advisory its solution; of a licence only what it is.
        notes = fields.get("notes", []) if advisory else []
        allowed = f"take another version or crate, or say in {relative(config)} that it is allowed, and why"
        rule = advisory.get("id") or fields.get("code", "?")
        found.append(Finding(rule, relative(manifest.with_suffix(".lock")), crate or "?", what, "; ".join([*notes, allowed])))
    return found


def without_reasons(config: Path) -> list[Finding]:
    """Exceptions in deny.toml that say no reason."""
    content = tomllib.loads(config.read_text())
    entries = [*content.get("bans", {}).get("skip", []), *content.get("bans", {}).get("skip-tree", [])]
    entries += content.get("advisories", {}).get("ignore", [])
    found = []
    for entry in entries:
        reason = entry.get("reason", "") if isinstance(entry, dict) else ""
        if not reason.strip():
            name = (entry.get("crate") or entry.get("id") or "?") if isinstance(entry, dict) else entry
            what = "is an exception without a reason"
            found.append(Finding("reason", relative(config), name, what, 'say why: reason = "..."'))
    return found
