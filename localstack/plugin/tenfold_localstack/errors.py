"""The error payloads that AWS Lambda itself answers with, when the function could not."""

import json
import signal

# What AWS allows for a buffered answer: 6 MiB and 100 bytes.
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


def payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def timed_out(request_id: str, seconds: float) -> bytes:
    return payload(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds",
    )


def exited(request_id: str, returncode: int) -> bytes:
    return payload("Runtime.ExitError", f"RequestId: {request_id} Error: {describe_exit(returncode)}")


def no_bootstrap(request_id: str, reason: str) -> bytes:
    return payload("Runtime.InvalidEntrypoint", f"RequestId: {request_id} Error: {reason}")


def response_too_large() -> bytes:
    return payload(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).",
    )


def describe_exit(returncode: int) -> str:
    """A process's end in Lambda's words."""
    if returncode == 0:
        return "Runtime exited without providing a reason"
    if returncode > 0:
        return f"Runtime exited with error: exit status {returncode}"
    # strsignal(9) is "Killed", Lambda writes "signal: killed".
    name = signal.strsignal(-returncode) or str(-returncode)
    return f"Runtime exited with error: signal: {name.lower()}"
