"""What is wrong with a request is said in a problem document, all of it at once; and nothing is written.

Every case is held in memory (`bad_requests.json`, beside the core's tests); of each kind some go the whole way here.
"""

import itertools
import uuid

import pytest

from refusals import Refusals, is_refused, send

REFUSALS = Refusals("circuit-breaker")
KINDS = REFUSALS.by_kind()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_request_is_refused_and_leaves_nothing_behind(api, stack, target, kind):
    for given, cases in itertools.groupby(KINDS[kind], lambda case: case.given):
        name = f"t-{uuid.uuid4().hex[:12]}"
        renamed = {"/pay": f"/{name}", "/nobody": f"/{name}-gone", "http://pay.example/": target.endpoint(name).url}
        try:
            for request in REFUSALS.given[given] if given else ():
                assert send(api, request, renamed).ok
            before = stack.items(name)
            for case in cases:
                answer = send(api, case.request, renamed)
                if kind == "route":
                    # API Gateway answers some of these itself, and LocalStack in other words than AWS.
                    assert 400 <= answer.status_code < 500, (case.name, answer.status_code, answer.text)
                else:
                    is_refused(answer, case)
            assert stack.items(name) == before
        finally:
            stack.delete_items(stack.items(name))


def test_the_longest_headers_are_taken(guarded):
    payments = guarded()
    headers = {"Idempotency-Key": "k" * 255, "Ordering-Key": "o" * 128, "Tenant": "t" * 64}
    assert payments.api.post_request(payments.name, b"{}", headers).status_code == 200
