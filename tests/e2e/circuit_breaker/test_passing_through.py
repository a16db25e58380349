"""A closed breaker: the caller gets the target's own answer, and the target the caller's own request."""

import hashlib
import json
import uuid

import pytest

from calling import is_problem, new_key
from circuit_breaker.conftest import STILL
from target import Behaviour

KIB = 1024
EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "application/json", b'{"paid": true}'),
        (201, "text/plain; charset=utf-8", "bezahlt \N{EURO SIGN} \N{SNOWMAN}".encode()),
        (200, "application/octet-stream", EVERY_BYTE),
        (200, "text/plain", b"\xff\xfe not UTF-8"),
        (200, "image/png", b""),
        (204, None, b""),
        (400, "application/problem+json", b'{"type": "urn:bank:no-such-card"}'),
        (404, "text/html", b"<h1>not here</h1>"),
        (409, "application/xml", b"<conflict/>"),
        (422, "application/json", b"[]"),
    ],
)
def test_the_answer_is_the_targets_own(guarded, status, content_type, body):
    payments = guarded()
    payments.service.does(status=status, content_type=content_type, body=body)
    answer = payments.send()
    assert (answer.status_code, answer.content) == (status, body)
    if content_type:
        assert answer.headers["Content-Type"] == content_type
    assert len(payments.service.calls) == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"amount": 5}'),
        ("application/json", b"[" * 1000 + b"]" * 1000),
        ("application/json", b"{broken"),
        ("text/plain; charset=utf-8", "\N{SNOWMAN} \N{MUSICAL SYMBOL G CLEF}".encode()),
        ("application/octet-stream", EVERY_BYTE),
        ("text/plain", b"\xc3\x28 not UTF-8"),
        ("application/json", b""),
        ("application/x-www-form-urlencoded", b"b=2&a=%7E+x&&a=1&c"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        ),
        ("application/octet-stream", EVERY_BYTE * KIB),
    ],
    ids=["json", "deep", "broken", "unicode", "bytes", "bad-utf8", "empty", "form", "multipart", "256-KiB"],
)
def test_the_body_reaches_the_target_as_it_is(guarded, content_type, body):
    payments = guarded()
    answer = payments.send(body=body, content_type=content_type)
    assert answer.status_code == 200, answer.text
    (call,) = payments.service.calls
    assert (call.bytes, call.digest) == (len(body), hashlib.sha256(body).hexdigest())
    assert call.headers["content-type"] == content_type


def test_the_target_gets_the_key_the_tenant_and_the_trace(guarded):
    payments = guarded()
    trace = f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"
    key = new_key()
    payments.send(key, tenant="blue", traceparent=trace, x_correlation_id="order-17")
    (call,) = payments.service.calls
    assert call.method == "POST"
    assert (call.key, call.headers["tenant"]) == (key, "blue")
    assert call.headers["traceparent"].split("-")[1] == trace.split("-")[1]
    assert call.headers["x-correlation-id"] == "order-17"


def test_the_path_and_query_of_the_url_are_kept(guarded):
    payments = guarded()
    payments.configure(url=payments.service.url + "/charge?mode=live")
    payments.send()
    assert payments.service.calls[0].path == f"/{payments.name}/charge?mode=live"


def test_a_redirect_is_an_answer_and_not_followed(guarded, target):
    payments = guarded()
    elsewhere = target.endpoint(payments.name + "-elsewhere")
    payments.service.does(status=307, headers={"Location": elsewhere.url})
    assert payments.send().status_code == 307
    assert elsewhere.calls == []


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_a_4xx_is_no_failure_of_the_target(guarded, status):
    payments = guarded(minimumCalls=2, window={"type": "count", "size": 2}, **STILL)
    payments.service.does(status=status)
    assert [payments.send().status_code for _ in range(4)] == [status] * 4
    view = payments.view()
    assert (view["state"], view["epoch"], view["window"]["failed"]) == ("closed", 0, 0)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
def test_a_failure_of_the_target_is_parked_and_counted(guarded, status):
    payments = guarded(**STILL)
    payments.service.does(status=status)
    request = payments.request(payments.park())
    assert request["status"] == "queued"
    assert [attempt["status"] for attempt in request["attempts"]] == [status]
    assert payments.view()["window"] == {
        "calls": 1, "failed": 1, "slow": 0, "failureRate": 100.0, "slowCallRate": 0.0
    }  # fmt: skip


def test_an_ignored_status_is_passed_through_and_does_not_count(guarded):
    payments = guarded(minimumCalls=2, ignoredStatuses=[503, 404], **STILL)
    payments.service.does(status=503, body=b"busy", content_type="text/plain")
    answers = [payments.send() for _ in range(4)]
    assert {(a.status_code, a.text) for a in answers} == {(503, "busy")}
    view = payments.view()
    assert (view["state"], view["window"]["calls"]) == ("closed", 0)
    payments.service.does(status=500)
    payments.park()
    assert payments.view()["window"]["calls"] == 1, "and nothing had been kept for later either"


def test_an_answer_of_256_kib_is_passed_on(guarded):
    payments = guarded()
    body = EVERY_BYTE * KIB
    payments.service.does(body=body, content_type="application/octet-stream")
    assert payments.send().content == body


def test_a_larger_answer_is_not_passed_on_but_the_request_was_delivered(guarded):
    payments = guarded()
    payments.service.does(body=b"x" * (256 * KIB + 1), content_type="text/plain")
    key = new_key()
    is_problem(payments.send(key), 502, "answer-too-large")
    is_problem(payments.send(key), 502, "answer-too-large")
    assert payments.service.effects == {key: 1}, "the second was answered without the target"
    assert payments.view()["window"]["failed"] == 0


def test_what_is_counted_is_shown(guarded):
    payments = guarded(window={"type": "count", "size": 10}, minimumCalls=10, **STILL)
    # Good calls reach the fleet with the next bad one.
    payments.service.does(Behaviour(status=500), Behaviour(status=500))
    for _ in range(2):
        payments.park()
    window = payments.view()["window"]
    assert (window["calls"], window["failed"], window["failureRate"]) == (2, 2, 100.0)


def test_an_answer_that_looks_like_ours_is_still_the_targets(guarded):
    payments = guarded()
    lie = json.dumps({"requestId": "x", "status": "queued"}).encode()
    payments.service.does(status=202, body=lie)
    answer = payments.send()
    assert (answer.status_code, answer.content) == (202, lie)
    assert "Location" not in answer.headers
