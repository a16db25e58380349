"""Two stacks of one pattern live beside each other: names come from the stack's, and so do metrics."""

import json
import re

import pytest
from repository import Template, pascal, patterns, references, texts

# The property that names a resource for its account and region, by type. What is not named here CloudFormation names,
# after the stack.
NAMES = {
    "AWS::ApiGateway::Authorizer": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::Serverless::Api": "Name",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
FUNCTION_NAME_MOST = 64
STACK = "${AWS::StackName}"


def is_of_stack(name) -> bool:
    """Whether a name comes from the stack's, or is a parameter that is empty by default."""
    match name:
        case None | {"Ref": "AWS::StackName"}:
            return True
        case {"Fn::Sub": str(text)}:
            return STACK in text
        case {"Fn::If": [_, {"Ref": _}, {"Ref": "AWS::NoValue"}]}:
            return True
    return False


def fixed_names(template: Template) -> dict[str, str]:
    found = {}
    for logical_id, resource in template.resources.items():
        name = resource.get("Properties", {}).get(NAMES.get(resource["Type"]))
        if not is_of_stack(name):
            found[logical_id] = name
        for event, source in resource.get("Properties", {}).get("Events", {}).items():
            if not is_of_stack(source["Properties"].get("Name")):
                found[f"{logical_id}.{event}"] = source["Properties"]["Name"]
    return found


def alarms_of_all_stacks(template: Template, namespace: str) -> list[str]:
    """The alarms on a metric of ours that another stack's values raise too."""
    found = []
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        for metric in [alarm, *queries]:
            if metric.get("Namespace") == namespace and {
                "Name": "Stack",
                "Value": {"Ref": "AWS::StackName"},
            } not in metric.get("Dimensions", []):
                found.append(name)
    return found


def widgets_of_all_stacks(body: str, namespace: str) -> list:
    """The metrics of a dashboard that show other stacks' values too."""
    metrics = [m for widget in json.loads(body)["widgets"] for m in widget["properties"].get("metrics", [])]
    found = [m for m in metrics if m[0] == namespace and [*m[2:4]] != ["Stack", STACK]]
    searches = [m[0]["expression"] for m in metrics if isinstance(m[0], dict) and namespace in texts(m[0])[-1]]
    return found + [
        search
        for search in searches
        if not re.search(r"\{" + namespace + r",[^}]*\bStack\b", search) or f'Stack="{STACK}"' not in search
    ]


@pytest.mark.parametrize("slug", patterns())
def test_physical_names_come_from_the_stack(slug):
    found = fixed_names(Template.of(slug))
    assert not found, f"{found}: name it !Sub {STACK}-<role>, or leave the name to CloudFormation"


@pytest.mark.parametrize("slug", patterns())
def test_every_function_has_room_for_the_name_of_a_stage(slug):
    stack = f"tenfold-{slug}-staging"
    for function in Template.of(slug).functions().values():
        name = function["FunctionName"]["Fn::Sub"].replace(STACK, stack)
        assert len(name) <= FUNCTION_NAME_MOST, f"{name} is longer than a function's name may be"


@pytest.mark.parametrize("slug", patterns())
def test_every_function_knows_its_stack(slug):
    for name, function in Template.of(slug).functions().items():
        told = function["Environment"]["Variables"].get("STACK_NAME")
        assert told == {"Ref": "AWS::StackName"}, f"{name} needs STACK_NAME: !Ref AWS::StackName, in Globals"


@pytest.mark.parametrize("slug", patterns())
def test_no_alarm_rings_for_another_stack(slug):
    found = alarms_of_all_stacks(Template.of(slug), f"Tenfold/{pascal(slug)}")
    assert not found, f"{found} need the dimension Stack with !Ref AWS::StackName"


@pytest.mark.parametrize("slug", patterns())
def test_a_dashboard_shows_its_own_stack(slug):
    for name, dashboard in Template.of(slug).of_type("AWS::CloudWatch::Dashboard").items():
        found = widgets_of_all_stacks(dashboard["DashboardBody"]["Fn::Sub"], f"Tenfold/{pascal(slug)}")
        assert not found, f"{name} shows {found} of all stacks: add the dimension Stack with {STACK}"


@pytest.mark.parametrize("slug", patterns())
def test_a_retained_table_can_be_adopted(slug):
    template = Template.of(slug)
    tables = template.of_type("AWS::DynamoDB::Table")
    for name, table in tables.items():
        resource = template.resources[name]
        kept = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        assert kept == ("RetainExceptOnCreate", "Retain"), f"{name} is not left when its stack is deleted"
        # A second table of a stack has a parameter of its own.
        parameters = references(table.get("TableName")) - {"AWS::NoValue"}
        assert len(parameters) == 1 and all(p.endswith("TableName") for p in parameters), (
            f"{name} needs a TableName by the parameter TableName, none by default"
        )
    if tables:
        named = {p for table in tables.values() for p in references(table["TableName"])}
        assert "TableName" in named


# The checks themselves.


@pytest.fixture
def template():
    template = Template.of(patterns()[0])
    template.resources = {}
    return template


def test_fixed_names_are_found(template):
    template.resources = {
        "A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "retry"}},
        "B": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": f"{STACK}-retry"}}},
        "C": {"Type": "AWS::SQS::Queue"},
        "D": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Fn::Sub": "/aws/${AWS::Region}"}}},
        "E": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": {"Tick": {"Type": "Schedule", "Properties": {"Name": "tick"}}}},
        },
    }
    assert set(fixed_names(template)) == {"A", "D", "E.Tick"}


def test_alarms_of_all_stacks_are_found(template):
    ours = {"Namespace": "Tenfold/X", "MetricName": "M"}
    stack = {"Dimensions": [{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}]}
    math = {"Metrics": [{"Id": "sum", "Expression": "m"}, {"Id": "m", "MetricStat": {"Metric": ours}}]}
    alarms = {"A": ours, "B": {**ours, **stack}, "C": math, "D": {"Namespace": "AWS/SQS", "MetricName": "M"}}
    template.resources = {
        name: {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm} for name, alarm in alarms.items()
    }
    assert alarms_of_all_stacks(template, "Tenfold/X") == ["A", "C"]


def test_widgets_of_all_stacks_are_found():
    def search(schema, *filters):
        return [{"id": "s", "expression": f"SEARCH('{{{schema}}} {' '.join(filters)}', 'Sum', 60)"}]

    of_stack = f'Stack="{STACK}"'
    metrics = [
        ["Tenfold/X", "A"],
        ["Tenfold/X", "B", "Stack", STACK, {"stat": "p50"}],
        ["AWS/SQS", "C"],
        search("Tenfold/X,Target", of_stack),
        search("Tenfold/X,Stack,Target"),
        search("Tenfold/X,Stack,Target", of_stack),
    ]
    body = json.dumps({"widgets": [{"properties": {"metrics": metrics}}, {"properties": {"alarms": []}}]})
    searches = [metric[0]["expression"] for metric in metrics[3:5]]
    assert widgets_of_all_stacks(body, "Tenfold/X") == [metrics[0], *searches]
