"""Grants in a real `portable dev`: a handler that uses more is refused, in every process; an edit changes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .dev import Dev, portable, started, until, write

APP = """
from typing import Any

from portable import App

app = App("guarded")
items = app.table("items")
log = app.table("log")


@app.get("/allowed")
def allowed() -> list[Any]:
    items.put({"id": "1"})
    return log.scan().items


@app.get("/refused", uses=[items.can("get")])
def refused() -> Any:
    items.put({"id": "2"})
    return "put"


@app.get("/refused-async", uses=[])
async def refused_async() -> Any:
    items.put({"id": "2"})


@app.get("/start")
def start() -> str:
    return work.send().id


@app.task(max_attempts=1, uses=[])
def work() -> None:
    log.put({"id": "work"})


@app.get("/letters")
def letters() -> list[str]:
    return [str(letter.error) for letter in work.dead_letters().letters]
"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = write(tmp_path_factory.mktemp("guarded"), {"app.py": APP})
    with started(folder) as found:
        yield found.serves()


def test_what_is_derived_is_allowed(dev: Dev) -> None:
    assert dev.get("/allowed").json == []


@pytest.mark.parametrize("path", ["/refused", "/refused-async"])
def test_a_request_that_uses_more_is_refused_with_the_line_to_add(dev: Dev, path: str) -> None:
    answer = dev.get(path)
    assert (answer.status, answer.json["code"]) == (403, "P1004")
    assert "has no grant for 'put' on table:items" in answer.json["detail"]
    assert 'put")]' in answer.json["hint"]


def test_a_worker_refuses_too(dev: Dev) -> None:
    assert dev.get("/start").status == 200
    letters = until("the task is refused", lambda: dev.get("/letters").json or None)
    assert letters == ["PermissionDenied: work has no grant for 'put' on table:log"]
    assert dev.get("/allowed").json == []


def test_one_handler_run_by_hand_is_refused_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "by_hand", {"app.py": APP})
    done = portable("invoke", "work", "--app", folder)
    assert done.code != 0
    assert "has no grant for 'put' on table:log" in done.out + done.err


def test_an_edit_grants_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "edited", {"app.py": APP})
    with started(folder) as found:
        found.serves()
        assert found.get("/refused").status == 403
        found.replace("app.py", APP.replace('items.can("get")', 'items.can("get", "put")'))
        found.answers("/refused", "put")
