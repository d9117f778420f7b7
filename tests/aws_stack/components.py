"""The processes of the AWS test stack: how each one is started, and how it is seen that it is up."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import installation
from .session import endpoint_of

HERE = Path(__file__).parent
HEALTH_TIMEOUT = 5.0


class Component(NamedTuple):
    """`listening` finds the port in what the process says; `health` is a path that it answers when it is up."""

    command: list[str]
    environment: dict[str, str]
    listening: str
    health: str


def plain_environment() -> dict[str, str]:
    """What a process needs to run, and nothing that speaks of AWS: no region, no key, no endpoint."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "JAVA_HOME") if name in os.environ}


def dynamodb(folder: Path) -> Component:
    """AWS's DynamoDB Local, in memory. Without -sharedDb the data of every access key is apart."""
    jars = installation.dynamodb()
    command = [
        installation.java(),
        "-Xmx512m",
        "-XX:TieredStopAtLevel=1",
        f"-Djava.library.path={jars}/DynamoDBLocal_lib",
        "-cp",
        f"{jars}/DynamoDBLocal.jar:{jars}/DynamoDBLocal_lib/*",
        str(HERE / "DynamoDbOnLoopback.java"),
        "-inMemory",
        "-disableTelemetry",
    ]
    environment = {**plain_environment(), "DDB_LOCAL_TELEMETRY": "0"}
    return Component(command, environment, r"(?m)^listening on (\d+)$", "/")


def localstack(folder: Path) -> Component:
    """LocalStack as a plain process, with our seams: host/main.py."""
    python = installation.localstack()
    environment = {
        **plain_environment(),
        "PORTABLE_DYNAMODB": endpoint_of("dynamodb"),
        "PORTABLE_SANDBOX_PYTHON": str(installation.sandbox()),
        "PORTABLE_LOCALSTACK_FOLDER": str(folder / "data"),
        "PYTHONPATH": str(HERE.parents[1]),
        "PYTHONUNBUFFERED": "1",
    }
    command = [str(python), "-m", "tests.aws_stack.host.main"]
    return Component(command, environment, r"(?m)^portable: port (\d+)$", "/_localstack/health")


COMPONENTS: dict[str, Callable[[Path], Component]] = {"dynamodb": dynamodb, "localstack": localstack}


def answers(url: str) -> bool:
    """Whether there is an HTTP server; what it says does not matter (DynamoDB has no page to look at)."""
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
