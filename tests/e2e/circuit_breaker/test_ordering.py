"""Requests with an ordering key keep their order through failures; others do not wait for them."""

import itertools

from calling import new_key
from circuit_breaker.conftest import NO_RETRY
from target import Behaviour
from waiting import eventually

STAYS_CLOSED = {"minimumCalls": 1000, "window": {"type": "count", "size": 1000}}


def delivered_order(payments) -> list[str]:
    """The keys in the order in which the target first answered them well."""
    good = [call for call in payments.service.posts if call.status == 200]
    return list(dict.fromkeys(call.key for call in sorted(good, key=lambda call: call.began)))


def test_order_is_kept_through_failures_and_other_keys_go_on(guarded, settled):
    payments = guarded(**STAYS_CLOSED)
    # Until it is told otherwise, however long that takes: the first may be tried again at any time.
    payments.service.does(status=500)
    line = [f"{n}-{new_key()}" for n in range(5)]
    ids = [payments.park(key, ordering_key="account-1") for key in line]
    assert payments.calls_of(line[0])
    assert sum(len(payments.calls_of(key)) for key in line[1:]) == 0, "behind the first they wait"
    others = {"other-key": {"ordering_key": "account-2"}, "no-key": {}}
    for key, headers in others.items():
        ids.append(payments.park(key, **headers))
        assert payments.calls_of(key), "tried at once"
    assert sum(len(payments.calls_of(key)) for key in line[1:]) == 0, "they still wait"
    payments.service.does()
    settled(payments, ids)
    assert [key for key in delivered_order(payments) if key in line] == line
    assert payments.service.effects.keys() == {*line, *others}


def test_others_are_answered_while_a_line_waits(guarded):
    # So the first is not tried again, however long this takes.
    payments = guarded(**STAYS_CLOSED, **NO_RETRY)
    payments.service.does(Behaviour(status=500))
    line = [new_key() for _ in range(3)]
    for key in line:
        payments.park(key, ordering_key="account-1")
    assert payments.send(ordering_key="account-2").status_code == 200
    assert payments.send().status_code == 200
    assert sum(len(payments.calls_of(key)) for key in line) == 1, "the target works, but they wait"


def test_order_is_kept_when_several_of_a_line_fail(guarded, settled):
    payments = guarded(**STAYS_CLOSED)
    # Nothing is tried before all of them wait.
    payments.force("open")
    line = [f"{n}-{new_key()}" for n in range(4)]
    ids = [payments.park(key, ordering_key="a") for key in line]
    assert payments.service.calls == []
    bad = Behaviour(status=500)
    cut = Behaviour(mode="close-mid-body")
    good = Behaviour()
    payments.service.does(bad, bad, good, cut, good, bad, good)
    payments.force("auto")
    settled(payments, ids)
    calls = sorted(payments.service.posts, key=lambda call: call.began)
    runs = [(key, list(run)) for key, run in itertools.groupby(calls, lambda call: call.key)]
    assert [key for key, _ in runs] == line, "a later one is never tried before an earlier one is through"
    assert [run[-1].status for _, run in runs] == [200] * 4
    assert sum(call.status != 200 for call in calls) == 4, "all of the script has come to pass"
    assert all(sooner.ended <= later.began for sooner, later in itertools.pairwise(calls))


def test_order_is_kept_through_an_open_breaker(guarded, settled, processor):
    payments = guarded()
    payments.trip(3)
    lines = {name: [f"{name}{n}-{new_key()}" for n in range(4)] for name in "ab"}
    ids = []
    for n in range(4):
        ids += [payments.park(lines[name][n], ordering_key=name) for name in "ab"]
    payments.service.does()
    settled(payments, ids)
    order = delivered_order(payments)
    for line in lines.values():
        assert [key for key in order if key in line] == line


def test_one_after_the_other_when_all_goes_well(guarded, stack):
    payments = guarded()
    line = [new_key() for _ in range(4)]
    assert [payments.send(key, ordering_key="a").status_code for key in line] == [200] * 4
    assert delivered_order(payments) == line
    assert not [item for item in stack.items(payments.name) if item["pk"].startswith("line#")]


def test_a_line_that_was_worked_off_is_gone(guarded, settled, stack):
    payments = guarded(**STAYS_CLOSED)
    payments.service.does(status=500)
    ids = [payments.park(ordering_key="a") for _ in range(3)]
    payments.service.does()
    settled(payments, ids)
    eventually(
        "the line is gone",
        lambda: [item["pk"] for item in stack.items(payments.name)],
        lambda keys: not any(key.startswith("line#") for key in keys),
    )
    assert payments.send(ordering_key="a").status_code == 200


def test_a_dead_request_does_not_hold_up_its_line(guarded, settled):
    payments = guarded(retry={"baseDelayMs": 100, "maxDelayMs": 200, "maxAttempts": 2}, **STAYS_CLOSED)
    # Nothing is tried before both of them wait.
    payments.force("open")
    first, second = (payments.park(ordering_key="a") for _ in range(2))
    payments.service.does(Behaviour(status=500), Behaviour(status=500))
    payments.force("auto")
    settled(payments, [second])
    assert payments.request(first)["status"] == "dead"
    eventually("its letter is sent", lambda: payments.view()["queue"]["dead"], lambda n: n == 1, within=180)
    assert payments.api.redrive(payments.name).json()["redriven"] == 1
    settled(payments, [first])
