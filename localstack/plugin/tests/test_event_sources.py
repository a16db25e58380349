"""Several batches of a queue at once: none waits for another, and all end with their mapping."""

import itertools
import threading
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from conftest import eventually
from localstack.services.lambda_.event_source_mapping import esm_worker, esm_worker_factory
from localstack.services.lambda_.event_source_mapping.esm_worker import EsmState, EsmWorker
from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
from localstack.services.lambda_.event_source_mapping.event_processor import PartialBatchFailureError
from localstack.services.lambda_.event_source_mapping.pollers import sqs_poller
from localstack.services.lambda_.invocation.models import lambda_stores

from tenfold_localstack import event_sources

ACCOUNT, REGION = "111111111111", "us-east-1"


class Queue:
    """A queue's client: what is received is hidden until it is deleted, or shown again."""

    def __init__(self, fifo: bool = False) -> None:
        self.meta = Mock()
        self.waiting: list[dict] = []
        self.hidden: dict[str, dict] = {}
        self._fifo = str(fifo).lower()
        self._ids = (f"m{number}" for number in itertools.count(1))
        self._lock = threading.Lock()

    def send(self, *bodies: str) -> None:
        with self._lock:
            for id, body in zip(self._ids, bodies):
                self.waiting.append(
                    {
                        "MessageId": id,
                        "ReceiptHandle": id,
                        "Body": body,
                        "Attributes": {"MessageGroupId": "group"},
                    }
                )

    def bodies(self) -> list[str]:
        """What is in the queue, hidden or not."""
        with self._lock:
            return sorted(m["Body"] for m in (*self.waiting, *self.hidden.values()))

    def get_queue_attributes(self, **_) -> dict:
        return {"Attributes": {"FifoQueue": self._fifo}}

    def receive_message(self, MaxNumberOfMessages: int, **_) -> dict:
        with self._lock:
            taken = self.waiting[:MaxNumberOfMessages]
            del self.waiting[:MaxNumberOfMessages]
            self.hidden |= {message["ReceiptHandle"]: message for message in taken}
            return {"Messages": taken}

    def delete_message_batch(self, Entries: list[dict], **_) -> None:
        with self._lock:
            for entry in Entries:
                del self.hidden[entry["ReceiptHandle"]]


class Function:
    """Holds every batch that has a message `slow…` until it is let go; tells who is in it, and who was."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.done: list[str] = []
        self.most = 0
        self.go = threading.Event()
        self._lock = threading.Lock()

    def process_events_batch(self, events: list[dict]) -> None:
        bodies = [event["body"] for event in events]
        with self._lock:
            self.inside += bodies
            self.most = max(self.most, len(self.inside))
        if any(body.startswith("slow") for body in bodies):
            assert self.go.wait(60)
        with self._lock:
            self.inside = [body for body in self.inside if body not in bodies]
            self.done += bodies
        if any("crash" in body for body in bodies):
            raise RuntimeError("crashed")
        if bad := [e["messageId"] for e in events if e["body"].startswith("bad")]:
            raise PartialBatchFailureError(
                partial_failure_payload={"batchItemFailures": [{"itemIdentifier": id} for id in bad]}
            )


class Mapping:
    """A mapping as LocalStack runs it: its worker's loop with our poller, a queue and a function."""

    def __init__(self, at_once: int, batch_size: int, fifo: bool) -> None:
        self.queue, self.function = Queue(fifo), Function()
        poller = event_sources.ParallelSqsPoller(
            source_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders",
            source_parameters={"SqsQueueParameters": {"BatchSize": batch_size}},
            source_client=self.queue,
            processor=self.function,
        )
        self.config = {"UUID": "a-mapping", "FunctionArn": "a-function", "EventSourceArn": poller.source_arn}
        self.store = lambda_stores[ACCOUNT][REGION].event_source_mappings
        self.store["a-mapping"] = self.config
        self.worker = EsmWorker(self.config, poller)
        poller.at_once, poller.is_over = at_once, self.worker._shutdown_event.is_set
        self.worker.create()

    def is_polled(self) -> bool:
        return self.worker._poller_thread.is_alive() or bool(self.worker.poller._under_way)


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(sqs_poller, "get_queue_url", lambda arn: "a-url")
    version = SimpleNamespace(id=SimpleNamespace(account=ACCOUNT, region=REGION))
    monkeypatch.setattr(esm_worker, "get_function_version_from_arn", lambda arn: version)
    for name in ("POLL_INTERVAL_SEC", "MAX_BACKOFF_ON_EMPTY_POLL_SEC"):
        monkeypatch.setattr(esm_worker, f"LAMBDA_EVENT_SOURCE_MAPPING_{name}", 0.01)
    made = []

    def make(at_once: int = 4, batch_size: int = 1, fifo: bool = False) -> Mapping:
        made.append(Mapping(at_once, batch_size, fifo))
        return made[-1]

    yield make
    for mapping in made:
        mapping.function.go.set()
        mapping.worker.stop_for_shutdown()
        eventually(lambda mapping=mapping: not mapping.is_polled(), "no poller is left")
        mapping.store.pop("a-mapping", None)


def test_a_slow_batch_does_not_hold_up_another(make):
    mapping = make()
    mapping.queue.send("slow", "quick")
    eventually(lambda: mapping.function.done == ["quick"], "the second is handled while the first is under way")
    assert mapping.queue.bodies() == ["slow"]
    mapping.function.go.set()
    eventually(lambda: mapping.queue.bodies() == [], "both are deleted")


def test_no_more_batches_at_once_than_asked_for(make):
    mapping = make(at_once=3)
    mapping.queue.send(*(f"slow{number}" for number in range(7)))
    eventually(lambda: len(mapping.function.inside) == 3, "three are under way")
    assert len(mapping.queue.waiting) == 4
    mapping.function.go.set()
    eventually(lambda: mapping.queue.bodies() == [], "all are handled")
    assert mapping.function.most <= 3


def test_batches_are_full_when_there_is_enough(make):
    mapping = make(at_once=2, batch_size=3)
    mapping.queue.send(*(f"slow{number}" for number in range(7)))
    eventually(lambda: len(mapping.function.inside) == 6, "two batches of three")
    assert [message["Body"] for message in mapping.queue.waiting] == ["slow6"]


def test_only_what_failed_stays_in_the_queue(make):
    mapping = make(batch_size=3)
    mapping.queue.send("slow", "bad", "good", "crash", "with it", "lost", "another")
    mapping.function.go.set()
    eventually(lambda: len(mapping.function.done) == 7, "all are handled")
    eventually(lambda: mapping.queue.bodies() == ["bad", "crash", "lost", "with it"], "and the others deleted")


@pytest.mark.parametrize("batch", ["slow", "slow crash"])
def test_a_batch_leaves_room_however_it_ends(make, batch):
    mapping = make(at_once=1)
    mapping.queue.send(batch)
    eventually(lambda: mapping.function.inside == [batch], "the only one is under way")
    mapping.function.go.set()
    mapping.queue.send("crash", "next")
    eventually(lambda: mapping.function.done == [batch, "crash", "next"], "the next ones are handled")


def test_a_fifo_queue_stays_in_order(make):
    mapping = make(fifo=True)
    mapping.queue.send("slow", "quick")
    eventually(lambda: mapping.function.inside == ["slow"], "the first is under way")
    assert not mapping.worker.poller._under_way
    assert [message["Body"] for message in mapping.queue.waiting] == ["quick"]
    mapping.function.go.set()
    eventually(lambda: mapping.function.done == ["slow", "quick"], "the second comes after the first")


@pytest.mark.parametrize(("end", "state"), [("stop", EsmState.DISABLED), ("delete", EsmState.DELETING)])
def test_a_mapping_ends_with_all_its_batches_and_takes_no_more(make, end, state):
    mapping = make()
    mapping.queue.send("slow1", "slow2")
    eventually(lambda: len(mapping.function.inside) == 2, "two are under way")
    getattr(mapping.worker, end)()
    assert mapping.is_polled() and "a-mapping" in mapping.store
    mapping.function.go.set()
    eventually(lambda: not mapping.is_polled(), "no poller is left")
    assert mapping.queue.bodies() == [], "what was under way is deleted"
    assert mapping.worker.current_state == state
    assert ("a-mapping" in mapping.store) == (end == "stop")
    mapping.queue.send("later")
    assert len(mapping.queue.waiting) == 1


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({}, 4),
        ({"ScalingConfig": None}, 4),
        ({"ScalingConfig": {}}, 4),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, 2),
        ({"ScalingConfig": {"MaximumConcurrency": "7"}}, 7),
        ({"ScalingConfig": {"MaximumConcurrency": 1000}}, 10),
    ],
)
def test_the_mapping_says_how_many(scaling, expected):
    assert event_sources.at_once(scaling) == expected


def test_localstack_makes_such_pollers_for_queues(monkeypatch):
    monkeypatch.setattr(sqs_poller, "get_queue_url", lambda arn: "a-url")
    version = SimpleNamespace(id=SimpleNamespace(account=ACCOUNT, region=REGION))
    monkeypatch.setattr(esm_worker, "get_function_version_from_arn", lambda arn: version)
    monkeypatch.setattr(esm_worker_factory, "get_internal_client", Mock())
    # Put back at the end of the test what adopt() replaces.
    monkeypatch.setattr(esm_worker_factory, "SqsPoller", esm_worker_factory.SqsPoller)
    monkeypatch.setattr(EsmWorkerFactory, "get_esm_worker", EsmWorkerFactory.get_esm_worker)
    event_sources.adopt()
    mapping = {
        "UUID": "a-mapping",
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
        "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "ScalingConfig": {"MaximumConcurrency": 6},
    }
    worker = EsmWorkerFactory(mapping, "a-role", True).get_esm_worker()
    assert isinstance(worker.poller, event_sources.ParallelSqsPoller)
    assert worker.poller.at_once == 6
    assert not worker.poller.is_over()
    worker.stop_for_shutdown()
    assert worker.poller.is_over()
