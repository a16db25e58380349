"""The circuit breaker's API, and a target that it guards, in the words of the tests and the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import requests

from calling import Caller, new_key
from target import Call, Endpoint
from waiting import eventually


class Api(Caller):
    """One method a route."""

    def put_target(
        self, target: str, config: Any, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return self.call("PUT", f"/targets/{target}", json=config, headers=headers)

    def get_target(
        self, target: str, headers: dict[str, str] | None = None, **query: str
    ) -> requests.Response:
        return self.call("GET", f"/targets/{target}", params=query, headers=headers)

    def list_targets(self, **query: str) -> requests.Response:
        return self.call("GET", "/targets", params=query)

    def pages(self) -> Iterator[dict[str, Any]]:
        """The whole list, page by page."""
        query = {}
        while True:
            answer = self.list_targets(**query)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json"), answer.text
            yield answer.json()
            if answer.json()["next"] is None:
                return
            query = {"after": answer.json()["next"]}

    def delete_target(self, target: str, **query: str) -> requests.Response:
        return self.call("DELETE", f"/targets/{target}", params=query)

    def force(self, target: str, command: Any, **query: str) -> requests.Response:
        return self.call("POST", f"/targets/{target}/state", json=command, params=query)

    def list_tenants(self, target: str, **query: str) -> requests.Response:
        return self.call("GET", f"/targets/{target}/tenants", params=query)

    def list_requests(self, target: str, **query: str) -> requests.Response:
        return self.call("GET", f"/targets/{target}/requests", params=query)

    def redrive(self, target: str, which: Any = None, **query: str) -> requests.Response:
        return self.call("POST", f"/targets/{target}/redrive", json=which, params=query)

    def cancel(self, target: str, which: Any = None, **query: str) -> requests.Response:
        return self.call("POST", f"/targets/{target}/cancel", json=which, params=query)

    def discard(self, target: str, which: Any = None, **query: str) -> requests.Response:
        return self.call("POST", f"/targets/{target}/discard", json=which, params=query)

    def clear_dead_letters(self) -> requests.Response:
        return self.call("POST", "/dead-letters/clear")

    def post_request(self, target: str, body: bytes, headers: dict[str, Any]) -> requests.Response:
        return self.call("POST", f"/requests/{target}", data=body, headers=headers)

    def get_request(self, request_id: str) -> requests.Response:
        return self.call("GET", f"/requests/{request_id}")

    def dismiss_request(self, target: str, request_id: str) -> requests.Response:
        return self.call("DELETE", f"/targets/{target}/requests/{request_id}")

    def redrive_request(self, target: str, request_id: str) -> requests.Response:
        return self.call("POST", f"/targets/{target}/requests/{request_id}/redrive")


class Guarded:
    """A target behind its breaker: the real service, and the API under its name."""

    def __init__(self, api: Api, endpoint: Endpoint) -> None:
        self.api = api
        self.service = endpoint
        self.name = endpoint.name

    def configure(self, **config: Any) -> dict[str, Any]:
        answer = self.api.put_target(self.name, {"url": self.service.url, **config})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def send(
        self, key: str | None = None, body: bytes = b'{"amount": 5}', **headers: str
    ) -> requests.Response:
        """Posts a request; `ordering_key="a"` and the like become headers."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        named = {"Content-Type": "application/json", "Idempotency-Key": key or new_key(), **named}
        return self.api.post_request(self.name, body, named)

    def park(self, key: str | None = None, **headers: str) -> str:
        """Sends a request that must be parked, and gives its id."""
        answer = self.send(key, **headers)
        assert (answer.status_code, answer.json().get("status")) == (202, "queued"), answer.text
        return answer.json()["requestId"]

    def view(self, **query: str) -> dict[str, Any]:
        answer = self.api.get_target(self.name, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def request(self, request_id: str) -> dict[str, Any]:
        answer = self.api.get_request(request_id)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def force(self, state: str, reason: str = "a test", **query: str) -> dict[str, Any]:
        answer = self.api.force(self.name, {"force": state, "reason": reason}, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trip(self, failures: int, status: int = 500, **headers: str) -> dict[str, Any]:
        """Lets the service fail until the breaker is open, and gives the open breaker."""
        self.service.does(status=status)
        for _ in range(failures):
            self.park(**headers)
        query = {"tenant": headers["tenant"]} if "tenant" in headers else {}
        return self.eventually_is("open", **query)

    def eventually_is(
        self, state: str, within: float = 60, nudge: Callable[[], None] | None = None, **query: str
    ):
        def look() -> dict[str, Any]:
            if nudge:
                nudge()
            return self.view(**query)

        return eventually(f"{self.name} is {state}", look, lambda view: view["state"] == state, within)

    def calls_of(self, key: str) -> list[Call]:
        return [call for call in self.service.posts if call.key == key]


def when(timestamp: str) -> float:
    """A time in an answer as seconds since 1970."""
    return datetime.fromisoformat(timestamp).timestamp()


def proxy_event(method: str, path: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """What API Gateway hands to the gateway's function."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"requestId": new_key(), "stage": "live", "path": path, "httpMethod": method},
        "body": body,
        "isBase64Encoded": False,
    }
