"""The packaged example as Lambda has it: read-only, in a Python that has boto3 and nothing of ours."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.aws_stack import installation
from tests.aws_stack.runtime_api import Function, Sandbox

from .making import NOTES, package, zip_of

ENVIRONMENT = {
    "PORTABLE_STAGE": "dev",
    "PORTABLE_ACCOUNT": "123456789012",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    # Lambda's machines have no time zones.
    "PYTHONTZPATH": "",
}
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import portable_entry
class Context:
    aws_request_id = "11111111-2222-4333-8444-555555555555"
    def get_remaining_time_in_millis(self):
        return 3000
answers = [portable_entry.handler(event, Context()) for event in json.loads(sys.argv[2])]
print(json.dumps([answers, sorted(sys.modules), sys.modules["app"].__cached__]))
"""


def event(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """As an HTTP API sends it, payload format 2.0."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"}
    found: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "example.com"},
        "requestContext": {"http": http, "requestId": "id", "stage": "$default", "domainName": "example.com"},
        "isBase64Encoded": False,
    }
    return found if body is None else {**found, "body": body}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The zip of examples/notes for the sandbox's Python, unpacked so that nothing can be written there."""
    assert pytestconfig.cache is not None
    folder = tmp_path_factory.mktemp("notes")
    package(NOTES, folder / "out", PORTABLE_CACHE=str(pytestconfig.cache.mkdir("portable-bundles")))
    zip_of(folder / "out").extractall(folder / "task")
    for place, _, files in os.walk(folder / "task"):
        for name in files:
            (Path(place) / name).chmod(0o444)
        Path(place).chmod(0o555)
    return folder / "task"


def test_it_answers_in_a_python_that_has_only_boto3(task: Path) -> None:
    events = [event("POST", "/notes", '{"owner": 1}'), event("GET", "/nothing"), event("DELETE", "/notes")]
    command = [str(installation.sandbox()), "-I", "-c", PROGRAM, str(task), json.dumps(events)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    answers, modules, cached = json.loads(done.stdout)
    assert [answer["statusCode"] for answer in answers] == [422, 404, 405]
    assert json.loads(answers[0]["body"])["errors"][0]["where"] == ["body", "owner"]
    assert {"boto3", "botocore", "click", "pytest"} & set(modules) == set()
    assert cached.startswith(f"{task}/__pycache__/app.")


def test_it_answers_under_awss_own_runtime(task: Path) -> None:
    function = Function(
        str(installation.sandbox()), str(task), "portable_entry.handler", environment=ENVIRONMENT, init_timeout=60.0
    )
    with Sandbox(function) as box:
        result = box.invoke(json.dumps(event("POST", "/notes", '{"owner": 1}')).encode())
        assert result.error is None, result.payload
        assert result.json["statusCode"] == 422
        again = box.invoke(json.dumps(event("GET", "/nothing")).encode())
        assert (again.json["statusCode"], again.cold) == (404, False)


def test_an_error_in_the_app_shows_the_line_of_its_source(task: Path, tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1])\nimport portable_entry, app\napp.index(None)\n"
    command = [str(installation.sandbox()), "-I", "-c", code, str(task)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert f'File "{task}/app.py"' in done.stderr
    assert "for word in {word.lower() for word in note.text.split()}:" in done.stderr
