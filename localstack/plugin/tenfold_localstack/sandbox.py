"""One execution environment: a `bootstrap` process, its Runtime API, its deadlines and its log."""

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime

from tenfold_localstack import errors
from tenfold_localstack.process import Process
from tenfold_localstack.runtime_api import Answer, Invocation, RuntimeApi

# AWS gives the init phase 10 seconds, whatever the function's own time-out is.
INIT_SECONDS = 10.0
INIT_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Settings:
    task_root: str
    env: dict[str, str]
    timeout_seconds: float
    memory_mb: int
    version: str = "$LATEST"
    init_seconds: float = INIT_SECONDS


@dataclass(frozen=True)
class Result:
    answer: Answer
    log: str


class InitFailed(Exception):
    """The process never asked for work; `payload` is what Lambda answers the caller with."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode("utf-8", "replace"))
        self.payload = payload


class Sandbox:
    """Used by one invocation at a time; a concurrent one gets a sandbox of its own."""

    def __init__(self, settings: Settings, on_line: Callable[[str], None]) -> None:
        self._settings = settings
        self._on_line = on_line
        self._lock = threading.RLock()
        # Its own lock: the log is written by the thread that reads the process's output, which must
        # never wait for one that waits for that output.
        self._log_lock = threading.Lock()
        self._log: list[str] = []
        self._api: RuntimeApi | None = None
        self._process: Process | None = None
        self._ready: Future[None] | None = None
        self._answer: Future[Answer] | None = None
        self._request_id = INIT_REQUEST_ID
        self._init_ms: float | None = None
        self._busy = False
        self._stopped = False

    # What the owner does

    def start(self) -> None:
        """Returns when the process asks for its first invocation, or raises InitFailed."""
        self._boot(self._settings.init_seconds)

    def invoke(self, request_id: str, payload: bytes, arn: str, trace_id: str) -> Result:
        with self._lock:
            self._busy, self._request_id = True, request_id
        seconds = self._settings.timeout_seconds
        started = time.monotonic()
        deadline_ms = int((time.time() + seconds) * 1000)
        self._write(f"START RequestId: {request_id} Version: {self._settings.version}")
        try:
            # After a crash or a time-out the same environment begins anew, within the invocation.
            if not (self._process and self._process.is_alive):
                self._boot(seconds)
            with self._lock:
                self._answer = Future()
                # Here the process may have died since it was looked at.
                if not self._process.is_alive:
                    self._answer.set_result(self._exited(self._process.returncode))
            self._api.offer(Invocation(request_id, payload, arn, trace_id, deadline_ms))
            answer = self._answer.result(max(0.0, started + seconds - time.monotonic()))
        except InitFailed as failure:
            answer = Answer(failure.payload, is_error=True)
        except FutureTimeout:
            self._end_process()
            answer = Answer(errors.timed_out(request_id, seconds), is_error=True)
            self._write(f"{_now()} {request_id} Task timed out after {seconds:.2f} seconds\n")
        finally:
            with self._lock:
                self._answer = None
        if self._process:
            self._process.drain()
        self._report(request_id, (time.monotonic() - started) * 1000)
        with self._lock:
            self._busy = False
            stopped = self._stopped
        if stopped:
            self._end_process()
        return Result(answer, self.take_log())

    def stop(self) -> None:
        """Ends an idle environment at once; one at work ends after its answer, as on AWS."""
        with self._lock:
            self._stopped = True
            if self._busy:
                return
        self._end_process()

    def take_log(self) -> str:
        """The log lines since the last call."""
        with self._log_lock:
            lines, self._log = self._log, []
        return "".join(f"{line}\n" for line in lines)

    # What the process does: see runtime_api.Listener

    def on_ready(self) -> None:
        self._settle(self._ready, None)

    def on_init_error(self, payload: bytes) -> None:
        self._settle(self._ready, InitFailed(payload))

    def on_answer(self, request_id: str, answer: Answer) -> bool:
        with self._lock:
            if request_id != self._request_id:
                return False
            return self._settle(self._answer, answer)

    def _on_exit(self, process: Process, returncode: int) -> None:
        with self._lock:
            waiting = self._answer or (self._ready and not self._ready.done())
            if process is not self._process or not waiting:
                return
            answer = self._exited(returncode)
            self._settle(self._ready, InitFailed(answer.payload))
            self._settle(self._answer, answer)

    def _on_output(self, line: str) -> None:
        self._write(line)
        self._on_line(line)

    # The parts

    def _boot(self, seconds: float) -> None:
        bootstrap = os.path.join(self._settings.task_root, "bootstrap")
        if not os.path.isfile(bootstrap):
            raise InitFailed(
                errors.no_bootstrap(
                    self._request_id, "Couldn't find valid bootstrap(s): [/var/task/bootstrap]"
                )
            )
        if not os.access(bootstrap, os.X_OK):
            raise InitFailed(
                errors.no_bootstrap(
                    self._request_id, "fork/exec /var/task/bootstrap: permission denied"
                )
            )
        started = time.monotonic()
        with self._lock:
            if self._api:
                self._api.close()
            self._ready = Future()
            self._api = RuntimeApi(self)
            self._process = Process(
                [bootstrap],
                cwd=self._settings.task_root,
                env=self._settings.env | {"AWS_LAMBDA_RUNTIME_API": self._api.address},
                on_line=self._on_output,
                on_exit=self._on_exit,
            )
        try:
            self._ready.result(seconds)
        except FutureTimeout:
            self._end_process()
            raise InitFailed(errors.timed_out(self._request_id, seconds)) from None
        except InitFailed:
            self._end_process()
            raise
        self._init_ms = (time.monotonic() - started) * 1000

    def _end_process(self) -> None:
        with self._lock:
            api, process, self._process = self._api, self._process, None
        if process:
            process.kill()
            process.drain()
        if api:
            api.close()

    def _exited(self, returncode: int) -> Answer:
        self._write(f"RequestId: {self._request_id} Error: {errors.describe_exit(returncode)}")
        self._write("Runtime.ExitError")
        return Answer(errors.exited(self._request_id, returncode), is_error=True)

    def _settle(self, future: Future | None, outcome) -> bool:
        """The first outcome counts: an answer, a death and a deadline may race."""
        with self._lock:
            if future is None or future.done():
                return False
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
            return True

    def _report(self, request_id: str, duration_ms: float) -> None:
        init_ms, self._init_ms = self._init_ms, None
        fields = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(duration_ms + (init_ms or 0))} ms",
            f"Memory Size: {self._settings.memory_mb} MB",
        ]
        if (memory := self._process and self._process.peak_memory_mb()) is not None:
            fields.append(f"Max Memory Used: {memory} MB")
        if init_ms is not None:
            fields.append(f"Init Duration: {init_ms:.2f} ms")
        self._write(f"END RequestId: {request_id}")
        self._write("\t".join(fields) + "\t")

    def _write(self, line: str) -> None:
        with self._log_lock:
            self._log.append(line)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
