"""Lines of deployed functions as `portable logs` shows them to people: no failure without what has failed."""

import json
import logging
import sys
from typing import Any

import pytest
from portable_aws import lambda_logs

from portable.adapter import LogLine
from portable.cli.logs import shown
from portable.log_lines import record_line


def line(value: Any) -> str:
    return shown(LogLine(0.0, value if isinstance(value, str) else json.dumps(value), "1", "f"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("START RequestId: 1", "1970-01-01 00:00:00 START RequestId: 1"),
        ({"other": 1}, '1970-01-01 00:00:00 {"other": 1}'),
        ([1], "1970-01-01 00:00:00 [1]"),
        ({"level": "INFO", "message": "hello"}, "1970-01-01 00:00:00 INFO    hello"),
        ({"message": "task:work", "level": "ERROR", "error": "NotFound: no"},
         "1970-01-01 00:00:00 ERROR   task:work: NotFound: no"),
        ({"message": "work is dead: no key", "level": "ERROR", "error": "no key"},
         "1970-01-01 00:00:00 ERROR   work is dead: no key"),
        ({"level": "ERROR", "errorType": "KeyError", "errorMessage": "'X'", "stackTrace": ["  File a\n", "    x\n"]},
         "1970-01-01 00:00:00 ERROR   KeyError: 'X'\n  File a\n    x"),
        ({"message": "failed", "error_type": "KeyError", "error_message": "'X'", "stack_trace": "T\nKeyError: 'X'"},
         "1970-01-01 00:00:00 INFO    failed\nT\nKeyError: 'X'"),
        ({"message": "red \x1b[31m", "level": "INFO"}, "1970-01-01 00:00:00 INFO    red \\x1b[31m"),
    ],
    ids=["Lambda's own", "of others", "no object", "a message", "a record", "told already", "an import", "Google",
         "a terminal"],
)  # fmt: skip
def test_a_line_says_what_happened(value: Any, text: str) -> None:
    assert line(value) == text


def test_what_was_raised_is_shown_with_its_trace() -> None:
    try:
        raise ZeroDivisionError("seven by nothing")
    except ZeroDivisionError:
        record = logging.getLogger("mine").makeRecord(
            "mine", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info()
        )
    first, *rest = line(record_line(lambda_logs.SHAPE, record)).splitlines()
    assert first.endswith("ERROR   it failed")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ZeroDivisionError: seven by nothing"
