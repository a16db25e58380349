"""The plugin inside LocalStack: what its entry points load, and what it refuses."""

from types import SimpleNamespace

import pytest
from localstack.services.dynamodb import server
from localstack.services.dynamodb.server import DynamodbServer
from localstack.services.kinesis.kinesis_mock_server import KinesisMockNodeServer
from localstack.services.lambda_.invocation.runtime_executor import EXECUTOR_PLUGIN_MANAGER

from tenfold_localstack import emulators
from tenfold_localstack.executor import ProcessRuntimeExecutor
from tenfold_localstack.process import DIE_WITH_PARENT


def version(**config):
    settings = {"runtime": "provided.al2023", "layers": [], "code": None} | config
    return SimpleNamespace(
        id=SimpleNamespace(function_name="orders"), config=SimpleNamespace(**settings)
    )


def test_localstack_finds_the_executor():
    assert EXECUTOR_PLUGIN_MANAGER.load("tenfold").load() is ProcessRuntimeExecutor


def test_the_executor_implements_all_that_localstack_asks_for():
    assert not ProcessRuntimeExecutor.__abstractmethods__


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"runtime": "python3.13"}, "orders has the runtime python3.13"),
        ({"runtime": None}, "orders has the runtime None"),
        ({"layers": ["arn"]}, "orders has layers"),
    ],
)
def test_what_cannot_run_without_docker_is_refused_when_it_is_created(config, reason):
    with pytest.raises(ValueError, match=reason):
        ProcessRuntimeExecutor.prepare_version(version(**config))


def test_emulators_start_from_what_is_installed_and_die_with_localstack(tmp_path, monkeypatch):
    monkeypatch.setenv(emulators.LIB_VARIABLE, str(tmp_path))
    # Put back at the end of the test what adopt() replaces.
    monkeypatch.setattr(server, "dynamodblocal_package", server.dynamodblocal_package)
    monkeypatch.setattr(DynamodbServer, "_create_shell_command", None)
    monkeypatch.setattr(
        KinesisMockNodeServer,
        "_create_shell_command",
        lambda self: (["node", "main.js"], {"PORT": "1"}),
    )
    emulators.adopt()
    settings = SimpleNamespace(port=8000, heap_size="256m", db_path=None)
    command = DynamodbServer._create_shell_command(settings)
    assert emulators.DYNAMODB_MAIN in command
    assert command[-3:] == ["-port", "8000", "-inMemory"]
    assert KinesisMockNodeServer._create_shell_command(None) == (
        [*DIE_WITH_PARENT, "node", "main.js"],
        {"PORT": "1"},
    )


def test_missing_jars_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv(emulators.LIB_VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        emulators.LocalJars().get_installer().install()
