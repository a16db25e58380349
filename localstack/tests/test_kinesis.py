"""Kinesis on the running LocalStack: a real emulator, real mappings, and the changes of a real table.

Needs a LocalStack that runs (`localstack/tenfold start`), and leaves nothing in it.
"""

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
    """Maps the stream to a function, with all that AWS has for it; gives the mapping."""

    def make(**settings) -> dict:
        client, name = boto3.client("lambda"), stream.name
        function(name, tmp_path, names, Timeout=30)
        made = client.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=stream.arn,
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


def test_what_fails_each_time_is_told_to_the_destination_and_holds_up_nothing(stream, mapping, tmp_path, names):
    queues = boto3.client("sqs")
    url = queues.create_queue(QueueName=stream.name)["QueueUrl"]
    names.append((queues.delete_queue, {"QueueUrl": url}))
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping(BatchSize=1, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    stream.put("bad always-bad bad-ended", "good go good-ended")
    (tmp_path / "go").touch()
    eventually("the good one is handled", (tmp_path / "good-ended").exists)
    told = []
    eventually("the bad one is told", lambda: told.extend(queues.receive_message(QueueUrl=url).get("Messages", [])) or told)
    failure = json.loads(told[0]["Body"])
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    batch = failure["KinesisBatchInfo"]
    assert (batch["streamArn"], batch["batchSize"]) == (stream.arn, 1)


def test_the_changes_of_a_table_come_to_its_stream(stream, names):
    client, name = boto3.client("dynamodb"), stream.name
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    names.append((client.delete_table, {"TableName": name}))

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
