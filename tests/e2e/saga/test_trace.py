"""One trace and one correlation id go with a trip, from the request to what its last service logs."""

import json
import secrets
import time

import pytest

from calling import new_key
from saga.api import STYLES
from waiting import eventually

# Clocks differ, and a line has the time of its invocation.
MARGIN_MS = 60_000
# Who works on a trip that nothing speaks against, and logs it.
FUNCTIONS = ("Api", "Flight", "Hotel", "Car")


@pytest.mark.parametrize("style", STYLES)
def test_a_trip_is_followed_by_its_trace_and_its_correlation_id(agency, api, stack, style):
    began = int(time.time() * 1000) - MARGIN_MS
    trace, correlation = secrets.token_hex(16), f"booking-{secrets.token_hex(8)}"
    headers = {
        "Idempotency-Key": new_key(),
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
        "x-correlation-id": correlation,
    }
    answer = api.call("POST", "/trips", json=agency.booking(style), headers=headers)
    assert answer.status_code == 202, answer.text
    saga_id = answer.json()["sagaId"]
    trip = agency.ends_as(saga_id, "committed")
    for entry in trip["log"]:
        assert (entry["correlationId"], entry["traceId"]) == (correlation, trace), entry

    rows = [item for item in stack.items(saga_id) if item["sk"] == "saga" or item["sk"].startswith("log#")]
    assert len(rows) == 5
    for row in rows:
        assert is_carried(row["data"], trace, correlation), row

    if style == "orchestrated":
        flows = stack.client("stepfunctions")
        arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{saga_id}-0"
        execution = flows.describe_execution(executionArn=arn)
        assert is_carried(json.loads(execution["input"]), trace, correlation), execution["input"]

    for function in FUNCTIONS:
        eventually(
            f"{function} logs under the correlation id",
            lambda function=function: lines(stack, function, began, correlation),
            lambda found: any(line.get("trace_id") == trace for line in found),
        )


def test_a_round_that_a_person_asks_for_belongs_to_that_request(agency, api):
    saga_id = agency.lost("orchestrated")
    correlation = f"complaint-{secrets.token_hex(8)}"
    answer = api.call("POST", f"/trips/{saga_id}/cancel", headers={"x-correlation-id": correlation})
    assert answer.status_code == 202, answer.text
    trip = agency.ends_as(saga_id, "compensated")
    assert {entry["event"]: entry["correlationId"] for entry in trip["log"]}["cancelled"] == correlation
    assert {entry["correlationId"] for entry in trip["log"] if entry["round"] == 1} == {correlation}


def is_carried(fields, trace: str, correlation: str) -> bool:
    """Whether what is stored or sent belongs to the trace and has the correlation id."""
    return fields["traceparent"].split("-")[1] == trace and fields["correlation"] == correlation


def lines(stack, function: str, since: int, correlation: str) -> list[dict]:
    """What a function, named by its output, has logged under a correlation id."""
    name = stack.outputs[f"{function}Function"].split(":")[-1]
    configured = stack.functions.get_function_configuration(FunctionName=name)
    group = configured.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
    texts = [event["message"] for page in pages for event in page["events"] if correlation in event["message"]]
    found = [json.loads(text) for text in texts if text.lstrip().startswith("{")]
    return [line for line in found if line.get("correlation_id") == correlation]
