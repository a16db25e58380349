"""What is wrong with a request is said in a problem document, all of it at once.

Every case is held in memory (`bad_requests.json`, beside the core's tests); of each kind some go the whole way here.
"""

import uuid

import pytest

from calling import is_problem, new_key
from refusals import Refusals, is_refused, send

REFUSALS = Refusals("saga")
KINDS = REFUSALS.by_kind()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_request_is_refused(api, kind):
    for case in KINDS[kind]:
        renamed = {"k": new_key()}
        for request in REFUSALS.given[case.given] if case.given else ():
            assert send(api, request, renamed).ok
        answer = send(api, case.request, renamed)
        if kind == "route":
            # API Gateway's own answer; LocalStack does not word it as the stack says.
            assert answer.status_code in (403, 404), (case.name, answer.status_code, answer.text)
        else:
            is_refused(answer, case)


def test_cancelling_what_there_is_not_makes_nothing(api, stack):
    saga_id = str(uuid.uuid4())
    is_problem(api.cancel(saga_id), 404, "unknown-trip")
    assert stack.items(saga_id) == []


def test_inventory_is_as_it_was_put(agency, api):
    answer = api.put_stock("car", agency.name, {"available": 1_000_000, "releases": "refused"})
    assert answer.json() == {"available": 1_000_000, "reserved": 0, "releases": "refused"}
    assert api.get_stock("car", agency.name).json() == answer.json()
