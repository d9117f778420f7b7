"""A pytest plugin that runs an app's own tests once, then takes its exact grants away one at a time.

For each grant the quickest test that uses it is run again, and has to fail because of the refusal; if that one does not
notice, the next one is tried. Run it in a process of its own:

    python -m pytest -p removing --removing-app notes_app:app --removing-report report.json examples/notes/tests
"""

import importlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from portable.grants import derive
from portable.testing.grants import Used, observed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--removing-app", required=True, help="module:name of the App")
    parser.addoption("--removing-report", required=True, help="where to write what was found")


def run(item: Any) -> bool:
    """Whether a test passes."""
    item._initrequest()
    reports = runtestprotocol(item, nextitem=None, log=False)
    return all(report.outcome == "passed" for report in reports)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    module, _, name = session.config.getoption("--removing-app").partition(":")
    used: list[tuple[float, Any, set[Used]]] = []
    broken: list[str] = []
    # Of a test with parameters the first will do.
    first = {getattr(item, "originalname", item.name): item for item in reversed(session.items)}
    for item in first.values():
        started = time.perf_counter()
        with observed() as seen:
            if not run(item):
                broken.append(item.nodeid)
        used.append((time.perf_counter() - started, item, seen.uses))
    used.sort(key=lambda entry: entry[0])
    app = getattr(importlib.import_module(module), name)
    exact: list[Used] = [(g.handler, g.resource, g.verb) for g in derive(app).grants if g.how == "exact"]
    found: dict[str, Any] = {
        "tests": len(used),
        "broken": broken,
        "exact": [list(grant) for grant in exact],
        "noticed": {},
    }
    for grant in exact:
        found["noticed"][" ".join(grant)] = noticed(grant, used)
    Path(session.config.getoption("--removing-report")).write_text(json.dumps(found))
    return True


def noticed(grant: Used, used: list[tuple[float, Any, set[Used]]]) -> str | None:
    """The test that fails without the grant, with its refusal; None if there is no such test."""
    for _, item, uses in used:
        if grant not in uses:
            continue
        with observed(without=[grant]) as seen:
            passes = run(item)
        if not passes and grant in seen.refused:
            return str(item.nodeid)
    return None
