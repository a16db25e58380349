"""The bad requests of a pattern: `functions/<slug>/core/tests/bad_requests.json`, whose `about` says what is in it.

The tests of the core hold all of them against the handlers in memory. Here some of each kind go the whole way:
those with `live`, or all where TENFOLD_LOAD is 1 (`make soak`).
"""

from __future__ import annotations

import base64
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from calling import Caller, is_problem
from stack import ROOT

WHOLE = float(os.environ.get("TENFOLD_LOAD", "0.1")) >= 1


@dataclass(frozen=True)
class Case:
    name: str
    kind: str
    given: str | None
    request: dict[str, Any]
    expect: dict[str, Any]
    live: bool


class Refusals:
    def __init__(self, slug: str) -> None:
        self.file: Path = ROOT / "functions" / slug / "core" / "tests" / "bad_requests.json"
        content = json.loads(self.file.read_text())
        self.given: dict[str, list[dict[str, Any]]] = content["given"]
        self.cases = [
            Case(
                case["name"], case["kind"], case.get("given"), case, case["expect"], case.get("live", False)
            )
            for case in content["cases"]
        ]

    def by_kind(self) -> dict[str, list[Case]]:
        """What is tried on the deployed stack."""
        tried = [case for case in self.cases if case.live or WHOLE]
        ordered = sorted(tried, key=lambda case: (case.kind, case.given or ""))
        return {kind: list(cases) for kind, cases in itertools.groupby(ordered, lambda case: case.kind)}


def send(caller: Caller, request: dict[str, Any], renamed: dict[str, str]) -> requests.Response:
    """Sends a request with other names in its path and its body, and other headers, than the file has."""
    headers = {name: renamed.get(value, value).encode() for name, value in request.get("headers", {}).items()}
    path, data = request["path"], body(request)
    for old, new in renamed.items():
        if old.startswith(("/", "http:")):
            path, data = path.replace(old, new), data.replace(old.encode(), new.encode())
    return caller.call(request["method"], path, params=request.get("query"), headers=headers, data=data)


def body(request: dict[str, Any]) -> bytes:
    parts = request.get("body", "")
    return b"".join(_bytes(part) for part in ([parts] if isinstance(parts, str) else parts))


def _bytes(part: str | dict[str, Any]) -> bytes:
    match part:
        case str():
            return part.encode()
        case {"base64": text}:
            return base64.b64decode(text)
        case {"repeat": text, "times": times}:
            return text.encode() * times
    raise ValueError(f"no part of a body: {part}")


def is_refused(answer: requests.Response, case: Case) -> None:
    """Checks an answer against what is expected of it."""
    expect = case.expect
    problem = is_problem(answer, expect["status"], expect["type"])
    errors = problem.get("errors", [])
    at = sorted(error["at"] for error in errors)
    assert at == expect.get("at", at), (case.name, problem)
    assert all(error["detail"] and error["detail"] in problem["detail"] for error in errors), problem
    for at, words in expect.get("says", {}).items():
        said = [error["detail"] for error in errors if error["at"] == at] if at else [problem["detail"]]
        assert any(words in detail for detail in said), (case.name, problem)
