"""The environment variables of a function: those that Lambda gives, its own, and nothing else."""

# LocalStack's internals, which it hands to its init binary beside what AWS documents.
_INTERNAL = {"EDGE_PORT", "AWS_LAMBDA_FUNCTION_TIMEOUT"}
_INTERNAL_PREFIX = "LOCALSTACK_"

# What the provided.al2023 image itself sets.
_IMAGE = {
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
}


def function_environment(
    offered: dict[str, object], own: dict[str, str], task_root: str
) -> dict[str, str]:
    """`offered` is what LocalStack would give, `own` what the function's configuration says."""
    from_lambda = {
        name: str(value)
        for name, value in offered.items()
        if name not in _INTERNAL and not name.startswith(_INTERNAL_PREFIX)
    }
    return _IMAGE | from_lambda | {"LAMBDA_TASK_ROOT": task_root} | own
