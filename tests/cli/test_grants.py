"""`portable inspect --grants`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]
Write = Callable[..., Path]
NOTES = Path(__file__).parents[2] / "examples/notes"

APP = """
    from portable import App

    app = App("one")
    items = app.table("items")


    @app.get("/a")
    def a(verb: str) -> None:
        getattr(items, verb)("1")


    @app.get("/b", uses=[items.can("get")])
    def b() -> None:
        items.get("1")
"""


def test_grants_are_shown_with_the_line_that_needs_them(command: Command) -> None:
    lines = [line.split() for line in command("inspect", NOTES, "--grants").out.splitlines()]
    assert lines[0] == ["HANDLER", "RESOURCE", "VERB", "HOW", "NEEDED", "AT"]
    assert ["create", "table:notes", "put", "exact", "app.py:31"] in lines
    assert "notes.put" in (NOTES / "app.py").read_text().splitlines()[30]


def test_grants_as_json_are_those_of_the_manifest(command: Command) -> None:
    shown = command("inspect", NOTES, "--grants", "--json").json
    manifest = command("inspect", NOTES, "--json").json
    assert shown == {"grants": manifest["grants"], "widenings": manifest["widenings"]}
    assert len(shown["grants"]) >= 12


def test_what_is_widened_is_shown_with_what_to_write_instead(command: Command, write: Write) -> None:
    folder = write({"app.py": APP})
    text = command("inspect", folder, "--grants").out
    assert "app.py:10: `getattr` with a name that is only known when it runs" in text
    assert "write at the handler, with the verbs that it needs: uses=[items.can(" in text
    found = command("inspect", folder, "--grants", "--json").json
    assert {grant["how"] for grant in found["grants"] if grant["handler"] == "a"} == {"widened"}
    assert [(g["verb"], g["how"]) for g in found["grants"] if g["handler"] == "b"] == [("get", "declared")]
    assert [widening["handler"] for widening in found["widenings"]] == ["a"]


def test_an_app_without_resources_says_so(command: Command, write: Write) -> None:
    folder = write({"app.py": 'from portable import App\n\napp = App("one")\n'})
    assert command("inspect", folder, "--grants").out.strip() == "no handler uses a resource"
