"""What a handler may know about its call."""

import logging
import time
from typing import Any

import pytest

from portable.context import Context
from portable.errors import Unsupported

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def context(**fields: Any) -> Context:
    given: dict[str, Any] = {
        "id": "1",
        "kind": "task",
        "handler": "shop.work",
        "app": "market",
        "stage": "dev",
        "attempt": 2,
        "deadline": 100.0,
        "traceparent": TRACE,
    }
    return Context(**{**given, **fields})


def test_it_tells_what_it_was_made_of() -> None:
    found = context(attributes={"a": "b"}, scheduled_at=7.0)
    assert (found.id, found.kind, found.handler, found.app, found.stage) == ("1", "task", "shop.work", "market", "dev")
    assert (found.attempt, found.deadline, found.traceparent) == (2, 100.0, TRACE)
    assert (found.attributes, found.scheduled_at) == ({"a": "b"}, 7.0)


def test_what_is_not_given_is_empty_and_not_shared() -> None:
    one, other = context(), context()
    assert (one.attributes, one.scheduled_at) == ({}, None)
    one.attributes["a"] = "b"
    assert other.attributes == {}


def test_a_context_takes_nothing_else() -> None:
    found: Any = context()
    with pytest.raises(AttributeError):
        found.user = "me"
    with pytest.raises(TypeError):
        context(user="me")


def test_the_time_that_remains_counts_down_to_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [90.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    found = context()
    assert found.remaining == 10
    now[0] = 130.0
    assert found.remaining == -30


def test_the_logger_is_named_after_app_and_handler() -> None:
    assert context().logger is logging.getLogger("market.shop.work")


def test_progress_goes_where_the_task_s_run_can_be_asked() -> None:
    told: list[tuple[float, str | None]] = []
    found = context(report=lambda fraction, note: told.append((fraction, note)))
    found.progress(0)
    found.progress(0.5, "half")
    assert told == [(0, None), (0.5, "half")]


@pytest.mark.parametrize("kind", ["http", "topic", "schedule", "bucket", "table"])
def test_other_handlers_have_no_progress(kind: str) -> None:
    with pytest.raises(Unsupported, match=kind) as caught:
        context(kind=kind).progress(0.5)
    assert caught.value.hint is not None
