"""A half-open breaker: a few probes decide, fleet-wide, and only those of the present epoch."""

import time
from concurrent.futures import ThreadPoolExecutor

from circuit_breaker.api import when
from circuit_breaker.conftest import NO_RETRY, STILL
from target import Behaviour, most_at_once
from waiting import eventually


def is_over(view) -> bool:
    return time.time() > when(view["openUntil"])


def test_at_most_n_probes_reach_the_target_and_the_break_grows(guarded, processor):
    payments = guarded(
        halfOpenProbes=2, timeoutMs=2500, openDurationMs=2000, maxOpenDurationMs=60_000, minimumCalls=3
    )
    first = payments.trip(3)
    assert 2.0 <= when(first["openUntil"]) - when(first["since"]) <= 2.5
    payments.service.does(mode="hang")
    eventually("the break is over", lambda: is_over(first))
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(payments.send) for _ in range(10)]
        processor.nudge()
        assert {answer.result().status_code for answer in answers} == {202}
    second = payments.eventually_is("open")
    assert second["epoch"] == first["epoch"] + 2, "half-open in between"
    assert "probes failed" in second["reason"]
    assert 4.0 <= when(second["openUntil"]) - when(second["since"]) <= 5.0

    probes = [c for c in payments.service.calls if when(first["openUntil"]) < c.began < when(second["since"])]
    assert 1 <= len(probes) <= 2
    assert most_at_once(payments.service.calls[3:]) <= 2


def test_good_probes_close_it(guarded):
    # One failure of three would be enough to reopen it, so all three are waited for.
    payments = guarded(
        halfOpenProbes=3, failureRateThreshold=30, openDurationMs=500, minimumCalls=3, **NO_RETRY
    )
    opened = payments.trip(3)
    payments.service.does()
    eventually("the break is over", lambda: is_over(opened))
    assert payments.send().status_code == 200, "a probe's caller gets the answer at once"
    assert payments.send().status_code == 200
    assert payments.view()["state"] == "halfOpen"
    assert payments.send().status_code == 200
    closed = payments.view()
    assert (closed["state"], closed["epoch"]) == ("closed", opened["epoch"] + 2)
    assert "3 of 3 probes went well" in closed["reason"]
    assert closed["window"]["calls"] == 0, "a new epoch begins with an empty window"


def test_the_break_is_short_again_after_closing(guarded):
    payments = guarded(
        halfOpenProbes=1, openDurationMs=400, maxOpenDurationMs=60_000, minimumCalls=1, **NO_RETRY
    )

    def pause(view):
        return when(view["openUntil"]) - when(view["since"])

    view = payments.trip(1)
    for doubled in (1, 2, 4):
        assert 0.4 * doubled <= pause(view) <= 0.4 * doubled * 1.2 + 0.01
        eventually("the break is over", lambda view=view: is_over(view))
        payments.park()
        view = payments.view()
        assert view["state"] == "open"
    payments.service.does()
    eventually("the break is over", lambda: is_over(view))
    assert payments.send().status_code == 200
    assert payments.view()["state"] == "closed"
    assert pause(payments.trip(1)) <= 0.4 * 1.2 + 0.01


def test_enough_failed_probes_reopen_it_before_the_last(guarded):
    payments = guarded(
        halfOpenProbes=4, failureRateThreshold=50, openDurationMs=500, minimumCalls=2, **NO_RETRY
    )
    opened = payments.trip(2)
    eventually("the break is over", lambda: is_over(opened))
    payments.park()
    assert payments.view()["state"] == "halfOpen"
    payments.park()
    reopened = payments.view()
    assert (reopened["state"], reopened["epoch"]) == ("open", opened["epoch"] + 2)
    assert "2 of 4" in reopened["reason"], "half of them have failed, whatever the other two would say"


def test_a_late_success_does_not_close_a_newer_epoch(guarded):
    payments = guarded(timeoutMs=20_000, minimumCalls=2, **STILL)
    payments.service.does(Behaviour(mode="hang"), status=500)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(payments.send)
        eventually("it hangs", lambda: len(payments.service.calls), lambda n: n == 1)
        for _ in range(2):
            payments.park()
        opened = payments.view()
        assert opened["state"] == "open"
        payments.service.does()
        assert late.result().status_code == 200, "its caller gets the answer all the same"
    view = payments.view()
    assert (view["state"], view["epoch"], view["since"]) == ("open", opened["epoch"], opened["since"])


def test_a_late_probe_does_not_undo_what_a_person_set(guarded):
    payments = guarded(timeoutMs=20_000, minimumCalls=1, halfOpenProbes=1, openDurationMs=300, **NO_RETRY)
    opened = payments.trip(1)
    payments.service.does(mode="hang")
    with ThreadPoolExecutor(1) as pool:
        eventually("the break is over", lambda: is_over(opened))
        probe = pool.submit(payments.send)
        payments.eventually_is("halfOpen")
        forced = payments.force("open", "maintenance")
        payments.service.does()
        probe.result()
    view = payments.view()
    assert (view["state"], view["epoch"], view["reason"]) == ("forcedOpen", forced["epoch"], "maintenance")


def test_half_open_shows_its_probes(guarded):
    payments = guarded(timeoutMs=20_000, minimumCalls=1, halfOpenProbes=2, openDurationMs=300, **NO_RETRY)
    opened = payments.trip(1)
    payments.service.does(mode="hang")
    with ThreadPoolExecutor(1) as pool:
        eventually("the break is over", lambda: is_over(opened))
        probe = pool.submit(payments.send)
        view = payments.eventually_is("halfOpen")
        payments.service.does()
        probe.result()
    assert 1 <= len(view["probes"]) <= 2
    assert all(when(probe["until"]) > time.time() for probe in view["probes"])
