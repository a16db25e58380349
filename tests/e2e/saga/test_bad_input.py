"""Every problem that a caller can have, by its name."""

import uuid

import pytest

from calling import is_problem, new_key
from saga.api import KINDS

NOBODY = "0d9b1d9e-6f0c-5a53-8d0e-1c6f5f2a9e77"


def faults(answer) -> dict[str, str]:
    return {fault["at"]: fault["detail"] for fault in is_problem(answer, 400, "invalid-request")["errors"]}


def test_all_faults_of_a_booking_are_named_at_once(api):
    body = {"style": "by hand", "traveller": " ", "flight": "a/b", "hotel": 7, "from": "2099-02-30", "more": 1}
    found = faults(api.call("POST", "/trips", json=body))
    assert set(found) == {
        "header:Idempotency-Key",
        *(f"/{name}" for name in ("style", "traveller", "flight", "hotel", "car", "from", "to", "more")),
    }
    assert found["/car"] == "is missing"


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"from": "2020-01-01"}, "/from"),
        ({"from": "2099-05-09"}, "/to"),
        ({"to": "2099-5-8"}, "/to"),
        ({"traveller": "x" * 101}, "/traveller"),
        ({"car": ""}, "/car"),
        ({"style": None}, "/style"),
    ],
)
def test_one_fault_is_named_where_it_is(agency, api, change, at):
    booking = {**agency.booking("orchestrated"), **change}
    assert set(faults(api.post_trip(booking))) == {at}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"trip"', b'{"style": "orchestrated", "style": "x"}'])
def test_a_body_that_is_no_object_is_a_fault(api, body):
    headers = {"Idempotency-Key": new_key(), "Content-Type": "application/json"}
    assert faults(api.call("POST", "/trips", data=body, headers=headers))


@pytest.mark.parametrize("key", ["", "a b", "k" * 256])
def test_a_key_is_visible_ascii(agency, api, key):
    answer = api.call(
        "POST", "/trips", json=agency.booking("orchestrated"), headers={"Idempotency-Key": key}
    )
    assert set(faults(answer)) == {"header:Idempotency-Key"}


def test_a_body_that_is_too_large_is_not_read(api):
    answer = api.post_trip({"traveller": "x" * (17 << 10)})
    assert "16384" in is_problem(answer, 413, "too-large")["detail"]


@pytest.mark.parametrize("saga_id", [NOBODY, NOBODY.upper(), "nobody"])
def test_a_trip_that_there_is_not_is_unknown(api, saga_id):
    for answer in (
        api.get_trip(saga_id),
        api.cancel(saga_id),
        api.retry(saga_id),
        api.resolve(saga_id, {"reason": "a test"}),
    ):
        is_problem(answer, 404, "unknown-trip")


def test_cancelling_what_there_is_not_makes_nothing(api, stack):
    saga_id = str(uuid.uuid4())
    is_problem(api.cancel(saga_id), 404, "unknown-trip")
    assert stack.items(saga_id) == []


@pytest.mark.parametrize("kind", KINDS)
def test_inventory_that_nobody_has_put_is_unknown(api, kind):
    is_problem(api.get_stock(kind, f"t-{new_key()}"), 404, "unknown-inventory")


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, "/available"),
        ({"available": -1}, "/available"),
        ({"available": 1_000_001}, "/available"),
        ({"available": 1.5}, "/available"),
        ({"available": 1, "releases": "later"}, "/releases"),
        ({"available": 1, "reserved": 0}, "/reserved"),
    ],
)
def test_inventory_has_a_range(api, body, at):
    assert set(faults(api.put_stock("car", f"t-{new_key()}", body))) == {at}


def test_there_are_three_kinds_of_inventory(api):
    assert set(faults(api.put_stock("train", "x", {"available": 1}))) == {"path"}
    assert set(faults(api.put_stock("car", "x" * 65, {"available": 1}))) == {"path"}


def test_inventory_is_as_it_was_put(agency, api):
    answer = api.put_stock("car", agency.name, {"available": 1_000_000, "releases": "refused"})
    assert answer.json() == {"available": 1_000_000, "reserved": 0, "releases": "refused"}
    assert api.get_stock("car", agency.name).json() == answer.json()


@pytest.mark.parametrize("query", [{}, {"state": "committed"}, {"state": "late"}])
def test_only_open_trips_are_listed(api, query):
    assert "trips at their end are not listed" in faults(api.list_trips(**query))["query:state"]


@pytest.mark.parametrize("after", ["8", "x", "1.2", "1.2.nobody"])
def test_a_page_begins_where_another_ended(api, after):
    assert set(faults(api.list_trips(state="stuck", after=after))) == {"query:after"}


@pytest.mark.parametrize("body", [{}, {"reason": " "}, {"reason": "x" * 501}, {"reason": "ok", "by": "me"}])
def test_a_reason_is_needed_to_resolve(api, body):
    assert faults(api.resolve(NOBODY, body))


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/trips"), ("PUT", f"/trips/{NOBODY}"), ("GET", "/x")])
def test_what_is_no_route_is_not_passed_on(api, method, path):
    # API Gateway's own answer; LocalStack does not word it as the stack says.
    assert api.call(method, path).status_code == 403
