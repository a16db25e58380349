"""openapi.yaml is valid, its examples too, and its operations are those of the deployed API."""

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from repository import Template, load, openapi_file, patterns, relative

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def documents() -> list:
    return [pytest.param(slug, id=slug) for slug in patterns() if openapi_file(slug).exists()]


def pointer(*parts) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def operations(document: dict) -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in METHODS & set(item)
    }


def examples(node, at: tuple = ()):
    """(pointer to the schema, pointer to the example, example) of every example in a document."""
    if isinstance(node, list):
        for i, part in enumerate(node):
            yield from examples(part, (*at, i))
    if not isinstance(node, dict):
        return
    if isinstance(node.get("schema"), dict):
        schema = pointer(*at, "schema")
        if "example" in node:
            yield schema, pointer(*at, "example"), node["example"]
        for name, example in node.get("examples", {}).items():
            yield schema, pointer(*at, "examples", name), example["value"]
    # A schema's own examples are a list.
    if isinstance(node.get("examples"), list):
        for i, example in enumerate(node["examples"]):
            yield pointer(*at), pointer(*at, "examples", i), example
    for key, part in node.items():
        if key not in ("example", "examples"):
            yield from examples(part, (*at, key))


@pytest.mark.parametrize("slug", documents())
def test_it_is_openapi_3_1(slug):
    document = load(openapi_file(slug))
    assert document["openapi"].startswith("3.1."), (
        f"{slug}: OpenAPI 3.1 was expected, not {document['openapi']}"
    )
    errors = OpenAPIV31SpecValidator(document).iter_errors()
    said = [f"{pointer(*e.absolute_path) or '/'}: {e.message[:300]}" for e in errors]
    assert not said, f"{relative(openapi_file(slug))}:\n" + "\n".join(said)


@pytest.mark.parametrize("slug", documents())
def test_every_example_fits_its_schema(slug):
    document = load(openapi_file(slug))
    resource = Resource(contents=document, specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    checked = 0
    for schema, at, example in examples(document):
        validator = Draft202012Validator(
            {"$ref": f"urn:document#{schema}"}, registry=registry, format_checker=FormatChecker()
        )
        said = [error.message[:300] for error in validator.iter_errors(example)]
        assert not said, (
            f"{relative(openapi_file(slug))}: the example at {at} does not fit {schema}: {said}"
        )
        checked += 1
    assert checked, f"{relative(openapi_file(slug))} has no examples: a reader needs some"


def methods_of(event: dict, described: set[tuple[str, str]]) -> list[str]:
    """The methods of an event. Which ones there are of a resource that takes any, only the contract says."""
    if event["Method"].upper() != "ANY":
        return [event["Method"].upper()]
    return [method for method, path in described if path == event["Path"]] or ["ANY"]


@pytest.mark.parametrize("slug", documents())
def test_its_operations_are_the_api_events_of_the_template(slug):
    described = operations(load(openapi_file(slug)))
    events = {
        (method, event["Properties"]["Path"])
        for function in Template.of(slug).functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
        for method in methods_of(event["Properties"], described)
    }
    assert not events - described, (
        f"{relative(openapi_file(slug))} does not describe {sorted(events - described)}"
    )
    assert not described - events, (
        f"infra/sam/{slug}.yaml has no event of type Api for {sorted(described - events)}"
    )


@pytest.mark.parametrize("slug", documents())
def test_every_operation_is_named_and_its_objects_are_closed(slug):
    document = load(openapi_file(slug))
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            assert item[method].get("operationId"), f"{method.upper()} {path} needs an operationId"
            assert item[method].get("summary"), f"{method.upper()} {path} needs a summary"
    for name, schema in document["components"]["schemas"].items():
        is_open = (
            "properties" in schema
            and "additionalProperties" not in schema
            and "allOf" not in schema
        )
        assert not is_open, (
            f"the schema {name} needs additionalProperties: false, or true with a reason"
        )
