"""What is measured is what runs: the crate of the benches is a workspace of its own, and built like the functions."""

import tomllib

import pytest
from repository import ROOT

CRATE = ROOT / "benches" / "decisions"


def read(path):
    return tomllib.loads(path.read_text())


def locked(folder):
    """The packages of a lock file, by name and version."""
    return {(p["name"], p["version"]): p for p in read(folder / "Cargo.lock")["package"]}


def needed_by_ours(packages):
    """What our own crates need, all the way down. A dependency is written with its version where there are several."""
    versions = {}
    for name, version in packages:
        versions.setdefault(name, []).append(version)
    found = set()
    waiting = [key for key, p in packages.items() if "source" not in p and key[0] != "tenfold-decisions"]
    while waiting:
        for dependency in packages[waiting.pop()].get("dependencies", []):
            name, _, version = dependency.partition(" ")
            key = (name, version or versions[name][0])
            if key not in found:
                found.add(key)
                waiting.append(key)
    return {key for key in found if "source" in packages[key]}


@pytest.mark.parametrize("profile", ["release"])
def test_it_is_built_as_what_is_deployed(profile):
    ours, theirs = (read(folder / "Cargo.toml")["profile"][profile] for folder in (CRATE, ROOT))
    assert ours == theirs, f"[profile.{profile}] of benches/decisions/Cargo.toml should be the root's: {theirs}"


def test_it_is_linted_as_the_rest():
    ours, theirs = read(CRATE / "Cargo.toml")["lints"], read(ROOT / "Cargo.toml")["workspace"]["lints"]
    assert ours == theirs, f"[lints] of benches/decisions/Cargo.toml should be the root's: {theirs}"


def test_what_ours_is_made_of_has_the_same_versions():
    here, there = locked(CRATE), locked(ROOT)
    assert ("circuit-breaker-core", "0.1.0") in here
    other = sorted(needed_by_ours(here) - set(there))
    assert not other, (
        f"benches/decisions/Cargo.lock has {other}, and the root's has others. Copy the root's Cargo.lock over it; "
        "`cargo metadata --manifest-path benches/decisions/Cargo.toml` then adds what only the benches need"
    )
