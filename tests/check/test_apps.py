"""Apps with planted findings: each is found at its line, and nothing else is accused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portable.capabilities import PROVIDERS, load_profile
from portable.deploy.diagnostics import FINDINGS
from portable.testing.portability.page import DIFFERENCES

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
NAMES = sorted(
    [file.name for file in APPS.glob("*.py")] + [f"{file.parent.name}/app.py" for file in APPS.glob("*/app.py")]
)
MARK = re.compile(r"# planted: ([^#]*)")
SCHEMA = json.loads((ROOT / "docs/check.schema.json").read_text(encoding="utf-8"))
Command = Callable[..., Any]
Finding = tuple[str, str | None, str, int]
WITHOUT_FIXTURE: dict[str, str] = {
    "P3403": "takes 300 routes: tests/aws/templates/test_faults.py",
    "P3404": "takes 100 tables: tests/aws/templates/test_faults.py",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an app writes when it is imported is not left behind here."""
    monkeypatch.chdir(tmp_path)


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


BETWEEN_AWS_AND_GOOGLE: dict[str, tuple[str, set[str | None]]] = {
    "a path that the provider keeps": ("P3201", {"gcp"}),
    "a path that the provider keeps in some cases": ("P3202", {"aws", "gcp"}),
    "a long delay by another service": ("P3203", {"aws"}),
    "roles on a database, not on a table": ("P3204", {"gcp"}),
    "changes of the clock": ("P3206", {"gcp"}),
    "schedules that overlap": ("P3207", {"gcp"}),
    "events of the end of an item": ("P3208", {"aws", "gcp"}),
    "hot items": ("P3209", {"gcp"}),
    "hot objects": ("P3210", {"gcp"}),
    "names of headers": ("P3211", {"gcp"}),
    "a folder that can be written": ("P3304", {None}),
    "readers of one stream": ("P3402", {"aws"}),
    "prefixes of one bucket": ("P3405", {"aws"}),
    "one function for all routes": ("P3406", {"gcp"}),
}
"""What declarations and code can tell of the differences between the two; the rest the SDK has no way to ask for."""


def test_one_app_has_each_difference_between_aws_and_google_that_can_be_told(command: Command) -> None:
    done = command("check", APPS / "two_clouds.py", "--targets", "aws,gcp", "--json")
    found: dict[str, set[str | None]] = {}
    for one in done.json["diagnostics"]:
        found.setdefault(one["code"], set()).add(one["provider"])
    assert found == dict(BETWEEN_AWS_AND_GOOGLE.values())
    aws, gcp = load_profile("aws").capabilities, load_profile("gcp").capabilities
    unlike = {DIFFERENCES[name] for name in DIFFERENCES if aws[name].supported != gcp[name].supported}
    assert unlike <= set(found)


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
