"""DynamoDB Local from the jars that the install step copied, instead of LocalStack's download.

It and the Kinesis emulator are also made to end with LocalStack, however that ends. LocalStack starts
each from a thread that lives as long as the emulator does (see process.DIE_WITH_PARENT).
"""

import os
from pathlib import Path

from tenfold_localstack.process import DIE_WITH_PARENT

LIB_VARIABLE = "TENFOLD_DYNAMODB_LIB"
DYNAMODB_MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"


class LocalJars:
    """Stands in for LocalStack's package and its installer: there is nothing left to install."""

    def get_installer(self) -> "LocalJars":
        return self

    def install(self) -> None:
        if not any(library().glob("DynamoDBLocal-*.jar")):
            raise FileNotFoundError(f"DynamoDB Local is not in {library()} ({LIB_VARIABLE})")

    def get_java_env_vars(self) -> dict[str, str]:
        return {}


def library() -> Path:
    return Path(os.environ[LIB_VARIABLE])


def dynamodb_command(port: int, heap: str, db_path: str | None) -> list[str]:
    return [
        *DIE_WITH_PARENT,
        os.environ.get("TENFOLD_JAVA", "java"),
        f"-Xmx{heap}",
        # Small tables that live briefly: start quickly, and leave the cores to the functions.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        f"-Djava.library.path={library()}",
        "-classpath",
        f"{library()}/*",
        DYNAMODB_MAIN,
        "-port",
        str(port),
        *(["-dbPath", db_path] if db_path else ["-inMemory"]),
    ]


def adopt() -> None:
    # LocalStack's image brings its own DynamoDB Local; there the variable is not set.
    if LIB_VARIABLE in os.environ:
        _adopt_dynamodb()
    _adopt_kinesis()


def _adopt_dynamodb() -> None:
    from localstack.services.dynamodb import server

    server.dynamodblocal_package = LocalJars()
    server.DynamodbServer._create_shell_command = lambda self: dynamodb_command(
        self.port, self.heap_size, self.db_path
    )


def _adopt_kinesis() -> None:
    from localstack.services.kinesis.kinesis_mock_server import KinesisMockNodeServer

    original = KinesisMockNodeServer._create_shell_command

    def create_shell_command(self) -> tuple[list, dict]:
        command, environment = original(self)
        return [*DIE_WITH_PARENT, *command], environment

    KinesisMockNodeServer._create_shell_command = create_shell_command
