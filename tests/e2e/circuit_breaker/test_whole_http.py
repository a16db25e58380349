"""HTTP goes through whole: methods, paths, queries, headers in both directions. Through the real API Gateway of LocalStack."""

import gzip
import hashlib

from calling import is_problem, new_key
from circuit_breaker.conftest import STILL
from target import Behaviour

ANYTHING = {
    "forward": {
        "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], "paths": ["/"], "query": True,
    }
}  # fmt: skip


def send(guarded, method: str, path: str = "", **options):
    headers = {"Idempotency-Key": new_key(), **options.pop("headers", {})}
    return guarded.api.call(method, f"/requests/{guarded.name}{path}", headers=headers, **options)


def test_every_method_reaches_a_path_below_the_url(guarded):
    payments = guarded(**ANYTHING)
    for method in ANYTHING["forward"]["methods"]:
        answer = send(payments, method, "/orders/a%20b/7/?full=1&sort=up", data=b"x" if method[0] == "P" else None)
        assert answer.status_code == 200, (method, answer.text)
    calls = payments.service.calls
    assert [call.method for call in calls] == ANYTHING["forward"]["methods"]
    assert {call.path for call in calls} == {f"/{payments.name}/orders/a%20b/7/?full=1&sort=up"}


def test_headers_go_through_in_both_directions(guarded):
    payments = guarded(**ANYTHING)
    payments.service.does(
        status=201,
        headers={"Set-Cookie": ["a=1", "b=2"], "ETag": '"7"', "Location": "7", "X-Own": "yes", "Keep-Alive": "timeout=5"},
    )
    answer = send(
        payments, "POST", "/orders/", headers={"If-Match": '"6"', "Accept": "text/x-own", "Baggage": "user=7"}
    )
    assert answer.status_code == 201
    assert [value for name, value in answer.raw.headers.items() if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert (answer.headers["ETag"], answer.headers["X-Own"]) == ('"7"', "yes")
    assert answer.headers["Location"].endswith(f"/requests/{payments.name}/orders/7")
    (call,) = payments.service.calls
    assert (call.headers["if-match"], call.headers["accept"], call.headers["baggage"]) == ('"6"', "text/x-own", "user=7")
    assert "x-forwarded-for" not in call.headers


def test_what_is_encoded_stays_so_also_while_it_waits(guarded, settled):
    payments = guarded(**ANYTHING)
    payments.service.does(Behaviour(status=500))
    body = gzip.compress(b"a long text " * 100)
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    answer = send(payments, "PUT", "/texts/1?draft=1", data=body, headers=headers)
    assert answer.status_code == 202, answer.text
    (request,) = settled(payments, [answer.json()["requestId"]])
    assert (request["method"], request["path"]) == ("PUT", "/texts/1")
    first, second = payments.service.calls
    assert first.digest == second.digest == hashlib.sha256(body).hexdigest()
    assert (second.method, second.path) == ("PUT", f"/{payments.name}/texts/1?draft=1")
    assert (second.headers["content-encoding"], second.headers["content-type"]) == ("gzip", "text/plain")


def test_an_empty_body_says_so_and_has_no_type(guarded):
    payments = guarded()
    assert send(payments, "POST").status_code == 200
    (call,) = payments.service.calls
    assert call.headers["content-length"] == "0"
    assert "content-type" not in call.headers


def test_what_only_asks_is_not_parked(guarded):
    payments = guarded(**ANYTHING, **STILL)
    payments.service.does(status=503, body=b"busy", content_type="text/plain", headers={"Retry-After": "7"})
    answer = payments.api.call("GET", f"/requests/{payments.name}")
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "busy", "7")
    payments.force("open")
    is_problem(payments.api.call("GET", f"/requests/{payments.name}/x"), 503, "breaker-open")
    assert payments.view()["queue"]["waiting"] == 0


def test_a_target_takes_what_it_is_configured_to_take(guarded):
    payments = guarded()
    answer = send(payments, "PUT")
    is_problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "POST"
    is_problem(send(payments, "POST", "/below"), 404, "no-route")
    is_problem(send(payments, "POST", "?a=1"), 400, "invalid-request")
    assert payments.service.calls == []


def test_a_correlation_id_goes_on_as_it_came_or_is_refused(guarded):
    payments = guarded()
    is_problem(send(payments, "POST", headers={"x-correlation-id": "two words"}), 400, "invalid-request")
    assert send(payments, "POST", headers={"x-correlation-id": "one-word"}).status_code == 200
    (call,) = payments.service.calls
    assert call.headers["x-correlation-id"] == "one-word"
