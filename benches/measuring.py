"""How long each operation of LocalStack takes: a file of latencies for the world with time.

LocalStack is one Python process, which works on one thing at a time. So an operation has two figures: the processor time
that it takes of that process (`busy`), for which others wait, and what it takes besides, alone.
"""

import concurrent.futures
import datetime
import json
import os
import pathlib
import time
import uuid

import requests
from circuit_breaker.api import proxy_event
from stack import Stack

# Nothing is measured finer than this.
LEAST = 0.05
# So many do at once what is measured for its processor time: alone, LocalStack takes longer to wake up.
AT_ONCE = 4
ROUNDS = 4
EXECUTIONS = 20
# The share of the processor below which LocalStack is at rest.
QUIET = 0.1
# So many at once, as a request has of them.
METRICS = 8
# A request that a pattern's function refuses without any call of its own, and that function.
REFUSED = {"circuit-breaker": "/requests/calibrate", "saga": "/trips"}
FUNCTION = {"circuit-breaker": "GatewayFunction", "saga": "ApiFunction"}


PID = pathlib.Path(__file__).resolve().parent.parent / ".local" / "localstack" / "pid"


def processor_time(pid: str) -> float:
    """What a process has taken of the processor, in ms."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


class Processor:
    """Processor time of LocalStack and of this process, less what LocalStack takes when nobody calls it.

    LocalStack looks at its alarms each minute, and takes in metrics of what is long over: so what is measured is the
    least of several times.
    """

    def __init__(self) -> None:
        self._processes = (PID.read_text().strip(), "self")
        self.idle = 0.0
        self.idle = min(self.during(lambda: time.sleep(2))[0] for _ in range(5)) / 2000

    def settle(self) -> None:
        """Waits until LocalStack has done with what it was given."""
        for _ in range(150):
            if self.during(lambda: time.sleep(2))[0] < QUIET * 2000:
                return
        print("  LocalStack does not come to rest: the figures will be too high", flush=True)

    def during(self, act) -> tuple[float, float]:
        """What something takes, in ms: of LocalStack, and of this process."""
        began, before = time.monotonic(), self._now()
        act()
        took = 1000 * (time.monotonic() - began)
        server, own = (after - start for after, start in zip(self._now(), before, strict=True))
        return max(LEAST, server - self.idle * took), own

    def of_each(self, call, at_once: int = AT_ONCE) -> tuple[float, float]:
        """What each of many calls takes, in ms: of LocalStack, and of this process."""
        all_: list[float] = []
        server, own = self.during(lambda: all_.extend(timed(call, 1.5, at_once)[0]))
        return server / len(all_), own / len(all_)

    def _now(self) -> list[float]:
        return [processor_time(process) for process in self._processes]


def operations(stack: Stack) -> dict:
    """What is called, by the names of the file of latencies; those in brackets are parts of others."""
    table = stack.outputs["TableName"]
    db, sqs, sns = (stack.client(name) for name in ("dynamodb", "sqs", "sns"))
    queue = lambda: sqs.create_queue(QueueName=f"calibrate-{uuid.uuid4().hex[:8]}")["QueueUrl"]  # noqa: E731
    # Received from is an empty one: messages that are seen again and again keep LocalStack busy.
    scratch, empty = queue(), queue()
    topic = sns.create_topic(Name=f"calibrate-{uuid.uuid4().hex[:8]}")["TopicArn"]
    key = lambda: {"pk": {"S": f"calibrate#{uuid.uuid4().hex}"}, "sk": {"S": "x"}}  # noqa: E731
    put = lambda: {"Put": {"TableName": table, "Item": key() | {"text": {"S": "x" * 400}}}}  # noqa: E731
    send = lambda: sqs.send_message_batch(QueueUrl=scratch, Entries=[{"Id": "a", "MessageBody": "x"}])  # noqa: E731
    api = requests.Session()
    return {
        "table.get": lambda: db.get_item(TableName=table, Key=key()),
        "table.get_many": lambda: db.batch_get_item(RequestItems={table: {"Keys": [key(), key()]}}),
        "table.write": lambda: db.put_item(TableName=table, Item=put()["Put"]["Item"]),
        "table.transact": lambda: db.transact_write_items(TransactItems=[put(), put(), put()]),
        "table.query": lambda: db.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": uuid.uuid4().hex}},
        ),
        "queue.send": send,
        "queue.receive": lambda: sqs.receive_message(QueueUrl=empty, WaitTimeSeconds=0),
        "topic.publish": lambda: sns.publish(TopicArn=topic, Message="x"),
        # There is no such route: no function is invoked.
        "api.overhead": lambda: api.delete(f"{stack.outputs['ApiUrl']}/", timeout=30),
        "(request)": lambda: api.post(
            stack.outputs["ApiUrl"] + REFUSED[stack.slug], json={"n": 1}, headers={"idempotency-key": "x" * 300}, timeout=30
        ),
    }


def metrics(stack: Stack):
    """Puts metrics as LocalStack does itself of what functions write, one call at a time."""
    watch = stack.client("cloudwatch")
    data = [{"MetricName": f"m{n}", "Value": 1.0, "Dimensions": [{"Name": "Stack", "Value": "s"}]} for n in range(METRICS)]
    now = lambda: datetime.datetime.now(datetime.UTC)  # noqa: E731
    return lambda: watch.put_metric_data(Namespace="Calibrate", MetricData=[each | {"Timestamp": now()} for each in data])


class Flows:
    """State machines of LocalStack's that do little: what a start, a transition and a task take."""

    def __init__(self, stack: Stack, processor: Processor) -> None:
        self._client, self._processor = stack.client("stepfunctions"), processor
        name = stack.outputs[FUNCTION[stack.slug]]
        self._function = stack.functions.get_function_configuration(FunctionName=name)["FunctionArn"]

    def measure(self) -> dict:
        one, many = self._execution("Pass", 1), self._execution("Pass", 21)
        tasks = self._execution("Task", 6)
        transition = (many - one) / 20
        # A task's own invocation is counted as one.
        return {"flow.start": one - transition, "flow.transition": transition, "(task)": (tasks - one) / 5 - transition}

    def _execution(self, kind: str, states: int) -> float:
        """What an execution takes with so many states that pass on what they get, or call a function, in ms."""
        of = {"Type": kind} if kind == "Pass" else {"Type": kind, "Resource": self._function, "Parameters": proxy_event("GET", "/nowhere", {}, "")}
        names = [f"s{n}" for n in range(states)]
        all_ = {name: of | {"Next": after} for name, after in zip(names, names[1:], strict=False)}
        machine = self._client.create_state_machine(
            name=f"calibrate-{uuid.uuid4().hex[:8]}",
            definition=json.dumps({"StartAt": "s0", "States": all_ | {names[-1]: of | {"End": True}}}),
            roleArn="arn:aws:iam::000000000000:role/calibrate",
        )["stateMachineArn"]

        def run() -> None:
            started = [self._client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(EXECUTIONS)]
            for each in started:
                while self._client.describe_execution(executionArn=each)["status"] == "RUNNING":
                    time.sleep(0.2)

        run()
        return min(self._processor.during(run)[0] for _ in range(ROUNDS)) / EXECUTIONS


# What is taken for as dear as what was measured.
LIKE = {
    "table.count": "table.query", "queue.delete": "queue.receive", "queue.hide": "queue.receive",
    "queue.depth": "queue.receive", "topic.delivery": "queue.send", "poll.stream": "table.query",
}  # fmt: skip


def measure(stack: Stack) -> dict[str, tuple[float, float, float, float]]:
    """p50, p99, p99.9 and processor time of all that LocalStack does, in ms."""
    processor = Processor()
    processor.settle()
    calls = operations(stack)
    rounds: dict[str, list[tuple[float, float, float, float]]] = {}
    # In rounds, so that a slow moment of the machine is one of several for each of them.
    for turn in range(ROUNDS):
        print(f"  round {turn + 1} of {ROUNDS}", flush=True)
        for name, call in calls.items():
            timed(call, 1)
            times = sorted(timed(call, 1.5)[0])
            busy, own = processor.of_each(call)
            at = lambda share: max(LEAST, times[min(len(times) - 1, int(share * len(times)))] - busy - own)  # noqa: E731, B023
            rounds.setdefault(name, []).append((at(0.5), at(0.99), at(0.999), busy))
    found = {name: tuple(map(min, zip(*all_, strict=True))) for name, all_ in rounds.items()}
    for name, (p50, _, _, busy) in found.items():
        print(f"  {name:<16} p50 {p50 + busy:6.1f} ms alone, {busy:5.1f} ms of the processor", flush=True)
    busy = min(processor.of_each(metrics(stack), 1)[0] for _ in range(ROUNDS))
    found["metrics.put"] = (LEAST, LEAST, LEAST, busy / METRICS)
    print(f"  {'metrics.put':<16} {busy / METRICS:5.1f} ms of the processor", flush=True)
    less = lambda whole, part: tuple(max(LEAST, a - b) for a, b in zip(found[whole], found[part], strict=True))  # noqa: E731
    found["lambda.warm"] = less("(request)", "api.overhead")
    if "StateMachineArn" in stack.outputs:
        for name, busy in Flows(stack, processor).measure().items():
            found[name] = (LEAST, LEAST, LEAST, max(LEAST, busy))
            print(f"  {name:<16} {busy:5.1f} ms of the processor", flush=True)
        found["flow.task"] = found["flow.send"] = less("(task)", "lambda.warm")
    found |= {name: found[like] for name, like in LIKE.items()}
    # A poller receives, and deletes what is done.
    found["poll.queue"] = tuple(2 * figure for figure in found["queue.receive"])
    # What LocalStack does by itself goes on all the while: less of the processor is left.
    left = 1 - processor.idle
    print(f"  at rest it takes {100 * processor.idle:.0f} % of a processor", flush=True)
    return {n: (p50, p99, tail, busy / left) for n, (p50, p99, tail, busy) in found.items() if not n.startswith("(")}


def write(found: dict[str, tuple[float, float, float, float]], file: pathlib.Path) -> None:
    """Writes the file of latencies."""
    lines = ["# Measured on LocalStack by benches/calibrate.py; milliseconds.", "[server]", "lanes = 1"]
    for name, (p50, p99, tail, busy) in found.items():
        lines += [f'["{name}"]', f"p50 = {p50:.3f}", f"p99 = {max(p99, p50):.3f}", f"tail = {max(tail, p99, p50):.3f}"]
        lines += [f"busy = {busy:.3f}", 'source = "measured"']
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
