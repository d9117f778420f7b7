"""docs/debug.md: its app, its replay file and its saved test belong together, and do what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/debug.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCHEMA = json.loads((ROOT / "docs/replay.schema.json").read_text(encoding="utf-8"))


def block(language: str, text: str) -> str:
    found = [code for kind, code in BLOCKS if kind == language and text in code]
    assert len(found) == 1, (language, text)
    return str(found[0])


def portable(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "portable", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_pages_replay_does_what_it_says_and_its_test_is_the_one_that_is_saved(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block("python", 'App("shop")'), encoding="utf-8")
    file = block("json", '"portable-replay"')
    jsonschema.validate(json.loads(file), SCHEMA)
    (tmp_path / "share.json").write_text(file, encoding="utf-8")
    done = portable(tmp_path, "replay", "share.json", "--isolated", "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["error"] == "ZeroDivisionError: integer division or modulo by zero"
    members = re.search(r"`--json` gives `\{(.*?)\}`", PAGE, re.DOTALL)
    assert members is not None
    assert set(answer) == set(re.findall(r'"(\w+)"', members[1]))
    done = portable(tmp_path, "replay", "share.json", "--save-test", "-")
    first, _, shown = block("python", "# ... test_share").partition("\n")
    assert done.stdout == shown
    done = portable(tmp_path, "replay", "share.json", "--save-test", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["file"]).name == first.removeprefix("# ... ")
    assert json.loads(done.stdout)["as_recorded"] is True
    assert "as the invocation did" in done.stderr


def test_every_path_that_set_takes_is_on_the_page() -> None:
    paths = (
        "request.target",
        "request.headers.",
        "request.body",
        "delivery.body",
        "delivery.attributes.",
        "state.items.",
    )
    assert [path for path in paths if path not in PAGE] == []
