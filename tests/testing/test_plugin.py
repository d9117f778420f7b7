"""The pytest plugin: fixtures for a project's app, found as the command line finds it, and no harm to others."""

import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import portable_local
import pytest

import portable
from portable.cli.new import write_app

pytest_plugins = ["pytester"]

SHOP = """
from portable import App

app = App("shop")
items = app.table("items")


@app.post("/items/{id}", status=201)
def add(id: str) -> None:
    items.put({"id": id})
    later.send(id)


@app.task()
def later(id: str) -> None:
    items.put({"id": id, "is_done": True})
"""
OTHERS = ("xdist", "anyio", "hypothesispytest")
"""Plugins that load what is looked for."""
USE = """
def test_it(portable_app, running_app, portable_client, portable_clock):
    assert portable_app.name == "shop"
    assert running_app.app is portable_app
    assert portable_client is running_app.client and portable_clock is running_app.clock
    assert portable_client.post("/items/1").status == 201
    before = portable_clock.now()
    portable_clock.advance(60)
    assert portable_clock.now() == before + 60
    running_app.drain()


def test_it_starts_empty(portable_app, running_app):
    (items,) = [part.resources["table", "items"] for part in portable_app.parts()]
    assert items.get("1") is None
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of this run are not for the runs inside, and neither are modules that are called as theirs are."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("app", "main", "shop"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_wheel_has_the_plugin() -> None:
    (found,) = [entry for entry in entry_points(group="pytest11") if entry.value.startswith("portable.")]
    assert (found.name, found.value) == ("portable", "portable.testing.plugin")


@pytest.mark.parametrize("package", [portable, portable_local])
def test_who_imports_portable_before_pytest_is_not_warned(package: ModuleType) -> None:
    """pytest would rewrite the asserts of every package of a distribution that has a plugin, or warn that it cannot."""
    assert "PYTEST_DONT_REWRITE" in (package.__doc__ or "")


@pytest.mark.parametrize("file", ["app.py", "main.py"])
def test_the_app_beside_or_above_the_tests_is_found(pytester: pytest.Pytester, file: str) -> None:
    (pytester.path / file).write_text(SHOP)
    tests = pytester.mkdir("tests")
    (tests / "test_it.py").write_text(USE)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_the_app_of_the_projects_own_settings_is_found(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml('[tool.portable]\napp = "shop.web:application"\n[tool.pytest.ini_options]\n')
    package = pytester.mkpydir("shop")
    (package / "web.py").write_text(SHOP.replace("app = App", "application = app = App"))
    pytester.makepyfile(test_it=USE)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_each_of_several_projects_has_its_own_app(pytester: pytest.Pytester) -> None:
    for name in ("shop", "store"):
        folder = pytester.mkdir(name)
        (folder / "pyproject.toml").write_text(f'[tool.portable]\napp = "{name}_app:app"\n')
        (folder / f"{name}_app.py").write_text(SHOP.replace("shop", name))
        (folder / f"test_{name}.py").write_text(USE.replace("shop", name))
    pytester.runpytest_inprocess().assert_outcomes(passed=4)


@pytest.mark.parametrize("setting", ["sub", "sub/main.py", "main:app"])
def test_the_setting_of_pytest_names_the_app(pytester: pytest.Pytester, setting: str) -> None:
    pytester.makeini(f"[pytest]\nportable_app = {setting}\npythonpath = sub\n")
    folder = pytester.mkdir("sub")
    (folder / "main.py").write_text(SHOP)
    if setting == "main:app":
        (pytester.path / "main.py").write_text(SHOP)
        (folder / "main.py").unlink()
    pytester.makepyfile(test_it=USE)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_project_may_give_the_app_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(elsewhere=SHOP, test_it=USE)
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def portable_app():
            from elsewhere import app
            return app
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_project_without_an_app_is_told_what_to_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_it(running_app): ...")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*portable_app: no app in *", "*[[]tool.portable[]] app = *", "*def portable_app():*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*plugin.py*")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nowhere", "*there is no file or folder*nowhere*"),
        ("nowhere:app", "*there is no module 'nowhere'*"),
        ("app:nothing", "*app:nothing is no App*has no such name*"),
        ("app:items", "*app:items is no App*has a Table there*"),
    ],
)
def test_a_setting_that_leads_nowhere_is_told(pytester: pytest.Pytester, setting: str, message: str) -> None:
    pytester.makeini(f"[pytest]\nportable_app = {setting}\n")
    pytester.makepyfile(app=SHOP, test_it="def test_it(running_app): ...")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_two_apps_of_one_name_are_told_apart(pytester: pytest.Pytester) -> None:
    for name in ("one", "two"):
        folder = pytester.mkdir(name)
        (folder / "app.py").write_text(SHOP)
        (folder / f"test_{name}.py").write_text("def test_it(portable_app): ...")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*'app' is imported from *one*app.py already*"])


def test_an_import_that_fails_shows_the_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(app="from portable import App\n1 / 0\n", test_it="def test_it(running_app): ...")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*app.py:2: ZeroDivisionError"])


def test_a_project_that_does_not_use_it_notices_nothing(pytester: pytest.Pytester) -> None:
    """In a process of its own: fixtures of the short names are the project's, and nothing is loaded beyond the face."""
    pytester.makepyfile(
        conftest="""
        import pytest

        @pytest.fixture
        def client():
            return "mine"
        """,
        test_it="""
        import sys

        HEAVY = ("click", "pydantic", "portable_local", "portable.tables", "portable.manifest", "portable.cli",
                 "portable.adapter", "portable.testing.client", "uvicorn", "asyncio")

        def test_it(client):
            assert client == "mine"
            assert "portable.testing.plugin" in sys.modules
            assert [name for name in HEAVY if name in sys.modules] == []
        """,
    )
    result = pytester.runpytest_subprocess(
        "-W", "error", "-p", "no:xdist", "-p", "no:anyio", "-p", "no:hypothesispytest"
    )
    result.assert_outcomes(passed=1)
    assert result.stderr.str() == ""


@pytest.mark.slow
def test_what_new_writes_has_tests_that_pass_in_parallel(pytester: pytest.Pytester) -> None:
    write_app(Path(pytester.path / "hello"), "hello")
    pytester.runpytest_subprocess("-n", "2", str(pytester.path / "hello")).assert_outcomes(passed=2)
