"""What schemathesis runs with for every pattern: it is a process of its own, see `contract.py`."""

import schemathesis


@schemathesis.hook
def before_load_schema(_, raw_schema):
    """LocalStack does not ask who calls."""
    del raw_schema["security"], raw_schema["components"]["securitySchemes"]


def is_meant_well(case) -> bool:
    """Whether a request is one that the contract allows."""
    return bool(case.meta) and case.meta.generation.mode.is_positive
