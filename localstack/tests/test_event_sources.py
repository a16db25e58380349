"""A queue's batches on the running LocalStack: real queues, real mappings, and a function in Python.

Needs a LocalStack that runs (`localstack/tenfold start`), and leaves nothing in it.
"""

import uuid
from pathlib import Path

import boto3
import pytest
from functions import WITHIN, eventually, function

pytestmark = pytest.mark.usefixtures("running_localstack")


@pytest.fixture
def source(tmp_path: Path, names):
    def make(hidden_seconds: int = WITHIN, **mapping) -> Source:
        return Source(tmp_path, names, hidden_seconds, mapping)

    return make


class Source:
    """A queue, a function, and the mapping between them."""

    def __init__(self, folder: Path, made: list, hidden_seconds: int, mapping: dict) -> None:
        self.folder = folder
        self._sqs, self._lambda = boto3.client("sqs"), boto3.client("lambda")
        name = f"event-source-{uuid.uuid4().hex[:12]}"
        attributes = {"VisibilityTimeout": str(hidden_seconds)}
        self._url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        made.append((self._sqs.delete_queue, {"QueueUrl": self._url}))
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        function(name, folder, made, Timeout=hidden_seconds)
        self.id = self._lambda.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=arn["Attributes"]["QueueArn"],
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **mapping,
        )["UUID"]
        made.append((self.end, {}))

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)

    def left(self) -> tuple[int, int]:
        """How many messages wait, and how many are hidden."""
        asked = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        told = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=list(asked))["Attributes"]
        return int(told[asked[0]]), int(told[asked[1]])

    def state(self) -> str | None:
        """None when it is gone: other than when it is asked for alone, a mapping is listed until it has ended."""
        found = self._lambda.list_event_source_mappings()["EventSourceMappings"]
        return next((mapping["State"] for mapping in found if mapping["UUID"] == self.id), None)

    def update(self, **changes) -> None:
        self._lambda.update_event_source_mapping(UUID=self.id, **changes)

    def end(self) -> None:
        if self.state() not in (None, "Deleting"):
            self._lambda.delete_event_source_mapping(UUID=self.id)


def test_a_batch_that_waits_for_another_is_not_in_its_way(source):
    queue = source(BatchSize=1)
    queue.send("first second-ended first-ended", "second second second-ended")
    eventually("both are handled and deleted", lambda: queue.left() == (0, 0))
    assert (queue.folder / "first-ended").exists() and (queue.folder / "second-ended").exists()


def test_no_more_at_once_than_the_mapping_says(source):
    queue = source(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    queue.send(*(f"begun-{n} go ended-{n}" for n in range(5)))
    eventually("two are under way", lambda: queue.left() == (3, 2))
    assert len(list(queue.folder.glob("begun-*"))) <= 2
    (queue.folder / "go").touch()
    eventually("all are handled and deleted", lambda: queue.left() == (0, 0))
    assert len(list(queue.folder.glob("ended-*"))) == 5


def test_what_is_reported_as_failed_comes_again_and_nothing_else(source):
    queue = source(hidden_seconds=2, BatchSize=10)
    queue.send("good good good-ended", "bad never bad-ended", "fine fine fine-ended")
    eventually("the bad one is alone", lambda: (queue.folder / "fine-ended").exists() and sum(queue.left()) == 1)
    eventually("it is handled when it comes again", lambda: queue.left() == (0, 0))
    assert (queue.folder / "bad-ended").exists()


def test_a_mapping_that_is_disabled_takes_nothing_until_it_is_enabled(source):
    queue = source(BatchSize=1)
    queue.send(*(f"begun-{n} go ended-{n}" for n in range(2)))
    eventually("both are under way", lambda: len(list(queue.folder.glob("begun-*"))) == 2)
    queue.update(Enabled=False)
    (queue.folder / "go").touch()
    eventually("what was under way is deleted", lambda: queue.left() == (0, 0))
    eventually("it is disabled", lambda: queue.state() == "Disabled")
    queue.send("later later later-ended")
    assert queue.left() == (1, 0)
    queue.update(Enabled=True)
    eventually("it is handled now", lambda: queue.left() == (0, 0))


def test_a_mapping_that_is_deleted_is_gone_when_its_batches_are(source):
    queue = source(BatchSize=1)
    queue.send(*(f"begun-{n} go ended-{n}" for n in range(3)))
    eventually("three are under way", lambda: len(list(queue.folder.glob("begun-*"))) == 3)
    queue.end()
    (queue.folder / "go").touch()
    eventually("it is gone", lambda: queue.state() is None)
    eventually("what was under way is deleted", lambda: queue.left() == (0, 0))
    queue.send("later later later-ended")
    assert queue.left() == (1, 0)
