"""What happens without anybody asking for it: the schedule, the alarms, the queues' patience."""

import json
import time
import uuid

import pytest

from saga.api import KINDS, STYLES, events, message, step_states
from waiting import eventually

# A rate of one minute, its first tick after at most as much, and the undoing itself; and all that again.
SCHEDULE = 480
FUNCTIONS = ("Api", "Flight", "Hotel", "Car", "Publisher", "Coordinator")


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_the_schedule_undoes_a_trip_whose_start_was_lost(agency, stack, style):
    saga_id = agency.lost(style)
    if style == "orchestrated":
        assert agency.asks("flight", "do", saga_id, style) == {"outcome": "done"}
    # Late from now on, and not before: the schedule may come at any moment.
    (row,) = [item for item in stack.items(saga_id) if item["sk"] == "saga"]
    stack.put_item({**row, "wake": int(time.time()) - 5})
    trip = agency.ends_as(saga_id, "compensated", within=SCHEDULE)
    assert trip["round"] == 1
    assert "deadline" in events(trip)
    assert events(trip)[-3:] == ["car.undone", "hotel.undone", "flight.undone"]
    assert set(step_states(trip).values()) == {"undone"}
    assert agency.stocks() == dict.fromkeys(KINDS, (5, 0))
    eventually(
        "its runs and the ages of rounds are told",
        lambda: [metric_sum(stack, name, "SampleCount") for name in ("CoordinatorRuns", "RoundAge")],
        lambda counts: min(counts) >= 1,
        within=180,
        every=0.5,
    )


@pytest.mark.slow
def test_a_trip_that_stays_stuck_raises_the_alarms(agency, stack):
    agency.has("refused", flight=5)
    agency.has(hotel=0)
    saga_id = agency.book("choreographed")
    agency.ends_as(saga_id, "stuck")
    cloudwatch = stack.client("cloudwatch")

    def states():
        names = [stack.outputs["StuckAlarm"], stack.outputs["DeadLettersAlarm"]]
        alarms = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    seen = {}

    def look():
        # Each for itself: a period of 10 s has the coordinator's count, the next may not.
        seen.update({name: state for name, state in states().items() if state == "ALARM"})
        return seen

    eventually("both alarms go off", look, lambda seen: len(seen) == 2, within=SCHEDULE, every=1)


@pytest.mark.slow
def test_a_poison_message_ends_in_the_dead_letter_queue(agency, stack):
    """Beside it the others are handled: each message of a batch is decided for itself."""
    poison = f"no log entry {uuid.uuid4().hex}"
    queue = stack.outputs["FlightQueueUrl"]
    stack.queues.send_message(QueueUrl=queue, MessageBody=poison)
    saga_id = agency.book("choreographed")
    agency.ends_as(saga_id, "committed")

    def dead():
        return [m["Body"] for m in stack.raw_messages("FlightDeadLetterQueueUrl", poison)]

    eventually("it is dead", dead, lambda found: found == [poison], within=480, every=1)
    assert stack.raw_messages("FlightQueueUrl", poison) == []


def test_a_batch_fails_message_by_message(agency, stack):
    faults = {"Service": "flight"}
    before = metric_sum(stack, "Faults", **faults)
    saga_id = agency.lost("choreographed")
    unknown = str(uuid.uuid4())
    booking = agency.booking("choreographed")
    bodies = {
        "good": message(saga_id, "started", booking),
        "nothing to do": message(saga_id, "car.done", booking),
        "no json": "{",
        "unknown": message(unknown, "started", booking),
        "another saga": json.dumps({**json.loads(message(saga_id, "started", booking)), "definition": "order"}),
    }
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"}
    records = [{"messageId": id, "body": body, "attributes": attributes} for id, body in bodies.items()]
    answer = stack.invoke("FlightFunction", {"Records": records})
    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == ["no json", "another saga"] or failed == ["no json", "unknown", "another saga"]
    # The message was handled, and its log leads the trip on.
    agency.ends_as(saga_id, "committed")
    # To Lambda the call went well.
    eventually(
        "its faults are told",
        lambda: metric_sum(stack, "Faults", **faults) - before,
        lambda more: more >= len(failed),
        within=180,
        every=0.5,
    )


def test_schedule_and_sources_are_wired_to_their_functions(stack):
    events_client = stack.client("events")
    configured = {
        name: stack.functions.get_function(FunctionName=stack.outputs[f"{name}Function"])["Configuration"]
        for name in FUNCTIONS
    }
    (rule,) = events_client.list_rule_names_by_target(TargetArn=configured["Coordinator"]["FunctionArn"])[
        "RuleNames"
    ]
    described = events_client.describe_rule(Name=rule)
    assert (described["ScheduleExpression"], described["State"]) == ("rate(1 minute)", "ENABLED")
    for name in ("Flight", "Hotel", "Car", "Publisher"):
        found = stack.functions.list_event_source_mappings(FunctionName=stack.outputs[f"{name}Function"])
        (mapping,) = found["EventSourceMappings"]
        assert mapping["State"] == "Enabled"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_becomes_of_trips_is_told_to_cloudwatch(agency, stack):
    before = {name: metric_sum(stack, name) for name in ("Started", "Committed", "Compensated", "PublisherRuns")}
    agency.ends_as(agency.book("orchestrated"), "committed")
    agency.has(flight=0)
    agency.ends_as(agency.book("choreographed"), "compensated")

    def more():
        return {name: metric_sum(stack, name) - n for name, n in before.items()}

    eventually(
        "the metrics are there",
        more,
        lambda seen: seen["Started"] >= 2 and min(seen.values()) >= 1,
        within=180,
        every=0.5,
    )


def metric_sum(stack, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
    now = time.time()
    dimensions = {"Stack": stack.environment("PublisherFunction")["STACK_NAME"], **dimensions}
    points = stack.client("cloudwatch").get_metric_statistics(
        Namespace="Tenfold/Saga",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)
