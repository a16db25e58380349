#!/usr/bin/env python3
"""Holds the world with time against LocalStack: predicted and measured throughput and median of requests
that pass a closed breaker.

    make up P=circuit-breaker && localstack/tenfold run python benches/calibrate.py

First it measures how long LocalStack takes for each operation alone, and how many a second it gets done, which is how
long each keeps its one process busy; that is the file of latencies (`.local/scale/localstack.toml`). Then so many clients
send a request, wait for its answer and send the next, in reality and in the simulation.
"""

import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import uuid

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools")]

import scale  # noqa: E402
from stack import Stack  # noqa: E402
from target import Target  # noqa: E402

FOLDER = ROOT / ".local" / "scale"
CLIENTS = (1, 4, 8)
SECONDS = 12
# Busy threads that find out how many calls a second there are.
THREADS = 8


def timed(call, seconds: float, threads: int = 1) -> tuple[list[float], float]:
    """The times of calls that are made one after the other for so long, in ms, and how many there were a second."""
    end = time.monotonic() + seconds

    def loop(_: int) -> list[float]:
        times = []
        while time.monotonic() < end:
            began = time.monotonic()
            call()
            times.append(1000 * (time.monotonic() - began))
        return times

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        times = [each for all_ in pool.map(loop, range(threads)) for each in all_]
    return times, len(times) / (time.monotonic() - began)


def operations(breaker: Stack) -> dict:
    """What is measured, by the names of the file of latencies."""
    table = breaker.outputs["TableName"]
    scratch = breaker.queues.create_queue(QueueName=f"calibrate-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    db, sqs = breaker.client("dynamodb"), breaker.queues
    key = lambda: {"pk": {"S": f"calibrate#{uuid.uuid4().hex}"}, "sk": {"S": "x"}}  # noqa: E731
    put = lambda: {"Put": {"TableName": table, "Item": key() | {"text": {"S": "x" * 400}}}}  # noqa: E731
    send = lambda: sqs.send_message_batch(QueueUrl=scratch, Entries=[{"Id": "a", "MessageBody": "x"}])  # noqa: E731
    api = requests.Session()
    return {
        "table.get": lambda: db.get_item(TableName=table, Key=key()),
        "table.get_many": lambda: db.batch_get_item(RequestItems={table: {"Keys": [key(), key()]}}),
        "table.write": lambda: db.put_item(TableName=table, Item=put()["Put"]["Item"]),
        "table.transact": lambda: db.transact_write_items(TransactItems=[put(), put()]),
        "table.query": lambda: db.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": uuid.uuid4().hex}},
        ),
        "queue.send": send,
        "queue.receive": lambda: sqs.receive_message(QueueUrl=scratch, WaitTimeSeconds=0),
        # A bad name: the function answers without any call of its own.
        "api.overhead": lambda: api.get(f"{breaker.outputs['ApiUrl']}/targets/a%20b", timeout=30),
    }


# What is taken for as dear as what was measured.
LIKE = {
    "table.count": "table.query", "queue.delete": "queue.receive", "queue.hide": "queue.receive",
    "queue.depth": "queue.receive", "topic.publish": "queue.send", "flow.start": "queue.send",
    "flow.send": "queue.send", "flow.task": "api.overhead", "poll.queue": "queue.receive",
}  # fmt: skip


def measure(breaker: Stack) -> pathlib.Path:
    """Writes the file of latencies."""
    found = {}
    for name, call in operations(breaker).items():
        call()
        times, _ = timed(call, 2)
        _, rate = timed(call, 3, THREADS)
        times.sort()
        busy = 1000 / rate
        at = lambda share: max(0.05, times[min(len(times) - 1, int(share * len(times)))] - busy)  # noqa: E731, B023
        found[name] = (at(0.5), at(0.99), at(0.999), busy)
        print(f"  {name:<16} p50 {statistics.median(times):6.1f} ms alone, {rate:6.0f} a second", flush=True)
    found |= {name: found[like] for name, like in LIKE.items()}
    lines = ["# Measured on LocalStack by benches/calibrate.py; milliseconds.", "[server]", "lanes = 1"]
    for name, (p50, p99, tail, busy) in found.items():
        lines += [f'["{name}"]', f"p50 = {p50:.3f}", f"p99 = {max(p99, p50):.3f}", f"tail = {max(tail, p99, p50):.3f}"]
        lines += [f"busy = {busy:.3f}", 'source = "measured"']
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "localstack.toml"
    file.write_text("\n".join(lines) + "\n")
    return file


def clients(number: int, call) -> tuple[float, float]:
    """What so many clients come to: requests a second, and the median in ms."""
    timed(call, 2, number)
    times, rate = timed(call, SECONDS, number)
    return rate, statistics.median(times)


def predicted(program: str, latencies: pathlib.Path, number: int, rest: str) -> tuple[float, float]:
    folder = FOLDER / "calibrate"
    folder.mkdir(exist_ok=True)
    text = f'says = "{number} clients"\nrate = 1\nseconds = 60\nshort = {{ rate = 1, share = 1 }}\n'
    (folder / "clients.toml").write_text(f"{text}arrivals = {{ clients = {number} }}\n{rest}")
    settings = {"SCENARIOS": str(folder), "LATENCIES": str(latencies), "PICTURES": str(FOLDER)}
    done = subprocess.run(
        [program], env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])["measured"]
    return measured["throughput"], measured["p50_ms"]


def row(what: str, number: int, told: tuple[float, float], seen: tuple[float, float]) -> str:
    off = [f"{100 * (told[i] / seen[i] - 1):+.0f} %" for i in (0, 1)]
    return (
        f"| {what} | {number} | {told[0]:.0f} / {seen[0]:.0f} | {off[0]} | {told[1]:.1f} / {seen[1]:.1f} ms | {off[1]} |"
    )


def main() -> None:
    breaker = Stack("circuit-breaker")
    latencies = measure(breaker)
    lines = [
        "| load | clients | a second, predicted / measured | off by | median, predicted / measured | off by |",
        "|---|---|---|---|---|---|",
    ]
    program = scale.build("circuit-breaker")
    with Target() as target:
        name = f"t{uuid.uuid4().hex[:8]}"
        url = breaker.outputs["ApiUrl"]
        requests.put(f"{url}/targets/{name}", json={"url": target.endpoint(name).url, "idempotency": "target"}, timeout=30).raise_for_status()
        session = requests.Session()

        def ask() -> None:
            headers = {"idempotency-key": uuid.uuid4().hex}
            session.post(f"{url}/requests/{name}", json={"n": 1}, headers=headers, timeout=30).raise_for_status()

        for number in CLIENTS:
            seen = clients(number, ask)
            rest = "[hosts.target-1]\np50 = 2\n"
            told = predicted(program, latencies, number, rest)
            lines.append(row("closed requests", number, told, seen))
            print(lines[-1], flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
