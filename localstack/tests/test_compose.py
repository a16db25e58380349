"""The two ways to run LocalStack must not drift apart."""

import os

import yaml
from tenfold_local import paths, server

# What only a LocalStack outside Docker needs, or what must differ inside.
HOST_ONLY = {
    "FILESYSTEM_ROOT",
    "OVERRIDE_IN_DOCKER",
    "PYTHONUNBUFFERED",
    "TENFOLD_DYNAMODB_LIB",
    "TENFOLD_JAVA",
    "TMPDIR",
}
DIFFERS = {"GATEWAY_LISTEN", "LOCALSTACK_HOST"}


def compose() -> dict:
    return yaml.safe_load((paths.LOCALSTACK / "compose.yaml").read_text())["services"]["localstack"]


def test_compose_has_the_settings_that_the_command_line_starts_with(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    started, composed = server._environment(4566), compose()["environment"]
    assert composed.keys() == started.keys() - HOST_ONLY
    for name in composed.keys() - DIFFERS:
        assert composed[name] == started[name], name


def test_compose_runs_the_locked_version():
    requirement = "localstack-core[runtime]=="
    lines = (paths.LOCALSTACK / "requirements.in").read_text().splitlines()
    (version,) = (line.removeprefix(requirement) for line in lines if line.startswith(requirement))
    assert f"FROM localstack/localstack:{version}\n" in compose()["build"]["dockerfile_inline"]
