"""Each function may do what it needs and no more, ends in time, and is told what it asks for."""

import re
from collections import Counter
from collections.abc import Iterable

import pytest
from repository import (
    ROOT,
    Template,
    artifact,
    as_list,
    binaries,
    patterns,
    referenced,
    relative,
    rust,
    texts,
)

# API Gateway does not wait longer.
API_SECONDS = 29
LAMBDA_SECONDS = 900
# The wildcards that there are, by resources: what knows no resources (Service Authorization Reference), and the network
# interfaces of a VPC, which Lambda makes and names. Subnets and security groups that another account shares have its
# account in their ARNs, so theirs is open. The Rust side holds policies against calls, and these are no calls of ours.
WILDCARDS = {
    ("*",): {
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    },
    (
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:*:security-group/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:*:subnet/*",
    ): {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    },
}
VARIABLE = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')


def functions() -> list:
    return [
        pytest.param(Template.of(slug), name, id=f"{slug}-{name}")
        for slug in patterns()
        for name in Template.of(slug).functions()
    ]


def variables(sources: Iterable[str]) -> set[str]:
    """The names of environment variables in Rust sources; Lambda sets those of AWS itself."""
    found = {name for text in sources for name in VARIABLE.findall(text)}
    return {name for name in found if not name.startswith("AWS_")}


@pytest.mark.parametrize(("template", "name"), functions())
def test_a_function_has_a_role_of_its_own(template, name):
    roles = Counter(referenced(f.get("Role")) for f in template.functions().values())
    role = referenced(template.functions()[name].get("Role"))
    assert role and template.resources[role]["Type"] == "AWS::IAM::Role", (
        f"{name} needs Role: !GetAtt {name}Role.Arn, a role in the template; SAM's own allows all logs"
    )
    assert roles[role] == 1, f"{role} is the role of {roles[role]} functions; each needs its own"
    assert "Policies" not in template.functions()[name], (
        f"the policies of {name} belong into {role}"
    )
    managed = template.resources[role]["Properties"].get("ManagedPolicyArns")
    assert not managed, f"{role} takes over {managed}; write out what the function calls"


@pytest.mark.parametrize(("template", "name"), functions())
def test_a_role_has_no_wildcards(template, name):
    for statement in template.statements(template.functions()[name]):
        resources = tuple(texts(statement["Resource"]))
        if set(as_list(statement["Action"])) <= WILDCARDS.get(resources, set()):
            continue
        for key in ("Action", "Resource"):
            wide = [text for text in texts(statement[key]) if "*" in text]
            assert not wide, (
                f"the role of {name} has the {key} {wide}; name each, with !GetAtt or !Sub"
            )
        assert statement["Effect"] == "Allow", (
            f"the role of {name} has a {statement['Effect']}: allow less instead"
        )
        assert not {"NotAction", "NotResource"} & set(statement), (
            f"the role of {name} must say what it may"
        )


@pytest.mark.parametrize(("template", "name"), functions())
def test_a_function_writes_only_its_own_log_which_ends(template, name):
    function = template.functions()[name]
    group = referenced(function.get("LoggingConfig", {}).get("LogGroup"))
    log = template.of_type("AWS::Logs::LogGroup").get(group)
    assert log, (
        f"{name} needs LoggingConfig: {{ LogGroup: !Ref {name}Logs }}, a log group in the template"
    )
    assert log.get("RetentionInDays"), (
        f"{group} needs RetentionInDays, or its lines are kept for ever"
    )
    physical = function["FunctionName"]["Fn::Sub"]
    assert log["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{physical}"}, (
        f"{group} has another name than expected"
    )
    written = [
        referenced(resource)
        for statement in template.statements(function)
        if any(action.startswith("logs:") for action in as_list(statement["Action"]))
        for resource in as_list(statement["Resource"])
    ]
    assert written == [group], (
        f"the role of {name} may write {written}; !GetAtt {group}.Arn alone was expected"
    )


@pytest.mark.parametrize(("template", "name"), functions())
def test_a_function_ends_in_time(template, name):
    function = template.functions()[name]
    timeout = function.get("Timeout")
    kinds = {event["Type"] for event in function.get("Events", {}).values()}
    most = API_SECONDS if "Api" in kinds else LAMBDA_SECONDS
    assert isinstance(timeout, int), f"{name} needs a Timeout; the default of 3 s fits nothing"
    assert timeout <= most, (
        f"{name} has {timeout} s; {most} s is the most for its events {sorted(kinds)}"
    )


@pytest.mark.parametrize(("template", "name"), functions())
def test_a_function_is_told_what_its_main_asks_for(template, name):
    function = template.functions()[name]
    main = binaries(template.path.stem).get(artifact(function))
    assert main, f"cargo builds no {artifact(function)}"
    missing = variables([main.read_text()]) - set(function["Environment"]["Variables"])
    assert not missing, (
        f"{relative(main)} reads {sorted(missing)}: set it for {name} in the template"
    )


@pytest.mark.parametrize("slug", patterns())
def test_environment_variables_are_those_that_the_code_reads(slug):
    set_here = {
        variable
        for f in Template.of(slug).functions().values()
        for variable in f["Environment"]["Variables"]
    }
    read = variables(rust(ROOT / "functions" / slug / "src").values())
    assert not read - set_here, (
        f"functions/{slug}/src reads {sorted(read - set_here)}, which no function of infra/sam/{slug}.yaml sets"
    )
    idle = set_here - read - variables(rust(ROOT / "crates" / "lambda" / "src").values())
    assert not idle, (
        f"infra/sam/{slug}.yaml sets {sorted(idle)}, which nothing in functions/{slug}/src reads"
    )
