"""Derivation besides the corpus: middleware, mounts, services, source that cannot be read, finding, diagnostics."""

import importlib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from portable import App
from portable.binding import Resource
from portable.buckets import Bucket
from portable.config import Param, Secret
from portable.dead_letters import DeadLetters
from portable.deploy.diagnostics import FINDINGS
from portable.deploy.grant_diagnostics import diagnose_grants
from portable.grants import derive
from portable.grants.objects import HARMLESS, LETTERS
from portable.tables import Table
from portable.tasks import Task
from portable.testing import running
from portable.testing.grants import observed
from portable.topics import Topic

HERE = Path(__file__).parent
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports source text as a module of a project of its own."""

    def make(text: str, name: str = "made_app") -> ModuleType:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def grants(app: App, how: str = "exact") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for grant in derive(app).grants:
        if grant.how == how:
            found.setdefault(grant.handler, set()).add(f"{grant.resource} {grant.verb}")
    return found


def test_middleware_counts_for_the_http_handlers_of_its_service_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    app: App = importlib.import_module("corpus.middleware").app
    assert grants(app) == {
        "top": {"table:tokens get", "table:items get"},
        "part.inner": {"table:tokens get", "table:part.log put"},
        "hourly": {"table:items put"},
    }
    with observed() as seen, running(app) as started:
        assert started.request("GET", "/top").status < 300
        assert started.request("GET", "/part/inner").status < 300
        started.fire("hourly")
        started.drain()
    assert len(seen.uses) == 5
    assert seen.refused == set()


def test_a_mounted_application_has_grants_of_its_own(load: Load) -> None:
    made = load("""
        from portable import App

        app = App("mounting")
        items = app.table("items")


        async def inner(scope, receive, send):
            items.put({"id": "1"})
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})


        app.mount("/inner", inner, interface="asgi")
    """)
    assert grants(made.app) == {"mount:/inner": {"table:items put"}}
    with observed() as seen, running(made.app) as started:
        assert started.request("GET", "/inner/x").status == 200
    assert seen.uses == {("mount:/inner", "table:items", "put")}


def test_a_mounted_flask_application_is_followed_into_its_views(load: Load) -> None:
    made = load("""
        from flask import Flask

        from portable import App

        app = App("mounting")
        items = app.table("items")
        legacy = Flask(__name__)


        @legacy.get("/hello")
        def hello():
            items.get("1")
            return "hello"


        app.mount("/legacy", legacy)
    """)
    assert "table:items get" in grants(made.app)["mount:/legacy"]
    with running(made.app) as started:
        assert started.request("GET", "/legacy/hello").body == b"hello"


def test_code_whose_source_is_gone_widens_to_what_it_names_and_says_so(load: Load, tmp_path: Path) -> None:
    made = load("""
        from portable import App

        app = App("gone")
        items, others = app.table("items"), app.table("others")


        @app.get("/a")
        def a():
            return items.get("1")
    """)
    (tmp_path / "made_app.py").unlink()
    derived = derive(made.app)
    assert {grant.resource for grant in derived.grants} == {"table:items"}
    assert {grant.how for grant in derived.grants} == {"widened"}
    assert ["source cannot be read" in widening.what for widening in derived.widenings] == [True]


def test_a_replaced_function_is_derived_anew(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    made = load("""
        from portable import App

        app = App("patched")
        items = app.table("items")


        def helper():
            items.get("1")


        def other():
            items.delete("1")


        @app.get("/a")
        def a():
            helper()
    """)
    assert grants(made.app) == {"a": {"table:items get"}}
    assert derive(made.app) is derive(made.app)
    monkeypatch.setattr(made, "helper", made.other)
    assert grants(made.app) == {"a": {"table:items delete"}}


def test_a_module_that_cannot_be_imported_is_reported(load: Load, tmp_path: Path) -> None:
    (tmp_path / "made_broken.py").write_text("raise RuntimeError('no')\n")
    made = load("""
        from portable import App

        app = App("broken")
        items = app.table("items")


        @app.get("/a")
        def a():
            import made_broken

            made_broken.use()
    """)
    assert grants(made.app, "widened")["a"] == {f"table:items {verb}" for verb in Table.verbs}
    assert any("cannot be imported (RuntimeError: no)" in found.what for found in derive(made.app).widenings)


def test_every_widening_is_a_finding_with_its_line_and_what_to_write(load: Load) -> None:
    made = load("""
        from portable import App

        app = App("findings")
        items = app.table("items")
        words = app.table("words")


        @app.get("/a")
        def a(verb: str):
            words.get("1")
            getattr(items, verb)("1")
    """)
    found = diagnose_grants(made.app.manifest())
    assert len(found) == 1
    assert found[0].code in FINDINGS
    assert found[0].severity == "warning"
    assert found[0].location is not None
    assert Path(found[0].location.file).name == "made_app.py"
    assert found[0].location.line == 12
    assert "getattr" in found[0].cause
    assert found[0].alternative is not None
    assert 'words.can("get")]' in found[0].alternative
    assert found[0].alternative.startswith('uses=[items.can("get", ')


def test_an_app_that_can_be_followed_has_no_findings() -> None:
    app = App("fine")
    table = app.table("table")

    @app.get("/a")
    def a() -> Any:
        return table.get("1")

    assert diagnose_grants(app.manifest()) == []
    assert grants(app) == {"a": {"table:table get"}}


@pytest.mark.parametrize(
    "kind", [Table, Bucket, Task, Topic, Param, Secret, DeadLetters], ids=lambda kind: kind.__name__
)
def test_every_public_method_of_a_resource_is_a_verb_or_known_to_do_nothing(kind: type[Resource[Any]]) -> None:
    """A new method has to be put on one side or the other."""
    public = {
        name
        for base in kind.__mro__
        if base.__module__.partition(".")[0] == "portable"
        for name in vars(base)
        if not name.startswith("_")
    }
    unknown = public - set(kind.verbs) - HARMLESS - {"native", "command"}
    assert unknown - (set(LETTERS) if kind is DeadLetters else set()) == set()


def test_deriving_does_not_grow_with_each_time(load: Load) -> None:
    from portable.grants.roots import analyse

    made = load("""
        from portable import App

        app = App("again")
        items = app.table("items")


        @app.get("/a")
        def a():
            for key in ("1", "2"):
                items.get(key)
    """)
    first = analyse(made.app)
    assert all(analyse(made.app) == first for _ in range(3))


def test_importing_portable_and_running_a_dispatcher_does_not_load_the_analysis() -> None:
    import subprocess

    script = (
        "import sys; from portable import App; import portable.dispatch, portable.permissions; app = App('a'); "
        "app.table('t'); print([name for name in sys.modules if name.startswith('portable.grants')])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
