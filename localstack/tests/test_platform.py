"""The command line's parts that fail in people's hands: ports, prerequisites, artifacts, digests."""

import json
import os
import shutil
import subprocess

import pytest
from tenfold_local import architecture, build, deploy, paths, ports, prerequisites, server
from tenfold_local.prerequisites import Prerequisite
from tenfold_local.say import Failure


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty checkout."""
    for name in ("LOCAL", "STATE", "TARGET", "ARTIFACTS", "TEMPLATES", "PID", "LOG"):
        folder = tmp_path / getattr(paths, name).relative_to(paths.ROOT)
        monkeypatch.setattr(paths, name, folder)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return tmp_path


def test_every_missing_prerequisite_is_named_in_one_message(monkeypatch):
    items = [
        Prerequisite("A tool", "does this", "Install it so.", "no-such-command-a"),
        Prerequisite("B tool", "does that", "Install it thus.", "no-such-command-b"),
    ]
    monkeypatch.setattr(prerequisites, "all_of_them", lambda: items)
    with pytest.raises(Failure) as failure:
        prerequisites.check()
    for words in ("A tool", "does this", "Install it so.", "B tool", "Install it thus."):
        assert words in str(failure.value)


def test_a_prerequisite_that_is_too_old_tells_its_version(tmp_path, monkeypatch):
    old = tmp_path / "oldjava"
    old.write_text('#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    problem = Prerequisite("a JDK", "", "Update.", "oldjava", 17, "-version").problem()
    assert "is version 11, 17 is needed" in problem


def test_the_environment_overrides_the_ports_file(monkeypatch):
    monkeypatch.delenv("TENFOLD_LOCALSTACK_PORT", raising=False)
    assert ports.localstack() == 4566
    monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", "14566")
    assert ports.localstack() == 14566


def test_a_functions_artifact_is_made_once_for_each_build(root):
    built, bootstrap = paths.TARGET / "debug" / "p-f", paths.ARTIFACTS / "p-f" / "bootstrap"
    built.parent.mkdir(parents=True)
    shutil.copy(shutil.which("true"), built)

    def inode() -> int:
        build._lay_out("p-f")
        assert subprocess.run([bootstrap], check=False).returncode == 0
        return bootstrap.stat().st_ino

    first = inode()
    assert inode() == first
    # A release binary that `make deploy` left there is not ours.
    os.utime(bootstrap, ns=(1, 1))
    second = inode()
    assert second != first
    os.utime(built, ns=(1, 1))
    assert inode() != second


def test_a_digest_changes_with_all_that_is_deployed(root, monkeypatch):
    monkeypatch.setattr(server, "instance", lambda: "first run")
    template = paths.TEMPLATES / "p.yaml"
    artifact = root / "target" / "lambda" / "p-f" / "bootstrap"
    machine = root / "statemachines" / "p.asl.json"
    for file in (template, artifact, machine):
        file.parent.mkdir(parents=True)
    template.write_text(
        "Resources:\n"
        "  F: {Type: x, Properties: {CodeUri: ../../target/lambda/p-f/, Role: !GetAtt R.Arn}}\n"
        "  M: {Type: y, Properties: {DefinitionUri: ../../statemachines/p.asl.json}}\n"
    )
    seen = [deploy._digest("p")]

    def changed() -> bool:
        seen.append(deploy._digest("p"))
        return len(set(seen)) == len(seen)

    assert not changed()
    seen.pop()
    for file, text in ((artifact, "1"), (machine, "1"), (template.with_suffix(".local.json"), '{"Days": "1"}')):
        file.write_text(text)
        assert changed(), file
    monkeypatch.setattr(server, "instance", lambda: "second run")
    assert changed()


def test_local_parameters_are_passed(root):
    paths.TEMPLATES.mkdir(parents=True)
    assert deploy._parameters("p") == []
    values = {"Window": "10", "Url": "postgres://u:p@h:1/d?sslmode=require", "File": "/a folder/ca.pem"}
    (paths.TEMPLATES / "p.local.json").write_text(json.dumps(values))
    template = paths.TEMPLATES / "p.yaml"
    template.write_text("Parameters:\n" + "".join(f"  {name}: {{Type: String}}\n" for name in values) + "Resources: {}\n")
    command = ["sam", "deploy", "--stack-name", "p", "--template-file", str(template), *deploy._parameters("p")]
    assert architecture.read(command)["parameter_overrides"] == values


def test_an_environment_of_samconfig_names_its_own_stack(root):
    usual = deploy._to_aws("p", ["--guided"])
    assert usual[usual.index("--stack-name") + 1] == "tenfold-p"
    assert usual[-1] == "--guided"
    for arguments in (["--config-env", "p-prod"], ["--config-env=p-prod"]):
        assert "--stack-name" not in deploy._to_aws("p", arguments)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "https://abc123.execute-api.us-east-1.amazonaws.com/v1/orders",
            "http://here:1/_aws/execute-api/abc123/v1/orders",
        ),
        (
            "http://abc123.execute-api.localhost.localstack.cloud:4566/v1/",
            "http://here:1/_aws/execute-api/abc123/v1/",
        ),
        ("arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:sqs:us-east-1:000000000000:q"),
    ],
)
def test_api_addresses_become_reachable_without_dns(value, expected):
    assert deploy.reachable(value, "http://here:1") == expected


def test_an_unknown_pattern_lists_the_known_ones(root):
    paths.TEMPLATES.mkdir(parents=True)
    (paths.TEMPLATES / "saga.yaml").touch()
    with pytest.raises(Failure, match="no infra/sam/sagas.yaml; patterns with a template: saga"):
        deploy._require_template("sagas")
