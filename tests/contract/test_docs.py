"""The documentation: its code runs, its links lead somewhere, its commands exist."""

import re
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable import App
from portable.cli.commands import VERBS
from portable.manifest import build_manifest
from portable.testing import running

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
    *sorted((ROOT / "portable/cli/errors").glob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FRAGMENT = "# ..."
"""A block that starts so is a part of something; it has to compile, and that is all."""


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 2
                yield f"{page.relative_to(ROOT)}:{line}", textwrap.dedent(match[2])


PYTHON = list(blocks("python"))


@pytest.mark.parametrize(("place", "code"), PYTHON, ids=[place for place, _ in PYTHON])
def test_python_in_the_documentation_runs(
    place: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block is run; an app in it is built, and started."""
    file = tmp_path / "app.py"
    file.write_text(code, encoding="utf-8")
    compiled = compile(code, str(file), "exec")
    if code.startswith(FRAGMENT):
        return
    (tmp_path / "static").mkdir()
    (tmp_path / "static/index.html").write_text("<!doctype html>")
    monkeypatch.chdir(tmp_path)
    name = "documented_" + re.sub(r"\W", "_", place)
    module = types.ModuleType(name)
    module.__file__ = str(file)
    # Models look their annotations up in the module that they are of.
    monkeypatch.setitem(sys.modules, name, module)
    exec(compiled, vars(module))
    for value in list(vars(module).values()):
        if isinstance(value, App):
            build_manifest(value)
            if value._binding is None:
                with running(value):
                    pass


def test_the_readmes_app_answers() -> None:
    code = next(code for place, code in PYTHON if place.startswith("README.md"))
    module = types.ModuleType("readme_app")
    sys.modules["readme_app"] = module
    try:
        exec(compile(code, "README.md", "exec"), vars(module))
        note = b'{"owner": "ada", "id": "1", "text": "hello"}'
        with running(module.app) as app:
            created = app.request("POST", "/notes", headers=[("content-type", "application/json")], body=note)
            assert created.status == 200
            app.drain()
            assert app.request("GET", "/notes/ada/1").status == 200
            assert app.request("GET", "/notes/ada/2").status == 404
            again = app.request("POST", "/notes", headers=[("content-type", "application/json")], body=note)
            assert again.status == 409
    finally:
        del sys.modules["readme_app"]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
        if not target.startswith(("http://", "https://", "#", "mailto:"))
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_commands_in_the_documentation_exist() -> None:
    known = {*VERBS, "--help", "--version"}
    wrong = [
        f"{place}: {line}"
        for place, code in blocks("sh")
        for line in code.splitlines()
        for match in [re.match(r"\s*portable (\S+)", line)]
        if match is not None and match[1] not in known
    ]
    assert wrong == []


def test_every_page_is_linked_from_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / target).resolve() for target in LINK.findall(index) if "://" not in target}
    missing = [
        str(page.relative_to(ROOT))
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "index.md" and page.resolve() not in linked
    ]
    assert missing == []


def test_every_verb_has_its_place_on_the_page_of_the_command_line() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"## portable {verb}" not in text] == []


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needed = [*project["dependencies"], *(entry for extra in extras for entry in extra)]
    names = {re.split(r"[\[<>=~! ]", entry)[0] for entry in needed}
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_design_note_says_what_lost() -> None:
    notes = sorted((ROOT / "docs/design").glob("*.md"))
    assert len(notes) >= 4
    for note in notes:
        text = note.read_text(encoding="utf-8")
        assert re.match(r"# \d{4}: ", text), note.name
        for heading in ("## The question", "## Decided", "## What lost"):
            assert heading in text, f"{note.name}: {heading}"


def test_every_page_of_errors_is_in_the_list() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    pages = sorted((ROOT / "portable/cli/errors").glob("P*.md"))
    assert [page.stem for page in pages if f"[{page.stem}](../portable/cli/errors/{page.name})" not in text] == []
