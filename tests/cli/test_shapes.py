"""What `--json` prints, verb by verb: programs read it, so a name that is gone or changed must be seen here."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.cli.commands import VERBS

Command = Callable[..., Any]
APP = """
    from portable import App

    app = App("shop")
    app.param("greeting", "hello")
    app.secret("token")


    @app.get("/items/{id}")
    def read(id: str) -> str:
        return id


    @app.task(max_attempts=1)
    def work(n: int) -> dict[str, int]:
        return {"twice": 2 // n}
"""
TEXT, NUMBER, FLAG = str, int, bool
PLACE = {"file": TEXT, "line": NUMBER}


def shape(value: Any) -> Any:
    """Names and types; of a list, the shapes that its members have."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        for member in map(shape, value):
            if member not in shapes:
                shapes.append(member)
        return shapes
    return None if value is None else type(value)


SHAPES: dict[str, tuple[list[str], int, Any]] = {
    "completion": (["completion", "bash"], 0, {"shell": TEXT, "script": TEXT, "install": TEXT}),
    "config set": (["config", "set", "greeting", "x"], 0, {"param": TEXT, "value": TEXT}),
    "config get": (["config", "get", "greeting"], 0, {"param": TEXT, "value": TEXT, "is_default": FLAG}),
    "config list": (
        ["config", "list"],
        0,
        {"params": [{"name": TEXT, "declared": FLAG, "set": FLAG, "value": None, "default": TEXT}]},
    ),
    "config remove": (["config", "remove", "greeting"], 0, {"param": TEXT, "value": None}),
    "doctor": (["doctor"], 0, {"checks": [{"check": TEXT, "ok": FLAG, "detail": TEXT}]}),
    "explain": (["explain"], 0, {"codes": [{"code": TEXT, "title": TEXT}]}),
    "explain CODE": (["explain", "P1001"], 0, {"code": TEXT, "title": TEXT, "text": TEXT}),
    "invoke": (
        ["invoke", "work", "--payload", "1"],
        0,
        {"handler": TEXT, "status": TEXT, "result": {"twice": NUMBER}, "error": None, "invocation": None},
    ),
    "invoke failed": (
        ["invoke", "work", "--payload", "0"],
        1,
        {"handler": TEXT, "status": TEXT, "result": None, "error": TEXT, "invocation": None},
    ),
    "new": (["new", "hello"], 0, {"name": TEXT, "folder": TEXT, "files": [TEXT]}),
    "routes": (
        ["routes"],
        0,
        {
            "routes": [
                {"kind": TEXT, "methods": [TEXT], "path": TEXT, "handler": TEXT, "service": TEXT, "location": PLACE}
            ]
        },
    ),
    "secret set": (["secret", "set", "token", "--from-stdin"], 0, {"secret": TEXT, "set": FLAG}),
    "secret list": (["secret", "list"], 0, {"secrets": [{"name": TEXT, "declared": FLAG, "set": FLAG}]}),
    "secret remove": (["secret", "remove", "token"], 0, {"secret": TEXT, "set": FLAG}),
}


@pytest.fixture
def shop(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write({"app.py": APP})
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cr3t"))
    return folder


@pytest.mark.parametrize("what", SHAPES)
def test_a_verb_prints_one_json_document_of_its_shape(command: Command, shop: Path, what: str) -> None:
    arguments, code, expected = SHAPES[what]
    if what.endswith("remove"):
        command(
            *(["secret", "set", "token", "--from-stdin"] if "secret" in what else ["config", "set", "greeting", "x"])
        )
    done = command(*arguments, "--json")
    assert done.code == code, done.err
    assert shape(json.loads(done.out)) == expected


OTHERS = {
    *("check", "inspect", "openapi"),  # documents that have published schemas
    "dev",  # runs until it is interrupted
    *("invocations", "status", "trace"),  # tests/e2e/test_console.py; their shapes are the console's API's
    "package",  # test_package.py
    *("cost", "replay"),  # test_cost.py, tests/replay/test_docs.py
    *("deploy", "destroy", "logs", "outputs", "plan", "releases", "rollback"),  # test_stages.py
}


def test_every_verb_has_a_shape_here_or_a_test_of_its_own() -> None:
    assert {what.partition(" ")[0] for what in SHAPES} | OTHERS == set(VERBS)


def test_inspect_prints_the_manifest(command: Command, shop: Path) -> None:
    import jsonschema

    schema = json.loads((Path(__file__).parents[2] / "docs/manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(command("inspect", "--json").json, schema)


ERRORS: dict[str, tuple[list[str], int]] = {
    "a handler that fails": (["config", "remove", "greeting"], 1),
    "usage": (["routes", "--nope"], 2),
    "a wrong name": (["config", "set", "greting", "x"], 2),
    "no app": (["routes", "nowhere"], 3),
    "in the way": (["new", "full"], 6),
}


@pytest.mark.parametrize("what", ERRORS)
def test_an_error_is_one_json_document_with_its_exit_code(command: Command, shop: Path, what: str) -> None:
    (shop / "full").mkdir()
    (shop / "full/file").write_text("", encoding="utf-8")
    arguments, code = ERRORS[what]
    done = command(*arguments, "--json")
    assert done.code == code
    document = json.loads(done.out)
    assert set(document) == {"error"}
    assert set(document["error"]) | {"location"} == {"code", "message", "hint", "location", "exit_code"}
    assert document["error"]["exit_code"] == code
    assert done.err.startswith("error")


def test_exit_codes_of_errors_are_those_of_the_documentation() -> None:
    from portable import errors

    codes = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.PortableError)
    }
    documented = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
    listed = {
        int(line.split("|")[1]) for line in documented.splitlines() if line.startswith("| ") and line[2].isdigit()
    }
    assert listed == {0, 1, 2, 3, 4, 5, 6, 70, 130}
    assert codes <= listed
    assert {1, 3, 4, 5, 6} <= codes


@pytest.mark.parametrize(
    ("error", "code"),
    [("PermissionDenied", 4), ("Unavailable", 5), ("Throttled", 5), ("ProjectConflict", 6), ("NotFound", 1)],
)
def test_each_error_ends_the_command_with_its_code(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: str, code: int
) -> None:
    from portable import errors
    from portable.cli import explain

    def fail() -> None:
        raise getattr(errors, error)("no", hint="yes")

    monkeypatch.setattr(explain, "pages", fail)
    done = command("explain", "--json")
    assert done.code == code
    assert done.json["error"] == {
        "code": getattr(errors, error).code,
        "message": "no",
        "hint": "yes",
        "location": None,
        "exit_code": code,
    }
