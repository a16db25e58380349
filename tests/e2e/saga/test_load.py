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

from saga.api import KINDS, STYLES, events, step_states

LOAD = float(os.environ.get("TENFOLD_LOAD", "0.1"))
TRIPS = max(10, round(200 * LOAD))
AT_ONCE = 20
# So that each step is the one that is refused, for some trips.
SHARES = {"flight": 0.8, "hotel": 0.6, "car": 0.4}
KILLS = max(4, round(30 * LOAD))
# What a dead function had in its hands comes again after three minutes, or is undone at its deadline, after two.
PATIENCE = 600


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_many_trips_over_scarce_inventory(agency, stack, style):
    available = {kind: max(1, round(TRIPS * share)) for kind, share in SHARES.items()}
    agency.has(**available)

    def book(_):
        return agency.ends(agency.book(style), within=PATIENCE)

    with Killer(stack) as killer, ThreadPoolExecutor(AT_ONCE) as pool:
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
    """Kills processes of the services, one now and then, as a failing host does."""

    def __init__(self, stack) -> None:
        self._names = {stack.outputs[f"{kind.capitalize()}Function"] for kind in KINDS}
        self._endpoint = os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.killed = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while self.killed < KILLS and not self._over.wait(1.0):
            for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda p: hash((p, self.killed))):
                if self._is_service(process):
                    os.kill(int(process.name), signal.SIGKILL)
                    self.killed += 1
                    break

    def _is_service(self, process: Path) -> bool:
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        variables = dict(pair.split("=", 1) for pair in environment if "=" in pair)
        return variables.get("AWS_LAMBDA_FUNCTION_NAME") in self._names and variables.get(
            "AWS_ENDPOINT_URL", ""
        ).rstrip("/").endswith(f":{self._endpoint}")
