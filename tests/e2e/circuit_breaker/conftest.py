"""What the circuit breaker's tests have: its API, targets of their own, and a retry processor at work."""

import contextlib
import fcntl
import threading
import time
import uuid
from pathlib import Path

import pytest

from circuit_breaker.api import Api, Guarded
from stack import SCHEDULE, Stack
from waiting import eventually

# Quick to trip, quick to try again. Tests change what they are about. A good call is never too slow, and no
# request dies of the attempts that are made while a slow machine gets a test ready.
QUICK = {
    "timeoutMs": 20_000,
    "window": {"type": "count", "size": 10},
    "minimumCalls": 3,
    "openDurationMs": 600,
    "maxOpenDurationMs": 1200,
    "halfOpenProbes": 2,
    "retry": {"baseDelayMs": 100, "maxDelayMs": 1000, "maxAttempts": 100},
}
# The longest time-out. A call that is to hang until it is told otherwise hangs no longer.
LONGEST = {"timeoutMs": 25_000}
# What failed stays parked as long as a test lasts.
NO_RETRY = {"retry": {"baseDelayMs": 3_600_000, "maxDelayMs": 3_600_000}}
# What is parked is given up without a call, so that nobody probes but the test.
NO_PROBES = {"retry": {"maxAttempts": 1, "maxAgeSeconds": 1}}
# And what is open stays open.
STILL = {"openDurationMs": 3_600_000, "maxOpenDurationMs": 3_600_000, **NO_RETRY}


@pytest.fixture(scope="session")
def stack():
    return Stack("circuit-breaker")


@pytest.fixture(scope="session")
def api(stack):
    return Api(stack.outputs["ApiUrl"])


@pytest.fixture(scope="session")
def ttl(stack):
    """For how many seconds an environment goes by what it has read: ten times as long as it leaves it unread."""
    return 10 * int(stack.environment("GatewayFunction")["STATE_TTL_MS"]) / 1000


@pytest.fixture
def known_everywhere(ttl):
    """Waits until no environment goes by what it read before now."""

    def wait():
        known = time.monotonic() + ttl
        eventually("a TTL has passed", lambda: time.monotonic() > known, every=0.02)

    return wait


@pytest.fixture
def guarded(stack, api, target):
    """Makes targets, and removes them with all that waits for them."""
    made = []

    def make(**config):
        name = f"t-{uuid.uuid4().hex[:12]}"
        endpoint = target.endpoint(name)
        if config.pop("own_port", False):
            endpoint.on_own_port()
        made.append(Guarded(api, endpoint))
        made[-1].configure(**{**QUICK, **config})
        return made[-1]

    yield make
    for one in made:
        one.service.does()
        stack.delete_items(stack.items(one.name))


# How often a test calls the sweep at most, in seconds: what is parked is delivered by messages.
SWEPT = 45


class Processor:
    """The retry processor, called as its schedule calls it, but without waiting for the minute.

    Two runs at a time are enough for all tests, in whichever process they are.
    """

    def __init__(self, stack: Stack, locks: list[Path]) -> None:
        self._stack = stack
        self._locks = locks
        self._runs: list[threading.Thread] = []
        self._failures: list[Exception] = []
        self._next = 0.0

    def nudge(self) -> None:
        """Sees to it that a processor runs, unless a test wants to see the schedule at work."""
        self._runs = [run for run in self._runs if run.is_alive()]
        if self._failures:
            raise self._failures.pop()
        if not self._runs and time.monotonic() >= self._next:
            self._next = time.monotonic() + SWEPT
            run = threading.Thread(target=self._run_if_free, daemon=True)
            self._runs.append(run)
            run.start()

    def run(self) -> dict:
        return self._stack.invoke("RetryProcessorFunction", SCHEDULE)

    def _run_if_free(self) -> None:
        for path in self._locks:
            with path.open("w") as lock, contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    self.run()
                except Exception as failure:
                    self._failures.append(failure)
                return

    @contextlib.contextmanager
    def only_by_schedule(self):
        """Nobody calls the processor inside of it but EventBridge.

        All who need a processor wait meanwhile, so it begins shortly before the full minute, when LocalStack's
        schedules tick. It is as right at any other time, only longer.
        """
        eventually("the minute is nearly over", lambda: time.time() % 60 >= 52, within=120)
        with contextlib.ExitStack() as held:
            for path in self._locks:
                fcntl.flock(held.enter_context(path.open("w")), fcntl.LOCK_EX)
            yield


@pytest.fixture(scope="session")
def processor(stack, tmp_path_factory, worker_id):
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    return Processor(stack, [shared / f"processor-{n}.lock" for n in range(2)])


class Requests:
    """Parked requests on their way to a status, which is an end: who is there is not asked about again."""

    def __init__(self, guarded: Guarded, ids, status: str = "delivered") -> None:
        self._guarded = guarded
        self._status = status
        self._seen: dict[str, dict] = dict.fromkeys(ids, {})

    def see(self) -> list[dict]:
        for id, request in self._seen.items():
            if request.get("status") != self._status:
                self._seen[id] = self._guarded.request(id)
        return list(self._seen.values())

    def all_so(self, requests: list[dict]) -> bool:
        return bool(requests) and all(request["status"] == self._status for request in requests)


@pytest.fixture
def settled(processor):
    """Waits until requests have come to their end, and gives them as they are then."""

    # While a test waits for the schedule, it is the schedule that works for all.
    def wait(guarded: Guarded, ids, status: str = "delivered", within: float = 300):
        def look():
            processor.nudge()
            return requests.see()

        requests = Requests(guarded, ids, status)
        return eventually(f"{len(ids)} requests are {status}", look, requests.all_so, within, every=0.5)

    return wait
