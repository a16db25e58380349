"""LocalStack as one background process of this checkout: start, stop, status."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
import urllib.request

from tenfold_local import daemon, paths, ports, prerequisites, say, stores
from tenfold_local.say import Failure

START_SECONDS = 60
# In its command line.
MARKER = "localstack.runtime.main"
REGION = "us-east-1"
# LocalStack's own folders under .local/. In a container (CI often is one) it would take over the
# container's root folder otherwise.
HOST_MODE = {"FILESYSTEM_ROOT": str(paths.FILESYSTEM), "OVERRIDE_IN_DOCKER": "0"}


def endpoint() -> str:
    """TENFOLD_ENDPOINT is a LocalStack that somebody else runs, in Docker for instance."""
    return os.environ.get("TENFOLD_ENDPOINT") or f"http://127.0.0.1:{ports.localstack()}"


def client_environment() -> dict[str, str]:
    """What an AWS client, a deployment or a test needs to talk to it."""
    return {
        "AWS_ENDPOINT_URL": endpoint(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TENFOLD_ENDPOINT": endpoint(),
        "TENFOLD_OUTPUTS": str(paths.OUTPUTS),
        "TENFOLD_STORES": str(paths.ENDPOINTS),
    }


def is_up() -> bool:
    """Whether LocalStack answers where it is wanted; fails where none does and none can be started.

    What runs is left alone, whatever it is.
    """
    if os.environ.get("TENFOLD_ENDPOINT"):
        if instance():
            return True
        raise Failure(
            f"TENFOLD_ENDPOINT is {endpoint()}, and no LocalStack answers there: "
            "start that one, or unset TENFOLD_ENDPOINT to have one of this checkout"
        )
    port = ports.localstack()
    if ours := _ours():
        if ours.port != port:
            raise Failure(
                f"port {port} is asked for, and this checkout's LocalStack runs on port {ours.port} "
                f"(process {ours.pid}); a checkout has one at a time: go on with "
                f"TENFOLD_LOCALSTACK_PORT={ours.port}, or end that one first, with `make down`"
            )
        return instance() is not None
    _require(port)
    return False


def start() -> None:
    if is_up():
        return say.step(f"LocalStack is up at {endpoint()}")
    port = ports.localstack()
    if _ours():
        stop(quiet=True)  # a half-dead one, on this very port
        _require(port)
    started = time.monotonic()
    say.step(f"starting LocalStack on port {port} (log: {paths.LOG})")
    process = _spawn(port)
    while not instance():
        if process.poll() is not None:
            raise Failure(
                f"LocalStack ended with exit code {process.returncode}. "
                f"The end of {paths.LOG}:\n{say.tail(paths.LOG)}"
            )
        if time.monotonic() - started > START_SECONDS:
            stop(quiet=True)
            raise Failure(
                f"LocalStack did not become ready within {START_SECONDS} s. "
                f"The end of {paths.LOG}:\n{say.tail(paths.LOG)}"
            )
        time.sleep(0.1)
    print(f"    ready after {time.monotonic() - started:.1f} s", flush=True)


def _require(port: int) -> None:
    if obstacle := ports.obstacle(port):
        raise Failure(
            f"port {port} is {obstacle}: "
            f"free it, or set TENFOLD_LOCALSTACK_PORT to another port (see {ports.FILE}); "
            f"if it is a LocalStack to be used, set TENFOLD_ENDPOINT to {endpoint()}"
        )


def stop(quiet: bool = False) -> None:
    ours = _ours()
    if ours is None:
        if not quiet:
            say.step("LocalStack is not running")
        return
    if not quiet:
        say.step("stopping LocalStack")
    daemon.end(paths.PID, MARKER)


def status() -> None:
    ours = _ours()
    if not instance():
        elsewhere = f"; this checkout's runs on port {ours.port}" if ours else ": `make up` starts one"
        raise Failure(f"no LocalStack answers at {endpoint()}{elsewhere}")
    health = _get("/_localstack/health")
    used = sorted(name for name, state in health["services"].items() if state == "running")
    print(f"endpoint  {endpoint()}")
    print(f"version   {health['version']}")
    print(f"process   {ours.pid if ours else 'not started by this checkout'}")
    print(f"in use    {', '.join(used) or 'nothing yet'}")
    print(f"log       {paths.LOG}")


def instance() -> str | None:
    """An id of the running LocalStack, new with each start; None when none answers."""
    try:
        return _get("/_localstack/info")["session_id"]
    # Whatever else may listen there: it need not speak HTTP, nor answer with what LocalStack answers.
    except (OSError, ValueError, KeyError, TypeError, OverflowError, http.client.HTTPException):
        return None


def _get(path: str) -> dict:
    with urllib.request.urlopen(endpoint() + path, timeout=5) as response:
        return json.load(response)


def _spawn(port: int) -> subprocess.Popen:
    # No state survives a stop, in the stores neither, which hold what was made of this one's; what LocalStack
    # installed for itself does. It keeps temporary files both in TMPDIR and under its own root, at the path of TMPDIR.
    stores.stop(quiet=True)
    for folder in (paths.TEMPORARY, paths.FILESYSTEM / str(paths.TEMPORARY).lstrip("/")):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for file in (paths.OUTPUTS, paths.DEPLOYED):
        file.unlink(missing_ok=True)
    return daemon.spawn(
        [paths.VENV / "bin" / "python", "-m", MARKER],
        paths.PID,
        port,
        paths.LOG,
        cwd=paths.STATE,
        env=_environment(port),
    )


def _environment(port: int) -> dict[str, str]:
    # The caller's AWS and LocalStack settings are for other things.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LOCALSTACK_", "LAMBDA_", "PYTHON"))
    }
    return inherited | {
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # Names under localhost.localstack.cloud need a DNS server that resolves them.
        "LOCALSTACK_HOST": f"localhost:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",
        **HOST_MODE,
        "TMPDIR": str(paths.TEMPORARY),
        "LAMBDA_RUNTIME_EXECUTOR": "tenfold",
        "LAMBDA_SYNCHRONOUS_CREATE": "1",
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.2",
        # How long it stays away from a source that was empty, or whose function failed. AWS polls on.
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.5",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_ERROR_SEC": "5",
        "KINESIS_MOCK_PROVIDER_ENGINE": "node",
        # AWS reports queue metrics every 60 s; a test of an alarm on a queue should not take minutes.
        "SQS_CLOUDWATCH_METRICS_REPORT_INTERVAL": "5",
        "DYNAMODB_IN_MEMORY": "1",
        # DynamoDB Local's own streams. LocalStack's first provider fills them from ten threads, and the
        # changes of an item come out of order.
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        "TENFOLD_DYNAMODB_LIB": str(paths.DYNAMODB / "lib"),
        "TENFOLD_JAVA": prerequisites.java(),
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _ours() -> daemon.Running | None:
    """The LocalStack that this checkout has started."""
    found = daemon.running(paths.PID, MARKER)
    # One that an earlier version of this command has started tells no port.
    return daemon.Running(found.pid, found.port or ports.localstack()) if found else None
