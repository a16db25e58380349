"""Requests with an ordering key keep their order through failures; others do not wait for them."""

import itertools

from circuit_breaker.api import new_key
from target import Behaviour
from waiting import eventually

STAYS_CLOSED = {"minimumCalls": 100, "window": {"type": "count", "size": 100}}


def delivered_order(payments) -> list[str]:
    """The keys in the order in which the target first answered them well."""
    good = [call for call in payments.service.posts if call.status == 200]
    return list(dict.fromkeys(call.key for call in sorted(good, key=lambda call: call.began)))


def test_order_is_kept_through_failures_and_other_keys_go_on(guarded, settled):
    payments = guarded(retry={"baseDelayMs": 2000, "maxDelayMs": 2000}, **STAYS_CLOSED)
    payments.service.does(Behaviour(status=500))
    line = [f"{n}-{new_key()}" for n in range(5)]
    ids = [payments.park(key, ordering_key="account-1") for key in line]
    assert len(payments.calls_of(line[0])) == 1
    assert sum(len(payments.calls_of(key)) for key in line[1:]) == 0, "the target works, but they wait"
    assert payments.send(ordering_key="account-2").status_code == 200
    assert payments.send().status_code == 200
    settled(payments, ids)
    assert [key for key in delivered_order(payments) if key in line] == line
    assert payments.service.effects.total() == 7


def test_order_is_kept_when_several_of_a_line_fail(guarded, settled):
    payments = guarded(**STAYS_CLOSED)
    bad = Behaviour(status=500)
    cut = Behaviour(mode="close-mid-body")
    good = Behaviour()
    payments.service.does(bad, bad, good, cut, good, bad, good)
    line = [f"{n}-{new_key()}" for n in range(4)]
    ids = [payments.park(key, ordering_key="a") for key in line]
    settled(payments, ids)
    calls = sorted(payments.service.posts, key=lambda call: call.began)
    assert [call.key for call in calls] == [
        line[0], line[0], line[0], line[1], line[1], line[2], line[2], line[3]
    ], "a later one is never tried before an earlier one is through"  # fmt: skip
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
    payments.service.does(Behaviour(status=500))
    ids = [payments.park(ordering_key="a") for _ in range(3)]
    settled(payments, ids)
    eventually(
        "the line is gone",
        lambda: [item["pk"] for item in stack.items(payments.name)],
        lambda keys: not any(key.startswith("line#") for key in keys),
    )
    assert payments.send(ordering_key="a").status_code == 200


def test_a_dead_request_does_not_hold_up_its_line(guarded, settled):
    payments = guarded(retry={"baseDelayMs": 100, "maxDelayMs": 200, "maxAttempts": 2}, **STAYS_CLOSED)
    payments.service.does(Behaviour(status=500), Behaviour(status=500))
    first, second = (payments.park(ordering_key="a") for _ in range(2))
    settled(payments, [second])
    assert payments.request(first)["status"] == "dead"
    assert payments.api.redrive(payments.name).json()["redriven"] == 1
    settled(payments, [first])
