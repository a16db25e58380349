"""Every stack is configured alike: the same parameters under the same names, and each does what it says."""

import re
import tomllib

import pytest
from repository import (
    ROOT,
    Template,
    artifact,
    as_list,
    branches,
    files,
    local_values,
    pascal,
    patterns,
    referenced,
    relative,
)

# What every template has. Beside these each has its own behaviour and thresholds.
COMMON = (
    "AlarmEmail",
    "AlarmPeriodSeconds",
    "AlarmTopicArn",
    "ApiAccessLog",
    "ApiBurstLimit",
    "ApiErrorsThreshold",
    "ApiRateLimit",
    "Architecture",
    "DeletionProtection",
    "FailedEventsQueueArn",
    "KmsKeyArn",
    "LogLevel",
    "LogRetentionDays",
    "SecurityGroupIds",
    "SubnetIds",
    "TableName",
    "WebAclArn",
    "XRayTracing",
)
SECTIONS = ("AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Conditions", "Globals")
GROUPS = ("Functions", "API", "Data", "Network", "Behaviour", "Alarms")
# Where a key of the team's goes, by type.
ENCRYPTED = {
    "AWS::DynamoDB::Table": "SSESpecification",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
}
# What has to ring before a wait is ended, and the times that end it.
RINGS_BEFORE = {"RoundAgeThresholdSeconds": ("DeadlineSeconds", "RecoverySeconds")}
SETTING = re.compile(r"\b([A-Z]\w+)=(\d+)\b")
KEY_ACTIONS = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}


def parameters(slug: str) -> dict[str, dict]:
    return Template.of(slug).content["Parameters"]


def roles(template: Template) -> dict[str, dict]:
    """The functions by the role's PascalCase, as the logical id ends."""
    slug = template.path.stem
    return {
        pascal(artifact(function).removeprefix(f"{slug}-")): function for function in template.functions().values()
    }


def groups(slug: str) -> dict[str, list[str]]:
    shown = Template.of(slug).content["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    return {group["Label"]["default"]: group["Parameters"] for group in shown}


@pytest.mark.parametrize("slug", patterns())
def test_a_template_has_the_sections_and_groups_of_all_others(slug):
    sections = tuple(Template.of(slug).content)
    assert sections == (*SECTIONS, "Resources", "Outputs")
    assert tuple(groups(slug)) == GROUPS, "as another template groups its parameters"


@pytest.mark.parametrize("slug", patterns())
def test_every_parameter_is_in_a_group_in_the_same_order(slug):
    grouped = [name for group in groups(slug).values() for name in group]
    assert grouped == list(parameters(slug)), "the parameters stand in the order of their groups"


@pytest.mark.parametrize("name", COMMON)
def test_a_common_parameter_is_the_same_everywhere(name):
    found = {slug: parameters(slug).get(name) for slug in patterns()}
    missing = [slug for slug, parameter in found.items() if parameter is None]
    assert not missing, f"{missing} have no parameter {name}: copy another template's"
    first, *others = ({k: v for k, v in p.items() if k != "Description"} for p in found.values())
    assert all(other == first for other in others), f"{name} is not the same in {list(found)}"


@pytest.mark.parametrize("slug", patterns())
def test_every_function_can_have_concurrency_of_its_own(slug):
    template = Template.of(slug)
    for role, function in roles(template).items():
        name = f"ReservedConcurrency{role}"
        parameter = parameters(slug).get(name)
        assert parameter, f"infra/sam/{slug}.yaml has no parameter {name}"
        assert str(parameter["Default"]) == "0", f"{name}: none is reserved by default"
        assert template.decided_by(function.get("ReservedConcurrentExecutions")) == {name}


@pytest.mark.parametrize("slug", patterns())
def test_one_switch_traces_everything(slug):
    template = Template.of(slug)
    traced = {name: function.get("Tracing") for name, function in template.functions().items()}
    traced |= {n: api.get("TracingEnabled") for n, api in template.of_type("AWS::Serverless::Api").items()}
    traced |= {n: m.get("Tracing") for n, m in template.of_type("AWS::Serverless::StateMachine").items()}
    for name, value in traced.items():
        assert template.decided_by(value) == {"XRayTracing"}, f"{name} is traced as XRayTracing says"
    for name, function in template.functions().items():
        allowed = [s for s in template.statements(function) if "xray:PutTraceSegments" in as_list(s["Action"])]
        assert allowed, f"the role of {name} may not put trace segments"
        told = function["Environment"]["Variables"].get("XRAY_TRACING")
        assert told == {"Ref": "XRayTracing"}, f"{name} needs XRAY_TRACING: !Ref XRayTracing, in Globals"


@pytest.mark.parametrize("slug", patterns())
def test_the_api_is_throttled_and_logged_as_it_is_told(slug):
    template = Template.of(slug)
    for api in template.of_type("AWS::Serverless::Api").values():
        (settings,) = api["MethodSettings"]
        assert template.decided_by(settings["ThrottlingRateLimit"]) == {"ApiRateLimit"}
        assert template.decided_by(settings["ThrottlingBurstLimit"]) == {"ApiBurstLimit"}
        assert template.decided_by(settings["LoggingLevel"]) == {"ApiAccessLog"}
        assert template.decided_by(api["AccessLogSetting"]) == {"ApiAccessLog"}


@pytest.mark.parametrize("slug", patterns())
def test_the_api_is_behind_the_web_acl_or_none(slug):
    template = Template.of(slug)
    associations = template.of_type("AWS::WAFv2::WebACLAssociation").values()
    assert [a["WebACLArn"] for a in associations] == [{"Ref": "WebAclArn"}] * len(
        template.of_type("AWS::Serverless::Api")
    )


@pytest.mark.parametrize("slug", patterns())
def test_what_lambda_gives_up_of_events_goes_where_it_may(slug):
    template = Template.of(slug)
    for name, function in template.functions().items():
        (target,) = branches(function["DeadLetterQueue"]["TargetArn"])
        allowed = [
            resource
            for statement in template.statements(function)
            if "sqs:SendMessage" in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        ]
        assert target in allowed, f"Lambda puts what {name} gives up into {target}, and its role may not send there"


@pytest.mark.parametrize("slug", patterns())
def test_every_function_is_in_the_vpc_or_none(slug):
    template = Template.of(slug)
    for name, function in template.functions().items():
        assert template.decided_by(function.get("VpcConfig")) == {"SubnetIds", "SecurityGroupIds"}, name
        statements = [s for s in template.statements(function) if s["Effect"] == "Allow"]
        allowed = {a for s in statements for a in as_list(s["Action"])}
        assert "ec2:CreateNetworkInterface" in allowed, f"the role of {name} may make no network interfaces"


@pytest.mark.parametrize("slug", patterns())
def test_a_table_is_protected_where_it_shall_be(slug):
    template = Template.of(slug)
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        assert template.decided_by(table.get("DeletionProtectionEnabled")) == {"DeletionProtection"}, name


@pytest.mark.parametrize("slug", patterns())
def test_a_key_of_the_teams_encrypts_everything_that_is_kept(slug):
    template = Template.of(slug)
    for kind, key in ENCRYPTED.items():
        for name, properties in template.of_type(kind).items():
            assert "KmsKeyArn" in template.decided_by(properties.get(key)), f"{name} needs {key} by KmsKeyArn"
    for name, function in template.functions().items():
        assert "KmsKeyArn" in template.decided_by(function.get("KmsKeyArn")), f"{name} needs KmsKeyArn, in Globals"


@pytest.mark.parametrize("slug", patterns())
def test_every_role_may_use_the_key(slug):
    template = Template.of(slug)
    for name, role in template.of_type("AWS::IAM::Role").items():
        statements = [
            branch
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for branch in branches(statement)
        ]
        allowed = {
            action
            for statement in statements
            if referenced(statement["Resource"]) == "KmsKeyArn"
            for action in statement["Action"]
        }
        assert allowed == KEY_ACTIONS, f"{name} may {sorted(allowed)} with KmsKeyArn, not {sorted(KEY_ACTIONS)}"


def settings(slug: str) -> dict[str, dict[str, float]]:
    """The numbers that a stack is deployed with, by where they come from."""
    defaults = {name: p["Default"] for name, p in parameters(slug).items() if p["Type"] == "Number"}
    local = local_values(ROOT / "infra" / "sam" / f"{slug}.yaml")
    found = {"by default": defaults, f"{slug}.local.json": local}
    for environment, commands in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
        if environment == slug or environment.startswith(f"{slug}-"):
            said = commands["deploy"]["parameters"].get("parameter_overrides", [])
            found[f"samconfig.toml: {environment}"] = dict(SETTING.findall(" ".join(said)))
    numbers = {where: {n: float(v) for n, v in given.items() if n in defaults} for where, given in found.items()}
    return {where: numbers["by default"] | given for where, given in numbers.items()}


def deaf(given: dict[str, float]) -> list[str]:
    return [
        f"{threshold}={given[threshold]:g} is not less than {time}={given[time]:g}"
        for threshold, times in RINGS_BEFORE.items()
        for time in times
        if threshold in given and time in given and given[threshold] >= given[time]
    ]


def advice(text: str) -> list[dict[str, float]]:
    """What a text says to take together: settings with no more than a word or a line's end between them."""
    runs = re.findall(r"(?:\b[A-Z]\w+=\w+\b`?(?:,|\s|and\b)*)+", text)
    return [{name: float(value) for name, value in SETTING.findall(run)} for run in runs]


@pytest.mark.parametrize("slug", patterns())
def test_an_alarm_on_an_age_rings_before_the_wait_is_ended(slug):
    for where, given in settings(slug).items():
        assert not deaf(given), f"{where}: {deaf(given)}"


def test_who_is_told_of_a_shorter_time_is_told_of_the_alarm():
    """By the defaults that are left: `DeadlineSeconds=240` alone would leave 300 for the alarm."""
    defaults = settings("saga")["by default"]
    documents = [path for path in files() if path.suffix in (".md", ".yaml") and path.name != "CHANGELOG.md"]
    found = [
        f"{relative(path)}: {fault}"
        for path in documents
        for given in advice(path.read_text())
        for fault in deaf(defaults | given)
    ]
    assert not found, found


def test_advice_that_leaves_an_alarm_deaf_is_found():
    (together,) = advice("as `StateMachineType=EXPRESS\nDeadlineSeconds=240 RoundAgeThresholdSeconds=120`.")
    assert together == {"DeadlineSeconds": 240, "RoundAgeThresholdSeconds": 120}
    defaults = settings("saga")["by default"]
    assert not deaf(defaults | together)
    assert deaf(defaults | advice("take DeadlineSeconds=240 with it")[0])
