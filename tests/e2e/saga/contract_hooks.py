"""What schemathesis runs with in `test_contract_live.py`."""

import os
import uuid

import schemathesis

from contract_hooks import is_meant_well

STOCK = os.environ["TENFOLD_CONTRACT_STOCK"]
SAGA = os.environ["TENFOLD_CONTRACT_SAGA"]


@schemathesis.hook
def before_call(_, case, __):
    """What is valid goes to one inventory and, half of the time, to a trip that is there."""
    if not is_meant_well(case):
        return
    path = case.path_parameters or {}
    if "id" in path:
        path["id"] = STOCK
    if "sagaId" in path and str(path["sagaId"])[-1] in "01234567":
        path["sagaId"] = SAGA
    if case.operation.definition.raw["operationId"] == "postTrip" and isinstance(case.body, dict):
        # Another trip each time, of inventory that is there, in some year to come.
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
        for kind in case.body.keys() & {"flight", "hotel", "car"}:
            case.body[kind] = STOCK
        for day in case.body.keys() & {"from", "to"}:
            case.body[day] = "2099-05-01"
