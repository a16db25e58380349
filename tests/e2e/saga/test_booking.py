"""Trips that are booked whole, and trips that are not booked at all, in both styles."""

import json
import uuid

import pytest

from saga.api import KINDS, STYLES, events, step_states
from waiting import eventually

DONE = ["started", "flight.done", "hotel.done", "car.done"]


@pytest.mark.parametrize("style", STYLES)
def test_a_trip_is_booked_whole(agency, style):
    trip = agency.ends_as(agency.book(style), "committed")
    assert events(trip) == DONE
    assert step_states(trip) == dict.fromkeys(KINDS, "done")
    assert agency.stocks() == dict.fromkeys(KINDS, (4, 1))
    assert (trip["style"], trip["round"], trip["traveller"]) == (style, 0, "Ada Lovelace")
    assert trip["log"][-1]["state"] == "committed"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("missing", KINDS)
def test_a_trip_with_something_sold_out_has_no_effect(agency, style, missing):
    agency.has(**{missing: 0})
    trip = agency.ends_as(agency.book(style), "compensated")
    before = KINDS[: KINDS.index(missing)]
    done = [f"{kind}.done" for kind in before]
    undone = [f"{kind}.undone" for kind in reversed(before)]
    assert events(trip) == ["started", *done, f"{missing}.failed", *undone], "undone in reverse order"
    (failed,) = [entry for entry in trip["log"] if entry["outcome"] == "failed"]
    assert failed["error"] == f"{missing} {agency.name} is sold out"
    assert step_states(trip)[missing] == "refused"
    assert "done" not in step_states(trip).values() and "pending" not in step_states(trip).values()
    assert agency.stocks() == {kind: (0 if kind == missing else 5, 0) for kind in KINDS}


@pytest.mark.parametrize("style", STYLES)
def test_what_nobody_has_put_cannot_be_booked(agency, style):
    trip = agency.ends_as(agency.book(style, car="nowhere-to-be-found"), "compensated")
    assert "there is no car nowhere-to-be-found" in [entry.get("error") for entry in trip["log"]]
    assert agency.stocks() == dict.fromkeys(KINDS, (5, 0))


def test_an_execution_that_booked_nothing_shows_as_failed(agency, stack):
    agency.has(car=0)
    booked_nothing = agency.book("orchestrated")
    agency.ends_as(booked_nothing, "compensated")
    agency.has(car=5)
    booked = agency.book("orchestrated")
    agency.ends_as(booked, "committed")
    machine, flows = stack.outputs["StateMachineArn"], stack.client("stepfunctions")

    def ended(saga_id):
        arn = machine.replace(":stateMachine:", ":execution:") + f":{saga_id}-0"
        return eventually(
            "the execution ends",
            lambda: flows.describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
        )

    assert ended(booked)["status"] == "SUCCEEDED"
    failed = ended(booked_nothing)
    assert (failed["status"], failed["error"]) == ("FAILED", "SagaCompensated")


def test_success_costs_as_many_transitions_as_there_are_steps(agency, stack):
    saga_id = agency.book("orchestrated")
    agency.ends_as(saga_id, "committed")
    flows = stack.client("stepfunctions")
    arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{saga_id}-0"
    history = eventually(
        "the execution ends",
        lambda: flows.get_execution_history(executionArn=arn, maxResults=200)["events"],
        lambda found: found[-1]["type"] == "ExecutionSucceeded",
    )
    entered = [e["stateEnteredEventDetails"]["name"] for e in history if e["type"] == "TaskStateEntered"]
    assert entered == ["Do flight", "Do hotel", "Do car"]


@pytest.mark.parametrize(("cars", "end"), [(1, "committed"), (0, "compensated")])
def test_the_same_definition_runs_as_an_express_workflow(agency, stack, cars, end):
    agency.has(car=cars)
    flows = stack.client("stepfunctions")
    standard = flows.describe_state_machine(stateMachineArn=stack.outputs["StateMachineArn"])
    machine = flows.create_state_machine(
        name=f"express-{uuid.uuid4().hex}",
        definition=standard["definition"],
        roleArn=standard["roleArn"],
        type="EXPRESS",
    )["stateMachineArn"]
    try:
        saga_id, booking = agency.lost("orchestrated"), agency.booking("orchestrated")
        style = booking.pop("style")
        job = {"saga": saga_id, "round": 0, "style": style, "payload": booking}
        flows.start_execution(stateMachineArn=machine, name=f"{saga_id}-0", input=json.dumps(job))
        agency.ends_as(saga_id, end)
        booked = int(end == "committed")
        assert agency.stocks() == {"flight": (5 - booked, booked), "hotel": (5 - booked, booked), "car": (0, booked)}
    finally:
        flows.delete_state_machine(stateMachineArn=machine)
