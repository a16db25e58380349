"""The kinds of problems that openapi.yaml names are those that the code and the template answer with."""

import re
import tomllib

import pytest
from repository import (
    ROOT,
    Template,
    load,
    openapi_file,
    patterns,
    relative,
    rust,
    texts,
)

KIND = re.compile(r"urn:tenfold:problem:([a-z][a-z0-9-]*)")
MADE = re.compile(r'(?:Problem|Self)::new\(\s*(\d{3}),\s*"([a-z][a-z0-9-]*)"')


def documents() -> list:
    return [pytest.param(slug, id=slug) for slug in patterns() if openapi_file(slug).exists()]


def made_in(*folders) -> dict[str, int]:
    """The kinds of problems made in Rust sources, and the status of each."""
    return {
        kind: int(status) for text in rust(*folders).values() for status, kind in MADE.findall(text)
    }


def shared() -> dict[str, int]:
    return made_in(ROOT / "crates" / "ports" / "src", ROOT / "crates" / "lambda" / "src")


def offered() -> dict[str, int]:
    """What the patterns share, and not each of them has a use for: conditional requests."""
    return made_in(ROOT / "crates" / "pattern" / "src")


def made_by(slug: str) -> dict[str, int]:
    return made_in(ROOT / "functions" / slug / "core" / "src", ROOT / "functions" / slug / "src")


def borrowed(slug: str) -> dict[str, int]:
    """Those of other patterns' cores that this one uses."""
    manifest = tomllib.loads((ROOT / "functions" / slug / "core" / "Cargo.toml").read_text())
    used = [other for other in patterns() if f"{other}-core" in manifest.get("dependencies", {})]
    return {kind: status for other in used for kind, status in made_by(other).items()}


def worded_by_api_gateway(slug: str) -> set[str]:
    apis = Template.of(slug).of_type("AWS::Serverless::Api").values()
    return {
        kind
        for api in apis
        for text in texts(api.get("GatewayResponses", {}))
        for kind in KIND.findall(text)
    }


@pytest.mark.parametrize("slug", documents())
def test_every_problem_is_in_the_contract(slug):
    described = {kind for text in texts(load(openapi_file(slug))) for kind in KIND.findall(text)}
    answered = set(made_by(slug)) | set(shared()) | worded_by_api_gateway(slug)
    missing = answered - described
    assert not missing, (
        f"{relative(openapi_file(slug))} does not name urn:tenfold:problem: {sorted(missing)}"
    )
    invented = described - answered - set(borrowed(slug)) - set(offered())
    assert not invented, (
        f"{relative(openapi_file(slug))} names {sorted(invented)}, which nothing answers with"
    )


@pytest.mark.parametrize("slug", documents())
def test_every_problem_has_the_status_of_the_contract(slug):
    statuses = shared() | offered() | borrowed(slug) | made_by(slug)
    schemas = load(openapi_file(slug))["components"]["schemas"]
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        kinds = KIND.findall(str(properties.get("type", {}).get("const", "")))
        status = properties.get("status", {}).get("const")
        if kinds and status:
            (kind,) = kinds
            assert status == statuses[kind], (
                f"{name} says {status}; the code answers {kind} with {statuses[kind]}"
            )


@pytest.mark.parametrize("slug", patterns())
def test_api_gateway_answers_with_problems_too(slug):
    for name, api in Template.of(slug).of_type("AWS::Serverless::Api").items():
        responses = api.get("GatewayResponses", {})
        for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
            media = list(responses.get(kind, {}).get("ResponseTemplates", {}))
            assert media == ["application/problem+json"], (
                f"{name}: {kind} needs a template for application/problem+json"
            )
