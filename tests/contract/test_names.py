"""A pattern has the same name everywhere, and so has a function."""

import tomllib
from pathlib import Path

import pytest
from repository import (
    ROOT,
    SLUGS,
    Template,
    binaries,
    cargo_targets,
    folders,
    pascal,
    patterns,
    relative,
    templates,
)

COUNTERPARTS = {
    "the stack": "infra/sam/{slug}.yaml",
    "what it is, how to run it, what a crash does": "functions/{slug}/README.md",
    "its decisions and handlers": "functions/{slug}/core/Cargo.toml",
    "its functions": "functions/{slug}/Cargo.toml",
    "its HTTP contract": "functions/{slug}/openapi.yaml",
    "its end-to-end tests": "tests/e2e/{underscored}",
}


def test_every_folder_in_functions_is_a_pattern():
    strange = set(folders()) - set(SLUGS)
    assert not strange, (
        f"functions/ has {sorted(strange)}; the patterns are {', '.join(SLUGS)}. "
        "What patterns share belongs into crates/"
    )


def test_every_template_is_of_a_pattern():
    strange = [relative(path) for path in templates() if path.stem not in patterns()]
    assert not strange, f"{strange}: a template is named like the pattern's folder in functions/"


@pytest.mark.parametrize("what", COUNTERPARTS)
@pytest.mark.parametrize("slug", patterns())
def test_a_pattern_is_complete(slug, what):
    path = COUNTERPARTS[what].format(slug=slug, underscored=slug.replace("-", "_"))
    assert (ROOT / path).exists(), f"{path} is missing: every pattern has {what} there"


@pytest.mark.parametrize("slug", patterns())
def test_a_pattern_has_a_core_library(slug):
    package, library = f"{slug}-core", f"{slug}-core".replace("-", "_")
    libraries = {(package, name) for package, kind, name, _ in cargo_targets() if kind == "lib"}
    assert (package, library) in libraries, (
        f"no library of the package {package} is in the workspace: "
        f"set the package's name in functions/{slug}/core/Cargo.toml and list it in Cargo.toml"
    )


@pytest.mark.parametrize("slug", patterns())
def test_binaries_are_the_functions_of_the_template(slug):
    functions = {f["FunctionName"] for f in Template.of(slug).functions().values()}
    assert functions, f"infra/sam/{slug}.yaml has no function"
    assert set(binaries(slug)) == functions, (
        f"cargo builds {sorted(binaries(slug))} of the package {slug}, infra/sam/{slug}.yaml has the functions "
        f"{sorted(functions)}. They must be the same: set the [[bin]] entries of functions/{slug}/Cargo.toml"
    )


@pytest.mark.parametrize("slug", patterns())
def test_each_binary_has_a_file_named_after_its_role(slug):
    for name, source in binaries(slug).items():
        role = name.removeprefix(f"{slug}-").replace("-", "_")
        expected = f"functions/{slug}/src/bin/{role}.rs"
        assert relative(source) == expected, (
            f"the main of {name} is in {relative(source)}; {expected} was expected"
        )


@pytest.mark.parametrize("slug", patterns())
def test_a_function_has_one_name(slug):
    for logical_id, function in Template.of(slug).functions().items():
        name = function["FunctionName"]
        assert name.startswith(f"{slug}-"), f"{name}: a function is named {slug}-<role>"
        assert logical_id == pascal(name), (
            f"the logical id of {name} is {pascal(name)}, not {logical_id}"
        )
        artifact = (Path("infra/sam") / function["CodeUri"]).as_posix()
        expected = f"infra/sam/../../target/lambda/{name}"
        assert artifact == expected, f"the CodeUri of {name} is ../../target/lambda/{name}/"


@pytest.mark.parametrize("slug", patterns())
def test_sam_config_knows_the_stack(slug):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text()).get(slug)
    assert config, f"samconfig.toml has no environment [{slug}...]: copy another pattern's"
    assert config["global"]["parameters"]["stack_name"] == f"tenfold-{slug}"
    assert config["deploy"]["parameters"]["template_file"] == f"infra/sam/{slug}.yaml"


def test_sam_config_has_no_default():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert "default" not in config, (
        "every `sam deploy` here, that of `make up` too, would take it over"
    )
