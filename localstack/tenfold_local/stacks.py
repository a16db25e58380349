"""The state of a stack, where LocalStack's way with failures needs help."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

# A stack in one of these takes no update. LocalStack does not roll back what it had made, and has
# forgotten half of it, so that a delete does not clean up either.
BROKEN = {"CREATE_FAILED", "UPDATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}


def status(name: str) -> str | None:
    try:
        found = _client().describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return None
    return found[0]["StackStatus"]


def outputs(name: str) -> dict[str, str]:
    found = _client().describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def is_broken(name: str) -> bool:
    """True after a failed update too: LocalStack then says ROLLBACK_COMPLETE, which no client that
    waits for an update expects; sam would wait for an hour."""
    return status(name) in BROKEN


def failures(name: str) -> list[str]:
    """Why the resources of a stack failed, in the order in which they did."""
    try:
        events = _client().describe_stack_events(StackName=name)["StackEvents"]
    except ClientError:
        return []
    return [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]


def _client():
    return boto3.client("cloudformation")
