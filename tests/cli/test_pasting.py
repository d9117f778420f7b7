"""What is printed as `uses=[...]` can be pasted at the handler as it stands: its module's own names are in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

STORE = """
from portable import Service

part = Service("part")
ITEMS = part.table("items-of-all")


class Kept:
    files = part.bucket("files")
"""
APP = """
import store
from portable import App
from store import ITEMS as things

app = App("pasted")
app.include(store.part, prefix="/part")
own = app.table("own-ones")


@app.post("/{verb}")
def call(verb: str) -> None:
    getattr(things, verb)("1")
    getattr(store.Kept.files, verb)("1")
    getattr(own, verb)("1")
"""
Command = Callable[..., Any]


def test_the_line_of_a_widening_can_be_pasted_and_then_nothing_is_widened(command: Command, tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text(STORE, encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    before = command("inspect", tmp_path, "--grants", "--json").json
    [line] = {widening["instead"] for widening in before["widenings"]}
    for name in ("things", "store.Kept.files", "own"):
        assert f"{name}.can(" in line
    (tmp_path / "app.py").write_text(APP.replace('"/{verb}")', f'"/{{verb}}", {line})'), encoding="utf-8")
    after = command("inspect", tmp_path, "--grants", "--json").json
    assert after["widenings"] == []
    assert {grant["how"] for grant in after["grants"]} == {"declared"}
    granted = [{(one["resource"], one["verb"]) for one in found["grants"]} for found in (before, after)]
    assert granted[0] == granted[1]
    assert len(granted[0]) > 20
    assert command("check", tmp_path, "--strict").code == 0
