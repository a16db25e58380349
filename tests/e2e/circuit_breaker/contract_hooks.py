"""What schemathesis runs with in `test_contract_live.py`."""

import os

import schemathesis

from contract_hooks import is_meant_well

NAME = os.environ["TENFOLD_CONTRACT_TARGET"]
URL = os.environ["TENFOLD_CONTRACT_URL"]


@schemathesis.hook
def before_call(_, case, __):
    """What is valid goes to one target, so that it is there, and nothing calls a place that was made up."""
    if not is_meant_well(case):
        return
    operation = case.operation.definition.raw["operationId"]
    for parameter in case.path_parameters or {}:
        if operation != "getRequest" and parameter not in ("path+", "requestId"):
            case.path_parameters[parameter] = f"{NAME}-gone" if operation == "deleteTarget" else NAME
    if isinstance(case.body, dict):
        for field in case.body.keys() & {"url", "healthUrl"}:
            case.body[field] = URL
        # No secret is where a made-up reference points to, and what waits for one waits for long.
        if case.body.get("credentials"):
            case.body["credentials"] = {"type": "awsSigV4", "service": "execute-api"}
