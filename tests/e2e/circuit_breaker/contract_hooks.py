"""What schemathesis runs with in `test_contract_live.py`: it is a process of its own, and loads this file."""

import os

import schemathesis

NAME = os.environ["TENFOLD_CONTRACT_TARGET"]
URL = os.environ["TENFOLD_CONTRACT_URL"]


@schemathesis.hook
def before_load_schema(_, raw_schema):
    """LocalStack does not ask who calls."""
    del raw_schema["security"], raw_schema["components"]["securitySchemes"]


@schemathesis.hook
def before_call(_, case, __):
    """What is valid goes to one target, so that it is there, and nothing calls a place that was made up."""
    operation = case.operation.definition.raw["operationId"]
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    for parameter in case.path_parameters or {}:
        if operation != "getRequest":
            case.path_parameters[parameter] = f"{NAME}-gone" if operation == "deleteTarget" else NAME
    if isinstance(case.body, dict):
        for field in case.body.keys() & {"url", "healthUrl"}:
            case.body[field] = URL
