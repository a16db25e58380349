"""What LocalStack loads by the entry points in pyproject.toml; imports only when called."""

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "tenfold"

    def load(self, *args, **kwargs):
        from tenfold_localstack.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


@hooks.on_infra_start(name="tenfold_dynamodb")
def use_dynamodb_from_maven() -> None:
    from tenfold_localstack import dynamodb

    dynamodb.install()


@hooks.on_infra_shutdown(name="tenfold_processes")
def kill_functions() -> None:
    from tenfold_localstack import process

    process.kill_all()
