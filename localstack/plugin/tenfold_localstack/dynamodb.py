"""DynamoDB Local from the jars that the install step copied, instead of LocalStack's download."""

import os
from pathlib import Path

from tenfold_localstack.process import DIE_WITH_PARENT

LIB_VARIABLE = "TENFOLD_DYNAMODB_LIB"
MAIN_CLASS = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"


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


def command(port: int, heap: str, db_path: str | None) -> list[str]:
    return [
        *DIE_WITH_PARENT,
        os.environ.get("TENFOLD_JAVA", "java"),
        f"-Xmx{heap}",
        # Many short-lived small tables: start quickly, and leave the cores to the functions.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        f"-Djava.library.path={library()}",
        "-classpath",
        f"{library()}/*",
        MAIN_CLASS,
        "-port",
        str(port),
        *(["-dbPath", db_path] if db_path else ["-inMemory"]),
    ]


def install() -> None:
    from localstack.services.dynamodb import server

    server.dynamodblocal_package = LocalJars()
    server.DynamodbServer._create_shell_command = lambda self: command(
        self.port, self.heap_size, self.db_path
    )
