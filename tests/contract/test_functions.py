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
# The wildcards that there are, by who takes the role and by resource: what knows no resources (Service Authorization
# Reference), and the network interfaces of a VPC, which Lambda makes and names. Subnets and security groups that another
# account shares have its account in their ARNs, so theirs is open. The Rust side holds policies against calls, and these
# are no calls of ours. Which secrets targets may want is said by how their names begin.
TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
WILDCARDS = {
    "lambda.amazonaws.com": {
        ("*",): {"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"} | TRACES,
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
        ("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/*",): {
            "ssm:GetParameter"
        },
        ("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/*",): {
            "secretsmanager:GetSecretValue"
        },
    },
    "states.amazonaws.com": {
        ("*",): {
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
        }
        | TRACES,
    },
}
# The managed policy that there is: the deployer's own, for calls of its own targets.
TAKES_OVER = {"Fn::If": ["HasTargetPolicy", [{"Ref": "TargetPolicyArn"}], {"Ref": "AWS::NoValue"}]}
# What Lambda alone needs is denied to the code of the stack's functions (developer guide, "Giving Lambda functions access
# to resources in an Amazon VPC").
FUNCTION_NAME = "${AWS::StackName}-"
BY_THE_CODE = {
    "ArnLike": {
        "lambda:SourceFunctionArn": {
            "Fn::Sub": f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{FUNCTION_NAME}*"
        }
    }
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


def roles() -> list:
    """All roles of all templates, whoever takes them."""
    return [
        pytest.param(Template.of(slug), name, id=f"{slug}-{name}")
        for slug in patterns()
        for name in Template.of(slug).of_type("AWS::IAM::Role")
    ]


def too_much(template: Template, name: str) -> list[str]:
    """What a role allows that it should not, or does not say."""
    role = template.of_type("AWS::IAM::Role")[name]
    takers = {s["Principal"].get("Service") for s in role["AssumeRolePolicyDocument"]["Statement"]}
    found = [f"is taken by {taker}, whose wildcards nobody has listed" for taker in takers - set(WILDCARDS)]
    managed = role.get("ManagedPolicyArns")
    if managed and managed != TAKES_OVER:
        found.append(f"takes over {managed}; write out what is called")
    for statement in template.allowed(name):
        # What is taken away in some case only is held below.
        if statement["Effect"] == "Deny" and "Condition" in statement:
            continue
        if missing := {"Action", "Resource"} - set(statement):
            found.append(f"does not say its {sorted(missing)}, but what else it may")
            continue
        if statement["Effect"] != "Allow":
            found.append(f"has a {statement['Effect']}: allow less instead")
        resources = tuple(texts(statement["Resource"]))
        named = set().union(*(WILDCARDS.get(taker, {}).get(resources, set()) for taker in takers))
        if set(as_list(statement["Action"])) <= named:
            continue
        for key in ("Action", "Resource"):
            if wide := [text for text in texts(statement[key]) if "*" in text]:
                found.append(f"has the {key} {wide}; name each, with !GetAtt or !Sub")
    return found


@pytest.mark.parametrize(("template", "name"), roles())
def test_a_role_has_no_wildcards(template, name):
    assert not too_much(template, name), f"{name} " + ", and ".join(too_much(template, name))


@pytest.mark.parametrize("slug", patterns())
def test_a_state_machine_has_a_role_of_the_template(slug):
    template = Template.of(slug)
    for name, machine in template.of_type("AWS::Serverless::StateMachine").items():
        role = referenced(machine.get("Role"))
        assert role in template.of_type("AWS::IAM::Role"), f"{name} needs a Role of the template; SAM's own says too much"
        assert "Policies" not in machine, f"the policies of {name} belong into {role}"


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}},
        {"Effect": "Allow", "Action": "ec2:DescribeSubnets", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "*"},
        {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}},
    ],
)
def test_a_role_of_no_function_that_may_too_much_is_found(statement):
    template = Template.of("saga")
    (policy,) = template.resources["StateMachineRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"].append(statement)
    assert len(too_much(template, "StateMachineRole")) == 1


@pytest.mark.parametrize(("template", "name"), functions())
def test_what_a_role_has_for_its_vpc_is_denied_to_the_functions_code(template, name):
    function = template.functions()[name]
    statements = template.statements(function)
    for_vpc = {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        if action.startswith("ec2:")
    }
    denied = [statement for statement in statements if statement["Effect"] == "Deny"]
    expected = {"Effect": "Deny", "Action": sorted(for_vpc), "Resource": "*", "Condition": BY_THE_CODE}
    assert denied == [expected], f"the role of {name} denies {denied}; {expected} was expected"
    assert function["FunctionName"]["Fn::Sub"].startswith(FUNCTION_NAME), f"the Deny does not meet {name}"


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
