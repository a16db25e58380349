"""The saga at work: a trip booked, one compensated, one stuck and resolved, in either style."""

from __future__ import annotations

from typing import Any

from saga.api import KINDS, ON_THE_WAY, Agency, events, step_states
from stack import Stack
from telling import bold, paint, promised, say, step, watch

TITLE = "Tenfold: trips that are booked whole, or not at all"
# A machine that has just built everything is slow at first.
PATIENCE = 180


class Story:
    def __init__(self, stack: Stack) -> None:
        self.agency = Agency(stack)
        self.stack = stack
        self.trips: list[tuple[str, str]] = []

    def tell(self) -> None:
        step(1, "Two of each: a flight, a hotel, a car")
        self.agency.has(flight=2, hotel=2, car=2)
        self.show()
        self.is_booked()
        self.is_compensated()
        self.is_stuck_and_resolved()

    def is_booked(self) -> None:
        step(2, "A trip is booked, led by a state machine")
        trip = self.books("orchestrated", "while all is well")
        promised(trip["state"] == "committed", f"the trip is booked, not {trip['state']}")
        promised(self.stocks() == dict.fromkeys(KINDS, (1, 1)), "one of each is reserved")
        self.show()

    def is_compensated(self) -> None:
        step(3, "The car is sold out, and the services undo the rest by each other's events")
        self.agency.has(car=0)
        trip = self.books("choreographed", "the car is sold out")
        promised(trip["state"] == "compensated", f"the trip has no effect, it is not {trip['state']}")
        promised(
            events(trip)[-3:] == ["car.failed", "hotel.undone", "flight.undone"], "undone in reverse order"
        )
        promised(
            self.stocks() == {"flight": (1, 1), "hotel": (1, 1), "car": (0, 1)},
            "only what the first trip has reserved is reserved",
        )
        self.show()

    def is_stuck_and_resolved(self) -> None:
        step(4, "The hotel takes nothing back")
        self.agency.now("refused", "hotel")
        trip = self.books("orchestrated", "the hotel takes nothing back")
        saga_id = trip["sagaId"]
        promised(trip["state"] == "stuck", f"a trip that cannot be undone is stuck, not {trip['state']}")
        states = step_states(trip)
        promised(states["hotel"] == "stuck", "the hotel's room is still reserved, and said to be")
        promised(states["flight"] == "undone", "the flight was undone all the same")
        letters = watch(
            "letters in the dead-letter queue",
            lambda: self.stack.messages("DeadLetterQueueUrl", saga_id),
            bool,
            lambda found: str(len(found)),
        )
        say(f"one of them: {letters[0]['error']['Cause']}")
        watch(
            "GET /trips?state=stuck lists it",
            lambda: saga_id in self.listed(),
            bool,
            lambda listed: "yes" if listed else "not yet",
        )
        step(5, "Somebody sees to it")
        answer = self.agency.api.retry(saga_id)
        promised(answer.status_code == 202, f"a stuck trip is tried again, not answered {answer.status_code}")
        say("POST /trips/{sagaId}/retry: another round begins")
        trip = self.ends(saga_id)
        promised((trip["state"], trip["round"]) == ("stuck", 1), "the hotel still takes nothing back")
        reason = "the hotel was called, and has it in its books"
        answer = self.agency.api.resolve(saga_id, {"reason": reason})
        promised(answer.status_code == 200, f"a stuck trip is resolved, not answered {answer.status_code}")
        trip = self.agency.trip(saga_id)
        promised(trip["state"] == "resolved", "the trip is closed, and not called compensated")
        say(f"POST /trips/{{sagaId}}/resolve: {paint(trip['state'])}, since {trip['resolution']}")
        promised(self.stocks()["hotel"] == (0, 2), "what was not undone is still there")
        self.show()

    # --- What the steps are made of ---

    def books(self, style: str, why: str) -> dict[str, Any]:
        saga_id = self.agency.book(style)
        self.trips.append((saga_id, why))
        say(f"POST /trips: {paint('202')}, {style}, {saga_id}")
        return self.ends(saga_id)

    def ends(self, saga_id: str) -> dict[str, Any]:
        trip = watch(
            "the trip",
            lambda: self.agency.trip(saga_id),
            lambda trip: trip["state"] not in ON_THE_WAY,
            lambda trip: f"{paint(trip['state'])}: {', '.join(events(trip))}",
            within=PATIENCE,
        )
        for entry in trip["log"]:
            if "error" in entry:
                say(f"{entry['event']}: {entry['error']}")
        return trip

    def stocks(self) -> dict[str, tuple[int, int]]:
        return self.agency.stocks()

    def listed(self) -> list[str]:
        found, after = [], {}
        while True:
            page = self.agency.api.list_trips(state="stuck", **after).json()
            found += [trip["sagaId"] for trip in page["trips"]]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    def show(self) -> None:
        stocks = self.stocks().items()
        say("; ".join(f"{kind}: {free} free, {reserved} reserved" for kind, (free, reserved) in stocks))

    def summary(self) -> None:
        print(f"\n{bold('trip                                  style          in the end   why')}")
        for saga_id, why in self.trips:
            trip = self.agency.trip(saga_id)
            print(f"{saga_id}  {trip['style']:<13}  {trip['state']:<11}  {why}")


def tell(stack: Stack) -> str:
    """Tells the story, and gives in a few words what came of it."""
    story = Story(stack)
    story.tell()
    story.summary()
    return "one trip booked, one without effect, one stuck and resolved."
