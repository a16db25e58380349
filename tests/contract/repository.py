"""The repository as the contract tests see it: patterns, templates, sources, files."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

# A pattern's name is the same everywhere: folder, template, tests, stack.
SLUGS = (
    "circuit-breaker",
    "event-sourcing",
    "saga",
    "fan-out",
    "claim-check",
    "work-stealing",
    "materialized-view",
    "bulkhead",
    "flow-hybrid",
    "scheduled-batch",
)


def folders() -> list[str]:
    return sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())


def patterns() -> list[str]:
    """Those that have a stack. What has only a core is being built, and the README says so."""
    return [slug for slug in SLUGS if (ROOT / "infra" / "sam" / f"{slug}.yaml").exists()]


def templates() -> list[Path]:
    return sorted((ROOT / "infra" / "sam").glob("*.yaml"))


def local_values(template: Path) -> dict[str, str]:
    """What a template is told on a laptop: its `.local.json`, with the addresses of stores filled in."""
    sys.path.insert(0, str(ROOT / "localstack"))
    from tenfold_local import stores

    return stores.local_values(template.stem)


def openapi_file(slug: str) -> Path:
    return ROOT / "functions" / slug / "openapi.yaml"


def pascal(slug: str) -> str:
    return "".join(word.capitalize() for word in slug.split("-"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def rust(*folders: Path) -> dict[Path, str]:
    """The Rust sources under these folders, less their unit tests (at the end, or files of their own)."""
    sources = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.rs")):
            if path.name != "tests.rs" and not {"tests", "target"} & set(
                path.relative_to(folder).parts
            ):
                sources[path] = re.split(r"(?m)^#\[cfg\(test\)\]\s*mod tests", path.read_text())[0]
    return sources


@functools.cache
def cargo_targets() -> list[tuple[str, str, str, Path]]:
    """(package, kind, name, source) of all that cargo builds in this workspace."""
    done = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"cargo metadata failed:\n{done.stderr}"
    return [
        (package["name"], kind, target["name"], Path(target["src_path"]))
        for package in json.loads(done.stdout)["packages"]
        for target in package["targets"]
        for kind in target["kind"]
    ]


def binaries(slug: str) -> dict[str, Path]:
    """The binaries of a pattern by name, and where the `main` of each is."""
    targets = cargo_targets()
    return {
        name: source for package, kind, name, source in targets if (package, kind) == (slug, "bin")
    }


@functools.cache
def files() -> list[Path]:
    """All files of the project, those not yet committed too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = {ROOT / name for name in listed.split("\0") if name}
    return sorted(path for path in paths if path.is_file())


class Template:
    """A SAM template: its resources, with the `Globals` put into each function."""

    def __init__(self, path: Path):
        self.path = path
        self.content = load(path)
        self.resources: dict[str, dict] = self.content["Resources"]

    @classmethod
    def of(cls, slug: str) -> Template:
        path = ROOT / "infra" / "sam" / f"{slug}.yaml"
        assert path.exists(), f"{relative(path)} is missing: it is the stack of the pattern {slug}"
        return cls(path)

    def of_type(self, kind: str) -> dict[str, dict]:
        """The properties of all resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def functions(self) -> dict[str, dict]:
        common = self.content.get("Globals", {}).get("Function", {})
        functions = {}
        for name, own in self.of_type("AWS::Serverless::Function").items():
            variables = _variables(common) | _variables(own)
            functions[name] = {**common, **own, "Environment": {"Variables": variables}}
        return functions

    def artifacts(self) -> dict[str, dict]:
        """The functions by `<slug>-<role>`, as their binaries and artifacts are called."""
        return {artifact(function): function for function in self.functions().values()}

    def statements(self, function: dict) -> list[dict]:
        """What the role of a function allows, under some condition too."""
        return self.allowed(referenced(function["Role"]))

    def allowed(self, role: str) -> list[dict]:
        """What a role allows, by its logical id, under some condition too."""
        role = self.resources[role]["Properties"]
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        return [branch for document in documents for s in document["Statement"] for branch in branches(s)]

    def decided_by(self, value) -> set[str]:
        """The parameters that a value depends on, by itself or by a condition in it."""
        found = references(value)
        for condition in conditions(value):
            found |= self.decided_by(self.content["Conditions"][condition])
        return found & set(self.content["Parameters"])


def _variables(function: dict) -> dict:
    return function.get("Environment", {}).get("Variables", {})


def referenced(value) -> str | None:
    """The logical id in a `!Ref Id` or `!GetAtt Id.Arn`; none for anything else."""
    match value:
        case {"Ref": name}:
            return name
        case {"Fn::GetAtt": [name, *_]}:
            return name
    return None


def artifact(function: dict) -> str:
    """What cargo builds for a function: the last folder of its `CodeUri`."""
    return Path(function["CodeUri"]).name


def branches(value) -> list:
    """What an `!If` can come to, the value itself where there is none; without `AWS::NoValue`."""
    match value:
        case {"Fn::If": [_, *either]}:
            return [branch for one in either for branch in branches(one)]
        case {"Ref": "AWS::NoValue"}:
            return []
    return [value]


def references(value) -> set[str]:
    """What a value refers to by `!Ref`, at any depth."""
    match value:
        case {"Ref": name}:
            return {name}
        case dict():
            return {name for part in value.values() for name in references(part)}
        case list():
            return {name for part in value for name in references(part)}
    return set()


def conditions(value) -> set[str]:
    """The conditions that a value names, at any depth."""
    match value:
        case {"Fn::If": [name, *either]}:
            return {name} | conditions(either)
        case {"Condition": str(name)}:
            return {name}
        case dict():
            return {name for part in value.values() for name in conditions(part)}
        case list():
            return {name for part in value for name in conditions(part)}
    return set()


def texts(value) -> list[str]:
    """All text in a value, inside of intrinsic functions too."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def load(path: Path) -> dict:
    """A YAML file; CloudFormation's short forms (`!Ref`) become the long ones."""
    return yaml.load(path.read_text(), Loader=_Loader)


class _Loader(yaml.SafeLoader):
    pass


def _intrinsic(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict:
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)
