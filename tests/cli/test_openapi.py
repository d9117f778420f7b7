"""`portable openapi`: the document on stdout or in a file, exit codes as everywhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

from portable.cli.project import find_project, load_described

Command = Callable[..., Any]
Write = Callable[..., Path]
NOTES = Path(__file__).parents[2] / "examples/notes"
FATFIRE = Path(__file__).parents[2] / "examples/fatfire"


def test_the_document_is_printed_with_and_without_json(command: Command) -> None:
    done = command("openapi", NOTES)
    assert done.code == 0
    assert done.err == ""
    assert done.json["info"]["title"] == "notes"
    assert done.json["paths"]["/notes/{owner}/{id}"]["get"]["operationId"] == "read"
    validate(done.json)
    assert command("openapi", NOTES, "--json").out == done.out


def test_it_is_written_into_a_file(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text("old")
    done = command("openapi", FATFIRE, "--output", file)
    assert (done.code, done.out) == (0, "")
    assert str(file) in done.err
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written == load_described(find_project(str(FATFIRE)), "openapi")
    assert [path.name for path in tmp_path.iterdir()] == ["openapi.json"]
    told = command("openapi", FATFIRE, "--output", file, "--json").json
    assert told == {"file": str(file), "paths": len(written["paths"])}


def test_the_indent_can_be_chosen(command: Command) -> None:
    wide, flat = command("openapi", NOTES, "--indent", "4"), command("openapi", NOTES, "--json", "--indent", "0")
    assert wide.json == flat.json
    assert wide.out.splitlines()[1].startswith('    "')
    assert len(flat.out.splitlines()) == 1


def test_what_cannot_be_written_is_said_before_the_app_is_loaded(command: Command, tmp_path: Path) -> None:
    for target in (tmp_path / "absent" / "openapi.json", tmp_path):
        done = command("openapi", tmp_path / "no-app", "--output", target)
        assert done.code == 2
        assert str(target if target.is_dir() else target.parent) in done.err
    assert command("openapi", NOTES, "--indent", "9").code == 2


def test_an_app_that_does_not_load_is_exit_3_and_a_file_of_before_stays(command: Command, write: Write) -> None:
    broken = """
        from portable import App

        app = App("broken")


        @app.get("/{id}")
        def one() -> str:
            return ""


        @app.get("/two")
        def two(body: dict) -> str:
            return ""
        """
    folder = write({"app.py": broken, "openapi.json": "old"})
    done = command("openapi", folder, "--output", folder / "openapi.json", "--json")
    assert done.code == 3
    assert done.json["error"]["location"]["line"] == 7
    assert len(done.json["error"]["also"]) == 1
    assert (folder / "openapi.json").read_text() == "old"


def test_what_the_app_prints_at_import_is_not_in_the_document(command: Command, write: Write) -> None:
    folder = write({"app.py": 'from portable import App\napp = App("loud")\nprint("hello")\n'})
    done = command("openapi", folder)
    assert done.json["paths"] == {}
    assert "hello" in done.err
    validate(done.json)
