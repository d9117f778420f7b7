"""The code of `awkward`: nothing that runs in it is missed, and what can be followed is derived exactly."""

import concurrent.futures
import contextvars
import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.grants import Derived, derive
from portable.testing import running
from portable.testing.grants import observed

HERE = Path(__file__).parent
MODULES = ("typed", "models", "fields", "machinery", "flow", "threads", "found", "managed", "kinds", "plain")


def load() -> Any:
    sys.path.insert(0, str(HERE))
    try:
        for name in MODULES:
            importlib.import_module(f"awkward.{name}")
        return importlib.import_module("awkward.base")
    finally:
        sys.path.remove(str(HERE))


BASE = load()
NAMES = sorted(BASE.EXPECTED)
Answers = dict[str, tuple[int, set[str]]]


@pytest.fixture(scope="module")
def derived() -> Derived:
    return derive(BASE.app)


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What each handler answered, and the verbs that it used. Threads get its context variables, so that they count."""
    found: Answers = {}
    with pytest.MonkeyPatch.context() as patch, observed() as seen, running(BASE.app) as app:
        pass_context_on(patch)
        sys.path.insert(0, str(HERE))
        patch.syspath_prepend(str(HERE))
        for name in NAMES:
            body = BASE.EXPECTED[name].body
            answer = app.client.post(f"/{name}", **({} if body is None else {"json": body}))
            found[name] = answer.status, {verb for handler, _, verb in seen.uses if handler == name}
        assert seen.refused == set()
    return found


def pass_context_on(patch: pytest.MonkeyPatch) -> None:
    start: Callable[..., None] = threading.Thread.start
    submit: Callable[..., Any] = concurrent.futures.ThreadPoolExecutor.submit

    def start_in_context(thread: threading.Thread) -> None:
        run, context = thread.run, contextvars.copy_context()
        patch.setattr(thread, "run", lambda: context.run(run), raising=False)
        start(thread)

    def submit_in_context(pool: Any, function: Any, /, *given: Any, **named: Any) -> Any:
        return submit(pool, contextvars.copy_context().run, function, *given, **named)

    patch.setattr(threading.Thread, "start", start_in_context)
    patch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", submit_in_context)


def test_there_is_a_lot_of_awkward_code() -> None:
    assert len(NAMES) > 250
    assert sum(expected.exactly for expected in BASE.EXPECTED.values()) > 230


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_was_derived_and_exactly_where_that_is_promised(
    derived: Derived, answers: Answers, name: str
) -> None:
    expected = BASE.EXPECTED[name]
    assert answers[name] == (answers[name][0], expected.verbs)
    assert answers[name][0] < 400
    by = {how: {g.verb for g in derived.grants if (g.handler, g.how) == (name, how)} for how in ("exact", "widened")}
    reports = [widening.what for widening in derived.widenings if widening.handler == name]
    if expected.exactly:
        assert by["exact"] == expected.verbs
        assert reports == []
        assert by["widened"] == set()
    else:
        assert expected.verbs <= by["exact"] | by["widened"]
        assert reports
