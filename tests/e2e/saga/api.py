"""The saga's API, and inventory of a test's own, in the words of the tests and the demo."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import requests

from calling import Caller, new_key
from stack import Stack
from waiting import eventually

STYLES = ("orchestrated", "choreographed")
KINDS = ("flight", "hotel", "car")
# The states that a trip leaves by itself.
ON_THE_WAY = ("running", "compensating")
# After so long a test gives up on a trip. One whose start or message was lost is led on by its deadline.
PATIENCE = 300


class Api(Caller):
    """One method a route."""

    def post_trip(self, booking: Any, key: str | None = None) -> requests.Response:
        return self.call("POST", "/trips", json=booking, headers={"Idempotency-Key": key or new_key()})

    def get_trip(self, saga_id: str) -> requests.Response:
        return self.call("GET", f"/trips/{saga_id}")

    def list_trips(self, **query: str) -> requests.Response:
        return self.call("GET", "/trips", params=query)

    def cancel(self, saga_id: str) -> requests.Response:
        return self.call("POST", f"/trips/{saga_id}/cancel")

    def retry(self, saga_id: str) -> requests.Response:
        return self.call("POST", f"/trips/{saga_id}/retry")

    def resolve(self, saga_id: str, body: Any) -> requests.Response:
        return self.call("POST", f"/trips/{saga_id}/resolve", json=body)

    def put_stock(self, kind: str, name: str, body: Any) -> requests.Response:
        return self.call("PUT", f"/inventory/{kind}/{name}", json=body)

    def get_stock(self, kind: str, name: str) -> requests.Response:
        return self.call("GET", f"/inventory/{kind}/{name}")


class Agency:
    """Books trips of a flight, a hotel and a car that nobody else books: one of each, named alike."""

    def __init__(self, stack: Stack, name: str | None = None) -> None:
        self.stack = stack
        self.api = Api(stack.outputs["ApiUrl"])
        self.name = name or f"t-{uuid.uuid4().hex[:12]}"

    def has(self, releases: str = "accepted", **available: int) -> None:
        """Puts inventory; `flight=3` and the like."""
        for kind, n in available.items():
            body = {"available": n, "releases": releases}
            # A table that is slow to answer is no fault: the same request is to be sent again, the problem says.
            answer = eventually(
                f"the {kind} is put",
                lambda kind=kind, body=body: self.api.put_stock(kind, self.name, body),
                lambda answer: answer.status_code != 503,
            )
            assert answer.status_code == 200, answer.text

    def stock(self, kind: str) -> tuple[int, int]:
        """What is available and what is reserved."""
        answer = self.api.get_stock(kind, self.name)
        assert answer.status_code == 200, answer.text
        return answer.json()["available"], answer.json()["reserved"]

    def stocks(self) -> dict[str, tuple[int, int]]:
        return {kind: self.stock(kind) for kind in KINDS}

    def booking(self, style: str, **other: str) -> dict[str, str]:
        return {
            "style": style,
            "traveller": "Ada Lovelace",
            **dict.fromkeys(KINDS, self.name),
            "from": "2099-05-01",
            "to": "2099-05-08",
            **other,
        }

    def book(self, style: str, key: str | None = None, **other: str) -> str:
        """Books a trip, and gives its id."""
        answer = self.api.post_trip(self.booking(style, **other), key)
        assert answer.status_code == 202, answer.text
        return answer.json()["sagaId"]

    def trip(self, saga_id: str) -> dict[str, Any]:
        answer = self.api.get_trip(saga_id)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lost(self, style: str, wake: int | None = None) -> str:
        """A trip that was taken in, and of which nobody has heard yet: gives its id."""
        saga_id = str(uuid.uuid4())
        self.stack.put_item(saga_row(saga_id, self.booking(style), wake=wake))
        return saga_id

    def asks(self, step: str, action: str, saga_id: str, style: str, round: int = 0) -> Any:
        """Calls a service as the state machine does."""
        event = task(saga_id, step, action, self.booking(style), round)
        return self.stack.invoke(f"{step.capitalize()}Function", event)

    def now(self, releases: str, kind: str) -> None:
        """Changes whether what is reserved can be given back."""
        self.has(releases, **{kind: self.stock(kind)[0]})

    def ends(self, saga_id: str, within: float = PATIENCE) -> dict[str, Any]:
        """Waits until a trip leaves its state no more by itself, and gives it."""
        return eventually(
            f"trip {saga_id} ends",
            lambda: self.trip(saga_id),
            lambda trip: trip["state"] not in ON_THE_WAY,
            within=within,
        )

    def ends_as(self, saga_id: str, state: str, within: float = PATIENCE) -> dict[str, Any]:
        trip = self.ends(saga_id, within)
        assert trip["state"] == state, trip
        return trip


def events(trip: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in trip["log"]]


def step_states(trip: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in trip["steps"]}


def task(trip_id: str, step: str, action: str, booking: dict[str, str], round: int = 0) -> dict[str, Any]:
    """What the state machine asks of a service."""
    payload = {name: value for name, value in booking.items() if name != "style"}
    return {
        "action": action,
        "step": step,
        "saga": trip_id,
        "round": round,
        "style": booking["style"],
        "payload": payload,
    }


def message(trip_id: str, event: str, booking: dict[str, str], round: int = 0) -> str:
    """What the topic brings to a service: an entry of a trip's log."""
    payload = {name: value for name, value in booking.items() if name != "style"}
    return json.dumps(
        {
            "saga": trip_id,
            "definition": "trip",
            "style": booking["style"],
            "round": round,
            "event": event,
            "at": "2099-03-01T12:00:00Z",
            "payload": payload,
        }
    )


def saga_row(saga_id: str, booking: dict[str, str], state: str = "running", wake: int | None = None):
    """The row of a trip as it is in the table, without the log entry that would have begun it.

    `wake`: when somebody has to look at it, in seconds since 1970; in an hour unless said otherwise.
    """
    now = datetime.now(UTC)
    shard = uuid.UUID(saga_id).bytes[15] % 8
    return {
        "pk": f"saga#{saga_id}",
        "sk": "saga",
        "state": state,
        "version": 1,
        "round": 0,
        "tries": 0,
        "since": int(now.timestamp() * 1000),
        "open": f"{state}#{shard}",
        "wake": int(now.timestamp()) + 3600 if wake is None else wake,
        "data": {
            "style": booking["style"],
            "payload": {name: value for name, value in booking.items() if name != "style"},
            "created": now.isoformat().replace("+00:00", "Z"),
        },
    }
