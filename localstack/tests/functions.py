"""A function in Python on the running LocalStack, which does with records what they say."""

import io
import sys
import time
import zipfile
from pathlib import Path

import boto3

WITHIN = 60
# Each message names files: one that it makes at its begin, one that it waits for, and one that is made at the end.
# A message whose second file is named `never` is reported as failed, unless it was delivered before; `always-bad` is
# reported each time.
BOOTSTRAP = """#!{python}
import base64, http.client, json, os, pathlib, time

def said(record):
    if kinesis := record.get("kinesis"):
        return base64.b64decode(kinesis["data"]).decode(), kinesis["sequenceNumber"]
    if change := record.get("dynamodb"):
        return change["NewImage"]["body"]["S"], change["SequenceNumber"]
    return record["body"], record["messageId"]

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
folder = pathlib.Path(os.environ["FOLDER"])
base = "/2018-06-01/runtime/invocation"
while True:
    api.request("GET", base + "/next")
    response = api.getresponse()
    records = json.loads(response.read())["Records"]
    failed = []
    for record in records:
        body, id = said(record)
        begun, awaited, ended = (folder / name for name in body.split())
        is_first = not begun.exists()
        begun.touch()
        if awaited.name == "always-bad" or awaited.name == "never" and is_first:
            failed.append({{"itemIdentifier": id}})
            continue
        while awaited.name != "never" and not awaited.exists():
            time.sleep(0.01)
        ended.touch()
    id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"{{base}}/{{id}}/response", json.dumps({{"batchItemFailures": failed}}))
    api.getresponse().read()
"""


def function(name: str, folder: Path, made: list, **settings) -> None:
    """A function that works in this folder."""
    client = boto3.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role="arn:aws:iam::000000000000:role/any",
        Environment={"Variables": {"FOLDER": str(folder)}},
        Code={"ZipFile": artifact()},
        **settings,
    )
    made.append((client.delete_function, {"FunctionName": name}))


def artifact() -> bytes:
    """A function's zip, with this very interpreter: another one may be a shim."""
    info = zipfile.ZipInfo("bootstrap")
    info.external_attr = 0o755 << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(info, BOOTSTRAP.format(python=sys.executable))
    return content.getvalue()


def eventually(what: str, holds) -> None:
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not so within {WITHIN} s"
        time.sleep(0.05)
