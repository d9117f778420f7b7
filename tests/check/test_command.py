"""`portable check` as a command: exit codes, text for people, options; and its page in the documentation."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portable.check.code import diagnose_code
from portable.cli.check import describe, report
from portable.cli.explain import pages
from portable.deploy.diagnostics import FINDINGS

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
Command = Callable[..., Any]
Write = Callable[..., Path]

WARNS = """
    from portable import App

    app = App("warns", functions="app")


    @app.task
    def never_sent() -> None: ...
"""


def test_warnings_fail_only_with_strict(command: Command, write: Write) -> None:
    folder = write({"app.py": WARNS})
    done = command("check", folder)
    assert done.code == 0
    assert "warning[P3012]" in done.out
    assert done.err == ""
    strict = command("check", folder, "--strict", "--json")
    assert strict.code == 1
    assert (strict.json["ok"], strict.json["strict"]) == (False, True)


def test_errors_fail(command: Command) -> None:
    done = command("check", APPS / "paths.py", "--targets", "gcp", "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert command("check", APPS / "differences.py", "--targets", "aws", "--json").code == 0


def test_parts_that_do_not_fit_together_are_findings_and_no_failure_to_load(command: Command) -> None:
    done = command("check", APPS / "misfit.py", "--json")
    assert done.code == 1
    assert {one["code"] for one in done.json["diagnostics"]} == {"P2001", "P3302"}


@pytest.mark.parametrize(
    "text", ["import nowhere_at_all", "app = (", "from portable import App", "raise SystemExit(0)"]
)
def test_an_app_that_cannot_be_loaded_is_exit_3(command: Command, write: Write, text: str) -> None:
    done = command("check", write({"app.py": text}), "--json")
    assert done.code == 3
    assert done.json["error"]["exit_code"] == 3


@pytest.mark.parametrize("targets", ["", "ibm", "aws,", "aws,ibm", ",", "AWS"])
def test_targets_are_providers(command: Command, targets: str) -> None:
    done = command("check", APPS / "clean.py", "--targets", targets)
    assert done.code == (0 if targets == "aws," else 2)


def test_targets_may_stand_in_any_order_and_twice(command: Command) -> None:
    assert command("check", APPS / "clean.py", "--targets", "gcp, aws,gcp", "--json").json["targets"] == ["aws", "gcp"]


def test_people_read_it_by_file_with_a_hint_for_each(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(APPS)
    done = command("check", "split/app.py", "--targets", "aws")
    lines = done.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "split/app.py",
        "split/work.py",
        "split for aws: 3 errors, 7 warnings, 1 note",
        "more about a code: portable explain CODE",
    ]
    findings = [number for number, line in enumerate(lines) if re.match(r"  \d+: ", line)]
    assert len(findings) == 11
    assert all(lines[number + 1].startswith("    hint: ") for number in findings)


def test_a_finding_without_a_place_is_shown_too() -> None:
    import io

    one = {
        "code": "P3001",
        "severity": "note",
        "provider": None,
        "location": None,
        "cause": "c\x1b",
        "alternative": None,
    }
    value = report({"app": "a", "targets": ["aws"], "diagnostics": [one]}, ["aws"], strict=False)
    assert "note[P3001]: c\\x1b" in describe(value, "/", io.StringIO())
    jsonschema.validate(value, json.loads((ROOT / "docs/check.schema.json").read_text(encoding="utf-8")))


def test_every_code_has_a_page_and_a_row_in_the_documentation() -> None:
    text = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(P3\d{3})\]", text, re.MULTILINE)
    assert rows == sorted(FINDINGS)
    assert {code for code in pages() if code.startswith("P3")} == set(FINDINGS)


@pytest.mark.parametrize("code", [code for code in FINDINGS if code != "P3001"])
def test_the_row_of_a_code_says_what_its_page_says(code: str) -> None:
    page = pages()[code].read_text(encoding="utf-8")
    title = page.partition("\n")[0].partition(": ")[2]
    severity, provider = re.findall(r"not an exception · (\w+) · (.*)", page)[0]
    row = f"| [{code}](../portable/cli/errors/{code}.md) | {severity} | {provider} | {title[0].lower()}{title[1:]} |"
    assert row in (ROOT / "docs/check.md").read_text(encoding="utf-8")
    assert "## For instance" in page
    assert "## What to do" in page


def test_code_that_cannot_be_read_is_accused_of_nothing() -> None:
    from portable import App

    app = App("made")
    names: dict[str, Any] = {"app": app}
    exec("@app.get('/')\ndef handler() -> str:\n    open('x', 'w')\n    return ''", names)
    assert diagnose_code(app) == []
