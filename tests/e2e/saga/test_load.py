"""Many trips at once over scarce inventory, while services are killed: nothing is lost, and nothing in between.

TENFOLD_LOAD says how much of the full load of 200 trips a style it is: `make soak P=saga` runs all of it.
"""

import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from saga.api import KINDS, ON_THE_WAY, STYLES, events, step_states
from waiting import eventually

LOAD = float(os.environ.get("TENFOLD_LOAD", "0.1"))
TRIPS = max(10, round(200 * LOAD))
AT_ONCE = 20
# So that each step is the one that is refused, for some trips.
SHARES = {"flight": 0.8, "hotel": 0.6, "car": 0.4}
KILLS = max(4, round(30 * LOAD))
# What a dead function had in its hands comes again soon, or is undone at its deadline, after five minutes.
PATIENCE = 1200


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_many_trips_over_scarce_inventory(agency, stack, style):
    available = {kind: max(1, round(TRIPS * share)) for kind, share in SHARES.items()}
    agency.has(**available)
    killer = Killer(stack)

    def book(n):
        saga_id = agency.book(style)
        # By trips and not by time: so often a service has died by the time that this trip ends. All by the time
        # that half of them have ended, so that the others make up for those that were too quick.
        killer.kills(min(KILLS, 2 * KILLS * (n + 1) // TRIPS), agency, saga_id)
        return agency.ends(saga_id, within=PATIENCE)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        trips = list(pool.map(book, range(TRIPS)))
    assert killer.killed >= min(KILLS, 4), "services were killed while they were needed"
    ends = Counter(trip["state"] for trip in trips)
    assert set(ends) <= {"committed", "compensated"}, (ends, [t for t in trips if t["state"] == "stuck"])
    assert ends["committed"] <= available["car"]
    # Nobody is turned away while there is room, but for what others held for a moment or a dead service delayed.
    assert ends["committed"] > 0
    for trip in trips:
        states = set(step_states(trip).values())
        assert states == {"done"} if trip["state"] == "committed" else states <= {"undone", "refused"}, trip
        assert len(events(trip)) == len(set((e["round"], e["event"]) for e in trip["log"])), "each once"
    booked = ends["committed"]
    assert agency.stocks() == {kind: (n - booked, booked) for kind, n in available.items()}
    for trip in trips:
        # As they were: what ended stays.
        assert agency.trip(trip["sagaId"])["state"] == trip["state"]


class Killer:
    """Kills processes of the services, one at a time, as a failing host does."""

    def __init__(self, stack) -> None:
        self._names = {stack.outputs[f"{kind.capitalize()}Function"] for kind in KINDS}
        self._endpoint = os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
        self._one_at_a_time = threading.Lock()
        self.killed = 0

    def kills(self, so_many: int, agency, saga_id: str) -> None:
        """Kills until so many have died, while the services are at work on a trip. What is missing when it ends
        is left to the next one."""

        def is_over() -> bool:
            trip = agency.trip(saga_id)
            with self._one_at_a_time:
                if self.killed >= so_many or trip["state"] not in ON_THE_WAY:
                    return True
                # After its first step, or after its second.
                if len(events(trip)) > 1 + self.killed % 2:
                    self._kill_one()
                return False

        eventually(f"{so_many} services have died", is_over, within=PATIENCE)

    def _kill_one(self) -> None:
        for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda p: hash((p, self.killed))):
            if self._is_service(process):
                try:
                    os.kill(int(process.name), signal.SIGKILL)
                except ProcessLookupError:
                    continue  # It has ended by itself.
                # It counts when it is dead, and only then is the next one looked for.
                eventually(f"{process} is dead", lambda process=process: not self._is_service(process))
                self.killed += 1
                return

    def _is_service(self, process: Path) -> bool:
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        variables = dict(pair.split("=", 1) for pair in environment if "=" in pair)
        return variables.get("AWS_LAMBDA_FUNCTION_NAME") in self._names and variables.get(
            "AWS_ENDPOINT_URL", ""
        ).rstrip("/").endswith(f":{self._endpoint}")
