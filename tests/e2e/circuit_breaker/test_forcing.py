"""A person sets the state: it stays until the person gives it back."""

from circuit_breaker.conftest import STILL


def test_forced_open_parks_whatever_the_target_does(guarded, known_everywhere):
    payments = guarded(**STILL)
    # So that environments know it as closed.
    assert payments.send().status_code == 200
    forced = payments.force("open", "maintenance window")
    assert (forced["state"], forced["reason"], forced["epoch"]) == ("forcedOpen", "maintenance window", 1)
    known_everywhere()
    for _ in range(5):
        payments.park()
    assert len(payments.service.calls) == 1


def test_forced_closed_calls_whatever_the_target_answers(guarded):
    payments = guarded(minimumCalls=2, **STILL)
    forced = payments.force("closed", "known noise")
    assert (forced["state"], forced["reason"]) == ("forcedClosed", "known noise")
    payments.service.does(status=500)
    for _ in range(5):
        payments.park()
    # What was parked just after the change may be tried once more.
    assert len({call.key for call in payments.service.calls}) == 5
    view = payments.view()
    assert (view["state"], view["epoch"], view["window"]["calls"]) == ("forcedClosed", forced["epoch"], 0)


def test_given_back_it_is_closed_and_trips_again(guarded, known_everywhere):
    payments = guarded(minimumCalls=2, **STILL)
    payments.force("open")
    auto = payments.force("auto", "done")
    assert (auto["state"], auto["epoch"], auto["reason"]) == ("closed", 2, "done")
    known_everywhere()
    assert payments.send().status_code == 200
    assert payments.trip(2)["epoch"] == 3


def test_an_open_breaker_is_not_closed_by_auto(guarded):
    payments = guarded(**STILL)
    opened = payments.trip(3)
    assert payments.force("auto")["state"] == "open"
    assert payments.view()["epoch"] == opened["epoch"]


def test_epochs_only_grow_and_forcing_what_is_so_already_changes_nothing(guarded):
    payments = guarded()
    reason = "\N{SNOWMAN}" * 200
    assert payments.force("auto")["epoch"] == 0
    first = payments.force("open", reason)
    second = payments.force("open", "second")
    assert (second["epoch"], second["since"], second["reason"]) == (1, first["since"], reason)
    assert payments.view()["reason"] == reason, "the longest is kept whole"
    epochs = [payments.force(state)["epoch"] for state in ("closed", "auto", "closed", "open", "auto")]
    assert epochs == [2, 3, 4, 5, 6]
    answer = payments.api.force(payments.name, {"force": "open"})
    assert (answer.status_code, answer.json()["state"]) == (200, "forcedOpen"), "a reason need not be given"
    assert answer.json()["reason"]
