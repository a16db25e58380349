"""The deployed API against `functions/saga/openapi.yaml`."""

import pytest

from contract import keeps_its_contract
from saga.api import KINDS


@pytest.mark.slow
def test_the_api_keeps_its_contract(agency, stack, tmp_path):
    saga_id = agency.book("orchestrated")
    agency.ends_as(saga_id, "committed")
    try:
        keeps_its_contract(stack, tmp_path, TENFOLD_CONTRACT_STOCK=agency.name, TENFOLD_CONTRACT_SAGA=saga_id)
    finally:
        stack.delete_items([{"pk": f"inventory#{kind}#{agency.name}", "sk": "stock"} for kind in KINDS])
