"""A closed breaker: the caller gets the target's own answer, and the target the caller's own request."""

import hashlib
import json
import uuid

from calling import is_problem, new_key
from circuit_breaker.conftest import STILL
from target import Behaviour
from waiting import eventually

KIB = 1024
EVERY_BYTE = bytes(range(256))


ANSWERS = [
    (200, "application/json", b'{"paid": true}'),
    (201, "text/plain; charset=utf-8", "bezahlt \N{EURO SIGN} \N{SNOWMAN}".encode()),
    (200, "application/octet-stream", EVERY_BYTE),
    (200, "text/plain", b"\xff\xfe not UTF-8"),
    (200, "image/png", b""),
    (204, None, b""),
    (400, "application/problem+json", b'{"type": "urn:bank:no-such-card"}'),
    (401, "text/plain", b"who are you"),
    (404, "text/html", b"<h1>not here</h1>"),
    (409, "application/xml", b"<conflict/>"),
    (422, "application/json", b"[]"),
    (200, "application/octet-stream", EVERY_BYTE * KIB),
]
BODIES = {
    "JSON": ("application/json", b'{"amount": 5}'),
    "deep JSON": ("application/json", b"[" * 1000 + b"]" * 1000),
    "broken JSON": ("application/json", b"{broken"),
    "text": ("text/plain; charset=utf-8", "\N{SNOWMAN} \N{MUSICAL SYMBOL G CLEF}".encode()),
    "every byte": ("application/octet-stream", EVERY_BYTE),
    "not UTF-8": ("text/plain", b"\xc3\x28 not UTF-8"),
    "nothing": ("application/json", b""),
    "a form": ("application/x-www-form-urlencoded", b"b=2&a=%7E+x&&a=1&c"),
    "parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    ),
    "256 KiB": ("application/octet-stream", EVERY_BYTE * KIB),
}


def test_the_answer_is_the_targets_own(guarded):
    """And none of these is a failure of the target, a 4xx neither."""
    payments = guarded(minimumCalls=2, window={"type": "count", "size": 2}, **STILL)
    payments.service.does(*[Behaviour(status=s, content_type=t, body=b) for s, t, b in ANSWERS])
    for status, content_type, body in ANSWERS:
        answer = payments.send()
        assert (answer.status_code, answer.content) == (status, body), content_type
        if content_type:
            assert answer.headers["Content-Type"] == content_type
    assert len(payments.service.calls) == len(ANSWERS)
    view = payments.view()
    assert (view["state"], view["epoch"], view["window"]["failed"]) == ("closed", 0, 0)


def test_the_body_reaches_the_target_as_it_is(guarded):
    payments = guarded()
    for case, (content_type, body) in BODIES.items():
        key = new_key()
        answer = payments.send(key, body, content_type=content_type)
        assert answer.status_code == 200, (case, answer.text)
        (call,) = payments.calls_of(key)
        assert (call.bytes, call.digest) == (len(body), hashlib.sha256(body).hexdigest()), case
        assert call.headers["content-type"] == content_type, case


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


def test_a_failure_of_the_target_is_parked_and_counted(guarded):
    payments = guarded(minimumCalls=10, **STILL)
    statuses = [408, 425, 429, 500, 503, 599]
    payments.service.does(*[Behaviour(status=status) for status in statuses])
    for counted, status in enumerate(statuses, 1):
        request = payments.request(payments.park())
        assert request["status"] == "queued"
        assert [attempt["status"] for attempt in request["attempts"]] == [status]
        window = {"calls": counted, "failed": counted, "slow": 0, "failureRate": 100.0, "slowCallRate": 0.0}
        # It is told after the answer.
        eventually("it counts", lambda: payments.view()["window"], lambda seen, window=window: seen == window)


def test_an_ignored_status_is_passed_through_and_does_not_count(guarded):
    payments = guarded(minimumCalls=2, ignoredStatuses=[503, 404], **STILL)
    payments.service.does(status=503, body=b"busy", content_type="text/plain")
    answers = [payments.send() for _ in range(4)]
    assert {(a.status_code, a.text) for a in answers} == {(503, "busy")}
    view = payments.view()
    assert (view["state"], view["window"]["calls"]) == ("closed", 0)
    payments.service.does(status=500)
    payments.park()
    # And nothing had been kept for later either.
    eventually("it counts", lambda: payments.view()["window"]["calls"], lambda calls: calls == 1)


def test_a_larger_answer_is_not_passed_on_but_the_request_was_delivered(guarded):
    payments = guarded()
    payments.service.does(body=b"x" * (256 * KIB + 1), content_type="text/plain")
    key = new_key()
    is_problem(payments.send(key), 502, "answer-too-large")
    is_problem(payments.send(key), 502, "answer-too-large")
    assert payments.service.effects == {key: 1}, "the second was answered without the target"
    assert payments.view()["window"]["failed"] == 0


def test_an_answer_that_looks_like_ours_is_still_the_targets(guarded):
    payments = guarded()
    lie = json.dumps({"requestId": "x", "status": "queued"}).encode()
    payments.service.does(status=202, body=lie)
    answer = payments.send()
    assert (answer.status_code, answer.content) == (202, lie)
    assert "Location" not in answer.headers
