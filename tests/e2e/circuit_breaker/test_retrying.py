"""What was parked is tried again with the same key, until the target answers or the request is dead."""

import itertools
import json
import time

import pytest

from calling import is_problem, new_key
from circuit_breaker.api import when
from circuit_breaker.conftest import NO_RETRY, QUICK, STILL
from target import Behaviour
from waiting import eventually

# Failures alone do not open it, so that attempts can be counted.
STAYS_CLOSED = {"minimumCalls": 100, "window": {"type": "count", "size": 100}}


def test_a_time_out_is_tried_again_with_the_same_key(guarded, settled):
    payments = guarded(timeoutMs=1000, **STAYS_CLOSED)
    payments.service.does(mode="hang")
    key = new_key()
    request_id = payments.park(key)
    # From here on an answer may take its time.
    payments.configure(**{**QUICK, **STAYS_CLOSED})
    payments.service.does()
    (request,) = settled(payments, [request_id])
    assert "error" in request["attempts"][0] and "status" not in request["attempts"][0]
    assert request["attempts"][-1]["status"] == 200
    calls = payments.calls_of(key)
    assert len(calls) == len(request["attempts"]) >= 2
    # The first call did take effect, and nobody heard of it. The key makes the second harmless.
    assert payments.service.effects.keys() == {key}


def test_a_refused_connection_is_tried_again(guarded, settled):
    payments = guarded(own_port=True, **STAYS_CLOSED)
    payments.service.does(mode="refuse")
    key = new_key()
    request_id = payments.park(key)
    assert payments.service.calls == []
    payments.service.does()
    (request,) = settled(payments, [request_id])
    assert "status" not in request["attempts"][0]
    assert payments.service.effects == {key: 1}


def test_an_answer_that_breaks_off_is_tried_again(guarded, settled):
    payments = guarded(**STAYS_CLOSED)
    payments.service.does(Behaviour(mode="close-mid-body"))
    key = new_key()
    (request,) = settled(payments, [payments.park(key)])
    assert [attempt.get("status") for attempt in request["attempts"]] == [None, 200]
    assert payments.service.effects == {key: 2}, "applied, then found in the ledger"


def test_attempts_wait_longer_and_longer(guarded, settled):
    retry = {"baseDelayMs": 1000, "maxDelayMs": 2000}
    payments = guarded(retry=retry, **STAYS_CLOSED)
    payments.service.does(*[Behaviour(status=500)] * 4)
    key = new_key()
    (request,) = settled(payments, [payments.park(key)])
    calls = payments.calls_of(key)
    waits = [later.began - sooner.ended for sooner, later in itertools.pairwise(calls)]
    least = [0.5, 1.0, 1.0, 1.0]
    assert len(waits) == 4
    assert all(wait >= at_least for wait, at_least in zip(waits, least, strict=True)), waits
    assert [attempt["status"] for attempt in request["attempts"]] == [500] * 4 + [200]


@pytest.mark.parametrize("most", [1, 3])
def test_dead_after_the_attempts_that_were_allowed(guarded, settled, stack, most):
    payments = guarded(retry={**QUICK["retry"], "maxAttempts": most}, **STAYS_CLOSED)
    payments.service.does(status=500)
    key = new_key()
    # With one attempt only the first answer may already say that it is dead.
    answer = payments.send(key)
    assert answer.status_code == 202, answer.text
    (request,) = settled(payments, [answer.json()["requestId"]], "dead")
    assert len(request["attempts"]) == len(payments.calls_of(key)) == most
    assert f"{most} attempts failed" in request["reason"]
    told_dead(payments, 1)
    letters = letters_for(stack, payments, [request["requestId"]])
    assert {letter["died"] for letter in letters} == {request["reason"]}
    assert payments.api.redrive(payments.name).status_code == 200


def test_a_dead_request_can_be_redriven(guarded, settled, stack):
    payments = guarded(retry={**QUICK["retry"], "maxAttempts": 2}, **STAYS_CLOSED)
    payments.service.does(status=500)
    keys = [new_key() for _ in range(3)]
    ids = [payments.park(key) for key in keys]
    settled(payments, ids, "dead")
    told_dead(payments, 3)
    letters_for(stack, payments, ids)
    assert ids[0] in is_problem(payments.send(keys[0]), 409, "request-dead")["detail"]

    payments.service.does()
    redriven = payments.api.redrive(payments.name)
    told = {"redriven": 3, "left": 0, "looked": 3, "unreadable": 0, "next": None}
    assert (redriven.status_code, redriven.json()) == (200, told)
    requests = settled(payments, ids)
    assert [request["answer"]["status"] for request in requests] == [200] * 3
    assert all("reason" not in request for request in requests)
    assert payments.service.effects == dict.fromkeys(keys, 1)
    no_letters(stack, payments)
    assert payments.view()["queue"]["dead"] == 0
    again = {"redriven": 0, "left": 0, "looked": 0, "unreadable": 0, "next": None}
    assert payments.api.redrive(payments.name).json() == again


def test_letters_of_others_stay_and_are_not_hidden(guarded, settled, stack):
    """A redrive receives no letter. Who clears them has all targets' in hand for a moment, and gives them back."""
    mine, other = (guarded(retry={**QUICK["retry"], "maxAttempts": 2}, **STAYS_CLOSED) for _ in range(2))
    ids = {}
    for one in (mine, other):
        one.service.does(status=500)
        ids[one.name] = [one.park()]
        settled(one, ids[one.name], "dead")
        told_dead(one, 1)
    letters_for(stack, mine, ids[mine.name])
    mine.service.does()
    assert mine.api.redrive(mine.name).json()["redriven"] == 1
    settled(mine, ids[mine.name])
    no_letters(stack, mine)
    letters_for(stack, other, ids[other.name])
    assert other.view()["queue"]["dead"] == 1
    other.service.does()
    assert other.api.redrive(other.name).json()["redriven"] == 1
    no_letters(stack, other)


def test_what_waits_is_listed_and_cancelled(guarded, settled, stack):
    payments = guarded(**STAYS_CLOSED)
    payments.force("open")
    ids = [payments.park(tenant=tenant) for tenant in ("red", "blue", "red")]
    listed = eventually(
        "all are in the list",
        lambda: payments.api.list_requests(payments.name, state="queued").json(),
        lambda page: len(page["requests"]) == 3,
    )
    assert [request["requestId"] for request in listed["requests"]] == ids
    assert listed["next"] is None
    dismissed = payments.api.dismiss_request(payments.name, ids[1])
    assert (dismissed.status_code, dismissed.json()["reason"]) == (200, "cancelled by hand")
    assert payments.api.redrive_request(payments.name, ids[1]).json()["status"] == "queued"
    cancelled = eventually(
        "those of a tenant are cancelled",
        lambda: payments.api.cancel(payments.name, {"tenant": "red"}).json(),
        lambda told: told["looked"] == 1 or told["cancelled"] == 2,
    )
    assert cancelled["next"] is None
    payments.force("auto")
    settled(payments, [ids[1]])
    assert payments.api.dismiss_request(payments.name, ids[1]).status_code == 409
    assert len(payments.service.effects) == 1
    assert stack.messages("DeadLetterQueueUrl", payments.name) == []


def told_dead(guarded, n: int) -> None:
    """A request is shown as dead from when it is decided. Its letter comes next, and then its row says so."""
    eventually(f"{n} are dead", lambda: guarded.view()["queue"]["dead"], lambda dead: dead == n, within=180)


def letters_for(stack, guarded, ids) -> list[dict]:
    """The letters of a target, once there is one for each request.

    All targets' letters are in one queue, and another test may be clearing them: what is not there now is there again
    at once. And there may be two for a request: it is sent again where its answer was lost.
    """
    return eventually(
        "there is a letter for each",
        lambda: stack.messages("DeadLetterQueueUrl", guarded.name),
        lambda letters: {letter["request"] for letter in letters} == set(ids),
    )


def no_letters(stack, guarded) -> None:
    """They are cleared, by this test or by another one that clears at the same moment. Where that has died with a letter
    in hand, it has it for as long as the queue hides a message."""

    def look():
        if stack.messages("DeadLetterQueueUrl", guarded.name):
            assert guarded.api.clear_dead_letters().status_code == 200
        return stack.messages("DeadLetterQueueUrl", guarded.name)

    eventually("its letters are gone", look, lambda letters: letters == [], within=300, every=0.5)


@pytest.mark.parametrize("state", ["open", "auto"], ids=["while-open", "while-closed"])
def test_dead_when_too_old(guarded, processor, settled, stack, state):
    retry = {"baseDelayMs": 100, "maxDelayMs": 500, "maxAgeSeconds": 1}
    payments = guarded(retry=retry, openDurationMs=200, maxOpenDurationMs=200, **STAYS_CLOSED)
    payments.service.does(status=500)
    payments.force(state)
    request_id = payments.park()
    # Behind a breaker that was opened by hand it is the sweep that asks for what is too old.
    eventually("it is too old", lambda: time.time() - when(payments.request(request_id)["acceptedAt"]) > 2.5)
    processor.run()
    (request,) = settled(payments, [request_id], "dead")
    assert "maxAgeSeconds" in request["reason"]
    told_dead(payments, 1)
    letters_for(stack, payments, [request["requestId"]])
    payments.service.does()
    assert payments.api.redrive(payments.name).json()["redriven"] == 1


def test_dead_when_its_target_is_deleted_under_it(guarded, settled, stack):
    """A delete is refused while requests wait; this one waits as if it had come at the same moment."""
    payments = guarded(openDurationMs=200, maxOpenDurationMs=200)
    payments.force("open")
    request_id = payments.park()
    (row,) = [item for item in stack.items(payments.name) if item["pk"] == "targets"]
    stack.put_item({**row, "data": {**row["data"], "deleted": "2026-01-02T03:04:05Z"}})
    (request,) = settled(payments, [request_id], "dead")
    assert "deleted" in request["reason"]
    payments.configure(**QUICK)
    told_dead(payments, 1)
    assert payments.api.redrive(payments.name).json()["redriven"] == 1
    settled(payments, [request_id])


def test_a_lost_message_is_found_by_the_sweep(guarded, processor, settled, stack):
    payments = guarded(**STAYS_CLOSED, **NO_RETRY)
    payments.service.does(Behaviour(status=500))
    request_id = payments.park()
    lose(stack, payments.name)
    processor.run()
    (request,) = settled(payments, [request_id])
    assert [attempt["status"] for attempt in request["attempts"]] == [500, 200]
    assert len(payments.service.posts) == 2


def lose(stack, name: str) -> None:
    """Lets the only request be one that could have been tried long ago, and of which no message speaks."""
    (row,) = [item for item in stack.items(name) if item["pk"].startswith("request#")]
    due = {**row["data"], "due": row["data"]["accepted"]}
    stack.put_item({**row, "wake": int(time.time() * 1000) - 3_600_000, "data": due})


def test_behind_a_breaker_that_is_forced_open_nothing_moves(guarded, processor, stack):
    payments = guarded(openDurationMs=100, maxOpenDurationMs=100)
    payments.force("open")
    request_id = payments.park()
    (row,) = [item for item in stack.items(payments.name) if item["pk"].startswith("request#")]
    for _ in range(3):
        assert processor.run()["targets"] >= 1
    assert payments.service.calls == []
    assert [item for item in stack.items(payments.name) if item["pk"].startswith("request#")] == [row]
    assert stack.raw_messages("QueueUrl", payments.name) == [], "and no message speaks of it"
    assert payments.request(request_id)["attempts"] == []


@pytest.mark.parametrize("state", ["closed", "auto"])
def test_what_waits_is_looked_at_when_somebody_closes_the_breaker(guarded, state):
    # Nobody waits for the hour that was to pass before the next attempt, nor for the schedule.
    payments = guarded(minimumCalls=1, **STILL)
    opened = payments.trip(1)
    ids = [payments.park() for _ in range(2)]
    payments.service.does()
    payments.force("open")
    payments.force(state)
    assert opened["state"] == "open"

    def delivered():
        return {payments.request(id)["status"] for id in ids}

    eventually("all are delivered", delivered, lambda found: found == {"delivered"}, within=50)
    eventually("also what had failed", lambda: payments.view()["queue"]["waiting"], lambda n: n == 0, within=50)


def test_a_lower_age_holds_for_what_waits_already(guarded, processor, settled):
    payments = guarded(**STILL)
    payments.force("open")
    request_id = payments.park()
    retry = {**STILL["retry"], "maxAgeSeconds": 1}
    payments.configure(**{**QUICK, **STILL, "retry": retry})
    eventually("it is too old", lambda: time.time() - when(payments.request(request_id)["acceptedAt"]) > 2.5)
    processor.run()
    (request,) = settled(payments, [request_id], "dead")
    assert "maxAgeSeconds" in request["reason"]
    assert payments.service.calls == []


def test_a_message_that_is_no_message_goes_to_the_dead_letters(stack, processor):
    name = new_key()
    bodies = [name, json.dumps({"request": name}), json.dumps({"target": f"{name}/", "ticket": "x"})]
    for body in bodies:
        stack.queues.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody=body)

    def dead():
        processor.nudge()
        return {letter["Body"] for letter in stack.raw_messages("DeadLetterQueueUrl", name)}

    eventually("they are dead letters", dead, lambda found: found == set(bodies), within=300, every=0.5)
    # Deleted once the letters are sent.
    eventually("no message is left", lambda: stack.raw_messages("QueueUrl", name), lambda left: left == [])
