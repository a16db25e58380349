"""What the APIs of all patterns have in common: how they are called, and how they say what was wrong."""

from __future__ import annotations

import json
import uuid
from typing import Any

import requests

# API Gateway gives up before, so this only keeps a test from hanging.
TIMEOUT = 120


class Caller:
    """Calls an API. Every answer is given as it came."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        # No session: a pool of connections would be shared by the threads of a test.
        return requests.request(method, self.url + path, timeout=TIMEOUT, allow_redirects=False, **options)


def new_key() -> str:
    return uuid.uuid4().hex


def is_problem(answer: requests.Response, status: int, name: str) -> dict[str, Any]:
    """Checks that an answer is the problem `name`, and gives it."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.headers
    problem = json.loads(answer.content)
    assert problem["type"] == f"urn:tenfold:problem:{name}", problem
    assert problem["status"] == status, problem
    assert problem["title"] and problem["detail"], problem
    return problem
