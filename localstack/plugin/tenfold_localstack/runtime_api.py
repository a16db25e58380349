"""The Lambda Runtime API (2018-06-01) for one `bootstrap` process, on a loopback port of its own.

A process that is started anew gets a new RuntimeApi: a handler that still waits in `next` for the
dead process can then never swallow the next invocation.
"""

import base64
import binascii
import contextlib
import json
import logging
import socket
import threading
from dataclasses import dataclass
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from typing import Protocol

from tenfold_localstack import errors

LOG = logging.getLogger(__name__)

PREFIX = "/2018-06-01/runtime"
ERROR_TYPE_TRAILER = "lambda-runtime-function-error-type"
ERROR_BODY_TRAILER = "lambda-runtime-function-error-body"


@dataclass(frozen=True)
class Invocation:
    request_id: str
    payload: bytes
    arn: str
    trace_id: str
    deadline_ms: int


@dataclass(frozen=True)
class Answer:
    payload: bytes
    is_error: bool


class Listener(Protocol):
    """Who is told what the process says."""

    def on_ready(self) -> None: ...

    def on_init_error(self, payload: bytes) -> None: ...

    def on_answer(self, request_id: str, answer: Answer) -> bool:
        """False when no such invocation is waiting for an answer."""


class RuntimeApi:
    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self._changed = threading.Condition()
        self._pending: Invocation | None = None
        self._closed = False
        threading.Thread(target=self._accept, name="runtime-api", daemon=True).start()

    def offer(self, invocation: Invocation) -> None:
        with self._changed:
            self._pending = invocation
            self._changed.notify()

    def take(self) -> Invocation | None:
        """Waits for an invocation; None once the API is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed)
            if self._closed:
                return None
            invocation, self._pending = self._pending, None
            return invocation

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # Only a shutdown wakes a thread that is blocked in accept().
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._socket.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(connection, peer), name="runtime-api-conn", daemon=True
            ).start()

    def _serve(self, connection: socket.socket, peer) -> None:
        # A process that is killed while it speaks is reported by whoever watches the process.
        with connection, contextlib.suppress(ConnectionError, HTTPException):
            _Handler(connection, peer, self)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}/invocation/next":
            return self._reply(404, {"errorMessage": f"no such path: {self.path}"})
        self.server.listener.on_ready()
        invocation = self.server.take()
        if invocation is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.arn)
        self.send_header("Lambda-Runtime-Trace-Id", invocation.trace_id)
        self.send_header("Content-Length", str(len(invocation.payload)))
        self.end_headers()
        self.wfile.write(invocation.payload)

    def do_POST(self) -> None:
        body, trailers = self._read_body()
        match self.path.removeprefix(PREFIX).strip("/").split("/"):
            case ["init", "error"]:
                self.server.listener.on_init_error(body or self._untold_error())
                self._reply(202, {"status": "OK"})
            case ["invocation", request_id, "response"]:
                self._answer(request_id, _streamed_error(trailers) or Answer(body, is_error=False))
            case ["invocation", request_id, "error"]:
                self._answer(request_id, Answer(body or self._untold_error(), is_error=True))
            case _:
                self._reply(404, {"errorMessage": f"no such path: {self.path}"})

    def _answer(self, request_id: str, answer: Answer) -> None:
        too_large = len(answer.payload) > errors.MAX_RESPONSE_BYTES
        if too_large:
            answer = Answer(errors.response_too_large(), is_error=True)
        if not self.server.listener.on_answer(request_id, answer):
            self._reply(
                400, {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
            )
        elif too_large:
            self._reply(413, json.loads(answer.payload))
        else:
            self._reply(202, {"status": "OK"})

    def _untold_error(self) -> bytes:
        """An error whose body is empty still has its type in a header."""
        kind = self.headers.get("Lambda-Runtime-Function-Error-Type", "Runtime.UnknownReason")
        return errors.payload(kind, "The function reported an error without a body")

    def _read_body(self) -> tuple[bytes, dict[str, str]]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return self._read_exactly(length), {}

    def _read_chunks(self) -> tuple[bytes, dict[str, str]]:
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
            chunks.append(self._read_exactly(size))
            self.rfile.readline()
        trailers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            trailers[name.strip().lower()] = value.strip()
        return b"".join(chunks), trailers

    def _read_exactly(self, length: int) -> bytes:
        data = self.rfile.read(length)
        if len(data) < length:
            raise ConnectionAbortedError("the function hung up in the middle of a request")
        return data

    def _reply(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args) -> None:
        LOG.debug(format, *args)


def _streamed_error(trailers: dict[str, str]) -> Answer | None:
    """A streamed answer that failed half-way tells so in its trailers, the body in base64."""
    if ERROR_TYPE_TRAILER not in trailers:
        return None
    body = trailers.get(ERROR_BODY_TRAILER, "")
    try:
        decoded = base64.b64decode(body, validate=True)
    except binascii.Error:
        decoded = body.encode()
    fallback = errors.payload(trailers[ERROR_TYPE_TRAILER], "The response stream failed")
    return Answer(decoded or fallback, is_error=True)
