"""Logs and records of a function as lines that Cloud Logging understands."""

import io
import json
import logging
import sys
from collections.abc import Generator
from typing import Any

import pytest
from portable_gcp import cloud_logs
from portable_gcp.recorder import LineRecorder, call_line, invocation_line, recorder_of

from portable import log_lines
from portable.binding import current_context
from portable.context import Context
from portable.drivers import DeadLetter
from portable.telemetry import CallRecord, InvocationRecord

PROJECT = "my-project"
TRACE = f"projects/{PROJECT}/traces/{'a' * 32}"
GOOD = InvocationRecord(
    "a" * 32, "b" * 16, "", "http", "notes.read", "r-1", 1, 1_790_000_000.0, 0.0125, "GET /notes/{id}", "succeeded",
    200, None, None, None, None, None, 0.0, False, 2,
)  # fmt: skip


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    found = io.StringIO()
    monkeypatch.setattr(sys, "stdout", found)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    cloud_logs.install(PROJECT)
    try:
        yield found
    finally:
        log_lines.uninstall()
        root.handlers[:] = before
        root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    text = out.getvalue()
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


def context() -> Context:
    return Context(
        id="d-1", kind="task", handler="work", app="shop", stage="dev", attempt=2, deadline=0.0,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01", attributes={}, scheduled_at=None, report=None, binding=None,
    )  # fmt: skip


def test_a_record_of_logging_is_one_line_with_severity_and_trace(out: io.StringIO) -> None:
    token = current_context.set(context())
    try:
        logging.getLogger("shop").warning("%s\nleft", 3, extra={"order": "o-1", "severity": "mine"})
    finally:
        current_context.reset(token)
    [line] = lines(out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "severity": "WARNING",
        "message": "3\nleft",
        "logger": "shop",
        "handler": "work",
        "attempt": 2,
        "id": "d-1",
        "logging.googleapis.com/trace": TRACE,
        "logging.googleapis.com/spanId": "b" * 16,
        "logging.googleapis.com/trace_sampled": True,
        "order": "o-1",
    }


def test_what_was_raised_is_where_error_reporting_looks(out: io.StringIO) -> None:
    try:
        raise ValueError("no luck")
    except ValueError:
        logging.getLogger("shop").exception("it failed")
    [line] = lines(out)
    assert (line["severity"], line["error_type"], line["error_message"]) == ("ERROR", "ValueError", "no luck")
    assert line["stack_trace"].startswith("Traceback (most recent call last)")


@pytest.mark.parametrize(("said", "level"), [("DEBUG", 10), ("NOTICE", 20), ("alert", 50), ("nonsense", 20), ("", 20)])
def test_the_level_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, said: str, level: int
) -> None:
    log_lines.uninstall()
    monkeypatch.setenv(cloud_logs.LEVEL, said)
    cloud_logs.install(PROJECT)
    assert logging.getLogger().level == level
    assert out.getvalue() == ""


def test_a_dead_letter_is_a_line_that_a_metric_counts(out: io.StringIO) -> None:
    cloud_logs.count_dead_letter("shop", "dev", "work", DeadLetter("d-1", "work", "{}", 3, "no", 0.0, 1.0, ""))
    [line] = lines(out)
    assert (line["metric"], line["severity"], line["app"], line["stage"], line["handler"], line["id"]) == (
        *(cloud_logs.DEAD_LETTERS, "ERROR", "shop", "dev", "work", "d-1"),
    )


def test_an_invocation_is_a_line(out: io.StringIO) -> None:
    LineRecorder().invocation(GOOD)
    [line] = lines(out)
    assert line == json.loads(invocation_line(GOOD))
    assert (line["severity"], line["message"], line["handler"]) == ("INFO", "GET /notes/{id}", "notes.read")
    assert line["logging.googleapis.com/trace"] == TRACE
    assert (line["duration_ms"], line["calls"], line["status"]) == (12.5, 2, 200)
    assert line["time"] == "2026-09-21T14:13:20.012500Z"


def test_a_failure_says_where_and_why(out: io.StringIO) -> None:
    bad = GOOD._replace(outcome="failed", error="ValueError: no", frame=("app.py", 7, "read"), cold=True, waited=1.5)
    LineRecorder(only_failures=True).invocation(bad)
    LineRecorder(only_failures=True).invocation(GOOD)
    [line] = lines(out)
    assert (line["severity"], line["error"], line["cold"], line["waited_ms"]) == ("ERROR", "ValueError: no", True, 1500)
    assert line["logging.googleapis.com/sourceLocation"] == {"file": "app.py", "line": "7", "function": "read"}


def test_a_call_is_a_line_where_it_is_asked_for(out: io.StringIO) -> None:
    call = CallRecord("a" * 32, "c" * 16, "b" * 16, "table:items", "get", "a", 1_790_000_000.0, 0.002, None)
    recorder = recorder_of({"PORTABLE_TELEMETRY": "calls"})
    assert recorder is not None
    assert recorder.spans
    recorder.call(call)
    [line] = lines(out)
    assert line == json.loads(call_line(call))
    assert (line["message"], line["key"], line["parent_id"]) == ("table:items get", "a", "b" * 16)


def test_nothing_is_recorded_where_it_is_switched_off() -> None:
    assert recorder_of({"PORTABLE_TELEMETRY": "off"}) is None
    assert recorder_of({cloud_logs.LEVEL: "ERROR"}).skips("http", "", 0.0, 0.0)  # type: ignore[union-attr]
