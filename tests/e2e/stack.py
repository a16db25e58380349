"""A deployed stack from the outside: its outputs, and AWS where a pattern's own API does not reach."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import requests
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
# A function may take 90 s once it has started, and a test must not call it twice.
PATIENT = Config(read_timeout=300, retries={"total_max_attempts": 1})

# What a rule of EventBridge with a schedule calls a function with.
SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


class NotDeployed(Exception):
    pass


def use_local_platform() -> None:
    """Settings for AWS clients, where `localstack/tenfold run` has not made them."""
    ports = dict(line.split("=", 1) for line in _lines(ROOT / "localstack" / "ports.env"))
    port = os.environ.get("TENFOLD_LOCALSTACK_PORT") or ports["TENFOLD_LOCALSTACK_PORT"]
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if "=" in line and not line.startswith("#")]


class FunctionFailed(AssertionError):
    pass


class Stack:
    """The stack of a pattern, for instance `Stack("circuit-breaker")`."""

    def __init__(self, slug: str) -> None:
        use_local_platform()
        self.slug = slug
        file = Path(os.environ.get("TENFOLD_OUTPUTS") or ROOT / ".local" / "outputs.json")
        outputs = json.loads(file.read_text()) if file.exists() else {}
        if slug not in outputs:
            raise NotDeployed(f"{slug} is not deployed; run: make up P={slug}")
        self.outputs: dict[str, str] = outputs[slug]

    @cache
    def client(self, service: str) -> Any:
        """A client, which threads may share. To make one takes longer than most calls."""
        return boto3.client(service, config=PATIENT)

    @property
    def functions(self) -> Any:
        return self.client("lambda")

    @property
    def queues(self) -> Any:
        return self.client("sqs")

    @property
    def _table(self) -> Any:
        return self.client("dynamodb")

    def environment(self, function: str) -> dict[str, str]:
        """The environment variables of a function, named by its output."""
        configured = self.functions.get_function_configuration(FunctionName=self.outputs[function])
        return configured["Environment"]["Variables"]

    def invoke(self, function: str, event: Any) -> Any:
        """Calls a function, named by its output, past API Gateway and the schedules, and gives its answer."""
        answer = self.functions.invoke(FunctionName=self.outputs[function], Payload=json.dumps(event))
        payload = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise FunctionFailed(f"{self.outputs[function]}: {payload}")
        return json.loads(payload)

    def items(self, name: str) -> list[dict[str, Any]]:
        """Everything in the table that mentions `name`, from anywhere in an item."""
        found = []
        pages = self._table.get_paginator("scan").paginate(
            TableName=self.outputs["TableName"], ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                if name in repr(item):
                    found.append({key: TypeDeserializer().deserialize(value) for key, value in item.items()})
        return found

    def put_item(self, item: dict[str, Any]) -> None:
        self._table.put_item(TableName=self.outputs["TableName"], Item=_serialized(item))

    def put_items(self, items: list[dict[str, Any]]) -> None:
        self._write([{"PutRequest": {"Item": _serialized(item)}} for item in items])

    def delete_items(self, items: list[dict[str, Any]]) -> None:
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in items]
        self._write([{"DeleteRequest": {"Key": _serialized(key)}} for key in keys])

    def _write(self, writes: list[dict[str, Any]]) -> None:
        table = self.outputs["TableName"]
        for start in range(0, len(writes), 25):
            answer = self._table.batch_write_item(RequestItems={table: writes[start : start + 25]})
            assert not answer["UnprocessedItems"], answer

    def messages(self, queue: str, name: str) -> list[dict[str, Any]]:
        """What the messages of a queue say that mention `name`."""
        return [json.loads(message["Body"]) for message in self.raw_messages(queue, name)]

    def raw_messages(self, queue: str, name: str) -> list[dict[str, Any]]:
        """The messages themselves, hidden and delayed ones too, without receiving them.

        LocalStack has a message nowhere while it hands it out: one that somebody receives at this moment is not
        among them. So wait `eventually` for what is to be there, and do not count once.
        """
        answer = requests.get(
            os.environ["AWS_ENDPOINT_URL"] + "/_aws/sqs/messages",
            params={"QueueUrl": self.outputs[queue], "ShowInvisible": "true", "ShowDelayed": "true"},
            headers={"Accept": "application/json"},
            timeout=120,
        )
        answer.raise_for_status()
        result = answer.json()["ReceiveMessageResponse"]["ReceiveMessageResult"] or {}
        messages = _as_list(result.get("Message"))
        for message in messages:
            pairs = _as_list(message.pop("Attribute", None))
            message["Attributes"] = {pair["Name"]: pair["Value"] for pair in pairs}
        return [message for message in messages if name in message["Body"]]


def _serialized(item: dict[str, Any]) -> dict[str, Any]:
    return {key: TypeSerializer().serialize(value) for key, value in item.items()}


def _as_list(found: Any) -> list[Any]:
    """XML that was made JSON: none, the one, or all of them."""
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
