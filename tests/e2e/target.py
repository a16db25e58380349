"""An HTTP service that does as it is told, while it runs: the target of the end-to-end tests.

Every path `/<name>...` is an endpoint of its own. It answers, is slow, hangs, closes in the middle of a
body, or refuses connections; and it remembers every call. It is idempotent: a call with an
`Idempotency-Key` takes effect once, a repeated one is only counted.

Tests hold an `Endpoint` in their own process. Everybody else steers over HTTP:

    PUT /_control/<name>   a behaviour as JSON, see `Behaviour`; answers {"url": ...}
    GET /_log/<name>       {"calls": [...]}
    GET /_ledger/<name>    {"effects": n, "duplicates": n, "keys": {key: calls that took effect or repeated}}
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import select
import socket
import socketserver
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

MODES = ("answer", "hang", "close-mid-body", "refuse")
NOTICE_SECONDS = 0.02


@dataclass(frozen=True)
class Behaviour:
    """What an endpoint does. The names in JSON are camelCase."""

    # "hang" answers nothing until the endpoint is told otherwise; "refuse" is for the whole port.
    mode: str = "answer"
    status: int = 200
    delay_ms: int = 0
    # Without a body the answer is a receipt: {"accepted": <key>, "bytes": <length of what came>}.
    body: bytes | None = None
    content_type: str | None = "application/json"
    # Several values of a header are a list.
    headers: dict[str, str | list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}; one of {', '.join(MODES)} was expected")
        if isinstance(self.body, str):
            object.__setattr__(self, "body", self.body.encode())

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> Behaviour:
        given = {_snake(name): value for name, value in given.items()}
        if "body_base64" in given:
            given["body"] = base64.b64decode(given.pop("body_base64"))
        unknown = given.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        return cls(**given)

    @property
    def whole(self) -> bool:
        """Whether the caller gets an answer to its end."""
        return self.mode == "answer"

    @property
    def takes_effect(self) -> bool:
        """Also where the caller never hears of it."""
        return not self.whole or self.status < 400


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


@dataclass
class Call:
    """A call as the target saw it."""

    method: str
    path: str
    headers: dict[str, str]
    digest: str
    bytes: int
    began: float
    # None while it is running.
    ended: float | None = None
    # None where the caller got no whole answer.
    status: int | None = None

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")


class Endpoint:
    """One name of a target."""

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self.name = name
        self._own_port: _Port | None = None
        self._lock = threading.Condition()
        self._behaviour = Behaviour()
        self._told = 0
        self._script: deque[Behaviour] = deque()
        self._calls: list[Call] = []
        self._ledger: Counter[str] = Counter()

    @property
    def url(self) -> str:
        port = self._own_port or self._target.port
        return f"http://{self._target.host}:{port.number}/{self.name}"

    def on_own_port(self) -> Endpoint:
        """From now on this endpoint can refuse connections; its URL changes."""
        self._own_port = self._own_port or _Port(self._target, 0)
        return self

    def does(self, *script: Behaviour, **behaviour: Any) -> None:
        """Sets the behaviour, for good; those of `script` come first, one for each call."""
        told = Behaviour(**behaviour)
        refuses = told.mode == "refuse"
        if refuses and not self._own_port:
            raise ValueError(f"{self.name} has no port of its own to close; see on_own_port")
        with self._lock:
            self._behaviour = told
            self._told += 1
            self._script = deque(script)
            self._lock.notify_all()
        if self._own_port:
            self._own_port.close() if refuses else self._own_port.open()

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return [replace(call) for call in self._calls]

    @property
    def posts(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    @property
    def effects(self) -> Counter[str]:
        """For each key how often it was applied; all but the first time it was found in the ledger."""
        with self._lock:
            return Counter(self._ledger)

    @property
    def most_at_once(self) -> int:
        return most_at_once(self.calls)

    def _begin(self, call: Call) -> Behaviour:
        with self._lock:
            self._calls.append(call)
            told = self._script.popleft() if self._script else self._behaviour
            if call.method == "POST" and call.key and told.takes_effect:
                self._ledger[call.key] += 1
            return told

    def _end(self, call: Call, status: int | None) -> None:
        with self._lock:
            call.ended = time.time()
            call.status = status

    def _wait(self, told: Behaviour, connection: socket.socket) -> Behaviour | None:
        """Passes the time that an answer takes. None: the caller has left."""
        until = time.monotonic() + told.delay_ms / 1000
        with self._lock:
            before = self._told
            while told.mode == "hang" or time.monotonic() < until:
                if _has_left(connection):
                    return None
                self._lock.wait(NOTICE_SECONDS)
                if told.mode == "hang" and self._told != before:
                    told, before = self._behaviour, self._told
        return told


def most_at_once(calls: Iterable[Call]) -> int:
    """How many calls ran at the same time."""
    changes = []
    for call in calls:
        changes += [(call.began, 1), (call.ended or float("inf"), -1)]
    running = most = 0
    # At the same moment one ends before the other begins.
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def _has_left(connection: socket.socket) -> bool:
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # ValueError: closed here, since the port closed
        return True


class Target:
    """All endpoints, on one port. A context manager; runs in threads of this process."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self._endpoints: dict[str, Endpoint] = {}
        self._lock = threading.Lock()
        self.port = _Port(self, port)

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.close()
        for endpoint in self._endpoints.values():
            if endpoint._own_port:
                endpoint._own_port.close()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port.number}"

    def endpoint(self, name: str) -> Endpoint:
        with self._lock:
            return self._endpoints.setdefault(name, Endpoint(self, name))


class _Port:
    """A port that is ours also while it is closed."""

    def __init__(self, target: Target, number: int) -> None:
        self._target = target
        # Bound, but never listening: keeps the number for us while the server is closed.
        self._claim = _bound(target.host, number)
        self.number: int = self._claim.getsockname()[1]
        self._server: _Server | None = None
        self.open()

    def open(self) -> None:
        if not self._server:
            self._server = _Server(self._target, _bound(self._target.host, self.number))

    def close(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((host, port))
    return bound


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, target: Target, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.socket.listen(128)
        self.target = target
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def process_request(self, request, client_address) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """Callers that leave are nothing to talk about."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        endpoint = self.server.target.endpoint(parts[-1])
        if parts[0] == "_log":
            calls = [asdict(call) | {"key": call.key} for call in endpoint.calls]
            self._answer_json(200, {"calls": calls})
        elif parts[0] == "_ledger":
            effects = endpoint.effects
            duplicates = effects.total() - len(effects)
            self._answer_json(200, {"effects": len(effects), "duplicates": duplicates, "keys": effects})
        else:
            self._called(b"")

    def do_POST(self) -> None:
        self._called(self._read())

    do_PATCH = do_DELETE = do_HEAD = do_POST

    def do_PUT(self) -> None:
        _, control, name = (self.path.split("/") + ["", ""])[:3]
        body = self._read()
        if control != "_control" or not name:
            return self._called(body)
        try:
            told = json.loads(body)
            script = [Behaviour.of_json(step) for step in told.pop("script", [])]
            endpoint = self.server.target.endpoint(name)
            if told.pop("ownPort", False) or told.get("mode") == "refuse":
                endpoint.on_own_port()
            endpoint.does(*script, **vars(Behaviour.of_json(told)))
        except (ValueError, TypeError, AttributeError) as error:
            return self._answer_json(400, {"error": str(error)})
        self._answer_json(200, {"url": endpoint.url})

    def _called(self, body: bytes) -> None:
        endpoint = self.server.target.endpoint(self.path.split("?")[0].split("/")[1])
        call = Call(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            digest=hashlib.sha256(body).hexdigest(),
            bytes=len(body),
            began=time.time(),
        )
        told = endpoint._wait(endpoint._begin(call), self.connection)
        if told is None:
            return endpoint._end(call, None)
        # Before the answer is sent: whoever has it finds the call ended, and calls again after its end.
        endpoint._end(call, told.status if told.whole else None)
        try:
            self._do(told, call)
        except OSError:
            # The caller has left in the middle of it.
            endpoint._end(call, None)
            raise

    def _do(self, told: Behaviour, call: Call) -> None:
        body = told.body
        if body is None:
            body = json.dumps({"accepted": call.key, "bytes": call.bytes}).encode()
        headers = dict(told.headers)
        if told.content_type:
            headers["Content-Type"] = told.content_type
        self._answer(told.status, headers, body, told.whole)

    def _answer_json(self, status: int, content: Any) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _answer(self, status: int, headers: dict[str, str | list[str]], body: bytes, whole: bool = True) -> None:
        has_body = status not in (204, 304) and status >= 200 and self.command != "HEAD"
        self.send_response(status)
        for name, values in headers.items():
            for value in [values] if isinstance(values, str) else values:
                self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body if whole else body[: len(body) // 2])
        if not whole:
            self.close_connection = True

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    arguments = parser.parse_args()
    with Target(arguments.host, arguments.port) as target:
        print(f"listening on {target.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
