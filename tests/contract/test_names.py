"""A pattern has the same name everywhere, and so has a function."""

import tomllib

import pytest
from repository import (
    ROOT,
    SLUGS,
    Template,
    artifact,
    binaries,
    cargo_targets,
    folders,
    pascal,
    patterns,
    relative,
    templates,
)

# What follows the slug in the names of environments and stacks.
STAGES = ("", "-dev", "-prod")
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
    functions = set(Template.of(slug).artifacts())
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
        name = artifact(function)
        assert function["CodeUri"] == f"../../target/lambda/{name}/", (
            f"the CodeUri of {logical_id} is ../../target/lambda/<slug>-<role>/"
        )
        assert name.startswith(f"{slug}-"), f"{name}: a function's artifact is named {slug}-<role>"
        assert logical_id == pascal(name), (
            f"the logical id of {name} is {pascal(name)}, not {logical_id}"
        )
        role = name.removeprefix(f"{slug}-")
        assert function["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{role}"}, (
            f"the FunctionName of {logical_id} is !Sub ${{AWS::StackName}}-{role}"
        )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("slug", patterns())
def test_sam_config_knows_the_stack_of_each_stage(slug, stage):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text()).get(f"{slug}{stage}")
    assert config, f"samconfig.toml has no environment [{slug}{stage}...]: copy another pattern's"
    assert config["global"]["parameters"]["stack_name"] == f"tenfold-{slug}{stage}"
    deploy = config["deploy"]["parameters"]
    assert deploy["template_file"] == f"infra/sam/{slug}.yaml"
    assert deploy["s3_prefix"] == f"{slug}{stage}"
    parameters = Template.of(slug).content["Parameters"]
    for name, _, value in (override.partition("=") for override in deploy.get("parameter_overrides", [])):
        assert name in parameters, f"samconfig.toml: {slug} has no parameter {name}"
        allowed = [str(v) for v in parameters[name].get("AllowedValues", [value])]
        assert value in allowed, f"samconfig.toml: {name} is {value}, one of {allowed} was expected"


def test_sam_config_has_no_default():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert "default" not in config, (
        "every `sam deploy` here, that of `make up` too, would take it over"
    )
