"""Crates, documentation and the least version of Rust: what is wrong with them is refused."""

from pathlib import Path

import pytest
import crates
from crates import cargo_deny, cargo_deny_on, without_reasons
from report import Refused
from rust import doc_on, rust_version_on

ALLOWED = '[licenses]\nallow = ["MIT"]\nprivate.ignore = false\n[bans]\nmultiple-versions = "deny"\n'


def crate(folder: Path, *, licence: str = "MIT", documentation: str = "A crate.") -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").write_text(f"//! {documentation}\n")
    manifest = folder / "Cargo.toml"
    manifest.write_text(
        f'[package]\nname = "small"\nversion = "1.0.0"\nedition = "2024"\nlicense = "{licence}"\n[workspace]\n'
    )
    return manifest


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "deny.toml"
    path.write_text(ALLOWED)
    return path


def test_a_crate_with_a_licence_that_is_allowed_passes(tmp_path, config):
    outcome = cargo_deny_on(crate(tmp_path / "small"), config)
    assert (outcome.checks, outcome.findings) == (1, [])
    assert outcome.notes[0].startswith("advisories: ")


def test_a_licence_that_is_not_allowed_is_found(tmp_path, config):
    found, *_ = cargo_deny_on(crate(tmp_path / "small", licence="GPL-3.0-only"), config).findings
    assert found.rule == "rejected" and "GPL-3.0-only" in found.what and found.resource.startswith("small")


def test_an_entry_that_nothing_needs_is_found(tmp_path, config):
    config.write_text(ALLOWED + 'skip = [{ crate = "syn@2", reason = "macros" }]\n')
    (found,) = cargo_deny_on(crate(tmp_path / "small"), config).findings
    assert "syn" in str(found)


@pytest.fixture
def two(tmp_path, config, monkeypatch):
    """Two workspaces, of which the functions' is MIT; gives how to make the other one, which is judged with it."""
    config.write_text(ALLOWED.replace('"MIT"', '"MIT", "ISC"'))
    crate(tmp_path)
    monkeypatch.setattr(crates, "ROOT", tmp_path)
    return lambda licence: crate(tmp_path / "benches" / "decisions", licence=licence)


def test_an_entry_that_only_the_benches_need_passes(two):
    two("ISC")
    outcome = cargo_deny()
    assert (outcome.checks, outcome.findings) == (2, [])


def test_the_crates_of_the_benches_are_judged_by_the_same_rules(two):
    two("GPL-3.0-only")
    refused, unneeded = sorted(cargo_deny().findings, key=lambda finding: finding.rule, reverse=True)
    assert "GPL-3.0-only" in refused.what and refused.where.endswith("benches/decisions/Cargo.lock")
    assert unneeded.rule == "license-not-encountered" and "ISC" in unneeded.what


def test_an_exception_without_a_reason_is_found(config):
    config.write_text(ALLOWED + 'skip = [{ crate = "syn@2" }, { crate = "base64", reason = "theirs" }, "libc"]\n')
    assert [finding.resource for finding in without_reasons(config)] == ["syn@2", "libc"]


def test_what_cargo_deny_cannot_read_is_refused(tmp_path, config):
    config.write_text("[licenses]\nallow = 7\n")
    with pytest.raises(Refused, match="cargo-deny did not check"):
        cargo_deny_on(crate(tmp_path / "small"), config)


def test_a_link_that_leads_nowhere_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path / "target"))
    assert doc_on(crate(tmp_path / "good").parent).findings == []
    (found,) = doc_on(crate(tmp_path / "bad", documentation="See [`Nothing`].").parent).findings
    assert found.rule == "rustdoc::broken_intra_doc_links" and found.where == "src/lib.rs:1"


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    files = {
        "Cargo.toml": '[workspace.package]\nrust-version = "1.95"\n',
        ".github/workflows/test.yml": '    env:\n      RUST: "1.95.0"\n',
        "README.md": "- Rust 1.95 or later, installed with rustup\n",
        "clippy.toml": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def package(name: str, needs: str | None) -> dict:
    return {"id": name, "name": name, "version": "1.0.0", "rust_version": needs}


def metadata(*dependencies: dict, ours: str | None = "1.95") -> dict:
    return {"workspace_members": ["ours"], "packages": [package("ours", ours), *dependencies]}


def test_a_version_that_all_agree_on_passes(project):
    outcome = rust_version_on(project, metadata(package("old", "1.60.1"), package("silent", None)), "1.95.0")
    assert outcome.findings == [] and "this one" in outcome.notes[0]
    assert "the workflow's" in rust_version_on(project, metadata(), "1.99.0").notes[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".github/workflows/test.yml", '    env:\n      RUST: "1.96.0"\n'),
        (".github/workflows/test.yml", "    env: {}\n"),
        ("README.md", "- Rust 1.90 or later\n"),
        ("clippy.toml", 'msrv = "1.80"\n'),
        ("Cargo.toml", '[workspace.package]\nrust-version = "1.94"\n'),
    ],
)
def test_a_place_that_says_another_version_is_found(project, file, text):
    (project / file).write_text(text)
    assert rust_version_on(project, metadata(), "1.95.0").findings


def test_a_dependency_that_needs_more_is_found(project):
    (found,) = rust_version_on(project, metadata(package("new", "1.95.1")), "1.95.0").findings
    assert found.where == "Cargo.lock" and found.resource == "new 1.0.0"
    (found,) = rust_version_on(project, metadata(ours=None), "1.95.0").findings
    assert found.resource == "ours 1.0.0"


def test_a_workflow_with_another_compiler_is_found(project):
    (found,) = rust_version_on(project, metadata(), "1.96.0", in_workflow=True).findings
    assert found.resource == "rustc"
