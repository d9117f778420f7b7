"""Types as users' checkers see them: complete, right, and wrong uses are errors in mypy and in pyright.

mypy and pyright check tests/typing in `make lint` as all else; here pyright does it in the way that tells whether each
of the errors that are meant is one.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import portable
import portable.testing

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/typing").glob("*.py"))
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in CASES)


def pyright(folder: Path, *arguments: str) -> Any:
    """What pyright found, as JSON; portable is on its path like an installed package."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_every_public_symbol_has_a_known_type(tmp_path: Path) -> None:
    # From elsewhere: below the project's own settings portable would be source, and not a package.
    found = pyright(tmp_path, "--verifytypes", "portable", "--ignoreexternal")["typeCompleteness"]
    missing = [
        f"{symbol['name']}: {problem['message'].splitlines()[0]}"
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
        for problem in symbol["diagnostics"]
        if "docstring" not in problem["message"]
    ]
    assert missing == []
    assert found["exportedSymbolCounts"]["withKnownType"] > 3000
    assert found["completenessScore"] == 1


def test_what_is_meant_to_be_wrong_is_an_error_and_nothing_else_is() -> None:
    found = pyright(ROOT, "-p", "tests/typing")
    errors = [
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in found["generalDiagnostics"]
    ]
    assert errors == []
    assert found["summary"]["filesAnalyzed"] == len(CASES)
    assert len(re.findall(r"# pyright: ignore\[", TEXT)) >= 20


def test_mypy_tells_an_ignored_line_that_has_no_error() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True  # with warn_unused_ignores
    assert "tests" in settings["files"]
    both = re.compile(r"# type: ignore\[[\w,-]+\]  # pyright: ignore\[")
    lines = [line for line in TEXT.splitlines() if "ignore[" in line]
    assert [line for line in lines if both.search(line) is None] == []


def test_every_name_that_users_import_is_in_the_cases() -> None:
    names = [*portable.__all__, *portable.testing.__all__]
    assert [name for name in names if re.search(rf"\b{name}\b", TEXT) is None] == []


def test_every_method_that_users_call_is_in_the_cases() -> None:
    hidden = {"register_handler", "register_resource", "parts", "all_handlers", "rebound", "qualify", "native", "bind"}
    hidden |= {"unbind", "mount", "static", "can", "json", "text", "manifest", "openapi", "spec", "is_app", "binding"}
    missing: list[str] = []
    for cls in (portable.Table, portable.Bucket, portable.Topic, portable.Task, portable.TaskRun, portable.Context):
        for name, value in vars(cls).items():
            is_public = not name.startswith("_") and name not in hidden
            if is_public and callable(value) and re.search(rf"\.{name}\b", TEXT) is None:
                missing.append(f"{cls.__name__}.{name}")
    assert missing == []
