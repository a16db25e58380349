"""One trace id and one correlation id, from the API over the row to the target and into the logs."""

import json
import re
import time
import uuid

from calling import new_key
from waiting import eventually

PARENT = "00f067aa0ba902b7"


def test_a_parked_request_belongs_to_its_callers_trace_until_it_is_delivered(guarded, stack, settled):
    began = int(time.time() * 1000) - 60_000
    payments = guarded()
    trace, correlation, key = uuid.uuid4().hex, f"order-{uuid.uuid4().hex[:12]}", new_key()
    payments.force("open")
    sent = {"traceparent": f"00-{trace}-{PARENT}-01", "x_correlation_id": correlation}
    request_id = payments.park(key, **sent)

    # The row.
    (row,) = [item for item in stack.items(request_id) if item["pk"] == f"request#{request_id}"]
    assert (trace_of(row["data"]["traceparent"]), row["data"]["correlation"]) == (trace, correlation)

    # The target, as the retry processor calls it: in the caller's trace, with a span of its own.
    payments.force("auto")
    settled(payments, [request_id])
    (call,) = payments.calls_of(key)
    assert trace_of(call.headers["traceparent"]) == trace
    assert call.headers["traceparent"].split("-")[2] not in (PARENT, row["data"]["traceparent"].split("-")[2])
    assert call.headers["x-correlation-id"] == correlation

    # The log lines of both functions.
    for function in ("GatewayFunction", "RetryProcessorFunction"):
        lines = eventually(
            f"{function} has logged under {correlation}",
            lambda function=function: log_lines(stack, function, correlation, began),
            within=120,
            every=1,
        )
        assert {line["trace_id"] for line in lines} == {trace}
    assert any(line.get("request") == request_id for line in lines), "the processor names the request"


def trace_of(traceparent: str) -> str:
    return re.fullmatch(r"00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]", traceparent)[1]


def log_lines(stack, function: str, correlation: str, began: int) -> list[dict]:
    """What a function has logged under a correlation id since a time in milliseconds."""
    name = stack.outputs[function]
    configured = stack.functions.get_function_configuration(FunctionName=name)
    group = configured.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{configured['FunctionName']}"
    pages = stack.client("logs").get_paginator("filter_log_events")
    events = [
        event["message"]
        for page in pages.paginate(logGroupName=group, startTime=began, filterPattern=f'"{correlation}"')
        for event in page["events"]
    ]
    lines = [json.loads(message) for message in events if message.lstrip().startswith("{")]
    return [line for line in lines if line.get("correlation_id") == correlation]
