"""What people do: cancel, retry, resolve, and see what is stuck."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from calling import is_problem
from saga.api import KINDS, STYLES, events, saga_row, step_states
from stack import FunctionFailed
from waiting import eventually


@pytest.fixture(params=STYLES)
def stuck(request, agency):
    """A trip whose car is sold out and whose hotel takes nothing back."""
    agency.has("refused", hotel=5)
    agency.has(car=0)
    saga_id = agency.book(request.param)
    agency.ends_as(saga_id, "stuck")
    return saga_id


def letters(stack, saga_id):
    return stack.messages("DeadLetterQueueUrl", saga_id)


def test_a_step_that_cannot_be_undone_holds_up_no_other(agency, stuck, stack):
    trip = agency.trip(stuck)
    assert step_states(trip) == {"flight": "undone", "hotel": "stuck", "car": "refused"}
    assert agency.stocks() == {"flight": (5, 0), "hotel": (4, 1), "car": (0, 0)}
    (hotel,) = [step for step in trip["steps"] if step["name"] == "hotel"]
    assert hotel["error"] == f"hotel {agency.name} accepts no releases"
    found = eventually("letters tell of it", lambda: letters(stack, stuck), lambda seen: len(seen) >= 2)
    reported = [(letter.get("step"), letter["error"]["Error"]) for letter in found]
    assert ("hotel", "UndoRefused") in reported, found
    assert "SagaStuck" in [name for _, name in reported], found


def test_a_stuck_trip_is_listed_until_it_is_resolved(agency, stuck, api):
    def listed():
        return stuck in pages(api, "stuck")

    eventually("it is listed", listed)
    reason = {"reason": "the hotel was paid"}
    answer = api.resolve(stuck, reason)
    assert (answer.status_code, answer.json()) == (200, {"sagaId": stuck, "state": "resolved"})
    again = api.resolve(stuck, reason)
    assert (again.status_code, again.json()) == (200, answer.json())
    is_problem(api.resolve(stuck, {"reason": "another"}), 409, "not-stuck")
    is_problem(api.retry(stuck), 409, "not-stuck")
    trip = agency.trip(stuck)
    assert (trip["state"], trip["resolution"]) == ("resolved", reason["reason"])
    assert step_states(trip)["hotel"] == "stuck", "what was not undone is not said to be"
    assert agency.stock("hotel") == (4, 1)
    eventually("it is listed no more", listed, lambda seen: not seen)


def test_a_stuck_trip_goes_on_from_where_it_stuck(agency, stuck, api):
    answer = api.retry(stuck)
    assert (answer.status_code, answer.json()) == (202, {"sagaId": stuck, "state": "compensating"})
    trip = agency.ends_as(stuck, "stuck")
    assert trip["round"] == 1, "the hotel has not changed its mind"
    agency.now("accepted", "hotel")
    assert api.retry(stuck).status_code == 202
    trip = agency.ends_as(stuck, "compensated")
    assert (trip["round"], step_states(trip)["hotel"]) == (2, "undone")
    assert events(trip).count("retried") == 2
    assert agency.stocks() == {"flight": (5, 0), "hotel": (5, 0), "car": (0, 0)}
    is_problem(api.retry(stuck), 409, "not-stuck")
    is_problem(api.resolve(stuck, {"reason": "x"}), 409, "not-stuck")


@pytest.mark.parametrize("style", STYLES)
def test_a_trip_is_cancelled_before_its_pivot(agency, api, style):
    saga_id = agency.lost(style)
    answer = api.cancel(saga_id)
    assert (answer.status_code, answer.json()) == (202, {"sagaId": saga_id, "state": "compensating"})
    trip = agency.ends_as(saga_id, "compensated")
    assert events(trip) == ["cancelled", "car.undone", "hotel.undone", "flight.undone"]
    again = api.cancel(saga_id)
    assert (again.status_code, again.json()["state"]) == (202, "compensated")
    for step in KINDS:
        with pytest.raises(FunctionFailed, match="SagaNotRunning"):
            agency.asks(step, "do", saga_id, style)
    assert agency.stocks() == dict.fromkeys(KINDS, (5, 0)), "a late step finds its tombstone"


def test_what_was_done_is_undone_by_a_cancel(agency, api):
    saga_id = agency.lost("orchestrated")
    for step in ("flight", "hotel"):
        assert agency.asks(step, "do", saga_id, "orchestrated") == {"outcome": "done"}
    assert agency.stock("hotel") == (4, 1)
    assert api.cancel(saga_id).status_code == 202
    agency.ends_as(saga_id, "compensated")
    assert agency.stocks() == dict.fromkeys(KINDS, (5, 0))


@pytest.mark.parametrize("style", STYLES)
def test_a_booked_trip_is_not_cancelled(agency, api, style):
    saga_id = agency.book(style)
    before = agency.ends_as(saga_id, "committed")
    is_problem(api.cancel(saga_id), 409, "past-pivot")
    is_problem(api.retry(saga_id), 409, "not-stuck")
    is_problem(api.resolve(saga_id, {"reason": "x"}), 409, "not-stuck")
    assert agency.trip(saga_id) == before
    with pytest.raises(FunctionFailed, match="SagaCommitted"):
        agency.asks("flight", "undo", saga_id, style)
    assert agency.stocks() == dict.fromkeys(KINDS, (4, 1))


@pytest.mark.parametrize("style", STYLES)
def test_a_cancel_and_the_pivot_agree_on_who_was_first(agency, api, style):
    agency.has(flight=10, hotel=10, car=10)
    ids = [agency.book(style) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        answers = [answer.status_code for answer in pool.map(api.cancel, ids)]
    assert set(answers) <= {202, 409}
    ends = [agency.ends(saga_id)["state"] for saga_id in ids]
    assert ends == ["compensated" if status == 202 else "committed" for status in answers]
    booked = ends.count("committed")
    assert agency.stocks() == dict.fromkeys(KINDS, (10 - booked, booked))


def test_a_list_is_given_page_by_page(agency, api, stack):
    booking = agency.booking("orchestrated")
    ids = [f"00000000-0000-4000-8000-{n:012x}" for n in range(120)]
    # Half of them at the same moment, as a burst of failures leaves them.
    rows = [saga_row(id, booking, state="stuck", wake=1_700_000_000 + n % 60) for n, id in enumerate(ids)]
    try:
        stack.put_items(rows)
        found = eventually("all are listed", lambda: pages(api, "stuck"), lambda seen: set(ids) <= set(seen))
        # Trips of other tests come and go meanwhile, and may be met twice.
        assert sorted(id for id in found if id in set(ids)) == ids, "each once"
        assert all(id not in pages(api, "running") for id in ids[:3])
    finally:
        stack.delete_items(rows)


def pages(api, state: str) -> list[str]:
    """The ids of all trips in a state, page by page."""
    found, query = [], {}
    while True:
        answer = api.list_trips(state=state, **query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["trips"]) <= 50
        assert {trip["state"] for trip in page["trips"]} <= {state}
        found += [trip["sagaId"] for trip in page["trips"]]
        if page["next"] is None:
            return found
        query = {"after": page["next"]}


def test_a_letter_is_json_that_names_the_trip(stuck, stack):
    found = eventually("there is a letter", lambda: stack.raw_messages("DeadLetterQueueUrl", stuck))
    for raw in found:
        letter = json.loads(raw["Body"])
        assert set(letter) <= {"saga", "round", "step", "error", "traceparent", "correlation"}
        assert (letter["saga"], letter["round"]) == (stuck, 0)
        assert letter["error"]["Cause"]
