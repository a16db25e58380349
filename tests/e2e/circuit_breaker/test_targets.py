"""Configuring, listing and deleting targets."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from calling import is_problem
from circuit_breaker.api import Guarded
from circuit_breaker.conftest import QUICK, STILL
from waiting import eventually

DEFAULTS = {
    "timeoutMs": 5000,
    "window": {"type": "count", "size": 100},
    "minimumCalls": 10,
    "failureRateThreshold": 50.0,
    "slowCallRateThreshold": 100.0,
    "slowCallDurationMs": 5000,
    "ignoredStatuses": [],
    "halfOpenProbes": 3,
    "openDurationMs": 30_000,
    "maxOpenDurationMs": 600_000,
    "idempotency": "gateway",
    "retry": {
        "maxAttempts": 20, "maxAgeSeconds": 86_400, "baseDelayMs": 1000, "maxDelayMs": 300_000,
        "maxConcurrentCalls": 25,
    },
}
EVERYTHING = {
    "healthUrl": "https://pay.example/health?deep=1",
    "timeoutMs": 1234,
    "window": {"type": "time", "size": 90},
    "minimumCalls": 7,
    "failureRateThreshold": 12.5,
    "slowCallRateThreshold": 33.3,
    "slowCallDurationMs": 500,
    "forward": {"methods": ["GET", "POST"], "paths": ["/charges"], "query": True},
    "ignoredStatuses": [404, 503],
    "failureStatuses": [423],
    "doneStatuses": [409],
    "healthStatuses": [200, 204],
    "halfOpenProbes": 5,
    "openDurationMs": 2000,
    "maxOpenDurationMs": 60_000,
    "idempotency": "target",
    "retry": {
        "maxAttempts": 5, "maxAgeSeconds": 60, "baseDelayMs": 20, "maxDelayMs": 300, "maxConcurrentCalls": 7,
    },
}


@pytest.fixture
def unconfigured(stack, api, target):
    payments = Guarded(api, target.endpoint(f"t-{uuid.uuid4().hex[:12]}"))
    yield payments
    stack.delete_items(stack.items(payments.name))


def test_only_the_url_is_needed(unconfigured):
    payments, api = unconfigured, unconfigured.api
    is_problem(api.get_target(payments.name), 404, "unknown-target")
    answer = api.put_target(payments.name, {"url": payments.service.url})
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    view = answer.json()
    assert view["config"] == {"url": payments.service.url, **DEFAULTS}
    assert (view["target"], view["state"], view["epoch"]) == (payments.name, "closed", 0)
    assert view["window"] == {
        "calls": 0, "failed": 0, "slow": 0, "failureRate": 0.0, "slowCallRate": 0.0
    }  # fmt: skip
    assert (view["queue"]["waiting"], view["queue"]["dead"]) == (0, 0)
    assert without_queue(payments.view()) == without_queue(view)
    assert api.delete_target(payments.name).status_code == 204


def without_queue(view):
    """The number in flight is that of the whole queue."""
    return {name: value for name, value in view.items() if name != "queue"}


def test_a_target_is_replaced_as_a_whole(guarded):
    payments = guarded()
    answer = payments.api.put_target(payments.name, {"url": payments.service.url, **EVERYTHING})
    assert answer.status_code == 200
    assert answer.json()["config"] == {"url": payments.service.url, **EVERYTHING}
    shown = payments.view()["config"]
    assert shown == answer.json()["config"]
    answer = payments.api.put_target(payments.name, shown)
    assert (answer.status_code, answer.json()["config"]) == (200, shown), "what is shown can be put again"
    answer = payments.api.put_target(payments.name, {"url": payments.service.url})
    assert answer.json()["config"] == {"url": payments.service.url, **DEFAULTS}


def test_a_configuration_is_changed_only_by_those_who_have_seen_it(guarded):
    payments = guarded()
    api, name, url = payments.api, payments.name, payments.service.url
    seen = api.get_target(name).headers["ETag"]
    assert api.get_target(name, {"If-None-Match": seen}).status_code == 304
    is_problem(api.put_target(name, {"url": url}, {"If-None-Match": "*"}), 412, "precondition-failed")
    with ThreadPoolExecutor(4) as pool:
        configs = [{"url": url, "minimumCalls": calls} for calls in (4, 5, 6, 7)]
        put = list(pool.map(lambda config: api.put_target(name, config, {"If-Match": seen}), configs))
    assert sorted(answer.status_code for answer in put) == [200, 412, 412, 412]
    (changed,) = [answer for answer in put if answer.status_code == 200]
    assert api.get_target(name).headers["ETag"] == changed.headers["ETag"] != seen
    assert payments.view()["config"] == changed.json()["config"]


def test_a_new_configuration_leaves_the_breaker_as_it_is(guarded):
    payments = guarded(**STILL)
    opened = payments.trip(3)
    payments.configure(**{**QUICK, **STILL, "minimumCalls": 9})
    view = payments.view()
    assert (view["state"], view["epoch"], view["config"]["minimumCalls"]) == ("open", opened["epoch"], 9)


def test_a_new_url_is_used_everywhere_within_a_ttl(guarded, target, known_everywhere):
    payments = guarded()
    payments.send()
    other = target.endpoint(payments.name + "-moved")
    payments.configure(**QUICK, url=other.url)
    known_everywhere()
    assert [payments.send().status_code for _ in range(5)] == [200] * 5
    assert (len(payments.service.calls), len(other.calls)) == (1, 5)


def test_a_target_with_waiting_requests_cannot_be_deleted(guarded, settled):
    payments = guarded(openDurationMs=500, maxOpenDurationMs=500)
    payments.force("open")
    request_id = payments.park()
    is_problem(payments.api.delete_target(payments.name), 409, "requests-wait")
    assert payments.view()["queue"]["waiting"] == 1
    payments.force("auto")
    settled(payments, [request_id])
    deleted = payments.api.delete_target(payments.name)
    assert (deleted.status_code, deleted.content) == (204, b"")
    is_problem(payments.api.get_target(payments.name), 404, "unknown-target")
    is_problem(payments.api.delete_target(payments.name), 404, "unknown-target")
    eventually(
        "every environment has forgotten it",
        lambda: [payments.send().status_code for _ in range(5)],
        lambda statuses: set(statuses) == {404},
    )
    assert payments.request(request_id)["status"] == "delivered", "what was promised can still be looked up"


def test_a_target_of_the_same_name_goes_on_in_a_new_epoch(guarded):
    payments = guarded()
    forced = payments.force("open")
    assert payments.api.delete_target(payments.name).status_code == 204
    answer = payments.api.put_target(payments.name, {"url": payments.service.url})
    assert (answer.status_code, answer.json()["state"]) == (201, "closed")
    assert answer.json()["epoch"] > forced["epoch"]


def test_all_targets_are_listed_page_by_page(stack, api):
    """Other tests come and go meanwhile, so only what is ours is counted."""
    run = f"l-{uuid.uuid4().hex[:8]}"
    names = {f"{run}-{n:03}" for n in range(60)}
    try:
        with ThreadPoolExecutor(4) as pool:
            put = pool.map(lambda name: api.put_target(name, {"url": "http://pay.example/"}), names)
            assert {answer.status_code for answer in put} == {201}
        pages = list(api.pages())
        assert len(pages) >= 2
        assert all(len(page["targets"]) <= 50 for page in pages)
        ours = [view for page in pages for view in page["targets"] if view["target"] in names]
        assert [view["target"] for view in ours] == sorted(names), "each once"
        assert {(view["state"], view["epoch"], view["reason"]) for view in ours} == {("closed", 0, "new")}
    finally:
        stack.delete_items(stack.items(run))


def test_a_list_shows_each_state(guarded):
    payments = guarded()
    forced = payments.force("open", "seen in the list")
    listed = [view for page in payments.api.pages() for view in page["targets"]]
    (view,) = [view for view in listed if view["target"] == payments.name]
    assert (view["state"], view["reason"], view["since"]) == (
        "forcedOpen",
        "seen in the list",
        forced["since"],
    )
