"""Whatever comes twice, late or before its time has its effect once, or none."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.dynamodb.types import TypeSerializer

from calling import is_problem, new_key
from saga.api import KINDS, STYLES, events, message, step_states
from stack import FunctionFailed
from waiting import eventually


@pytest.mark.parametrize("style", STYLES)
def test_the_same_key_at_once_is_one_trip(agency, api, style):
    key, booking = new_key(), agency.booking(style)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: api.post_trip(booking, key), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    (saga_id,) = {answer.json()["sagaId"] for answer in answers}
    (location,) = {answer.headers["Location"] for answer in answers}
    assert location.startswith("/") and location.endswith(f"/trips/{saga_id}"), location
    trip = agency.ends_as(saga_id, "committed")
    assert events(trip) == ["started", "flight.done", "hotel.done", "car.done"]
    assert agency.stocks() == dict.fromkeys(KINDS, (4, 1))
    assert api.post_trip(booking, key).json() == {"sagaId": saga_id}, "long after too"


def test_a_key_belongs_to_one_trip(agency, api):
    key = new_key()
    saga_id = agency.book("orchestrated", key)
    for other in (agency.booking("choreographed"), agency.booking("orchestrated", traveller="Bob")):
        is_problem(api.post_trip(other, key), 422, "key-reused")
    agency.ends_as(saga_id, "committed")
    assert agency.stocks() == dict.fromkeys(KINDS, (4, 1))


def test_a_task_that_is_repeated_has_one_effect(agency):
    saga_id = agency.lost("orchestrated")
    outcomes = [agency.asks("flight", "do", saga_id, "orchestrated")["outcome"] for _ in range(3)]
    assert outcomes == ["done", "alreadyDone", "alreadyDone"]
    assert agency.stock("flight") == (4, 1)


def test_an_undo_before_its_step_keeps_it_from_being_done(agency):
    saga_id = agency.lost("orchestrated")
    outcomes = [agency.asks("hotel", "undo", saga_id, "orchestrated")["outcome"] for _ in range(2)]
    assert outcomes[1] == "alreadyUndone"
    with pytest.raises(FunctionFailed, match="SagaNotRunning"):
        agency.asks("hotel", "do", saga_id, "orchestrated")
    assert agency.stock("hotel") == (5, 0)


def test_a_message_that_comes_again_has_one_effect(agency, stack):
    saga_id = agency.book("choreographed")
    before = agency.ends_as(saga_id, "committed")
    booking = agency.booking("choreographed")
    for queue, event in (("Flight", "started"), ("Hotel", "flight.done"), ("Car", "hotel.done")):
        for _ in range(3):
            stack.queues.send_message(
                QueueUrl=stack.outputs[f"{queue}QueueUrl"], MessageBody=message(saga_id, event, booking)
            )
    worked_off(stack, saga_id)
    assert agency.trip(saga_id) == before
    assert agency.stocks() == dict.fromkeys(KINDS, (4, 1))


def worked_off(stack, saga_id: str) -> None:
    """Waits until no queue has a message of a trip any more, also none that a service has in its hands."""
    for queue in ("Flight", "Hotel", "Car"):
        eventually(
            f"the {queue} queue is worked off",
            lambda queue=queue: stack.raw_messages(f"{queue}QueueUrl", saga_id),
            lambda left: not left,
            within=480,
        )


def stream_event(items):
    """The log entries of a trip as the table's stream brings them."""
    records = []
    for n, item in enumerate(items):
        image = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        records.append(
            {
                "eventID": uuid.uuid4().hex,
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_700_000_000,
                    "Keys": {name: image[name] for name in ("pk", "sk")},
                    "NewImage": image,
                    "SequenceNumber": str(1000 + n),
                    "SizeBytes": 1,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            }
        )
    return {"Records": records}


@pytest.mark.parametrize("style", STYLES)
def test_a_log_that_is_published_again_starts_nothing_again(agency, stack, style):
    saga_id = agency.book(style)
    before = agency.ends_as(saga_id, "committed")
    log = [item for item in stack.items(saga_id) if item["sk"].startswith("log#")]
    assert len(log) == 4
    for _ in range(2):
        assert stack.invoke("PublisherFunction", stream_event(log)) == {"batchItemFailures": []}
    if style == "choreographed":
        # The topic takes its time. What it brings of a trip that was booked after comes after.
        agency.ends_as(agency.book(style), "committed")
        worked_off(stack, saga_id)
    else:
        flows = stack.client("stepfunctions")
        found = flows.list_executions(stateMachineArn=stack.outputs["StateMachineArn"], maxResults=1000)
        ours = [e["name"] for e in found["executions"] if e["name"].startswith(saga_id)]
        assert ours == [f"{saga_id}-0"]
    assert agency.trip(saga_id) == before
    booked = 2 if style == "choreographed" else 1
    assert agency.stocks() == dict.fromkeys(KINDS, (5 - booked, booked))


def test_a_record_that_cannot_be_read_is_told_of_and_holds_up_no_other(agency, stack):
    saga_id = agency.lost("orchestrated")
    good = {"pk": f"saga#{saga_id}", "sk": "saga", "n": 1}
    bad = {"pk": f"saga#{saga_id}", "sk": "log#00#started", "data": {"saga": saga_id}}
    answer = stack.invoke("PublisherFunction", stream_event([good, bad, good]))
    assert answer == {"batchItemFailures": []}
    (letter,) = stack.messages("DeadLetterQueueUrl", saga_id)
    assert letter["error"]["Error"] == "BadItem"
    assert "log#00#started" in letter["entry"]


@pytest.mark.parametrize("step", KINDS)
def test_a_service_does_only_its_own_step(agency, stack, step):
    saga_id = agency.lost("orchestrated")
    other = KINDS[KINDS.index(step) - 1]
    with pytest.raises(FunctionFailed, match="WrongStep"):
        event = {"action": "do", "step": other, "saga": saga_id, "round": 0, "style": "orchestrated"}
        payload = {k: v for k, v in agency.booking("orchestrated").items() if k != "style"}
        stack.invoke(f"{step.capitalize()}Function", {**event, "payload": payload})
    with pytest.raises(FunctionFailed, match="BadEvent"):
        stack.invoke(f"{step.capitalize()}Function", {"action": "do"})
    assert set(step_states(agency.trip(saga_id)).values()) == {"pending"}
