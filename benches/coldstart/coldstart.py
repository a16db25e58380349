#!/usr/bin/env python3
"""How long a Lambda binary takes from exec to its first question for an event, and what it then holds.

    coldstart.py [-n RUNS] [-e NAME=VALUE]… [--invoke EVENT.json [--warm N]] BINARY [ARGUMENT…] [-- BINARY [ARGUMENT…]]…

Plays the Lambda Runtime API on loopback, starts the command RUNS times with a clean environment such as Lambda
gives, and prints one JSON line: median, least and greatest milliseconds to the first
`GET /2018-06-01/runtime/invocation/next`, and the median resident memory then. Several commands take turns, so
that whatever else the machine does slows them alike; each has its line. With --invoke it also answers with that
event and measures to the posted response (a first invocation, cold); with --warm it gives it the event N times more
and tells the median. Only Python's standard library.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import time

NEXT = b"GET /2018-06-01/runtime/invocation/next"


def request(connection):
    """The next request of a connection: its head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise SystemExit(f"the process hung up; it had sent {data!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def invoked(connection, event, number):
    """Gives the process an event; its answer, and after how many seconds it came. It asks for the next one then."""
    deadline = int(time.time() * 1000) + 30000
    asked = time.perf_counter()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: %d\r\nlambda-runtime-deadline-ms: %d\r\n"
        b"lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (number, deadline, len(event), event)
    )
    connection.settimeout(30)
    _, answer = request(connection)
    return answer, time.perf_counter() - asked


def once(command, environment, event, warm=0):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    environment = dict(environment, AWS_LAMBDA_RUNTIME_API="127.0.0.1:%d" % listener.getsockname()[1])
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        connection, _ = listener.accept()
        head, body = request(connection)
        ready = time.perf_counter() - began
        if not head.startswith(NEXT):
            raise SystemExit(f"not ready: {head.splitlines()[0].decode()} {body.decode()}")
        result = {"ready_ms": ready * 1000, "rss_kib": resident_kib(process.pid)}
        if event is not None:
            result["answer"], seconds = invoked(connection, event, 0)
            result["invoke_ms"] = seconds * 1000
            times = []
            for number in range(1, warm + 1):
                connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                head, _ = request(connection)
                if not head.startswith(NEXT):
                    raise SystemExit(f"not ready for the next: {head.splitlines()[0].decode()}")
                times.append(invoked(connection, event, number)[1])
            if times:
                result["warm_us"] = statistics.median(times) * 1e6
            result["rss_kib"] = resident_kib(process.pid)
        return result
    finally:
        process.kill()
        process.wait()
        listener.close()


def environment(variables):
    """What Lambda gives a function, and the function's own variables."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        **variables,
    }


def measure(commands, runs, variables, event=None, warm=0):
    """A report for each command; they take turns."""
    env = environment(variables)
    for command in commands:
        once(command, env, event, warm)  # so that its files are in the page cache, as for all that follow
    results = [[once(command, env, event, warm) for command in commands] for _ in range(runs)]
    return [report(command, of_one) for command, of_one in zip(commands, zip(*results))]


def report(command, results):
    ready = [result["ready_ms"] for result in results]
    told = {
        "binary": os.path.basename(command[0]),
        "mib": round(os.path.getsize(command[0]) / 2**20, 1) if os.path.exists(command[0]) else None,
        "runs": len(results),
        "ready_ms": {"median": round(statistics.median(ready), 1), "min": round(min(ready), 1), "max": round(max(ready), 1)},
        "rss_mib": round(statistics.median(result["rss_kib"] for result in results) / 1024, 1),
    }
    if "answer" in results[-1]:
        told["invoke_ms"] = round(statistics.median(result["invoke_ms"] for result in results), 1)
        told["answer"] = results[-1]["answer"].decode()[:200]
    if "warm_us" in results[-1]:
        told["warm_us"] = round(statistics.median(result["warm_us"] for result in results), 1)
    return told


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("-n", type=int, default=50, metavar="RUNS")
    arguments.add_argument("-e", action="append", default=[], metavar="NAME=VALUE")
    arguments.add_argument("--invoke", metavar="EVENT.json")
    arguments.add_argument("--warm", type=int, default=0, metavar="N")
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    given = arguments.parse_args()
    commands = [[]]
    for word in given.command:
        commands.append([]) if word == "--" else commands[-1].append(word)
    event = open(given.invoke, "rb").read() if given.invoke else None
    for told in measure([c for c in commands if c], given.n, dict(pair.split("=", 1) for pair in given.e), event, given.warm):
        print(json.dumps(told))


if __name__ == "__main__":
    main()
