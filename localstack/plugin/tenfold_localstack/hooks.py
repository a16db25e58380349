"""What LocalStack loads by the entry points in pyproject.toml; imports only when called."""

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "tenfold"

    def load(self, *args, **kwargs):
        from tenfold_localstack.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


@hooks.on_infra_start(name="tenfold_emulators")
def adopt_emulators() -> None:
    from tenfold_localstack import emulators

    emulators.adopt()


@hooks.on_infra_start(name="tenfold_mending")
def mend_differences() -> None:
    from tenfold_localstack import event_sources, mending, table_changes

    mending.mend()
    event_sources.adopt()
    table_changes.adopt()


@hooks.on_infra_shutdown(name="tenfold_processes")
def kill_functions() -> None:
    from tenfold_localstack import process

    process.kill_all()
