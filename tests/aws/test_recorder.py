"""The lines that a deployed function writes for what it has run."""

import io
import json
import logging
import sys
from collections.abc import Generator
from typing import Any

import pytest
from portable_aws import lambda_logs
from portable_aws.recorder import LineRecorder, call_line, invocation_line, recorder_of, timestamp
from portable_aws.runtime import handler

from portable import App, log_lines
from portable.telemetry import CallRecord, InvocationRecord

ID = "7d1c8f0a-0000-4000-8000-000000000001"
GOOD = InvocationRecord(
    "a" * 32, "b" * 16, "", "http", "notes.read", ID, 1, 1_790_000_000.0, 0.0125, "GET /notes/{id}", "succeeded", 200,
    None, None, None, None, None, 0.0, True, 2,
)  # fmt: skip
BAD = InvocationRecord(
    "a" * 32, "c" * 16, "b" * 16, "task", "work", "delivery", 3, 1_790_000_000.25, 1.0, "task:work", "dead", 0,
    'KeyError: "x"\u00e9\ud800', "Traceback", ("/var/task/app.py", 7, "work"), None, None, 2.5, False, 0,
)  # fmt: skip
CALL = CallRecord("a" * 32, "d" * 16, "b" * 16, "table:notes", "get", 'k"1', 1_790_000_000.5, 0.002, None)


class Lambda:
    """What Lambda gives beside an event."""

    aws_request_id = ID
    function_name = "f"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def test_a_line_of_an_invocation_is_json_in_lambdas_shape() -> None:
    assert json.loads(invocation_line(GOOD, ID)) == {
        "timestamp": "2026-09-21T14:13:20.012Z",
        "level": "INFO",
        "message": "GET /notes/{id}",
        "logger": "portable.invocation",
        "requestId": ID,
        "handler": "notes.read",
        "attempt": 1,
        "id": ID,
        "traceId": "a" * 32,
        "spanId": "b" * 16,
        "kind": "http",
        "outcome": "succeeded",
        "durationMs": 12.5,
        "calls": 2,
        "status": 200,
        "cold": True,
    }


def test_a_line_of_a_failure_says_why_and_where() -> None:
    text = invocation_line(BAD, ID)
    assert text.isascii()
    line = json.loads(text)
    assert (line["level"], line["message"], line["attempt"]) == ("ERROR", "task:work", 3)
    assert (line["parentId"], line["waitedMs"], line["timestamp"]) == ("b" * 16, 2500, "2026-09-21T14:13:21.250Z")
    assert line["error"] == 'KeyError: "x"\u00e9\ud800'
    assert line["frame"] == {"file": "/var/task/app.py", "line": 7, "function": "work"}
    assert "status" not in line
    assert "cold" not in line


def test_a_line_of_a_call_names_resource_verb_and_key() -> None:
    line = json.loads(call_line(CALL, ID))
    assert (line["resource"], line["verb"], line["key"], line["durationMs"]) == ("table:notes", "get", 'k"1', 2.0)
    assert (line["level"], line["parentId"], line["spanId"]) == ("INFO", "b" * 16, "d" * 16)
    failed = json.loads(call_line(CALL._replace(error="Throttled: wait", key=None), ID))
    assert (failed["level"], failed["error"]) == ("WARN", "Throttled: wait")
    assert "key" not in failed


def test_every_millisecond_of_a_second_is_spelled() -> None:
    assert [timestamp(at) for at in (0.0, 0.999, 1.0, 59.5, 0.25)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.999Z",
        "1970-01-01T00:00:01.000Z",
        "1970-01-01T00:00:59.500Z",
        "1970-01-01T00:00:00.250Z",
    ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PORTABLE_TELEMETRY": "off"}, []),
        ({}, ["GET /notes/{id}", "task:work"]),
        ({"PORTABLE_TELEMETRY": "calls"}, ["GET /notes/{id}", "task:work", "table:notes get"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN", "PORTABLE_TELEMETRY": "calls"}, ["task:work"]),
    ],
    ids=["off", "default", "calls", "warnings"],
)
def test_the_environment_says_what_is_written(
    out: io.StringIO, environment: dict[str, str], expected: list[str]
) -> None:
    recorder = recorder_of(environment)
    if recorder is not None:
        assert not recorder.payloads
        recorder.invocation(GOOD)
        recorder.invocation(BAD)
        if recorder.spans:
            recorder.call(CALL)
    assert [json.loads(line)["message"] for line in out.getvalue().splitlines()] == expected


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    """What a function writes."""
    found = io.StringIO()
    monkeypatch.setattr(sys, "stdout", found)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    lambda_logs.install()
    try:
        yield found
    finally:
        lambda_logs.current.request_id = ""
        log_lines.uninstall()
        root.handlers[:] = before
        root.setLevel(level)


def test_a_function_writes_a_line_whose_ids_are_those_of_its_logs(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App("shop")

    @app.get("/notes/{id}")
    def read(id: str) -> str:
        print("reading", id)
        return id

    for name, value in (("PORTABLE_STAGE", "dev"), ("PORTABLE_ACCOUNT", "123456789012"), ("AWS_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    printed = log_lines._printed[0]
    monkeypatch.setattr(sys, "stdout", printed)
    entry = handler(app)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/notes/7",
        "rawQueryString": "",
        "headers": {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        "requestContext": {
            "http": {"method": "GET", "path": "/notes/7", "sourceIp": "127.0.0.1"},
            "stage": "$default",
            "requestId": "r",
        },
        "isBase64Encoded": False,
    }
    answer = entry(event, Lambda())
    assert answer["statusCode"] == 200
    logged, ran = (json.loads(line) for line in out.getvalue().splitlines())
    assert logged["message"] == "reading 7"
    assert (ran["message"], ran["parentId"], ran["requestId"]) == ("GET /notes/{id}", "00f067aa0ba902b7", ID)
    assert {(line["traceId"], line["spanId"], line["id"]) for line in (logged, ran)} == {
        (trace, ran["spanId"], ran["id"])
    }
    assert answer["headers"]["traceparent"] == f"00-{trace}-{ran['spanId']}-01"


def test_nothing_is_written_where_no_logs_are_installed(capsys: pytest.CaptureFixture[str]) -> None:
    LineRecorder(spans=True).invocation(GOOD)
    LineRecorder(spans=True).call(CALL)
    assert capsys.readouterr() == ("", "")
