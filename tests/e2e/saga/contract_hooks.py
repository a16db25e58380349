"""What schemathesis runs with in `test_contract_live.py`: it is a process of its own, and loads this file."""

import os
import uuid

import schemathesis

STOCK = os.environ["TENFOLD_CONTRACT_STOCK"]
SAGA = os.environ["TENFOLD_CONTRACT_SAGA"]


@schemathesis.hook
def before_load_schema(_, raw_schema):
    """LocalStack does not ask who calls."""
    del raw_schema["security"], raw_schema["components"]["securitySchemes"]


@schemathesis.hook
def before_call(_, case, __):
    """What is valid goes to one inventory and, half of the time, to a trip that is there."""
    if not case.meta or not case.meta.generation.mode.is_positive:
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
