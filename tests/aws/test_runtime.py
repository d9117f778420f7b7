"""A function as Lambda runs it: AWS's own runtime client calls our handler, in an environment with nothing of ours."""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import portable_aws
import pytest
from portable_aws.runtime import names_of

import portable
from portable.errors import ConfigurationError
from tests.aws.lambdas import NAMES, envelope, http_event, sqs_event, sqs_record
from tests.aws_stack import installation
from tests.aws_stack.runtime_api import Function, Sandbox

HEAVY = ("boto3", "botocore", "pydantic", "asyncio", "click", "uvicorn", "inspect", "dataclasses")
APP = f"""
import logging, sys
from portable import App

app = App("orders", targets=("aws",))
before = set(sys.modules)

@app.get("/modules")
def modules():
    return [name for name in {HEAVY!r} if name in sys.modules and name not in known]

@app.post("/echo")
def echo(body: dict):
    print("printed")
    logging.getLogger("orders").warning("logged", extra={{"n": 1}})
    return body

@app.get("/broken")
def broken():
    raise ValueError("no luck")

@app.task(timeout=30)
def work(body: dict) -> None: ...

known: set[str] = set()
"""
ENTRY = """
import sys
known = set(sys.modules)
import app
from portable_aws.runtime import handler as made
app.known |= known
handler = made(app.app)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a bundle holds, as far as this app needs it."""
    found = tmp_path_factory.mktemp("task")
    for package in (portable, portable_aws):
        assert package.__file__
        source = Path(package.__file__).parent
        shutil.copytree(source, found / source.name, ignore=shutil.ignore_patterns("__pycache__", "testing", "cli"))
    (found / "app.py").write_text(APP)
    (found / "portable_entry.py").write_text(ENTRY)
    return found


def a_function(root: Path, **environment: str) -> Function:
    return Function(
        str(installation.sandbox()),
        str(root),
        "portable_entry.handler",
        {"PORTABLE_STAGE": "test", "PORTABLE_ACCOUNT": NAMES.account, **environment},
        timeout=20,
        init_timeout=60,
    )


@pytest.fixture(scope="module")
def box(root: Path) -> Generator[Sandbox]:
    with Sandbox(a_function(root)) as found:
        yield found


def call(box: Sandbox, event: Any) -> Any:
    return box.invoke(json.dumps(event).encode())


def test_a_request_is_answered_and_its_logs_are_lines(box: Sandbox) -> None:
    result = call(box, http_event("POST", "/echo"))
    assert result.error is None, result
    assert result.json["statusCode"] == 200
    assert json.loads(result.json["body"]) == {"a": 1}
    assert result.json["headers"]["x-request-id"] == result.request_id
    assert result.json["headers"]["traceparent"].startswith("00-67891233abcdef012345678912345678-")
    logs = [json.loads(line) for line in result.logs.splitlines() if line.startswith("{")]
    messages = {line["message"]: line for line in logs}
    assert messages["logged"]["n"] == 1
    for name in ("printed", "logged"):
        assert messages[name]["requestId"] == result.request_id
        assert messages[name]["handler"] == "echo"


def test_a_handler_that_needs_nothing_heavy_imports_nothing_heavy(box: Sandbox) -> None:
    result = call(box, http_event("GET", "/modules", None))
    assert json.loads(result.json["body"]) == []


def test_a_failing_handler_is_a_500_with_its_trace_in_the_logs(box: Sandbox) -> None:
    result = call(box, http_event("GET", "/broken", None))
    assert result.json["statusCode"] == 500
    assert "no luck" not in result.json["body"]
    line, ran = [json.loads(line) for line in result.logs.splitlines() if "no luck" in line]
    assert (ran["logger"], ran["outcome"], ran["spanId"]) == ("portable.invocation", "failed", line["spanId"])
    assert (line["errorType"], line["requestId"]) == ("ValueError", result.request_id)


def test_a_message_for_nobody_is_reported_and_a_strange_event_an_error(box: Sandbox) -> None:
    result = call(box, sqs_event(sqs_record("nobody", envelope("task", {}))))
    assert result.json == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    result = call(box, {"hello": 1})
    assert result.error is not None
    assert result.json["errorType"] == "MalformedEvent"
    assert call(box, http_event("POST", "/echo")).json["statusCode"] == 200


def test_a_function_without_its_environment_says_so_when_it_starts(root: Path) -> None:
    with Sandbox(a_function(root, PORTABLE_STAGE="")) as box:
        result = call(box, http_event())
    assert result.error is not None
    assert "PORTABLE_STAGE" in result.payload.decode() + result.logs


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PORTABLE_STAGE": ""}, "PORTABLE_STAGE"),
        ({"PORTABLE_STAGE": "Prod!"}, "Prod!"),
        ({"PORTABLE_ACCOUNT": "12"}, "PORTABLE_ACCOUNT"),
        ({"AWS_REGION": ""}, "AWS_REGION"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(change: dict[str, str], named: str) -> None:
    good = {"PORTABLE_STAGE": "test", "PORTABLE_ACCOUNT": "123456789012", "AWS_REGION": "eu-central-1"}
    assert names_of("orders", good).prefix == "orders-test"
    with pytest.raises(ConfigurationError, match=named):
        names_of("orders", {**good, **change})
