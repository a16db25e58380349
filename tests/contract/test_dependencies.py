"""Who may depend on whom (ARCHITECTURE.md): a core knows the ports and nothing that reaches the outside."""

import json
import subprocess

import pytest
from repository import ROOT, SLUGS

# What a package of the workspace may need of the others to be built. `own core` is the core of the same pattern, `core`
# is any pattern's.
MAY_NEED = {
    "core": {"tenfold-ports", "tenfold-pattern", "core"},
    "functions": {"own core", "tenfold-ports", "tenfold-pattern", "tenfold-aws", "tenfold-lambda"},
    "tenfold-ports": set(),
    "tenfold-pattern": {"tenfold-ports"},
    "tenfold-aws": {"tenfold-ports"},
    "tenfold-lambda": {"tenfold-ports", "tenfold-aws"},
    "tenfold-world": {"tenfold-ports"},
    # For tests only, as the world is.
    "tenfold-memory": {"tenfold-ports"},
    "tenfold-permissions": {"tenfold-aws", "tenfold-world"},
    "tenfold-conformance": set(),
}
# What its tests and examples may need besides.
TESTS_MAY_NEED = {
    "core": {"tenfold-memory", "tenfold-world"},
    "functions": {"tenfold-world", "tenfold-permissions"},
    "tenfold-memory": {"tenfold-world"},
    "tenfold-pattern": {"tenfold-world"},
    # An example that is a whole function.
    "tenfold-aws": {"tenfold-lambda"},
    "tenfold-conformance": {"tenfold-ports", "tenfold-aws", "tenfold-world"},
}
# What would let a core, or what it is made of, reach a network, a clock, the environment or chance by itself.
OUTSIDE = ("aws-", "aws_", "tokio", "hyper", "reqwest", "lambda_runtime", "rand", "fastrand", "getrandom")
INSIDE = {"core", "tenfold-ports", "tenfold-pattern"}


@pytest.fixture(scope="module")
def packages():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {package["name"]: package for package in json.loads(done.stdout)["packages"]}


def needs(package, kinds=(None, "build")):
    """What a package needs to be built, its tests aside."""
    return {d["name"] for d in package["dependencies"] if d["kind"] in kinds}


def needs_in_tests(package):
    return needs(package, ("dev",))


def kind(name):
    """Which line of the rule a package is held against."""
    if name in SLUGS:
        return "functions"
    return "core" if name.removesuffix("-core") in SLUGS else name


def forbidden(name, needed, allowed, ours):
    """What of our own a package needs and may not."""
    return sorted(
        other
        for other in needed & ours
        if kind(other) not in allowed and not (other == f"{name}-core" and "own core" in allowed)
    )


def outside(names):
    return sorted(name for name in names if name.startswith(OUTSIDE))


def cores(packages):
    return {name: package for name, package in packages.items() if kind(name) == "core"}


def test_there_are_cores(packages):
    assert cores(packages), "no package is named <slug>-core"


def test_the_rule_speaks_of_every_package(packages):
    strange = {name for name in packages if kind(name) not in MAY_NEED}
    assert not strange, f"{sorted(strange)}: say in MAY_NEED what they may depend on"


def test_packages_depend_downwards(packages):
    for name, package in packages.items():
        allowed = MAY_NEED.get(kind(name), set())
        found = forbidden(name, needs(package), allowed, set(packages))
        assert not found, f"{name} depends on {found}; it may depend on {sorted(allowed) or 'none of ours'}"


def test_tests_depend_on_what_they_may(packages):
    for name, package in packages.items():
        allowed = MAY_NEED.get(kind(name), set()) | TESTS_MAY_NEED.get(kind(name), set())
        found = forbidden(name, needs_in_tests(package), allowed, set(packages))
        assert not found, f"the tests of {name} depend on {found}; they may depend on {sorted(allowed)}"


def test_a_core_reaches_the_outside_only_through_ports(packages):
    for name, package in packages.items():
        if kind(name) in INSIDE:
            found = outside(needs(package))
            assert not found, f"{name} depends on {found}: take it through a port of tenfold-ports instead"
    for name, package in cores(packages).items():
        assert "tenfold-ports" in needs(package), f"{name} should depend on tenfold-ports"


def test_a_core_has_its_own_list_of_forbidden_calls(packages):
    for name, package in cores(packages).items():
        manifest = package["manifest_path"]
        settings = manifest.removesuffix("Cargo.toml") + "clippy.toml"
        with open(settings, encoding="utf-8") as file:
            assert "disallowed-methods" in file.read(), f"{name}: {settings} should list disallowed-methods"


def test_what_a_package_may_not_need_is_found():
    """The check itself."""
    ours = {"saga", "saga-core", "bulkhead-core", "tenfold-ports", "tenfold-world", "tenfold-lambda"}

    def found(name, *needed):
        return forbidden(name, {*needed, "serde"}, MAY_NEED[kind(name)], ours)

    assert found("saga", "saga-core", "bulkhead-core", "tenfold-lambda") == ["bulkhead-core"]
    assert found("saga-core", "bulkhead-core", "tenfold-ports", "tenfold-world") == ["tenfold-world"]
    assert found("tenfold-lambda", "saga-core", "saga", "tenfold-world") == ["saga", "saga-core", "tenfold-world"]
    assert outside({"tokio", "tokio-util", "aws-sdk-sqs", "tracing"}) == ["aws-sdk-sqs", "tokio", "tokio-util"]
