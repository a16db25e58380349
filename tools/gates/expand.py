"""The templates as SAM expands them, with their parameters put in: what the gates look at.

A template is a text with conditions; a rule can only judge a resource. So each template is expanded twice:

    defaults   as it deploys when nothing is said
    hardened   with every protection switched on: `rules.toml` says which parameters, and why there are two

In both, each `!If` is decided, each parameter has its value, and what a condition leaves out is gone. The account, the
region and the stack's name are made up. What only AWS knows (`!GetAtt`, `!Ref` to a resource) stays as it is.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

# It warns of what it cannot ask and tell its makers.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

NO_VALUE = {"Ref": "AWS::NoValue"}
MADE_UP = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
# SAM wants to know where packaged code is; nothing is packaged here.
PACKAGED = "s3://gates/nothing"


class NotExpanded(Exception):
    """SAM could not make CloudFormation of a template."""


def yaml(path: Path) -> dict[str, Any]:
    """A template; the short forms (`!Ref`) become the long ones."""
    return yaml_parse(path.read_text())


def parameters(path: Path) -> list[str]:
    return list(yaml(path).get("Parameters", {}))


def expand(path: Path, values: dict[str, str]) -> dict[str, Any]:
    """CloudFormation as AWS makes it of a template, with the parameters' values."""
    template = yaml(path)
    given = _parameters(path, template, values)
    return decided(_with_sam(path, template, given), {**MADE_UP, **given})


def decided(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template less its parameters and conditions."""
    conditions = _Conditions(template.get("Conditions", {}), parameters)
    resources = {
        name: {key: value for key, value in resource.items() if key != "Condition"}
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or conditions.holds(resource["Condition"])
    }
    outputs = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if "Condition" not in output or conditions.holds(output["Condition"])
    }
    made = {**template, "Resources": resources, "Outputs": outputs}
    for section in ("Parameters", "Conditions", "Metadata", "Transform"):
        made.pop(section, None)
    return _put_in(made, parameters, conditions)


def _parameters(path: Path, template: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    declared = template.get("Parameters", {})
    without = [name for name, parameter in declared.items() if "Default" not in parameter]
    if without:
        raise NotExpanded(f"{path}: {', '.join(without)}: a Default was expected, so that the stack deploys as it is")
    return {
        name: str(values.get(name, parameter["Default"])) for name, parameter in declared.items()
    }


def _with_sam(path: Path, template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    if "Transform" not in template:
        return template
    # SAM asks boto3 where it is, to name the partition.
    os.environ.setdefault("AWS_DEFAULT_REGION", MADE_UP["AWS::Region"])
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        for name in ("CodeUri", "DefinitionUri", "ContentUri"):
            if isinstance(properties.get(name), str):
                properties[name] = PACKAGED
    try:
        return Translator({}, Parser()).translate(template, dict(parameters))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise NotExpanded(f"{path}: SAM cannot expand it: {causes or error.message}") from None


class _Conditions:
    def __init__(self, conditions: dict[str, Any], parameters: dict[str, str]) -> None:
        self._conditions = conditions
        self._parameters = parameters

    def holds(self, name: str) -> bool:
        return self._is_true(self._conditions[name])

    def _is_true(self, condition: Any) -> bool:
        match condition:
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                one, other = (_put_in(value, self._parameters, self) for value in (one, other))
                return str(one) == str(other)
            case {"Fn::Not": [inner]}:
                return not self._is_true(inner)
            case {"Fn::And": inner}:
                return all(map(self._is_true, inner))
            case {"Fn::Or": inner}:
                return any(map(self._is_true, inner))
        raise NotExpanded(f"a condition that the gates cannot decide: {condition}")


def _put_in(value: Any, parameters: dict[str, str], conditions: _Conditions) -> Any:
    def inside(inner: Any) -> Any:
        return _put_in(inner, parameters, conditions)

    match value:
        case {"Ref": str(name)} if name in parameters:
            return parameters[name]
        case {"Fn::If": [name, then, otherwise]}:
            return inside(then if conditions.holds(name) else otherwise)
        case {"Fn::Split": [str(separator), joined]} if isinstance(text := inside(joined), str):
            return text.split(separator)
        case {"Fn::Sub": str(text)}:
            text = re.sub(r"\$\{([\w:]+)\}", lambda m: parameters.get(m[1], m[0]), text)
            return {"Fn::Sub": text} if "${" in text else text
        case dict():
            made = {key: inside(inner) for key, inner in value.items()}
            return {key: inner for key, inner in made.items() if inner != NO_VALUE}
        case list():
            return [made for inner in value if (made := inside(inner)) != NO_VALUE]
    return value
