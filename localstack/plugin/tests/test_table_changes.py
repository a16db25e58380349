"""A table's change, as Kinesis gets it."""

import json
from datetime import UTC, datetime

import pytest

from tenfold_localstack.table_changes import kinesis_record

RECORD = {
    "eventID": "e-1",
    "eventName": "MODIFY",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "ddblocal",
    "dynamodb": {
        "ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC),
        "Keys": {"sk": {"N": "2"}, "pk": {"S": "a"}},
        "NewImage": {"pk": {"S": "a"}, "sk": {"N": "2"}, "bytes": {"B": b"\0"}, "set": {"BS": [b"\1"]}},
        "SequenceNumber": "7",
        "SizeBytes": 12,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}


def content(precision: str = "MILLISECOND", **changes) -> dict:
    return json.loads(kinesis_record("t", "us-east-1", precision, RECORD | changes)["Data"])


def test_it_has_what_aws_sends_and_no_more():
    assert content() == {
        "awsRegion": "us-east-1",
        "eventID": "e-1",
        "eventName": "MODIFY",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "t",
        "dynamodb": {
            "ApproximateCreationDateTime": 1767225600000,
            "Keys": {"pk": {"S": "a"}, "sk": {"N": "2"}},
            "NewImage": {"pk": {"S": "a"}, "sk": {"N": "2"}, "bytes": {"B": "AA=="}, "set": {"BS": ["AQ=="]}},
            "SizeBytes": 12,
        },
        "eventSource": "aws:dynamodb",
    }


def test_microseconds_are_told_as_such():
    told = content("MICROSECOND")["dynamodb"]
    assert told["ApproximateCreationDateTime"] == 1767225600000000
    assert told["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


def test_who_deleted_by_time_to_live_is_told():
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert content(userIdentity=service)["userIdentity"] == service


@pytest.mark.parametrize(("keys", "is_same"), [({"pk": {"S": "a"}, "sk": {"N": "2"}}, True), ({"pk": {"S": "a"}}, False)])
def test_the_changes_of_an_item_and_no_others_have_one_key(keys, is_same):
    other = RECORD | {"dynamodb": RECORD["dynamodb"] | {"Keys": keys}}
    first, second = (kinesis_record("t", "us-east-1", "MILLISECOND", record) for record in (RECORD, other))
    assert (first["PartitionKey"] == second["PartitionKey"]) is is_same
