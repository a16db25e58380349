#!/usr/bin/env python3
"""Holds the world with time against LocalStack: the same loads, predicted and measured in one sitting.

    make up && localstack/tenfold run python benches/calibrate.py

First it measures what each operation takes (`measuring.py`), which is the file of latencies
(`.local/scale/localstack.toml`). Then it compares requests that pass a closed breaker, the delivery of what is parked,
and trips that are booked, with so many clients at once, each of which sends its next request when it has its answer.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time
import uuid

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools")]

import measuring  # noqa: E402
import scale  # noqa: E402
from measuring import timed  # noqa: E402
from stack import Stack  # noqa: E402
from target import Target  # noqa: E402

FOLDER = ROOT / ".local" / "scale"
LATENCIES = FOLDER / "localstack.toml"
CLIENTS = (1, 4, 8)
# For how long clients send requests.
SECONDS = 15
PARKED = 150
STOCKS = 50
# What is not in the file of latencies of how LocalStack polls, and what a service on this machine takes, in ms.
POLLS = '[limits]\n"poll.queue_start" = 1\n"poll.queue_growth" = 0\n"poll.stream_polls" = 1\n'
SERVICE = "[hosts.target-1]\np50 = 2\n"


class Sessions(threading.local):
    """A session a client: one is not for several threads."""

    def __init__(self) -> None:
        self.one = requests.Session()


SESSIONS = Sessions()


def post(url: str, body: dict) -> dict:
    answer = SESSIONS.one.post(url, json=body, headers={"idempotency-key": uuid.uuid4().hex}, timeout=60)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def eventually(what: str, done, seconds: float = 300, pause: float = 0.5) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"calibrate: after {seconds:.0f} s it was not yet so that {what}")
        time.sleep(pause)


def predicted(program: str, scenario: str) -> dict[str, float]:
    """What the simulation comes to."""
    folder = FOLDER / "calibrate"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "load.toml").write_text(f'says = "a load"\nshort = {{ rate = 1, share = 1 }}\n{scenario}')
    settings = {"SCENARIOS": str(folder), "LATENCIES": str(LATENCIES), "PICTURES": str(FOLDER)}
    done = subprocess.run(
        [program], env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])["measured"]


def row(what: str, clients: int | str, told: tuple[float, float | None], seen: tuple[float, float | None]) -> str:
    off = lambda i: f"{100 * (told[i] / seen[i] - 1):+.0f} %"  # noqa: E731
    times = [f"{told[1]:.1f} / {seen[1]:.1f} ms", off(1)] if seen[1] else ["–", "–"]
    line = f"| {what} | {clients} | {told[0]:.1f} / {seen[0]:.1f} | {off(0)} | {' | '.join(times)} |"
    print(line, flush=True)
    return line


class Breaker:
    """A target of its own behind the breaker."""

    def __init__(self, stack: Stack, target: Target, **config) -> None:
        self._url, self._name = stack.outputs["ApiUrl"], f"t{uuid.uuid4().hex[:8]}"
        self.service = target.endpoint(self._name)
        config = {"url": self.service.url, "idempotency": "target"} | config
        requests.put(f"{self._url}/targets/{self._name}", json=config, timeout=30).raise_for_status()

    def ask(self) -> None:
        post(f"{self._url}/requests/{self._name}", {"n": 1})

    def closed(self, clients: int) -> tuple[float, float]:
        timed(self.ask, 2, clients)
        times, rate = timed(self.ask, SECONDS, clients)
        return rate, statistics.median(times)

    def drain(self) -> float:
        """How many a second are delivered of what is parked, in the best five seconds."""
        self.service.does(status=503)
        for _ in range(PARKED):
            self.ask()
        self.service.does()
        delivered = lambda: len(self.service.effects)  # noqa: E731
        seen: list[tuple[float, int]] = []

        def all_delivered() -> bool:
            seen.append((time.monotonic(), delivered()))
            return seen[-1][1] >= PARKED

        eventually(f"{PARKED} parked requests are delivered", all_delivered, 600, 0.25)
        rates = [
            (n - before) / (at - then)
            for at, n in seen
            for then, before in seen
            if 5 <= at - then < 5.5
        ]  # fmt: skip
        return max(rates, default=PARKED / max(1e-9, seen[-1][0] - seen[0][0]))


class Agency:
    """Trips of flights, hotels and cars of this run."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._url, self._number = stack, stack.outputs["ApiUrl"], 0
        self._name, self._lock = f"c{uuid.uuid4().hex[:8]}", threading.Lock()
        for kind in ("flight", "hotel", "car"):
            for n in range(STOCKS):
                body = {"available": 1_000_000, "releases": "accepted"}
                requests.put(f"{self._url}/inventory/{kind}/{self._name}-{n}", json=body, timeout=60).raise_for_status()

    def book(self) -> None:
        with self._lock:
            self._number += 1
            number = self._number
        stock = f"{self._name}-{number * 7 % STOCKS}"
        style = "orchestrated" if number % 2 else "choreographed"
        body = {"style": style, "traveller": "t", "flight": stock, "hotel": stock, "car": stock,
                "from": "2030-01-01", "to": "2030-01-02"}  # fmt: skip
        post(f"{self._url}/trips", body)

    def booked(self, clients: int) -> tuple[float, float]:
        """Trips a second until all are booked, and the median of the answers to who books them."""
        began = time.monotonic()
        times, _ = timed(self.book, SECONDS, clients)
        eventually("all trips are booked", lambda: not self._running(), 600)
        return len(times) / (time.monotonic() - began), statistics.median(times)

    def _running(self) -> bool:
        answer = requests.get(f"{self._url}/trips", params={"state": "running"}, timeout=60)
        answer.raise_for_status()
        return bool(answer.json()["trips"])


def program(slug: str) -> str:
    """The simulation of a pattern, kept where the next one's does not take its place."""
    kept = FOLDER / f"calibrate-{slug}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(scale.build(slug), kept)
    return str(kept)


def compare_breaker(simulation: str) -> list[str]:
    stack, lines = Stack("circuit-breaker"), []
    measuring.Processor().settle()
    with Target() as target:
        closed = Breaker(stack, target)
        for clients in CLIENTS:
            seen = closed.closed(clients)
            load = f"rate = 1\nseconds = 60\narrivals = {{ clients = {clients} }}\n{SERVICE}{POLLS}"
            told = predicted(simulation, load)
            lines.append(row("closed requests", clients, (told["throughput"], told["p50_ms"]), seen))
        seen_rate = Breaker(stack, target).drain()
        load = f"rate = {PARKED / 10}\nseconds = 10\nafter = 400\n{POLLS}[hosts.target-1]\ndown = true\n"
        told = predicted(simulation, f'{load}[[script]]\nat = 12\nhost = {{ name = "target-1", p50 = 2 }}\n')
        lines.append(row("delivered of what is parked", "–", (told["best_5s_of_target-1"], None), (seen_rate, None)))
    return lines


def compare_saga(simulation: str) -> list[str]:
    agency, lines = Agency(Stack("saga")), []
    for clients in CLIENTS:
        measuring.Processor().settle()
        seen = agency.booked(clients)
        stack = f"[stack]\nstocks = {STOCKS}\nservice_concurrency = 1\nstream_shards = 1\n"
        load = f"rate = 1\nseconds = {SECONDS}\nafter = 300\narrivals = {{ clients = {clients} }}\n{stack}{POLLS}"
        told = predicted(simulation, load)
        rate = told["in"] / (SECONDS + told["drained_s"])
        lines.append(row("trips booked", clients, (rate, told["p50_ms"]), seen))
    return lines


def main() -> None:
    which = sys.argv[1:] or ["circuit-breaker", "saga"]
    if set(which) - {"circuit-breaker", "saga"}:
        sys.exit(f"calibrate: {which} was found; circuit-breaker and saga can be compared")
    programs = {slug: program(slug) for slug in which}
    lines = [
        "| load | clients | a second, predicted / measured | off by | median, predicted / measured | off by |",
        "|---|---|---|---|---|---|",
    ]
    compare = {"circuit-breaker": compare_breaker, "saga": compare_saga}
    for slug, simulation in programs.items():
        # By its own table: one with a stream takes more.
        print(f"what LocalStack takes for each operation of {slug}", flush=True)
        measuring.write(measuring.measure(Stack(slug)), LATENCIES)
        lines += compare[slug](simulation)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
