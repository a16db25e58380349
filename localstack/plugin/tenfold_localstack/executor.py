"""LocalStack's RuntimeExecutor: each execution environment is a Sandbox.

LocalStack makes one executor for each concurrent invocation, keeps it while it is used, and asks for
another when all are busy, so concurrency and reserved concurrency are its own.
"""

import functools

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from tenfold_localstack.environment import function_environment
from tenfold_localstack.sandbox import InitFailed, Sandbox, Settings
from tenfold_localstack.shipper import Destination, Shipper


@functools.cache
def _shipper() -> Shipper:
    return Shipper()


class ProcessRuntimeExecutor(RuntimeExecutor):
    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._sandbox: Sandbox | None = None
        self._destination: Destination | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        version = self.function_version
        self._destination = Destination(
            account=version.id.account,
            region=version.id.region,
            log_group=env_vars["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream=env_vars["AWS_LAMBDA_LOG_STREAM_NAME"],
        )
        task_root = str(version.config.code.get_unzipped_code_location())
        settings = Settings(
            task_root=task_root,
            env=function_environment(env_vars, version.config.environment or {}, task_root),
            timeout_seconds=version.config.timeout,
            memory_mb=version.config.memory_size,
            version=version.id.qualifier,
        )
        self._sandbox = Sandbox(
            settings, on_line=lambda line: _shipper().line(line, self._destination)
        )
        try:
            self._sandbox.start()
        except InitFailed as failure:
            self._ship_rest()
            raise StatusErrorException(str(failure), failure.payload) from failure

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        result = self._sandbox.invoke(
            request_id=request_id,
            payload=payload["payload"].encode(),
            arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
        )
        return InvocationResult(
            request_id=request_id,
            payload=result.answer.payload,
            is_error=result.answer.is_error,
            logs=result.log,
        )

    def stop(self) -> None:
        if self._sandbox:
            self._sandbox.stop()
            self._ship_rest()

    def _ship_rest(self) -> None:
        _shipper().log(self._sandbox.take_log(), self._destination)

    def get_logs(self) -> str:
        return ""  # all that there was went to CloudWatch Logs

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"  # whatever else the gateway listens on

    def get_runtime_endpoint(self) -> str:
        return ""  # LocalStack's own init binary would want it; a bootstrap has the Runtime API

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        settings = function_version.config
        if not (settings.runtime or "").startswith("provided."):
            raise ValueError(
                f"{function_version.id.function_name} has the runtime {settings.runtime}; without "
                "Docker only provided.al2 and provided.al2023 run, as a `bootstrap` executable"
            )
        if settings.layers:
            raise ValueError(
                f"{function_version.id.function_name} has layers, which do not run without Docker"
            )
        settings.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        pass  # LocalStack deletes the unzipped code itself
