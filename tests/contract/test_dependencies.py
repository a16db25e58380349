"""Who may depend on whom (ARCHITECTURE.md): a core knows the ports and nothing that reaches the outside."""

import json
import subprocess

import pytest
from repository import ROOT

# What would let a core reach a network, a clock, the environment or chance by itself.
OUTSIDE = ("aws-", "aws_", "tokio", "hyper", "reqwest", "lambda_runtime", "rand", "fastrand", "getrandom")
OURS_OUTSIDE = {"tenfold-aws", "tenfold-lambda", "tenfold-world"}


@pytest.fixture(scope="module")
def packages():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {package["name"]: package for package in json.loads(done.stdout)["packages"]}


def needs(package):
    """What a package needs to be built, its tests aside."""
    return {d["name"] for d in package["dependencies"] if d["kind"] is None}


def outside(names):
    return sorted(n for n in names if n.startswith(OUTSIDE) or n in OURS_OUTSIDE)


def cores(packages):
    return {name: package for name, package in packages.items() if name.endswith("-core")}


def test_there_are_cores(packages):
    assert cores(packages), "no package is named <slug>-core"


def test_a_core_reaches_the_outside_only_through_ports(packages):
    for name, package in cores(packages).items():
        found = outside(needs(package))
        assert not found, f"{name} depends on {found}: take it through a port of tenfold-ports instead"
        assert "tenfold-ports" in needs(package), f"{name} should depend on tenfold-ports"


def test_the_ports_depend_on_data_only(packages):
    found = outside(needs(packages["tenfold-ports"]))
    assert not found, f"tenfold-ports depends on {found}: it is traits and data, nothing else"


def test_the_world_is_for_tests(packages):
    # tenfold-permissions is for tests too, and takes the world with it.
    for tests in ("tenfold-world", "tenfold-permissions"):
        users = {name for name, package in packages.items() if tests in needs(package)}
        users -= {"tenfold-permissions"}
        assert not users, f"{users} depend on {tests} outside their tests: make it a dev-dependency"


def test_a_core_has_its_own_list_of_forbidden_calls(packages):
    for name, package in cores(packages).items():
        manifest = package["manifest_path"]
        settings = manifest.removesuffix("Cargo.toml") + "clippy.toml"
        with open(settings, encoding="utf-8") as file:
            assert "disallowed-methods" in file.read(), f"{name}: {settings} should list disallowed-methods"
