"""An open breaker: requests are parked, the target is left alone, and all is delivered after it healed."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from circuit_breaker.api import is_problem, new_key, when
from circuit_breaker.conftest import STILL
from target import Behaviour, most_at_once
from waiting import eventually


def test_parks_and_does_not_call_the_target(guarded, ttl):
    payments = guarded(**STILL)
    opened = when(payments.trip(3)["since"])
    payments.service.does()
    sent = []

    def send():
        began = time.time()
        answer = payments.send()
        sent.append((began, answer.status_code))
        return [status for began, status in sent if began > opened + ttl]

    # An environment may go by what it read before the opening, for one TTL.
    eventually("ten requests after the TTL", send, lambda after: len(after) >= 10, every=0.02)
    assert {status for began, status in sent if began > opened + ttl} == {202}
    late = [call.began - opened for call in payments.service.calls if call.began > opened + ttl + 0.1]
    assert late == [], "the target was called so many seconds after the opening"


def test_a_parked_request_can_be_followed(guarded):
    payments = guarded(**STILL)
    payments.force("open")
    answer = payments.send()
    promise = answer.json()
    assert promise == {"requestId": promise["requestId"], "status": "queued"}
    assert answer.headers["Location"] == promise["requestId"], "relative to /requests/{target}"
    request = payments.request(promise["requestId"])
    assert (request["target"], request["status"], request["attempts"]) == (payments.name, "queued", [])
    assert when(request["acceptedAt"]) <= time.time() < when(request["nextAttemptAt"])
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
    assert_delivered_once(payments, keys)
    view = payments.eventually_is("closed", nudge=processor.nudge)
    assert view["epoch"] >= 3, "open, half-open, closed"
    eventually("nothing waits", lambda: payments.view()["queue"], lambda q: q["waiting"] + q["dead"] == 0)


def test_processors_that_run_at_the_same_time_deliver_once(guarded, processor):
    payments = guarded(openDurationMs=100, maxOpenDurationMs=100)
    payments.force("open")
    keys = [new_key() for _ in range(20)]
    ids = [payments.park(key) for key in keys]
    payments.force("auto")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(processor.run) for _ in range(3)]
        eventually(
            "all are delivered",
            lambda: {payments.request(id)["status"] for id in ids},
            lambda statuses: statuses == {"delivered"},
            within=60,
            every=0.5,
        )
        for run in runs:
            assert run.exception(timeout=90) is None
    assert_delivered_once(payments, keys)


def test_the_drain_ramps_up_instead_of_flooding(guarded, settled):
    payments = guarded(openDurationMs=100, maxOpenDurationMs=100, timeoutMs=5000)
    payments.force("open")
    ids = [payments.park() for _ in range(30)]
    payments.service.does(delay_ms=300)
    closed = when(payments.force("auto")["since"])
    settled(payments, ids)
    early = [call for call in payments.service.posts if call.began < closed + 2]
    # One at a time at first, in each of the processors that all tests and the schedule run at the most.
    # A flood would be ten at a time in each.
    assert most_at_once(early) <= 6


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


def assert_delivered_once(payments, keys):
    """One effect a key, and no call that the ledger had to recognize."""
    effects = payments.service.effects
    assert set(keys) <= set(effects)
    again = {key: effects[key] for key in keys if effects[key] > 1}
    assert not again, again


def test_an_unknown_request_is_told_so(api):
    for request_id in ("00000000-0000-4000-8000-000000000000", "no-id", "x" * 300, "%E2%98%83"):
        is_problem(api.get_request(request_id), 404, "unknown-request")


def test_a_request_that_was_answered_at_once_can_be_looked_up(guarded, stack):
    payments = guarded()
    key = new_key()
    assert payments.send(key).status_code == 200
    (row,) = [item for item in stack.items(payments.name) if item["pk"].startswith("request#")]
    request = payments.request(row["pk"].removeprefix("request#"))
    assert (request["status"], request["answer"]["status"]) == ("delivered", 200)
