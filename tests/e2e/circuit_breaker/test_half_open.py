"""A half-open breaker: a few probes decide, fleet-wide, and only those of the present epoch."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from circuit_breaker.api import when
from circuit_breaker.conftest import LONGEST, NO_PROBES, NO_RETRY, STILL
from target import Behaviour, most_at_once
from waiting import eventually


def pause(view) -> float:
    """How long a break is, as the breaker has decided it."""
    return when(view["openUntil"]) - when(view["since"])


@pytest.fixture
def over(known_everywhere):
    """Waits until a break is over and no environment takes the breaker for closed any more."""

    def wait(view):
        known_everywhere()
        eventually("the break is over", lambda: time.time() > when(view["openUntil"]))

    return wait


def test_at_most_n_probes_reach_the_target_and_the_break_grows(
    guarded, processor, over, known_everywhere
):
    payments = guarded(
        halfOpenProbes=2, openDurationMs=4000, maxOpenDurationMs=3_600_000, minimumCalls=3,
        **NO_RETRY, **LONGEST,
    )  # fmt: skip
    first = payments.trip(3)
    assert (first["epoch"], len(payments.service.calls)) == (1, 3)
    assert 4.0 <= pause(first) <= 5
    known_everywhere()
    payments.service.does(mode="hang")
    with ThreadPoolExecutor(13) as pool:
        # Parked until the break is over, so that the processor wants to probe too.
        answers = [pool.submit(payments.send) for _ in range(3)]
        over(first)
        answers += [pool.submit(payments.send) for _ in range(10)]

        def look():
            processor.nudge()
            hanging = [call for call in payments.service.calls if call.ended is None]
            return len(hanging), sum(answer.done() for answer in answers)

        # All but those of the two that the gateway itself makes, and the processor may make one or both.
        eventually("two probe", look, lambda seen: seen[0] == 2 and seen[1] >= 11, within=180)
        payments.service.does(status=500)
        assert {answer.result().status_code for answer in answers} == {202}
    assert most_at_once(payments.service.calls[3:]) == 2
    second = payments.eventually_is("open")
    assert second["epoch"] >= first["epoch"] + 2, "half-open in between"
    assert "probes failed" in second["reason"]
    # It doubles with each opening, and on a slow machine others have probed since.
    doubled = 4.0 * 2 ** ((second["epoch"] - first["epoch"]) // 2)
    assert doubled <= pause(second) <= doubled * 1.25


def test_good_probes_close_it(guarded, over):
    # One failure of three would be enough to reopen it, so all three are waited for.
    payments = guarded(
        halfOpenProbes=3, failureRateThreshold=30, openDurationMs=500, minimumCalls=3, **NO_PROBES
    )
    opened = payments.trip(3)
    payments.service.does()
    over(opened)
    assert payments.send().status_code == 200, "a probe's caller gets the answer at once"
    assert payments.send().status_code == 200
    assert payments.view()["state"] == "halfOpen"
    assert payments.send().status_code == 200
    closed = payments.view()
    assert (closed["state"], closed["epoch"]) == ("closed", opened["epoch"] + 2)
    assert "3 of 3 probes went well" in closed["reason"]
    assert closed["window"]["calls"] == 0, "a new epoch begins with an empty window"


def test_the_break_is_short_again_after_closing(guarded, over, known_everywhere):
    payments = guarded(
        halfOpenProbes=1, openDurationMs=400, maxOpenDurationMs=60_000, minimumCalls=1, **NO_PROBES
    )

    view = payments.trip(1)
    for doubled in (1, 2, 4):
        assert 0.4 * doubled <= pause(view) <= 0.4 * doubled * 1.2 + 0.01
        over(view)
        payments.park()
        view = payments.view()
        assert view["state"] == "open"
    payments.service.does()
    over(view)
    assert payments.send().status_code == 200
    assert payments.view()["state"] == "closed"
    known_everywhere()
    assert pause(payments.trip(1)) <= 0.4 * 1.2 + 0.01


def test_enough_failed_probes_reopen_it_before_the_last(guarded, over):
    payments = guarded(
        halfOpenProbes=4, failureRateThreshold=50, openDurationMs=500, minimumCalls=2, **NO_PROBES
    )
    opened = payments.trip(2)
    over(opened)
    payments.park()
    assert payments.view()["state"] == "halfOpen"
    payments.park()
    reopened = payments.view()
    assert (reopened["state"], reopened["epoch"]) == ("open", opened["epoch"] + 2)
    assert "2 of 4" in reopened["reason"], "half of them have failed, whatever the other two would say"


def test_a_late_success_does_not_close_a_newer_epoch(guarded):
    payments = guarded(minimumCalls=2, **STILL, **LONGEST)
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


def test_a_late_probe_does_not_undo_what_a_person_set(guarded, over):
    payments = guarded(minimumCalls=1, halfOpenProbes=1, openDurationMs=300, **NO_PROBES, **LONGEST)
    opened = payments.trip(1)
    payments.service.does(mode="hang")
    with ThreadPoolExecutor(1) as pool:
        over(opened)
        probe = pool.submit(payments.send)
        payments.eventually_is("halfOpen")
        forced = payments.force("open", "maintenance")
        payments.service.does()
        probe.result()
    view = payments.view()
    assert (view["state"], view["epoch"], view["reason"]) == ("forcedOpen", forced["epoch"], "maintenance")


def test_half_open_shows_its_probes(guarded, over):
    payments = guarded(minimumCalls=1, halfOpenProbes=2, openDurationMs=300, **NO_PROBES, **LONGEST)
    opened = payments.trip(1)
    payments.service.does(mode="hang")
    with ThreadPoolExecutor(1) as pool:
        over(opened)
        probe = pool.submit(payments.send)
        view = payments.eventually_is("halfOpen")
        payments.service.does()
        probe.result()
    # The permit that began the epoch: leased for the time-out, and 2 s for clocks that differ.
    (shown,) = view["probes"]
    assert when(shown["until"]) - when(view["since"]) == pytest.approx(27, abs=0.01)
