"""An open breaker: requests are parked, the target is left alone, and all is delivered after it healed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from calling import new_key
from circuit_breaker.api import when
from circuit_breaker.conftest import LONGEST, STILL, Requests
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
    assert when(request["acceptedAt"]) <= time.time()
    assert "nextAttemptAt" not in request, "that is when somebody closes the breaker"
    assert payments.view()["queue"]["waiting"] == 1


def test_all_that_was_parked_is_delivered_once_the_target_heals(guarded, settled, processor):
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
    assert_delivered_once(payments, ids)
    view = payments.eventually_is("closed", nudge=processor.nudge)
    assert view["epoch"] >= 3, "open, half-open, closed"

    def queue():
        # Those that tripped it are to be delivered too.
        processor.nudge()
        return payments.view()["queue"]

    eventually("nothing waits", queue, lambda q: q["waiting"] + q["dead"] == 0, within=300)


def test_processors_that_run_at_the_same_time_deliver_once(guarded, processor):
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
    assert_delivered_once(payments, ids)


def test_the_drain_ramps_up_instead_of_flooding(guarded, settled):
    payments = guarded(**STILL)
    payments.force("open")
    ids = [payments.park() for _ in range(30)]
    payments.service.does(delay_ms=300)
    payments.force("auto")
    settled(payments, ids)
    first, *others = sorted(payments.service.posts, key=lambda call: call.began)
    assert all(first.ended <= call.began for call in others), "one alone, to see whether it is well"
    # Each that went well makes room for one more: 1, 2, 4, 8.
    assert most_at_once(payments.service.posts[:15]) <= 8 < most_at_once(payments.service.posts)


def test_a_target_that_hangs_holds_up_no_other(guarded, settled):
    sick, well = guarded(minimumCalls=10, **LONGEST), guarded()
    for one in (sick, well):
        one.force("open")
    hanging = [sick.park() for _ in range(12)]
    ids = [well.park() for _ in range(12)]
    sick.service.does(mode="hang")
    sick.force("auto")
    eventually("it hangs", lambda: sick.service.calls, lambda calls: len(calls) >= 1)
    well.force("auto")
    settled(well, ids)
    assert any(call.ended is None for call in sick.service.calls), "and the other hangs still"
    sick.service.does()
    settled(sick, hanging)


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


def test_a_parked_request_that_the_target_refuses_is_dead_with_its_answer(guarded, settled):
    """Nobody would see the answer."""
    payments = guarded()
    payments.service.does(Behaviour(status=500), status=409, body=b"no", content_type="text/plain")
    (request,) = settled(payments, [payments.park()], "dead")
    assert request["reason"] == "the target answered 409"
    assert set(request["answer"].pop("headers")) == {"date", "server"}
    assert request["answer"] == {
        "status": 409, "contentType": "text/plain", "body": "no", "bytes": 2, "tooLarge": False
    }  # fmt: skip
    assert [attempt["status"] for attempt in request["attempts"]] == [500, 409]


def test_a_status_that_means_done_delivers_a_parked_request(guarded, settled):
    payments = guarded(doneStatuses=[409])
    payments.service.does(Behaviour(status=500), status=409, body=b"done before", content_type="text/plain")
    (request,) = settled(payments, [payments.park()])
    assert request["answer"]["body"] == "done before"


def assert_delivered_once(payments, ids: dict[str, str]):
    """One effect a key, and no call that the ledger had to recognize."""
    effects = payments.service.effects
    assert {key: effects[key] for key in ids} == dict.fromkeys(ids, 1)


def test_a_request_that_was_answered_at_once_can_be_looked_up(guarded, stack):
    payments = guarded()
    key = new_key()
    assert payments.send(key).status_code == 200
    (row,) = [item for item in stack.items(payments.name) if item["pk"].startswith("request#")]
    request = payments.request(row["pk"].removeprefix("request#"))
    assert (request["status"], request["answer"]["status"]) == ("delivered", 200)
