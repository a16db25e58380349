"""What is wrong with a request is said in a problem document, all of it at once; and nothing is written."""

import json
import uuid

import pytest

from calling import is_problem
from circuit_breaker.conftest import STILL

KIB = 1024
URL = "http://pay.example/"
DEEP = b"[" * 1000 + b"]" * 1000


def nested(depth: int) -> bytes:
    return b'{"url": ' + b'{"url": ' * depth + b"1" + b"}" * depth + b"}"


# A body of PUT /targets/{target}, and where its faults are; a body of bytes is sent as it is.
CONFIGURATIONS = {
    "empty": (b"", [""]),
    "broken JSON": (b'{"url": "http://a"', [""]),
    "two values": (b'{"url": "http://a"} {}', [""]),
    "not JSON": (b"url=http://a", [""]),
    "not UTF-8": (b'{"url": "http://a/\xff"}', [""]),
    "a byte order mark": (b'\xef\xbb\xbf{"url": "http://a"}', [""]),
    "a lone surrogate": (b'{"url": "http://a/\\ud800"}', [""]),
    "deep": (DEEP, [""]),
    "deep objects": (nested(1000), [""]),
    "null": (None, [""]),
    "a list": ([URL], [""]),
    "a string": (URL, [""]),
    "a number": (7, [""]),
    "no url": ({}, [""]),
    "a url of null": ({"url": None}, [""]),
    "a url of numbers": ({"url": 5}, [""]),
    "a field twice": (b'{"url": "http://a", "url": "http://b"}', [""]),
    "a field of retry twice": (b'{"url": "http://a", "retry": {"maxAttempts": 1, "maxAttempts": 2}}', [""]),
    "an unknown field": ({"url": URL, "colour": "red"}, [""]),
    "an unknown field of window": ({"url": URL, "window": {"length": 5}}, [""]),
    "an unknown field of retry": ({"url": URL, "retry": {"forever": True}}, [""]),
    "another case": ({"URL": URL}, [""]),
    "a number as text": ({"url": URL, "timeoutMs": "5000"}, [""]),
    "a fraction": ({"url": URL, "timeoutMs": 1000.5}, [""]),
    "a negative number": ({"url": URL, "minimumCalls": -1}, [""]),
    "beyond 32 bits": ({"url": URL, "openDurationMs": 2**32}, [""]),
    "beyond 64 bits": (b'{"url": "http://a", "openDurationMs": 1e400}', [""]),
    "not a number": (b'{"url": "http://a", "failureRateThreshold": NaN}', [""]),
    "a list for window": ({"url": URL, "window": ["count", 10]}, ["/window"]),
    "a list for retry": ({"url": URL, "retry": [None, None, None, None]}, ["/retry"]),
    "a list of all values": ([URL, *[None] * 13], [""]),
    "a window of text": ({"url": URL, "window": "count"}, ["/window"]),
    "an unknown window": ({"url": URL, "window": {"type": "calls"}}, [""]),
    "an unknown idempotency": ({"url": URL, "idempotency": "nobody"}, [""]),
    "statuses of text": ({"url": URL, "ignoredStatuses": ["404"]}, [""]),
    "a relative url": ({"url": "/charge"}, ["/url"]),
    "an empty url": ({"url": ""}, ["/url"]),
    "a url without a host": ({"url": "http://"}, ["/url"]),
    "another scheme": ({"url": "ftp://a/"}, ["/url"]),
    "a file": ({"url": "file:///etc/passwd"}, ["/url"]),
    "a url with credentials": ({"url": "http://user:secret@a/"}, ["/url"]),
    "a url with a fragment": ({"url": "http://a/#top"}, ["/url"]),
    "a long url": ({"url": "http://a/" + "x" * 2048}, ["/url"]),
    "a bad health url": ({"url": URL, "healthUrl": "gopher://a/"}, ["/healthUrl"]),
    "a time-out of 0": ({"url": URL, "timeoutMs": 0}, ["/timeoutMs"]),
    "a time-out beyond API Gateway's": ({"url": URL, "timeoutMs": 25_001}, ["/timeoutMs"]),
    "a window of 0": ({"url": URL, "window": {"size": 0}}, ["/window/size"]),
    "a window of 1001 calls": ({"url": URL, "window": {"size": 1001}}, ["/window/size"]),
    "a window of 3601 s": ({"url": URL, "window": {"type": "time", "size": 3601}}, ["/window/size"]),
    "no calls at least": ({"url": URL, "minimumCalls": 0}, ["/minimumCalls"]),
    "a rate of 0": ({"url": URL, "failureRateThreshold": 0}, ["/failureRateThreshold"]),
    "a rate of 101": ({"url": URL, "slowCallRateThreshold": 101}, ["/slowCallRateThreshold"]),
    "a rate too small to be stored": (
        {"url": URL, "failureRateThreshold": 5e-324},
        ["/failureRateThreshold"],
    ),
    "a status that is no failure": ({"url": URL, "ignoredStatuses": [200, 404]}, ["/ignoredStatuses"]),
    "a status of 600": ({"url": URL, "ignoredStatuses": [600]}, ["/ignoredStatuses"]),
    "no probes": ({"url": URL, "halfOpenProbes": 0}, ["/halfOpenProbes"]),
    "too many probes": ({"url": URL, "halfOpenProbes": 21}, ["/halfOpenProbes"]),
    "a break of 99 ms": ({"url": URL, "openDurationMs": 99}, ["/openDurationMs"]),
    "no attempts": ({"url": URL, "retry": {"maxAttempts": 0}}, ["/retry/maxAttempts"]),
    "an age of 15 days": ({"url": URL, "retry": {"maxAgeSeconds": 1_296_000}}, ["/retry/maxAgeSeconds"]),
    "a minimum beyond the window": (
        {"url": URL, "minimumCalls": 11, "window": {"size": 10}},
        ["/minimumCalls"],
    ),
    "slower than the time-out": (
        {"url": URL, "slowCallDurationMs": 3000, "timeoutMs": 2000},
        ["/slowCallDurationMs"],
    ),
    "a longest break below the first": (
        {"url": URL, "openDurationMs": 2000, "maxOpenDurationMs": 1000},
        ["/maxOpenDurationMs"],
    ),
    "a longest delay below the first": (
        {"url": URL, "retry": {"baseDelayMs": 2000, "maxDelayMs": 1000}},
        ["/retry/maxDelayMs"],
    ),
    "many faults": (
        {"url": "ftp://a", "timeoutMs": 1, "halfOpenProbes": 99, "retry": {"maxAttempts": 0}},
        ["/url", "/timeoutMs", "/halfOpenProbes", "/retry/maxAttempts"],
    ),
}


@pytest.fixture
def unused():
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_bad_configuration_is_refused(api, stack, unused, case):
    body, places = CONFIGURATIONS[case]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = api.call("PUT", f"/targets/{unused}", data=data, headers={"Content-Type": "application/json"})
    problem = is_problem(answer, 400, "invalid-request")
    assert sorted(error["at"] for error in problem["errors"]) == sorted(places)
    assert all(error["detail"] and error["detail"] in problem["detail"] for error in problem["errors"])
    assert stack.items(unused) == []


def test_a_configuration_has_a_largest_size(api, stack, unused):
    config = {"url": URL, "ignoredStatuses": [404] * 4000}
    assert len(json.dumps(config)) > 16 * KIB
    is_problem(api.put_target(unused, config), 413, "too-large")
    assert stack.items(unused) == []


def test_a_bad_configuration_leaves_the_one_before(guarded, stack):
    payments = guarded()
    before = stack.items(payments.name)
    is_problem(payments.api.put_target(payments.name, {"url": "x"}), 400, "invalid-request")
    assert stack.items(payments.name) == before


@pytest.mark.parametrize(
    "name",
    [
        "A",
        "-a",
        "a_b",
        "a.b",
        "a" * 65,
        "%E2%98%83",
        "a%20b",
        "a%23b",
        "a%3Ab",
        "%00",
        "a%0Ab",
        "%F0%9D%84%9E",
    ],
)
@pytest.mark.parametrize("route", ["put", "get", "delete", "state", "redrive", "request"])
def test_a_bad_name_of_a_target_is_refused(api, route, name):
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    method, path, body = {
        "put": ("PUT", f"/targets/{name}", {"url": URL}),
        "get": ("GET", f"/targets/{name}", None),
        "delete": ("DELETE", f"/targets/{name}", None),
        "state": ("POST", f"/targets/{name}/state", {"force": "open"}),
        "redrive": ("POST", f"/targets/{name}/redrive", None),
        "request": ("POST", f"/requests/{name}", {}),
    }[route]
    problem = is_problem(api.call(method, path, json=body, headers=headers), 400, "invalid-request")
    assert [error["at"] for error in problem["errors"]] == ["path"]


# Headers of POST /requests/{target}, and which of them is at fault.
HEADERS = {
    "no key": ({}, "Idempotency-Key"),
    "an empty key": ({"Idempotency-Key": ""}, "Idempotency-Key"),
    "a long key": ({"Idempotency-Key": "k" * 256}, "Idempotency-Key"),
    "a key with a space": ({"Idempotency-Key": "a b"}, "Idempotency-Key"),
    "a key with a tab": ({"Idempotency-Key": "a\tb"}, "Idempotency-Key"),
    "a key in UTF-8": ({"Idempotency-Key": "schl\u00fcssel".encode()}, "Idempotency-Key"),
    "a key in Latin-1": ({"Idempotency-Key": "schl\u00fcssel".encode("latin-1")}, "Idempotency-Key"),
    "an empty tenant": ({"Idempotency-Key": "k", "Tenant": ""}, "Tenant"),
    "a long tenant": ({"Idempotency-Key": "k", "Tenant": "t" * 65}, "Tenant"),
    "a tenant in UTF-8": ({"Idempotency-Key": "k", "Tenant": "\u2603".encode()}, "Tenant"),
    "an empty ordering key": ({"Idempotency-Key": "k", "Ordering-Key": ""}, "Ordering-Key"),
    "a long ordering key": ({"Idempotency-Key": "k", "Ordering-Key": "o" * 129}, "Ordering-Key"),
    "an ordering key with a space": ({"Idempotency-Key": "k", "Ordering-Key": "a b"}, "Ordering-Key"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_bad_headers_are_refused(guarded, stack, case):
    headers, wrong = HEADERS[case]
    payments = guarded()
    before = stack.items(payments.name)
    problem = is_problem(payments.api.post_request(payments.name, b"{}", headers), 400, "invalid-request")
    assert [error["at"] for error in problem["errors"]] == [f"header:{wrong}"]
    assert payments.service.calls == []
    assert stack.items(payments.name) == before


def test_the_longest_headers_are_taken(guarded):
    payments = guarded()
    headers = {"Idempotency-Key": "k" * 255, "Ordering-Key": "o" * 128, "Tenant": "t" * 64}
    assert payments.api.post_request(payments.name, b"{}", headers).status_code == 200


@pytest.mark.parametrize("size", [256 * KIB + 1, 1024 * KIB])
@pytest.mark.parametrize("state", ["auto", "open"])
def test_a_body_has_a_largest_size(guarded, stack, size, state):
    payments = guarded()
    payments.force(state)
    before = stack.items(payments.name)
    is_problem(payments.send(body=b"x" * size), 413, "too-large")
    assert payments.service.calls == []
    assert stack.items(payments.name) == before


def test_a_request_to_an_unknown_target_is_told_so(api, stack, unused):
    for headers in ({}, {"Tenant": "blue"}, {"Ordering-Key": "a"}):
        answer = api.post_request(unused, b"{}", {"Idempotency-Key": "k", **headers})
        is_problem(answer, 404, "unknown-target")
    for answer in (
        api.get_target(unused),
        api.delete_target(unused),
        api.force(unused, {"force": "open"}),
        api.redrive(unused),
    ):
        is_problem(answer, 404, "unknown-target")
    assert stack.items(unused) == []


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        DEEP,
        {},
        {"force": "ajar"},
        {"force": None},
        {"force": 1},
        {"force": "Open"},
        {"force": {"open": None}},
    ]
    + [{"force": "open", "because": "x"}, {"force": "open", "reason": 5}, {"reason": "x"}, ["open", "x"]]
    + [{"force": "open", "reason": "x" * 201}, {"force": "open", "reason": "\u2603" * 201}],
    ids=lambda command: repr(command)[:40],
)
def test_a_bad_command_is_refused(guarded, stack, command):
    payments = guarded()
    before = stack.items(payments.name)
    data = command if isinstance(command, bytes) else json.dumps(command).encode()
    answer = payments.api.call("POST", f"/targets/{payments.name}/state", data=data)
    is_problem(answer, 400, "invalid-request")
    assert stack.items(payments.name) == before


def test_a_command_has_a_largest_size(guarded, stack):
    payments = guarded()
    before = stack.items(payments.name)
    answer = payments.api.force(payments.name, {"force": "open", "reason": "x" * 16 * KIB})
    is_problem(answer, 413, "too-large")
    assert stack.items(payments.name) == before


@pytest.mark.parametrize("tenant", ["", " ", "a b", "t" * 65, "\u2603"])
def test_a_bad_tenant_in_the_query_is_refused(guarded, stack, tenant):
    payments = guarded(**STILL)
    before = stack.items(payments.name)
    for answer in (
        payments.api.get_target(payments.name, tenant=tenant),
        payments.api.force(payments.name, {"force": "open"}, tenant=tenant),
    ):
        problem = is_problem(answer, 400, "invalid-request")
        assert [error["at"] for error in problem["errors"]] == ["query:tenant"]
    assert stack.items(payments.name) == before


@pytest.mark.parametrize("after", ["A", "a b", "\u2603", "a" * 65])
def test_a_bad_place_in_the_list_is_refused(api, after):
    is_problem(api.list_targets(after=after), 400, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("POST", "/targets"),
        ("PATCH", "/targets/a"),
        ("PUT", "/requests/a"),
        ("GET", "/targets/a/state"),
        ("POST", "/targets/a/b/c"),
        ("DELETE", "/requests/a"),
    ],
)
def test_what_there_is_not_is_a_client_error(api, method, path):
    """API Gateway answers some of these itself."""
    answer = api.call(method, path)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
