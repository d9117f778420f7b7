"""Apps with planted findings: each is found at its line, and nothing else is accused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portable.capabilities import PROVIDERS
from portable.deploy.diagnostics import FINDINGS

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
NAMES = sorted(
    [file.name for file in APPS.glob("*.py")] + [f"{file.parent.name}/app.py" for file in APPS.glob("*/app.py")]
)
MARK = re.compile(r"# planted: ([^#]*)")
SCHEMA = json.loads((ROOT / "docs/check.schema.json").read_text(encoding="utf-8"))
Command = Callable[..., Any]
Finding = tuple[str, str | None, str, int]
WITHOUT_FIXTURE: dict[str, str] = {}


def files_of(name: str) -> list[Path]:
    app = APPS / name
    return sorted(app.parent.glob("*.py")) if app.parent != APPS else [app]


def planted(name: str) -> list[Finding]:
    found: list[Finding] = []
    for file in files_of(name):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            mark = MARK.search(line)
            for text in mark[1].split(",") if mark is not None else ():
                code, _, provider = text.strip().partition(" ")
                found.append((code, provider or None, file.name, number))
    return sorted(found, key=str)


def reported(value: Any) -> list[Finding]:
    return sorted(
        (
            (one["code"], one["provider"], Path(one["location"]["file"]).name, one["location"]["line"])
            for one in value["diagnostics"]
        ),
        key=str,
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_planted_is_found_at_its_line_and_nothing_else_is_accused(command: Command, name: str) -> None:
    done = command("check", APPS / name, "--targets", "aws,gcp,azure", "--json")
    assert done.code in (0, 1), done.err
    assert reported(done.json) == planted(name)
    jsonschema.validate(done.json, SCHEMA)
    assert all(one["cause"] for one in done.json["diagnostics"])


def test_a_clean_app_gives_nothing_and_exit_0_with_strict_too(command: Command) -> None:
    assert planted("clean.py") == []
    done = command("check", APPS / "clean.py", "--strict")
    assert (done.code, done.out.strip()) == (0, "clean for aws, gcp, azure: nothing found")


def test_every_code_is_planted_in_some_app() -> None:
    codes = {code for name in NAMES for code, *_ in planted(name)}
    assert set(FINDINGS) - codes == set(WITHOUT_FIXTURE)
    assert all(code in FINDINGS or code == "P2001" for code in codes)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_only_the_targets_that_are_asked_for_are_reported(command: Command, provider: str) -> None:
    done = command("check", APPS / "paths.py", "--targets", provider, "--json")
    assert done.json["targets"] == [provider]
    wanted = [finding for finding in planted("paths.py") if finding[1] in (None, provider)]
    assert reported(done.json) == wanted
    assert wanted


def test_without_targets_it_is_those_that_the_app_names(command: Command) -> None:
    done = command("check", APPS / "declared.py", "--json")
    assert done.json["targets"] == ["gcp"]
    assert {one["provider"] for one in done.json["diagnostics"]} == {"gcp"}


@pytest.mark.parametrize("example", ["notes", "fatfire"])
def test_the_examples_have_neither_errors_nor_warnings(command: Command, example: str) -> None:
    done = command("check", ROOT / "examples" / example, "--targets", "aws,gcp,azure", "--strict", "--json")
    assert done.code == 0
    assert done.json["counts"]["error"] == done.json["counts"]["warning"] == 0
    jsonschema.validate(done.json, SCHEMA)
