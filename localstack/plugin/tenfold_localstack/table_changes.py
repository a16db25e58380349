"""A table's changes in its Kinesis stream: LocalStack's second DynamoDB provider keeps such a destination, and sends it
nothing.

Here a thread for each destination reads the table's own stream, with LocalStack's poller for event source mappings, and
puts what it reads into the Kinesis stream, in AWS's format:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_using-shards-and-metrics.html
A batch of which Kinesis did not take all is put again as a whole: as on AWS, a record may come twice.
"""

import base64
import hashlib
import json
import logging
import threading
import time

from localstack.aws.connect import connect_to
from localstack.services.dynamodb.v2.provider import DynamoDBProvider, get_store
from localstack.services.lambda_.event_source_mapping.event_processor import (
    BatchFailureError,
    CustomerInvocationError,
    EventProcessor,
)
from localstack.services.lambda_.event_source_mapping.pollers.dynamodb_poller import DynamoDBPoller
from localstack.services.lambda_.event_source_mapping.pollers.poller import EmptyPollResultsException
from localstack.utils.aws.arns import parse_arn

LOG = logging.getLogger(__name__)

VIEW = "NEW_AND_OLD_IMAGES"
# In seconds, after a look at the table's stream.
PAUSE = 0.2
# In how many parts of a second a time is told.
PARTS = {"MILLISECOND": 1000, "MICROSECOND": 1_000_000}


def kinesis_record(table: str, region: str, precision: str, record: dict) -> dict:
    """An entry of PutRecords, of a record of DynamoDB Streams."""
    changed = dict(record["dynamodb"])
    for name in ("SequenceNumber", "StreamViewType"):
        changed.pop(name, None)
    when = changed["ApproximateCreationDateTime"].timestamp()
    changed["ApproximateCreationDateTime"] = int(when * PARTS[precision])
    if precision == "MICROSECOND":
        changed["ApproximateCreationDateTimePrecision"] = precision
    content = {
        "awsRegion": region,
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "userIdentity": record.get("userIdentity"),
        "recordFormat": "application/json",
        "tableName": table,
        "dynamodb": changed,
        "eventSource": "aws:dynamodb",
    }
    # An item's changes have one shard.
    key = hashlib.sha256(_json(changed["Keys"]).encode()).hexdigest()
    return {"PartitionKey": key, "Data": _json(content).encode()}


def _json(value) -> str:
    return json.dumps(value, sort_keys=True, default=lambda binary: base64.b64encode(binary).decode())


class _Records(DynamoDBPoller):
    """Hands records on as they are: those of an event source mapping lack what they are not asked for."""

    def transform_into_events(self, records: list[dict], shard_id) -> list[dict]:
        return list(records)

    def add_source_metadata(self, events: list[dict]) -> list[dict]:
        return events


class Destination(EventProcessor):
    """A Kinesis stream that gets the changes of a table, for as long as that says so."""

    def __init__(self, table_arn: str, stream_arn: str) -> None:
        arn = parse_arn(table_arn)
        self._account, self._region, self._table = arn["account"], arn["region"], arn["resource"].split("/")[1]
        self._stream_arn = stream_arn
        self._meant: dict | None = None
        clients = connect_to(aws_access_key_id=self._account, region_name=self._region)
        self._dynamodb, self._streams, self._kinesis = clients.dynamodb, clients.dynamodbstreams, clients.kinesis

    def start(self) -> None:
        """Returns when no change that comes after is missed."""
        self._meant = self._latest()
        parameters = {"StartingPosition": "LATEST", "BatchSize": 100}
        poller = _Records(
            source_arn=self._source(),
            source_parameters={"DynamoDBStreamParameters": parameters},
            source_client=self._streams,
            processor=self,
        )
        poller.shards = poller.initialize_shards()
        # Shards that are new later are read from their begin.
        parameters["StartingPosition"] = "TRIM_HORIZON"
        threading.Thread(target=self._run, args=(poller,), name="kinesis-destination", daemon=True).start()

    def process_events_batch(self, input_events: list[dict]) -> None:
        if not (destination := self._destination()):
            return
        precision = destination.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
        entries = [kinesis_record(self._table, self._region, precision, record) for record in input_events]
        answer = self._kinesis.put_records(StreamARN=self._stream_arn, Records=entries)
        if answer["FailedRecordCount"]:
            raise BatchFailureError(error=answer)

    def generate_event_failure_context(self, abort_condition: str, **kwargs) -> dict:
        """Batches are tried without an end."""
        return {}

    def _source(self) -> str:
        """The table's own stream; made where the table has none, for which Kinesis does not ask on AWS."""
        description = self._dynamodb.describe_table(TableName=self._table)["Table"]
        stream = description.get("StreamSpecification") or {}
        if not stream.get("StreamEnabled"):
            wanted = {"StreamEnabled": True, "StreamViewType": VIEW}
            changed = self._dynamodb.update_table(TableName=self._table, StreamSpecification=wanted)
            description = changed["TableDescription"]
        elif stream["StreamViewType"] != VIEW:
            LOG.warning("the changes of %s come to Kinesis with %s only", self._table, stream["StreamViewType"])
        return description["LatestStreamArn"]

    def _destination(self) -> dict | None:
        """What the table says of it; none when it was disabled, and so after it was enabled anew."""
        destination = self._latest()
        return destination if destination is self._meant else None

    def _latest(self) -> dict | None:
        table = get_store(self._account, self._region).table_definitions.get(self._table, {})
        return next(
            (
                destination
                for destination in table.get("KinesisDataStreamDestinations") or []
                if destination["StreamArn"] == self._stream_arn and destination["DestinationStatus"] == "ACTIVE"
            ),
            None,
        )

    def _run(self, poller: DynamoDBPoller) -> None:
        while self._meant and self._destination():
            try:
                poller.poll_events()
            except (CustomerInvocationError, EmptyPollResultsException):
                return LOG.info("%s has no stream any more: its changes come to Kinesis no more", self._table)
            except Exception as error:
                LOG.warning("the changes of %s did not come to Kinesis yet: %s", self._table, error)
            time.sleep(PAUSE)


def adopt() -> None:
    original = DynamoDBProvider.enable_kinesis_streaming_destination

    def enable(self, context, table_name, stream_arn, *args, **kwargs):
        answer = original(self, context, table_name, stream_arn, *args, **kwargs)
        Destination(_table_arn(context, table_name), stream_arn).start()
        return answer

    DynamoDBProvider.enable_kinesis_streaming_destination = enable


def _table_arn(context, name: str) -> str:
    """A table may be named by its ARN."""
    return name if name.startswith("arn:") else f"arn:aws:dynamodb:{context.region}:{context.account_id}:table/{name}"
