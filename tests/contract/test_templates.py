"""Every template is clean, and what is overridden locally is a parameter of it."""


import pytest
from cfnlint.api import ManualArgs, lint
from repository import Template, local_values, relative, templates


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_cfn_lint_has_nothing_to_say(path):
    found = lint(path.read_text(), config=ManualArgs(regions=["us-east-1", "eu-central-1"]))
    said = [f"{relative(path)}:{m.linenumber}: {m.rule.id} {m.message}" for m in found]
    assert not said, "\n".join(said)


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_everything_a_user_sees_is_described(path):
    content = Template(path).content
    assert content.get("Description"), f"{relative(path)} needs a Description"
    for section in ("Parameters", "Outputs"):
        for name, entry in content.get(section, {}).items():
            assert entry.get("Description"), (
                f"{relative(path)}: {section}.{name} needs a Description"
            )


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_every_parameter_has_a_default(path):
    for name, parameter in Template(path).content.get("Parameters", {}).items():
        assert "Default" in parameter, (
            f"{relative(path)}: {name} needs a Default, so that the stack deploys as it is"
        )


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_local_overrides_fit_the_parameters(path):
    file = path.with_suffix(".local.json")
    if not file.exists():
        return
    parameters = Template(path).content.get("Parameters", {})
    for name, value in local_values(path).items():
        assert name in parameters, (
            f"{relative(file)}: {path.name} has no parameter {name}, only {sorted(parameters)}"
        )
        parameter = parameters[name]
        allowed = [str(v) for v in parameter.get("AllowedValues", [value])]
        assert value in allowed, (
            f"{relative(file)}: {name} is {value}, one of {allowed} was expected"
        )
        if parameter["Type"] == "Number":
            least, most = (float(parameter.get(key, value)) for key in ("MinValue", "MaxValue"))
            assert least <= float(value) <= most, (
                f"{relative(file)}: {name} is {value}, {least} to {most} was expected"
            )
