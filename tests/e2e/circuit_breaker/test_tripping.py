"""When a breaker opens: failures, slow calls, time-outs; in one environment or spread over many."""

import email.utils
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from calling import new_key
from circuit_breaker.api import proxy_event, when
from circuit_breaker.conftest import LONGEST, STILL
from target import most_at_once
from waiting import eventually


@pytest.mark.parametrize("window", [{"type": "count", "size": 20}, {"type": "time", "size": 3600}])
def test_trips_with_the_call_that_makes_the_minimum(guarded, window):
    payments = guarded(window=window, minimumCalls=4, **STILL)
    payments.service.does(status=500)
    for failed in range(1, 4):
        payments.park()
        view = eventually(
            "it is counted", payments.view, lambda view, failed=failed: view["window"]["failed"] == failed
        )
        assert (view["state"], view["epoch"]) == ("closed", 0)
    payments.park()
    view = payments.eventually_is("open")
    assert view["epoch"] == 1
    assert "4 of 4 calls failed" in view["reason"]
    assert when(view["since"]) <= time.time() < when(view["openUntil"])


def test_old_calls_leave_a_time_window(guarded):
    payments = guarded(window={"type": "time", "size": 8}, minimumCalls=4, **STILL)
    payments.service.does(status=500)
    for _ in range(3):
        payments.park()
    eventually("the window is empty", lambda: payments.view()["window"]["calls"], lambda n: n == 0)
    for _ in range(3):
        payments.park()
    view = payments.view()
    # All six would have tripped it. Where the last three take their time, some of them have left it again.
    assert (view["state"], view["epoch"]) == ("closed", 0)
    assert view["window"]["calls"] <= 3


def test_old_calls_leave_a_count_window(guarded):
    payments = guarded(window={"type": "count", "size": 3}, minimumCalls=3, failureRateThreshold=100, **STILL)
    payments.service.does(status=500)
    for _ in range(2):
        payments.park()
    payments.service.does()
    for _ in range(3):
        assert payments.send().status_code == 200
    eventually(
        "the good calls have pushed the failures out",
        lambda: (payments.send().status_code, payments.view()["window"]["failed"]),
        lambda seen: seen == (200, 0),
    )
    assert payments.view()["state"] == "closed"


def test_slow_calls_trip_though_they_succeed(guarded):
    payments = guarded(slowCallDurationMs=100, slowCallRateThreshold=50, minimumCalls=3, **STILL)
    payments.service.does(delay_ms=150)
    assert [payments.send().status_code for _ in range(3)] == [200] * 3
    view = payments.eventually_is("open")
    assert view["window"]["failed"] == 0
    assert "3 of 3 calls were slow" in view["reason"]


@pytest.mark.parametrize("mode", ["hang", "close-mid-body", "refuse"])
def test_no_answer_is_a_failure(guarded, mode):
    payments = guarded(own_port=True, timeoutMs=200, minimumCalls=3, **STILL)
    payments.service.does(mode=mode)
    requests = [payments.request(payments.park()) for _ in range(3)]
    assert all(request["attempts"][0]["error"] for request in requests), requests
    assert all("status" not in request["attempts"][0] for request in requests)
    payments.eventually_is("open")


def test_thin_traffic_over_many_environments_trips(guarded, stack):
    """Each environment sees one failure only; direct calls see to it that there are so many."""
    payments = guarded(minimumCalls=6, **STILL, **LONGEST)
    payments.service.does(mode="hang")

    def send(_):
        headers = {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
        event = proxy_event("POST", f"/requests/{payments.name}", headers, "{}")
        return stack.invoke("GatewayFunction", event)

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(send, n) for n in range(6)]
        # An environment serves one call at a time.
        eventually("six environments call", lambda: len(payments.service.calls), lambda n: n == 6)
        payments.service.does(status=500)
        for answer in answers:
            assert answer.result()["statusCode"] == 202, answer.result()
            assert json.loads(answer.result()["body"])["status"] == "queued"
    assert most_at_once(payments.service.calls) == 6
    view = payments.eventually_is("open")
    assert view["window"]["failed"] == 6


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_target_that_asks_for_time_gets_it(guarded, form):
    payments = guarded(
        minimumCalls=1,
        openDurationMs=100,
        maxOpenDurationMs=600_000,
        retry={"baseDelayMs": 100, "maxDelayMs": 600_000},
    )
    began = time.time()
    wanted = {"seconds": "300", "date": email.utils.formatdate(began + 301, usegmt=True)}[form]
    payments.service.does(status=503, headers={"Retry-After": wanted})
    request = payments.request(payments.park())
    view = payments.eventually_is("open")
    # Not before that time. And not longer, counted from when it was decided, however late that was.
    assert when(view["openUntil"]) - began > 299
    assert when(view["openUntil"]) - when(view["since"]) < 303
    assert when(request["nextAttemptAt"]) - began > 299
    assert when(request["nextAttemptAt"]) - when(request["attempts"][0]["at"]) < 303


def test_a_target_cannot_ask_for_more_than_the_longest_break(guarded):
    payments = guarded(minimumCalls=1, openDurationMs=20_000, maxOpenDurationMs=25_000)
    payments.service.does(status=503, headers={"Retry-After": "999999"})
    payments.park()
    view = payments.eventually_is("open")
    assert when(view["openUntil"]) - when(view["since"]) == pytest.approx(25, abs=0.1)
