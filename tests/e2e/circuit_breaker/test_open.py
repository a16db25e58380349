"""An open breaker: requests are parked, the target is left alone, and all is delivered after it healed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from calling import new_key
from circuit_breaker.api import when
from circuit_breaker.conftest import STILL, Requests
from target import Behaviour, most_at_once
from waiting import eventually


def test_parks_and_does_not_call_the_target(guarded, ttl):
    payments = guarded(**STILL)
    payments.trip(3)
    # It was seen open. An environment may go by what it read before, for one TTL.
    known = time.monotonic() + ttl
    payments.service.does()
    late = {}

    def send():
        began, key = time.monotonic(), new_key()
        status = payments.send(key).status_code
        if began > known:
            late[key] = status
        return len(late)

    eventually("ten requests after the TTL", send, lambda sent: sent >= 10, every=0.02)
    assert set(late.values()) == {202}
    assert [call.key for call in payments.service.calls if call.key in late] == []


def test_a_parked_request_can_be_followed(guarded):
    payments = guarded(**STILL)
    payments.force("open")
    answer = payments.send()
    promise = answer.json()
    assert promise == {"requestId": promise["requestId"], "status": "queued"}
    location = answer.headers["Location"]
    assert location.startswith("/") and location.endswith(f"/requests/{promise['requestId']}"), location
    request = payments.request(promise["requestId"])
    assert (request["target"], request["status"], request["attempts"]) == (payments.name, "queued", [])
    assert when(request["acceptedAt"]) <= time.time() < when(request["nextAttemptAt"])
    assert payments.view()["queue"]["waiting"] == 1


def test_all_that_was_parked_is_delivered_once_the_target_heals(guarded, settled, processor, stack):
    payments = guarded()
    payments.trip(3)
    keys = [new_key() for _ in range(12)]
    ids = {key: payments.park(key) for key in keys}
    assert len(set(ids.values())) == len(keys)
    payments.service.does()
    requests = settled(payments, ids.values())
    for key, request in zip(ids, requests, strict=True):
        assert request["answer"]["status"] == 200
        assert json.loads(request["answer"]["body"])["accepted"] == key
        assert request["answer"]["contentType"] == "application/json"
        assert request["attempts"][-1]["status"] == 200
        assert "nextAttemptAt" not in request
    assert_delivered_once(payments, stack, ids)
    view = payments.eventually_is("closed", nudge=processor.nudge)
    assert view["epoch"] >= 3, "open, half-open, closed"

    def queue():
        # Those that tripped it are to be delivered too.
        processor.nudge()
        return payments.view()["queue"]

    eventually("nothing waits", queue, lambda q: q["waiting"] + q["dead"] == 0, within=300)


def test_processors_that_run_at_the_same_time_deliver_once(guarded, processor, stack):
    payments = guarded(openDurationMs=100, maxOpenDurationMs=100)
    payments.force("open")
    keys = [new_key() for _ in range(20)]
    ids = {key: payments.park(key) for key in keys}
    payments.force("auto")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(processor.run) for _ in range(3)]
        requests = Requests(payments, ids.values())
        eventually("all are delivered", requests.see, requests.all_so, within=300, every=0.5)
        for run in runs:
            assert run.exception(timeout=300) is None
    assert_delivered_once(payments, stack, ids)


def test_the_drain_ramps_up_instead_of_flooding(guarded, settled, stack):
    # Until the breaker closes nobody looks at what was parked: a processor that has seen it open a moment
    # before does not know yet that it has closed.
    payments = guarded(**STILL)
    payments.force("open")
    ids = [payments.park() for _ in range(30)]
    make_due(stack, payments.name)
    payments.service.does(delay_ms=300)
    closed = when(payments.force("auto")["since"])
    bring_back(stack, payments.name, ids)
    settled(payments, ids)
    # The time since the closing decides how many at a time. On a slow machine fewer are early.
    early = [call for call in payments.service.posts if call.began < closed + 2]
    # One at a time at first, in each processor: two that tests nudge, three of another test, one or two that
    # the schedule runs. A flood would be ten at a time in each.
    assert most_at_once(early) < 10


def make_due(stack, name: str) -> None:
    """Lets all that is parked be due, without a message that says so."""
    for row in stack.items(name):
        if row["pk"].startswith("request#"):
            due = {**row["data"], "due": row["data"]["accepted"]}
            stack.put_item({**row, "wake": int(time.time() * 1000), "data": due})


def bring_back(stack, name: str, ids: list[str]) -> None:
    """Sends a message for each request, as the one before it in a line does."""
    messages = [{"Id": id, "MessageBody": json.dumps({"request": id, "target": name})} for id in ids]
    for start in range(0, len(messages), 10):
        sent = stack.queues.send_message_batch(
            QueueUrl=stack.outputs["QueueUrl"], Entries=messages[start : start + 10]
        )
        assert "Failed" not in sent, sent


def test_a_parked_request_that_was_delivered_answers_its_key(guarded, settled):
    payments = guarded()
    payments.force("open")
    key = new_key()
    request_id = payments.park(key)
    payments.service.does(status=201, body=b"\x00\xff", content_type="image/png")
    payments.force("auto")
    (request,) = settled(payments, [request_id])
    assert (request["answer"]["bytes"], "body" in request["answer"]) == (2, False)
    answer = payments.send(key)
    assert (answer.status_code, answer.content) == (201, b"\x00\xff")
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert payments.service.effects == {key: 1}


def test_a_request_keeps_its_body_type_tenant_and_key_in_the_queue(guarded, settled):
    payments = guarded()
    payments.service.does(Behaviour(status=500))
    body = bytes(range(256)) * 1024
    key = new_key()
    request_id = payments.send(key, body, content_type="image/png", tenant="blue").json()["requestId"]
    settled(payments, [request_id])
    first, second = payments.calls_of(key)
    assert (first.digest, first.bytes) == (second.digest, second.bytes)
    for header in ("content-type", "tenant"):
        assert first.headers[header] == second.headers[header]


def test_a_4xx_ends_a_parked_request_too(guarded, settled):
    payments = guarded()
    payments.service.does(Behaviour(status=500), status=409, body=b"no", content_type="text/plain")
    (request,) = settled(payments, [payments.park()])
    assert request["answer"] == {
        "status": 409, "contentType": "text/plain", "body": "no", "bytes": 2, "tooLarge": False
    }  # fmt: skip
    assert [attempt["status"] for attempt in request["attempts"]] == [500, 409]


def assert_delivered_once(payments, stack, ids: dict[str, str]):
    """One effect a key, and no call that the ledger had to recognize.

    But for those that were swept: where a message is late by `OrphanAfterSeconds`, a second one is sent, and
    it may come while the first is in hand.
    """
    effects = payments.service.effects
    assert set(ids) <= set(effects)
    rows = {row["pk"]: row for row in stack.items(payments.name)}
    again = {key: effects[key] for key in ids if effects[key] > 1}
    assert all(was_swept(rows[f"request#{ids[key]}"]) for key in again), again


def was_swept(row) -> bool:
    """A row is written when it is claimed or parked, and with each attempt; more only by the sweep."""
    return row["version"] > 1 + len(row["data"]["attempts"])


def test_a_request_that_was_answered_at_once_can_be_looked_up(guarded, stack):
    payments = guarded()
    key = new_key()
    assert payments.send(key).status_code == 200
    (row,) = [item for item in stack.items(payments.name) if item["pk"].startswith("request#")]
    request = payments.request(row["pk"].removeprefix("request#"))
    assert (request["status"], request["answer"]["status"]) == ("delivered", 200)
