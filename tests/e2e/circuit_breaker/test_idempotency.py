"""The same key again: kept by the gateway, or left to the target."""

from concurrent.futures import ThreadPoolExecutor

from calling import is_problem, new_key
from circuit_breaker.conftest import LONGEST, STILL
from waiting import eventually


def test_the_same_key_gets_the_first_answer(guarded):
    payments = guarded()
    answers = [
        (200, "application/json", b'{"n": 1}'),
        (404, "text/plain", b"no"),
        (201, "image/png", b"\x00\xff"),
    ]
    for status, content_type, body in answers:
        key = new_key()
        payments.service.does(status=status, content_type=content_type, body=body)
        first = payments.send(key)
        assert "Idempotent-Replayed" not in first.headers
        payments.service.does(status=200, body=b"another answer")
        for _ in range(2):
            again = payments.send(key)
            assert (again.status_code, again.content) == (status, body)
            assert again.headers["Content-Type"] == content_type
            assert again.headers["Idempotent-Replayed"] == "true"
        assert len(payments.calls_of(key)) == 1


def test_the_same_key_for_another_request_is_refused(guarded):
    payments = guarded()
    key = new_key()
    assert payments.send(key).status_code == 200
    is_problem(payments.send(key, body=b"{}"), 422, "key-reused")
    assert len(payments.service.calls) == 1


def test_the_same_key_while_the_first_is_running(guarded):
    payments = guarded(**LONGEST)
    payments.service.does(mode="hang")
    key = new_key()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(payments.send, key)
        eventually("the first is running", lambda: len(payments.service.calls), lambda n: n == 1)
        second = payments.send(key)
        is_problem(second, 409, "still-running")
        assert int(second.headers["Retry-After"]) >= 1
        is_problem(payments.send(key, body=b"other"), 422, "key-reused")
        payments.service.does(body=b"done", content_type="text/plain")
        assert first.result().text == "done"
    third = payments.send(key)
    assert (third.text, third.headers["Idempotent-Replayed"]) == ("done", "true")
    assert len(payments.service.calls) == 1


def test_many_with_the_same_key_at_once_reach_the_target_once(guarded):
    payments = guarded()
    payments.service.does(delay_ms=200)
    key = new_key()
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(payments.send, [key] * 8)]
    assert 200 in statuses and set(statuses) <= {200, 409}
    assert payments.service.effects == {key: 1}


def test_the_same_key_while_it_is_queued(guarded):
    payments = guarded(**STILL)
    payments.trip(3)
    key = new_key()
    assert {payments.park(key) for _ in range(3)} == {payments.park(key)}
    is_problem(payments.send(key, body=b"other"), 422, "key-reused")
    assert payments.view()["queue"]["waiting"] == 4, "three that failed, and this one"


def test_a_key_belongs_to_a_target_and_a_tenant(guarded):
    one, other = guarded(), guarded()
    key = new_key()
    assert one.send(key).status_code == 200
    for answer in (other.send(key, body=b"b"), one.send(key, body=b"c", tenant="blue")):
        assert answer.status_code == 200
        assert "Idempotent-Replayed" not in answer.headers
    assert (len(one.service.calls), len(other.service.calls)) == (2, 1)


def test_a_target_that_keeps_keys_itself_costs_no_write(guarded, stack):
    payments = guarded(idempotency="target")
    key = new_key()
    before = stack.items(payments.name)
    assert sorted(item["pk"].split("#")[0] for item in before) == ["history", "targets"]
    for _ in range(3):
        answer = payments.send(key)
        assert answer.status_code == 200
        assert "Idempotent-Replayed" not in answer.headers
    assert payments.service.effects == {key: 3}, "the key was passed on each time"
    assert stack.items(payments.name) == before


def test_a_gateway_that_keeps_keys_writes_one_row_a_key(guarded, stack):
    payments = guarded()
    for _ in range(2):
        payments.send("one")
    payments.send("two")
    rows = [item["pk"].split("#")[0] for item in stack.items(payments.name)]
    assert sorted(rows) == ["history", "request", "request", "targets"]


def test_a_target_that_keeps_keys_itself_is_parked_for_too(guarded, settled):
    payments = guarded(idempotency="target")
    payments.force("open")
    key = new_key()
    ids = {payments.park(key) for _ in range(2)}
    payments.force("auto")
    (request,) = settled(payments, ids)
    assert request["answer"]["status"] == 200
    assert payments.service.effects == {key: 1}
