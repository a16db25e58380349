"""What LocalStack alone gets wrong, and is right once mended."""

import gzip
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from localstack.aws.handlers.codec import ContentDecoder
from localstack.services.apigateway.next_gen.execute_api.handlers import parse
from localstack.services.apigateway.next_gen.execute_api.integrations import aws
from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import (
    CloudWatchAlarmProvider,
)
from rolo.request import Request
from rolo.serving.twisted import TwistedGateway
from twisted.web import http

from tenfold_localstack import mending


@pytest.fixture
def created(monkeypatch) -> list[dict]:
    """The alarms that reach LocalStack's own code; what mend() replaces is put back at the end."""
    created = []
    monkeypatch.setattr(
        CloudWatchAlarmProvider, "create", lambda self, request: created.append(request.desired_state)
    )
    monkeypatch.setattr(
        aws, "mime_type_matches_binary_media_types", aws.mime_type_matches_binary_media_types
    )
    monkeypatch.setattr(ContentDecoder, "__call__", ContentDecoder.__call__)
    monkeypatch.setattr(parse, "restore_payload", parse.restore_payload)
    monkeypatch.setattr(http, "_getMultiPartArgs", http._getMultiPartArgs)
    monkeypatch.setattr(TwistedGateway, "buildProtocol", TwistedGateway.buildProtocol)
    mending.mend()
    return created


@pytest.mark.parametrize(("given", "expected"), [("3", 3.0), ("0.5", 0.5), (4, 4)])
def test_an_alarms_threshold_is_a_number(created, given, expected):
    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Threshold": given}))
    assert created == [{"Threshold": expected}]


def test_an_alarm_without_a_threshold_stays_so(created):
    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Metrics": []}))
    assert created == [{"Metrics": []}]


def test_the_periods_of_metrics_in_a_formula_are_numbers(created):
    def metrics(period):
        stat = {"Metric": {"MetricName": "m"}, "Stat": "Maximum", "Period": period}
        return [{"Id": "sum", "Expression": "DIFF(m)"}, {"Id": "m", "MetricStat": stat}]

    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Metrics": metrics("10")}))
    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Metrics": metrics(60)}))
    assert created == [{"Metrics": metrics(10)}, {"Metrics": metrics(60)}]


@pytest.mark.parametrize(
    ("accept", "binary", "expected"),
    [
        ("*/*", ["*/*"], True),
        (None, ["*~1*", "*/*"], True),
        ("image/png", ["image/*"], True),
        ("text/plain", ["image/*"], False),
        ("text/plain", None, False),
    ],
)
def test_any_media_type_is_binary_where_the_api_says_so(created, accept, binary, expected):
    assert aws.mime_type_matches_binary_media_types(accept, binary) is expected


@pytest.mark.parametrize(
    ("path", "decoded"),
    [("/restapis/a1/live/_user_request_/requests/pay", False), ("/_aws/execute-api/a1/live/x", False), ("/", True)],
)
def test_an_encoded_body_is_passed_on_as_it_came(created, path, decoded):
    body = gzip.compress(b"text")
    request = Request("POST", path, headers={"Content-Encoding": "gzip"}, body=body)
    ContentDecoder()(None, SimpleNamespace(service=None, request=request), None)
    assert request.stream.read() == (b"text" if decoded else body)
    assert request.headers["Content-Encoding"] == ("identity" if decoded else "gzip")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b'{"a":1}'),
        ("application/x-www-form-urlencoded; charset=utf-8", b"b=2&a=1+1&b=%7e%7E&c&=d&&%zz+%2B"),
        ("application/x-www-form-urlencoded", b"a=\xff\0"),
        ("application/x-www-form-urlencoded", b""),
        ("multipart/form-data; boundary=X", b"--X\r\ncontent-disposition: form-data\r\n\r\n\xff"),
        ("multipart/form-data", b"no boundary"),
    ],
)
def test_a_form_is_passed_on_as_it_came(created, method, content_type, body):
    request = Request(method, "/", headers={"Content-Type": content_type}, body=body)
    context = SimpleNamespace(request=request, api_id="a", stage="live")
    invocation = parse.InvocationRequestParser().create_invocation_request(context)
    assert invocation["body"] == body


def test_the_web_server_takes_what_only_calls_itself_multipart(created):
    received = []
    request = http.Request(Mock())
    request.process = lambda: received.append(request.content.read())
    request.requestHeaders.addRawHeader(b"content-type", b"multipart/form-data")
    request.gotLength(11)
    request.handleContentChunk(b"no boundary")
    request.requestReceived(b"POST", b"/", b"HTTP/1.1")
    assert received == [b"no boundary"]


def test_an_idle_connection_is_kept_for_longer_than_a_minute(created):
    channel = TwistedGateway(Mock()).buildProtocol(None)
    assert channel.timeOut == mending.IDLE > 60
