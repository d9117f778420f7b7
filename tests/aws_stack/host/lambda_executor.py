"""Lambda functions of LocalStack run the deployed zip under AWS's own runtime client, each environment in a process."""

import os
import threading
from pathlib import Path
from typing import Any

from tests.aws_stack.runtime_api import Function, Sandbox, read_only


def install() -> None:
    # Before anything imports the function by name.
    from localstack.services.lambda_.invocation import runtime_executor

    executor = executor_class(runtime_executor.RuntimeExecutor)
    runtime_executor.get_runtime_executor = lambda: executor


def executor_class(base: Any) -> Any:
    from localstack.services.lambda_.invocation.lambda_models import InvocationResult

    class SandboxExecutor(base):  # type: ignore[misc]
        """One execution environment of one version of a function."""

        box: Sandbox | None = None

        def start(self, env_vars: dict[str, Any]) -> None:
            self.variables = {name: str(value) for name, value in env_vars.items()}
            self.boot()

        def boot(self) -> None:
            version = self.function_version
            settings, about = version.config, version.id
            root = str(settings.code.get_unzipped_code_location())
            layers = [f"{layer.code.get_unzipped_code_location()}/python" for layer in settings.layers or []]
            variables = {
                **self.variables,
                "LAMBDA_TASK_ROOT": root,
                "PYTHONPATH": os.pathsep.join([root, *layers]),
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
            }
            function = Function(
                python=os.environ["PORTABLE_SANDBOX_PYTHON"],
                root=root,
                handler=settings.handler,
                environment=variables,
                timeout=settings.timeout,
                memory=settings.memory_size,
                name=about.function_name,
                version=about.qualifier,
                region=about.region,
                account=about.account,
            )
            self.box = Sandbox(function)

        def invoke(self, payload: dict[str, str]) -> Any:
            if self.box is None or self.box.dead:
                self.stop()
                self.boot()
            assert self.box is not None
            id = payload["invoke-id"]
            result = self.box.invoke(
                payload["payload"].encode(), id=id, arn=payload["invoked-function-arn"], trace=payload["trace-id"]
            )
            logs = (
                f"START RequestId: {id} Version: {self.function_version.id.qualifier}\n{result.logs}"
                f"END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {result.milliseconds:.2f} ms"
            )
            return InvocationResult(id, result.payload, is_error=bool(result.error), logs=logs)

        def stop(self) -> None:
            if self.box is not None:
                threading.Thread(target=self.box.close, daemon=True).start()
                self.box = None

        def get_address(self) -> str:
            return "127.0.0.1"

        def get_endpoint_from_executor(self) -> str:
            return "127.0.0.1"

        def get_runtime_endpoint(self) -> str:
            """The environment speaks to the sandbox, and not to LocalStack."""
            return "http://127.0.0.1:9/none"

        def get_logs(self) -> str:
            return self.box.logs() if self.box is not None else ""

        @classmethod
        def prepare_version(cls, function_version: Any) -> None:
            code = function_version.config.code
            if code:
                code.prepare_for_execution()
                read_only(Path(code.get_unzipped_code_location()))

        @classmethod
        def cleanup_version(cls, function_version: Any) -> None:
            """Nothing was made for it."""

    return SandboxExecutor
