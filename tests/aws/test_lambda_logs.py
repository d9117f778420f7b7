"""Logs of a function: one line of JSON for each, whatever wrote it; and the line that counts dead letters."""

import io
import json
import logging
import sys
from collections.abc import Generator
from typing import Any

import pytest
from portable_aws import lambda_logs

from portable import log_lines
from portable.binding import current_context
from portable.context import Context
from portable.drivers import DeadLetter

ID = "7d1c8f0a-0000-4000-8000-000000000001"


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    found = io.StringIO()
    monkeypatch.setattr(sys, "stdout", found)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    lambda_logs.install()
    lambda_logs.current.request_id = ID
    try:
        yield found
    finally:
        lambda_logs.current.request_id = ""
        log_lines.uninstall()
        root.handlers[:] = before
        root.setLevel(level)


def begin_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest has put its own in the place of what is printed to, and beside the handler of logging."""
    for name, printed in zip(("stdout", "stderr"), log_lines._printed, strict=True):
        monkeypatch.setattr(sys, name, printed)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if getattr(one, "of_portable", False)])


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    text = out.getvalue()
    assert text.endswith("\n")
    assert text.isascii()
    return [json.loads(line) for line in text.splitlines()]


def test_a_record_is_one_line_in_lambdas_shape(out: io.StringIO) -> None:
    logging.getLogger("shop.work").warning("%s items\nleft", 3, extra={"order": "o-1", "level": 9})
    [line] = lines(out)
    assert line["timestamp"][10] == "T"
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {
        "level": "WARNING",
        "message": "3 items\nleft",
        "logger": "shop.work",
        "requestId": ID,
        "order": "o-1",
    }


def test_inside_a_handler_the_line_has_its_ids(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_here(monkeypatch)
    context = Context(
        id="d-1", kind="task", handler="work", app="shop", stage="test", attempt=2, deadline=0.0,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )  # fmt: skip
    token = current_context.set(context)
    try:
        logging.getLogger("x").info("hello")
        print("there")
    finally:
        current_context.reset(token)
    found = lines(out)
    assert [line["message"] for line in found] == ["hello", "there"]
    for line in found:
        assert (line["handler"], line["attempt"], line["id"]) == ("work", 2, "d-1")
        assert (line["traceId"], line["spanId"], line["requestId"]) == ("a" * 32, "b" * 16, ID)


def test_what_was_raised_is_in_the_line(out: io.StringIO) -> None:
    try:
        raise ValueError("no luck")
    except ValueError:
        logging.getLogger("x").exception("failed")
    [line] = lines(out)
    assert (line["level"], line["errorType"], line["errorMessage"]) == ("ERROR", "ValueError", "no luck")
    assert "test_lambda_logs.py" in line["stackTrace"]


def test_what_is_printed_is_a_line_each_and_an_unfinished_one_ends_with_the_call(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_here(monkeypatch)
    print("one\ntwo")
    print("thr", end="")
    print("ee")
    print("wrong", file=sys.stderr)
    print("rest", end="")
    log_lines.end()
    assert [(line["message"], line["level"]) for line in lines(out)] == [
        ("one", "INFO"),
        ("two", "INFO"),
        ("three", "INFO"),
        ("wrong", "ERROR"),
        ("rest", "INFO"),
    ]


def test_messages_and_fields_are_cut(out: io.StringIO) -> None:
    extra = {"text": "x" * 10_000, "many": ["y" * 10_000], "small": [1, {"a": None}]}
    logging.getLogger("x").info("é" * 40_000, extra=extra)
    [line] = lines(out)
    assert len(line["message"].encode()) <= 32 * 1024
    assert line["message"].endswith("...")
    assert len(line["text"]) == len(line["many"]) == 8 * 1024
    assert line["small"] == [1, {"a": None}]


def test_nothing_that_is_logged_costs_the_line(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_here(monkeypatch)

    class Odd:
        def __repr__(self) -> str:
            return "odd \ud800"

    log = logging.getLogger("x")
    log.info("\ud800 %s", Odd(), extra={"odd": Odd(), "nan": float("nan"), "set": {1}})
    log.info("%d", "no number")
    log.info({"a": 1})
    first, second, third = lines(out)
    assert first["message"] == "\ud800 odd \ud800"
    assert first["nan"] == "nan"
    assert "no number" in second["message"]
    assert third["message"] == "{'a': 1}"


def test_the_level_is_the_functions(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> None:
    root = logging.getLogger()
    for wanted, level in (("DEBUG", 10), ("TRACE", 10), ("WARN", 30), ("FATAL", 50), ("nonsense", 20), ("", 20)):
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", wanted)
        log_lines.uninstall()
        lambda_logs.install()
        assert root.level == level, wanted
    assert len(root.handlers) == 1


def test_botocore_says_nothing_at_each_cold_start_unless_the_level_is_lower(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO
) -> None:
    levels = ["INFO", "WARNING", "ERROR"]
    for wanted, said in (("", levels[1:]), ("INFO", levels[1:]), ("DEBUG", levels), ("ERROR", levels[2:])):
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", wanted)
        log_lines.uninstall()
        lambda_logs.install()
        out.seek(0)
        out.truncate()
        logging.getLogger("botocore.credentials").info("Found credentials in environment variables.")
        logging.getLogger("botocore.credentials").warning("They end soon.")
        logging.getLogger("botocore.credentials").error("They have ended.")
        assert [line["level"] for line in lines(out)] == said, wanted


def test_a_dead_letter_is_counted(out: io.StringIO) -> None:
    letter = DeadLetter("d-1", "work", "{}", 3, "no luck", 0.0, 0.0, "")
    lambda_logs.count_dead_letter("shop", "prod", "work", letter, 1795714800.25)
    [line] = lines(out)
    assert line["_aws"] == {
        "Timestamp": 1795714800250,
        "CloudWatchMetrics": [
            {
                "Namespace": "portable",
                "Dimensions": [["app", "stage", "handler"]],
                "Metrics": [{"Name": "DeadLetters", "Unit": "Count"}],
            }
        ],
    }
    assert (line["app"], line["stage"], line["handler"], line["DeadLetters"]) == ("shop", "prod", "work", 1)


def test_a_metric_that_is_printed_stays_as_it_is(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_here(monkeypatch)
    text = '{"_aws":{"Timestamp": 1, "CloudWatchMetrics": []}}'
    print(text)
    assert out.getvalue() == text + "\n"


def test_logging_is_attached_when_it_is_first_imported() -> None:
    import subprocess

    code = (
        "import sys; before = 'logging' in sys.modules\n"
        "from portable_aws import lambda_logs; lambda_logs.install()\n"
        "assert 'logging' not in sys.modules, before\n"
        "import logging; logging.getLogger('x').warning('hello')\n"
        "print('printed')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["hello", "printed"]
