"""Streams on the running LocalStack: a real emulator of Kinesis, real mappings, and the changes of real tables.

Needs a LocalStack that runs (`localstack/tenfold start`), and leaves nothing in it.
"""

import hashlib
import json
import uuid
from pathlib import Path

import boto3
import pytest
from functions import eventually, function


pytestmark = pytest.mark.usefixtures("running_localstack")


class Stream:
    def __init__(self, made: list, shards: int = 2) -> None:
        self._client = boto3.client("kinesis")
        self.name = f"stream-{uuid.uuid4().hex[:12]}"
        self._client.create_stream(StreamName=self.name, ShardCount=shards)
        made.append((self._client.delete_stream, {"StreamName": self.name, "EnforceConsumerDeletion": True}))
        eventually("the stream is there", lambda: self._summary()["StreamStatus"] == "ACTIVE")
        self.arn = self._summary()["StreamARN"]

    def put(self, *bodies: str, key: str = "one") -> None:
        records = [{"Data": body.encode(), "PartitionKey": key} for body in bodies]
        assert self._client.put_records(StreamName=self.name, Records=records)["FailedRecordCount"] == 0

    def records(self) -> list[tuple[str, dict]]:
        """All of them: the shard, and what they say as JSON."""
        found = []
        for shard in self._client.list_shards(StreamName=self.name)["Shards"]:
            where = {"StreamName": self.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = self._client.get_shard_iterator(**where)["ShardIterator"]
            got = self._client.get_records(ShardIterator=iterator)["Records"]
            found += [(shard["ShardId"], json.loads(record["Data"])) for record in got]
        return found

    def _summary(self) -> dict:
        return self._client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]


@pytest.fixture
def stream(names) -> Stream:
    return Stream(names)


@pytest.fixture
def mapping(stream: Stream, tmp_path: Path, names):
    """Maps the stream, or another one, to a function, with all that AWS has for it; gives the mapping."""

    def make(source: str | None = None, **settings) -> dict:
        client, name = boto3.client("lambda"), stream.name
        function(name, tmp_path, names, Timeout=30)
        made = client.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=source or stream.arn,
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            ParallelizationFactor=4,
            **settings,
        )
        names.append((client.delete_event_source_mapping, {"UUID": made["UUID"]}))
        return made

    return make


def test_what_is_reported_as_failed_comes_again_with_all_behind_it(stream, mapping, tmp_path):
    made = mapping(BatchSize=10)
    assert (made["ParallelizationFactor"], made["BisectBatchOnFunctionError"]) == (4, True)
    stream.put("first go first-ended", "second never second-ended", "third go third-ended")
    stream.put("other go other-ended", key="another")
    (tmp_path / "go").touch()
    for name in ("first", "second", "third", "other"):
        eventually(f"the {name} one is handled", (tmp_path / f"{name}-ended").exists)


@pytest.fixture
def destination(stream: Stream, names):
    """A queue for what failed: its ARN, and what gives all that it was told."""
    queues, told = boto3.client("sqs"), []
    url = queues.create_queue(QueueName=stream.name)["QueueUrl"]
    names.append((queues.delete_queue, {"QueueUrl": url}))
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def receive() -> list[dict]:
        told.extend(json.loads(m["Body"]) for m in queues.receive_message(QueueUrl=url).get("Messages", []))
        return told

    return arn, receive


def test_what_fails_each_time_is_told_to_the_destination_and_holds_up_nothing(stream, mapping, tmp_path, destination):
    arn, told = destination
    mapping(BatchSize=1, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    stream.put("bad always-bad bad-ended", "good go good-ended")
    (tmp_path / "go").touch()
    eventually("the good one is handled", (tmp_path / "good-ended").exists)
    eventually("the bad one is told", told)
    (failure,) = told()
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    batch = failure["KinesisBatchInfo"]
    assert (batch["streamArn"], batch["batchSize"]) == (stream.arn, 1)


def test_a_batch_that_fails_as_a_whole_is_split_until_what_fails_is_alone(stream, mapping, tmp_path, destination):
    arn, told = destination
    (tmp_path / "go").touch()
    # Of a body that it cannot read the function dies.
    stream.put("a go a-ended", "b go b-ended", "unreadable", "c go c-ended", "d go d-ended")
    mapping(BatchSize=10, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    for name in "abcd":
        eventually(f"{name} is handled", (tmp_path / f"{name}-ended").exists)
    eventually("the one that fails is told", told)
    assert [failure["KinesisBatchInfo"]["batchSize"] for failure in told()] == [1]


def test_a_shard_whose_batch_takes_long_holds_up_no_other(stream, mapping, tmp_path):
    mapping(BatchSize=1)
    # Half of all keys belong to one of two shards: by the first bit of their MD5.
    keys = [f"key-{n}" for n in range(20)]
    first, second = (next(k for k in keys if hashlib.md5(k.encode()).digest()[0] >> 7 == bit) for bit in (0, 1))
    stream.put("slow go slow-ended", "behind go behind-ended", key=first)
    eventually("the slow one is under way", (tmp_path / "slow").exists)
    stream.put("other other other-ended", key=second)
    eventually("the other shard's is handled", (tmp_path / "other-ended").exists)
    assert not (tmp_path / "behind").exists()
    (tmp_path / "go").touch()
    eventually("what waited is handled", (tmp_path / "behind-ended").exists)


@pytest.fixture
def table(stream: Stream, names):
    """Makes a table with the stream's name; gives what it is then."""

    def make(**settings) -> dict:
        client = boto3.client("dynamodb")
        made = client.create_table(
            TableName=stream.name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **settings,
        )
        names.append((client.delete_table, {"TableName": stream.name}))
        return made["TableDescription"]

    return make


def test_a_table_s_own_stream_is_split_and_reported_of_in_the_same_way(stream, table, mapping, tmp_path, destination):
    arn, told = destination
    source = table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})["LatestStreamArn"]
    for pk, body in enumerate(("a go a-ended", "unreadable", "b never b-ended", "c go c-ended")):
        item = {"pk": {"S": str(pk)}, "body": {"S": body}}
        boto3.client("dynamodb").put_item(TableName=stream.name, Item=item)
    (tmp_path / "go").touch()
    mapping(source, BatchSize=10, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}})
    for name in "abc":
        eventually(f"{name} is handled", (tmp_path / f"{name}-ended").exists)
    eventually("the one that fails is told", told)
    assert [failure["DDBStreamBatchInfo"]["batchSize"] for failure in told()] == [1]


def test_the_changes_of_a_table_come_to_its_stream(stream, table):
    client, name = boto3.client("dynamodb"), stream.name
    table()

    def put(pk: str, n: int) -> None:
        client.put_item(TableName=name, Item={"pk": {"S": pk}, "n": {"N": str(n)}, "b": {"B": b"\0"}})

    destination = {"TableName": name, "StreamArn": stream.arn}
    put("early", 0)
    client.enable_kinesis_streaming_destination(**destination)
    put("a", 1), put("a", 2), put("b", 1)
    client.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    eventually("all changes are there", lambda: len(stream.records()) >= 4)
    of_a = [(shard, said) for shard, said in stream.records() if said["dynamodb"]["Keys"] == {"pk": {"S": "a"}}]
    assert [said["eventName"] for _, said in of_a] == ["INSERT", "MODIFY", "REMOVE"]
    assert len({shard for shard, _ in of_a}) == 1
    changed = of_a[1][1]
    assert (changed["tableName"], changed["eventSource"]) == (name, "aws:dynamodb")
    assert changed["dynamodb"]["OldImage"] == {"pk": {"S": "a"}, "n": {"N": "1"}, "b": {"B": "AA=="}}
    assert changed["dynamodb"]["NewImage"]["n"] == {"N": "2"}

    client.disable_kinesis_streaming_destination(**destination)
    put("unseen", 1)
    client.enable_kinesis_streaming_destination(**destination)
    put("seen", 1)
    eventually("it is enabled again", lambda: "seen" in json.dumps(stream.records()))
    told = json.dumps(stream.records())
    assert "unseen" not in told and "early" not in told and told.count('"seen"') == 2, told
