"""Deploys stacks to the running LocalStack with stock `sam deploy`, and writes .local/outputs.json."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import boto3
import yaml

from tenfold_local import architecture, build, install, paths, server, stacks, stores
from tenfold_local.say import Failure, step, tail, timed

BUCKET = "tenfold-artifacts"
_CURE = "LocalStack cannot roll back: mend the template, then `make down` and `make up`"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")


def up(slugs: list[str], built: bool = False) -> None:
    """Deploys these patterns, all by default; their functions are built before, unless they are."""
    slugs = slugs or paths.patterns()
    for slug in slugs:
        _require_template(slug)
    needed = stores.needed(slugs)
    install.stores(needed)
    server.start()
    stores.start(needed)
    os.environ.update(server.client_environment())
    if not built:
        build.functions(slugs)
    # One at a time: LocalStack's SAM transform fails when several run, and on two cores two at a time
    # were no quicker.
    for slug in slugs:
        digest = _digest(slug)
        if stacks.is_broken(stack(slug)):
            raise Failure(f"{stack(slug)} is broken by a failed deployment. {_CURE}")
        if _read(paths.DEPLOYED).get(slug) == digest:
            step(f"{stack(slug)} is deployed and unchanged")
            continue
        # Whatever becomes of it, the stack is no longer what was deployed before.
        _write(paths.DEPLOYED, {k: v for k, v in _read(paths.DEPLOYED).items() if k != slug})
        outputs = one(slug, stack(slug))
        _write(paths.OUTPUTS, _read(paths.OUTPUTS) | {slug: outputs})
        _write(paths.DEPLOYED, _read(paths.DEPLOYED) | {slug: digest})
    print(f"    outputs: {paths.OUTPUTS}", flush=True)


def to_aws(slug: str, sam_arguments: list[str], arch: str | None = None) -> None:
    """To the account that the caller's own AWS settings name, with release binaries for `arch`.

    Another stack than the usual one has a name in `sam_arguments`, or an environment of samconfig.toml.
    """
    _require_template(slug)
    arch, command = architecture.settle(arch, _to_aws(slug, sam_arguments))
    names = build.binaries([slug])
    with timed(f"building {len(names)} functions for release, for {arch}"):
        release = ("lambda", "build", "--release", architecture.FLAGS[arch], "--workspace")
        build.cargo(*release, *(f"--bin={name}" for name in names))
    if architecture.read(command)["guided"]:
        step(f"where sam asks for Architecture, leave it at {arch}: that is what was built (another: ARCH=…)")
    done = subprocess.run(command, cwd=paths.ROOT, check=False)
    if done.returncode:
        raise Failure(f"sam deploy of {slug} failed: its messages are above")


def _to_aws(slug: str, sam_arguments: list[str]) -> list[str]:
    command = ["sam", "deploy", "--template-file", str(template(slug))]
    given = {argument.split("=")[0] for argument in sam_arguments}
    # The environment says the rest, and what is on the command line would win over it.
    if "--config-env" not in given:
        command += ["--stack-name", stack(slug), "--resolve-s3", "--capabilities", *CAPABILITIES]
        command += ["--no-fail-on-empty-changeset"]
    elif "--config-file" not in given:
        # sam would look for it beside the template.
        command += ["--config-file", str(paths.ROOT / "samconfig.toml")]
    return command + sam_arguments


def template(slug: str) -> Path:
    return paths.TEMPLATES / f"{slug}.yaml"


def stack(slug: str) -> str:
    return f"tenfold-{slug}"


def _require_template(slug: str) -> None:
    if not template(slug).exists():
        raise Failure(
            f"there is no {template(slug).relative_to(paths.ROOT)}; "
            f"patterns with a template: {', '.join(paths.patterns()) or 'none yet'}"
        )


def one(slug: str, name: str) -> dict[str, str]:
    """Deploys a pattern, whose functions are built, as the stack `name`, and gives the stack's outputs."""
    log = paths.STATE / f"deploy-{name.removeprefix('tenfold-')}.log"
    with timed(f"deploying {name}"):
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        paths.STATE.mkdir(parents=True, exist_ok=True)
        with log.open("w") as output:
            returncode = _sam_deploy(slug, name, output)
    if returncode:
        reasons = "\n".join(f"  - {reason}" for reason in stacks.failures(name)) or tail(log)
        cure = f"\n{_CURE}" if stacks.is_broken(name) else ""
        raise Failure(
            f"sam deploy of {name} failed:\n{reasons}\n"
            f"Its output: {log}\nLocalStack's log: {paths.LOG}{cure}"
        )
    return {
        key: reachable(value, server.endpoint()) for key, value in stacks.outputs(name).items()
    }


def _sam_deploy(slug: str, name: str, output) -> int:
    command = [
        *("sam", "deploy", "--template-file", str(template(slug)), "--stack-name", name),
        *("--s3-bucket", BUCKET, "--s3-prefix", slug),
        *("--capabilities", *CAPABILITIES),
        *("--no-fail-on-empty-changeset", "--no-confirm-changeset", "--no-progressbar"),
        *_parameters(slug),
    ]
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.3"}
    with subprocess.Popen(
        command, cwd=paths.ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
    ) as sam:
        while True:
            try:
                return sam.wait(timeout=2)
            except subprocess.TimeoutExpired:
                if stacks.is_broken(name):
                    sam.terminate()


def _parameters(slug: str) -> list[str]:
    """Values that make sense on a laptop only: infra/sam/<slug>.local.json."""
    values = stores.local_values(slug)
    told = [f"ParameterKey={name},ParameterValue={architecture.quoted(value)}" for name, value in values.items()]
    return ["--parameter-overrides", *told] if told else []


def reachable(value: str, endpoint: str) -> str:
    """An API's address as AWS has it, in the form that works without LocalStack's DNS names."""
    match = re.fullmatch(
        r"https?://(?P<api>[a-z0-9]+)\.execute-api\.[^/]+/(?P<path>.*)", value
    )
    return f"{endpoint}/_aws/execute-api/{match['api']}/{match['path']}" if match else value


def _digest(slug: str) -> str:
    """Of everything that a deployment depends on, and of the LocalStack and the stores that it went to."""
    digest = hashlib.sha256(server.instance().encode())
    digest.update(f"{stores.local_values(slug)} {stores.session(slug)}".encode())
    for path in [template(slug), *_referenced(template(slug))]:
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


def _referenced(file: Path) -> list[Path]:
    """The local files that a template names: artifacts and state machines."""
    named = set()

    def walk(node) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("CodeUri", "DefinitionUri") and isinstance(value, str):
                    named.add((file.parent / value).resolve())
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(yaml.load(file.read_text(), Loader=_TemplateLoader))
    return sorted(
        path
        for root in named
        for path in ([root] if root.is_file() else root.rglob("*"))
        if path.is_file()
    )


class _TemplateLoader(yaml.SafeLoader):
    """CloudFormation's short forms (!Ref, !Sub, ...) name no files: read past them."""


_TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: None)


def _read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
