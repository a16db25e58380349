"""A state machine catches errors that exist: each name in ErrorEquals is an `errorType` of the code."""

import json
import re
from pathlib import Path

import pytest
from repository import ROOT, patterns, relative, rust

NAME = re.compile(r'"([A-Z][A-Za-z0-9]+)"')
# Errors of Step Functions itself and of the services that it calls.
FOREIGN = re.compile(r"(States|Lambda|DynamoDB|SQS|SNS|Sns|Sqs|StepFunctions|EventBridge|S3)\.\w+")


def machines() -> list:
    paths = sorted((ROOT / "statemachines").glob("*.asl.json"))
    return [pytest.param(path, id=path.name) for path in paths]


def caught(node) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(caught, node))
    if not isinstance(node, dict):
        return set()
    return set(node.get("ErrorEquals", ())) | set().union(*map(caught, node.values()))


def pattern_of(path: Path) -> str | None:
    return max((slug for slug in patterns() if path.name.startswith(slug)), key=len, default=None)


def error_types(slug: str) -> set[str]:
    """All text in the code that could name an error: names are written out there, not made of types."""
    sources = rust(ROOT / "functions" / slug, ROOT / "crates" / "lambda" / "src")
    return {name for text in sources.values() for name in NAME.findall(text)}


@pytest.mark.skipif(not machines(), reason="no pattern has a state machine yet")
@pytest.mark.parametrize("path", machines())
def test_what_is_caught_exists(path):
    slug = pattern_of(path)
    assert slug, f"{relative(path)}: a state machine is named like its pattern, <slug>*.asl.json"
    names = {name for name in caught(json.loads(path.read_text())) if not FOREIGN.fullmatch(name)}
    unknown = names - error_types(slug)
    assert not unknown, (
        f"{relative(path)} catches {sorted(unknown)}, which no code of functions/{slug} fails with: "
        "write the name as `error_type` gives it"
    )


def test_names_are_found_at_any_depth():
    """The check itself."""
    states = {
        "A": {
            "Catch": [{"ErrorEquals": ["X"]}],
            "Branches": [{"States": {"B": {"Retry": [{"ErrorEquals": ["Y"]}]}}}],
        }
    }
    assert caught({"States": states}) == {"X", "Y"}
