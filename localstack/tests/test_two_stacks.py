"""Two stacks of one pattern live beside each other in one account: nothing of one is the other's.

Needs what `make up P=circuit-breaker` has deployed; deploys a second stack beside it, and deletes that again.
"""

import json
import time
import uuid

import boto3
import pytest
import requests
from tenfold_local import deploy, paths, server, stacks

SLUG = "circuit-breaker"
SECOND = "tenfold-circuit-breaker-second"
WITHIN = 180


@pytest.fixture(scope="module")
def first() -> dict[str, str]:
    deployed = json.loads(paths.OUTPUTS.read_text()) if paths.OUTPUTS.exists() else {}
    if not server.instance() or SLUG not in deployed:
        pytest.skip(f"not deployed; run: make up P={SLUG}")
    return deployed[SLUG]


@pytest.fixture(scope="module")
def second(first):
    outputs = deploy.one(SLUG, SECOND)
    yield outputs
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=SECOND)
    eventually("the second stack is gone", lambda: stacks.status(SECOND) in (None, "DELETE_COMPLETE"))


def eventually(what: str, holds) -> None:
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not so within {WITHIN} s"
        time.sleep(0.5)


def resources(stack: str) -> dict[tuple[str, str], str]:
    """The physical ids of a stack's resources, by type and logical id."""
    found = boto3.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    return {(r["ResourceType"], r["LogicalResourceId"]): r["PhysicalResourceId"] for r in found}


def named(stack: str) -> dict[str, set[str]]:
    """The names that an account and region has once only, of a stack's resources, by type."""
    # Not the dashboards, which LocalStack does not make: it calls all of them `unknown`.
    kinds = (
        "AWS::CloudWatch::Alarm",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::SQS::Queue",
    )
    return {kind: {id for (k, _), id in resources(stack).items() if k == kind} for kind in kinds}


def test_both_stacks_have_all_resources_and_share_none(first, second):
    ours, theirs = named(deploy.stack(SLUG)), named(SECOND)
    for kind in ours:
        assert len(ours[kind]) == len(theirs[kind]) > 0, kind
        assert not ours[kind] & theirs[kind], f"both stacks have this {kind}"
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_what_one_is_asked_the_other_does_not_know(first, second):
    target = f"t-{uuid.uuid4().hex[:12]}"
    # Nothing listens there, so that calls fail.
    requests.put(f"{second['ApiUrl']}/targets/{target}", json={"url": "http://127.0.0.1:9"}, timeout=60)
    assert requests.get(f"{second['ApiUrl']}/targets/{target}", timeout=60).status_code == 200
    assert requests.get(f"{first['ApiUrl']}/targets/{target}", timeout=60).status_code == 404


def test_the_failures_of_one_are_not_counted_for_the_other(first, second):
    target = f"t-{uuid.uuid4().hex[:12]}"
    url = f"{second['ApiUrl']}/targets/{target}"
    assert requests.put(url, json={"url": "http://127.0.0.1:9"}, timeout=60).status_code == 201
    key = {"Idempotency-Key": uuid.uuid4().hex}
    asked = requests.post(f"{second['ApiUrl']}/requests/{target}", headers=key, data=b"{}", timeout=60)
    assert asked.status_code == 202
    eventually("the failure is counted for its own stack", lambda: dimensions_of(target) != set())
    assert dimensions_of(target) == {(("Stack", SECOND), ("Target", target))}


def dimensions_of(target: str) -> set[tuple]:
    """The dimensions under which there are failures of a target."""
    found = boto3.client("cloudwatch").list_metrics(
        Namespace="Tenfold/CircuitBreaker",
        MetricName="Failures",
        Dimensions=[{"Name": "Target", "Value": target}],
    )["Metrics"]
    return {tuple(sorted((d["Name"], d["Value"]) for d in metric["Dimensions"])) for metric in found}


def test_the_alarms_of_each_are_on_its_own_metrics(first, second):
    cloudwatch = boto3.client("cloudwatch")
    for stack, outputs in ((deploy.stack(SLUG), first), (SECOND, second)):
        name = outputs["TargetFailingAlarm"]
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        assert name == f"{stack}-target-failing"
        assert alarm["Dimensions"] == [{"Name": "Stack", "Value": stack}]
