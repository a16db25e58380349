"""The deployed API against `functions/circuit-breaker/openapi.yaml`."""

import uuid

import pytest

from contract import keeps_its_contract


# The same route as POST of the same resource, where the target takes them at all; see `test_whole_http.py`.
ALIKE = ["putRequest", "patchRequest", "deleteRequest", "headRequest"]
BELOW = ["postBelow", "putBelow", "patchBelow", "deleteBelow", "getBelow", "headBelow"]


@pytest.mark.slow
def test_the_api_keeps_its_contract(stack, api, target, tmp_path):
    name = f"c-{uuid.uuid4().hex[:12]}"
    url = target.endpoint(name).url
    assert api.put_target(name, {"url": url}).status_code == 201
    try:
        keeps_its_contract(stack, tmp_path, *ALIKE, *BELOW, TENFOLD_CONTRACT_TARGET=name, TENFOLD_CONTRACT_URL=url)
    finally:
        stack.delete_items(stack.items(name))
