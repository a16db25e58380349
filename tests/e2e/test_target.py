"""The target itself: a test that steers it must be able to trust it."""

import hashlib
import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

import waiting
from target import Behaviour, Call, Target, most_at_once
from waiting import eventually

# Of a caller; only so that nothing hangs.
TIMEOUT = 60


@pytest.fixture
def payments(target: Target, request):
    return target.endpoint(request.node.name)


def post(url: str, key: str = "k", body: bytes = b"x"):
    return requests.post(url, data=body, headers={"Idempotency-Key": key}, timeout=TIMEOUT)


def test_answers_with_a_receipt_unless_told_otherwise(payments):
    answer = post(payments.url, "k1", b"12345")
    assert (answer.status_code, answer.json()) == (200, {"accepted": "k1", "bytes": 5})
    payments.does(status=418, body=b"\x00\xff", content_type="image/png", headers={"Retry-After": "7"})
    answer = post(payments.url)
    assert (answer.status_code, answer.content) == (418, b"\x00\xff")
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("image/png", "7")


def test_an_answer_without_content_has_no_body(payments):
    payments.does(status=204)
    assert post(payments.url).content == b""
    assert post(payments.url).status_code == 204


def test_a_script_comes_first_one_step_a_call(payments):
    payments.does(Behaviour(status=500), Behaviour(status=503), status=201)
    assert [post(payments.url).status_code for _ in range(4)] == [500, 503, 201, 201]


def test_a_slow_answer_takes_its_time(payments):
    payments.does(delay_ms=200)
    post(payments.url)
    (call,) = payments.calls
    assert call.ended - call.began >= 0.2


def test_hangs_until_it_is_told_otherwise(payments):
    payments.does(mode="hang")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, payments.url)
        eventually("the call hangs", lambda: [c.ended for c in payments.calls], lambda e: e == [None])
        payments.does(status=202)
        assert answer.result().status_code == 202


def test_a_call_that_hangs_by_its_script_hangs_on_while_others_are_answered(payments):
    payments.does(Behaviour(mode="hang"), status=500)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, payments.url)
        eventually("the call hangs", lambda: len(payments.calls), lambda n: n == 1)
        assert post(payments.url).status_code == 500
        assert payments.calls[0].ended is None
        payments.does(status=202)
        assert answer.result().status_code == 202


def test_notices_a_caller_that_leaves(payments):
    payments.does(mode="hang")
    caller = http.client.HTTPConnection("127.0.0.1", urlsplit(payments.url).port, timeout=TIMEOUT)
    caller.request("POST", f"/{payments.name}", b"x")
    eventually("the call hangs", lambda: [c.ended for c in payments.calls], lambda e: e == [None])
    caller.close()
    (call,) = eventually("the call ended", lambda: payments.calls, lambda calls: calls[0].ended)
    assert call.status is None


def test_closes_in_the_middle_of_a_body(payments):
    payments.does(mode="close-mid-body", body="0123456789")
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as error:
        post(payments.url)
    cause = error.value.args[0]
    assert "IncompleteRead" in str(cause)
    assert payments.calls[0].status is None


def test_refuses_and_accepts_again_at_the_same_address(payments):
    url = payments.on_own_port().url
    session = requests.Session()
    assert session.post(url, timeout=TIMEOUT).status_code == 200
    payments.does(mode="refuse")
    for caller in (session, requests):
        with pytest.raises(requests.ConnectionError):
            caller.post(url, timeout=TIMEOUT)
    payments.does()
    assert (session.post(url, timeout=TIMEOUT).status_code, payments.url) == (200, url)


def test_cannot_refuse_on_the_port_of_all(payments):
    with pytest.raises(ValueError, match="no port of its own"):
        payments.does(mode="refuse")


def test_remembers_every_call(payments):
    body = b"\x00\x01" * 1000
    began = time.time()
    headers = {"Idempotency-Key": "k", "Tenant": "t"}
    requests.post(payments.url + "/charge?x=1", data=body, headers=headers, timeout=TIMEOUT)
    requests.get(payments.url, timeout=TIMEOUT)
    post, get = payments.calls
    assert (post.method, post.path) == ("POST", f"/{payments.name}/charge?x=1")
    assert (post.key, post.headers["tenant"], post.bytes, post.status) == ("k", "t", 2000, 200)
    assert post.digest == hashlib.sha256(body).hexdigest()
    assert began <= post.began <= post.ended <= get.began
    assert payments.posts == [post]


def test_a_key_takes_effect_once_and_repeats_are_counted(payments):
    payments.does(Behaviour(status=500), Behaviour(mode="close-mid-body"))
    post(payments.url, "a")
    with pytest.raises(requests.RequestException):
        post(payments.url, "a")
    post(payments.url, "a")
    post(payments.url, "b")
    assert payments.effects == {"a": 2, "b": 1}, "a failure has no effect; a lost answer has"


@pytest.mark.parametrize(
    ("spans", "most"),
    [([], 0), ([(0, 1), (1, 2)], 1), ([(0, 3), (1, 2), (2, 4)], 2), ([(0, None), (5, None)], 2)],
)
def test_counts_how_many_calls_ran_at_once(spans, most):
    calls = [Call("POST", "/", {}, "", 0, began, ended) for began, ended in spans]
    assert most_at_once(calls) == most


def test_serves_many_at_once(payments):
    payments.does(mode="hang")
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(post, payments.url, str(n)) for n in range(20)]
        eventually("all hang", lambda: payments.most_at_once, lambda n: n == 20)
        payments.does()
        assert {a.result().status_code for a in answers} == {200}


def test_is_steered_over_http(target):
    def control(**told):
        return requests.put(f"{target.url}/_control/remote", json=told, timeout=TIMEOUT)

    url = control(status=500, delayMs=1, script=[{"bodyBase64": "AP8=", "contentType": "a/b"}]).json()["url"]
    first, second = post(url), post(url)
    assert (first.content, first.headers["Content-Type"], second.status_code) == (b"\x00\xff", "a/b", 500)
    control(status=200)
    post(url)
    calls = requests.get(f"{target.url}/_log/remote", timeout=TIMEOUT).json()["calls"]
    assert [(c["key"], c["status"]) for c in calls] == [("k", 200), ("k", 500), ("k", 200)]
    ledger = requests.get(f"{target.url}/_ledger/remote", timeout=TIMEOUT).json()
    assert ledger == {"effects": 1, "duplicates": 1, "keys": {"k": 2}}
    own = control(mode="refuse").json()["url"]
    assert own != url
    with pytest.raises(requests.ConnectionError):
        post(own)


@pytest.mark.parametrize("told", [{"mode": "sulk"}, {"colour": "red"}, {"script": [{"mode": 1}]}, [], 1])
def test_refuses_nonsense(target, told):
    answer = requests.put(f"{target.url}/_control/nonsense", json=told, timeout=TIMEOUT)
    assert answer.status_code == 400


def test_is_gone_after_its_context():
    with Target() as target:
        number = target.port.number
        own = target.endpoint("x").on_own_port().url
        assert requests.get(own, timeout=TIMEOUT).status_code == 200
    connection = http.client.HTTPConnection("127.0.0.1", number)
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
    with pytest.raises(requests.ConnectionError):
        requests.get(own, timeout=TIMEOUT)


def test_eventually_gives_what_it_saw():
    seen = iter(range(10))
    assert eventually("it grows", lambda: next(seen), lambda n: n >= 3, every=0) == 3


def test_eventually_says_what_it_saw_last():
    with pytest.raises(AssertionError, match="the queue drains: not so within 0.1 s; seen last: 17"):
        eventually("the queue drains", lambda: 17, lambda n: n == 0, within=0.1)


class Clock:
    """A time that passes only while somebody sleeps, or looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_eventually_looks_again_at_the_deadline(monkeypatch):
    clock, looks = Clock(), []
    monkeypatch.setattr(waiting, "time", clock)
    assert eventually("it comes", lambda: looks.append(clock.now) or clock.now == 10, within=10, every=7)
    assert looks == [0, 7, 10]


def test_eventually_holds_a_slow_look_against_nobody(monkeypatch):
    clock, looks = Clock(), []
    monkeypatch.setattr(waiting, "time", clock)

    def look() -> bool:
        looks.append(clock.now)
        clock.now += 20
        return len(looks) == 2

    assert eventually("it comes", look, within=10)
    assert looks == [0, 20]
