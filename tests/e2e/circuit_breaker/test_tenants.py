"""Tenants of a target: one tenant's failures open only its own breaker."""

from calling import is_problem
from circuit_breaker.conftest import STILL
from waiting import eventually


def test_one_tenants_failures_are_its_own(guarded, known_everywhere):
    payments = guarded(minimumCalls=3, **STILL)
    red = payments.trip(3, tenant="red")
    assert (red["target"], red["tenant"], red["state"]) == (payments.name, "red", "open")
    known_everywhere()
    payments.service.does()
    payments.park(tenant="red")
    assert payments.send(tenant="blue").status_code == 200
    assert payments.send().status_code == 200
    assert payments.view(tenant="blue")["state"] == "closed"
    whole = payments.view()
    assert (whole["state"], whole["window"]["failed"]) == ("closed", 0)
    assert "tenant" not in whole


def test_an_open_target_is_open_for_every_tenant(guarded):
    payments = guarded(**STILL)
    payments.force("open")
    for tenant in ("red", "blue"):
        payments.park(tenant=tenant)
    assert payments.service.calls == []
    assert payments.view(tenant="red")["state"] == "closed", "its own breaker has nothing against it"


def test_a_tenant_can_be_forced_alone(guarded):
    payments = guarded(**STILL)
    forced = payments.force("open", "unpaid bills", tenant="red")
    assert (forced["tenant"], forced["state"], forced["reason"]) == ("red", "forcedOpen", "unpaid bills")
    payments.park(tenant="red")
    assert payments.send(tenant="blue").status_code == 200
    assert payments.send().status_code == 200


def test_a_tenants_requests_are_delivered_once_it_heals(guarded, settled, processor):
    payments = guarded()
    payments.trip(3, tenant="red")
    ids = [payments.park(tenant="red") for _ in range(3)]
    payments.service.does()
    requests = settled(payments, ids)
    assert {request["tenant"] for request in requests} == {"red"}
    payments.eventually_is("closed", nudge=processor.nudge, tenant="red")


def test_tenants_with_a_breaker_of_their_own_are_listed(guarded):
    payments = guarded(minimumCalls=3, **STILL)
    payments.trip(3, tenant="red")
    payments.force("open", "unpaid bills", tenant="blue")

    def listed(**query):
        answer = payments.api.list_tenants(payments.name, **query)
        assert answer.status_code == 200, answer.text
        return [(tenant["tenant"], tenant["state"]) for tenant in answer.json()["tenants"]]

    everybody = [("red", "open"), ("blue", "forcedOpen")]
    eventually("both tenants are in the list", listed, everybody.__eq__)
    assert listed(state="forcedOpen") == everybody[1:]
    assert listed(state="closed") == []
    is_problem(payments.api.list_tenants(payments.name, state="broken"), 400, "invalid-request")


def test_names_of_tenants_cannot_leave_their_place(guarded):
    payments = guarded(**STILL)
    odd = "a:b#c/../d"
    payments.trip(3, tenant=odd)
    assert payments.view(tenant=odd)["state"] == "open"
    assert payments.view(tenant="a")["state"] == "closed"
    assert payments.view()["state"] == "closed"
    is_problem(payments.api.get_target(payments.name, tenant="with space"), 400, "invalid-request")
