"""The process that imports an app: whether it is a copy of the command's or a new Python, an app sees no difference."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.cli import importing
from portable.cli.importing import Importing, may_fork
from portable.cli.project import AppFailure, find_project
from portable.errors import LoadError

Write = Callable[..., Path]
APP = """
from portable import App

app = App("shop")


@app.get("/items/{id}")
def read(id: str) -> str:
    return id
"""
TELLS = (
    """
import os, sys
import click
facts = {
    "argv": sys.argv,
    "path": [entry for entry in sys.path if entry],
    "input": sys.stdin.read(),
    "output": os.path.sameopenfile(1, 2),
    "threads": len(__import__("threading").enumerate()),
    "click": sorted(name for name in sys.modules if name.partition(".")[0] == "click")[:1],
}
import json, pathlib
pathlib.Path(__file__).with_name("facts.json").write_text(json.dumps(facts))
"""
    + APP
)


def forked(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which copies itself."""
    return subprocess.run(
        [sys.executable, "-m", "portable", *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, input="not for the app", timeout=120, check=False,
    )  # fmt: skip


def started(project: Path, wanted: str) -> list[dict[str, Any]]:
    """What a new Python says of it: tests have threads and modules of their own, and so does whoever is not `main`."""
    assert not may_fork()
    with Importing(find_project(str(project)), wanted) as process:
        return [process.answer() for _ in range(2 if wanted == "package" else 1)]


def test_an_app_finds_the_same_in_a_copy_of_the_command_as_in_a_new_python(write: Write) -> None:
    folder = write({"app.py": TELLS})
    facts = folder / "facts.json"
    assert forked("routes", folder, "--json", folder=folder).returncode == 0
    copied = json.loads(facts.read_text())
    facts.unlink()
    started(folder, "manifest")
    assert json.loads(facts.read_text()) == copied
    assert copied["argv"] == ["app"]
    assert copied["input"] == ""
    assert copied["output"] is True
    assert copied["threads"] == 1
    assert str(folder) in copied["path"]


def test_what_an_app_imports_that_the_command_has_imported_is_among_what_it_needs(write: Write, tmp_path: Path) -> None:
    """click: nothing of portable's half needs it, so an app that imports it has to have it among its dependencies."""
    folder = write({"app.py": "import click\n" + APP})
    options = ("--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--json")
    done = forked("package", folder, *options)
    assert done.returncode == 3
    assert "'click', which is here but not among its dependencies" in json.loads(done.stdout)["error"]["message"]
    (package,) = [one["package"] for one in started(folder, "package")[:1]]
    assert "click" in package["loaded"]["modules"]


def test_both_say_the_same_of_an_app(write: Write) -> None:
    folder = write({"app.py": APP})
    done = forked("inspect", folder, "--json")
    assert json.loads(done.stdout) == started(folder, "manifest")[0]["manifest"]


@pytest.mark.parametrize(
    ("ending", "how"), [("os._exit(0)", "exit code 0"), ("os._exit(3)", "exit code 3"), ("os.abort()", "signal 6")]
)
def test_an_app_that_ends_its_process_is_told_with_how_it_did(write: Write, ending: str, how: str) -> None:
    folder = write({"app.py": f"import os\n{ending}\n"})
    done = forked("routes", folder, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"] == f"importing app ended the process with {how}"
    with pytest.raises(LoadError, match=how):
        started(folder, "manifest")


def test_an_app_that_never_gets_done_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"app.py": "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"})
    monkeypatch.setattr(importing, "LOADING_SECONDS", 3)
    monkeypatch.chdir(folder)
    with pytest.raises(LoadError, match="took more than 3 seconds"):
        started(folder, "manifest")
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_a_process_that_an_app_leaves_behind_holds_no_command_up(write: Write) -> None:
    folder = write({"app.py": "import subprocess\nsubprocess.Popen(['sleep', '20'])\n" + APP})
    with open(os.devnull, "wb") as nowhere:
        begun = time.monotonic()
        command = [sys.executable, "-m", "portable", "routes", str(folder), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=nowhere, check=False, timeout=19)
    assert done.returncode == 0
    assert time.monotonic() - begun < 19


@pytest.mark.parametrize(
    "text",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
        "import atexit, time\natexit.register(time.sleep, 600)\n",
        "import sys\nsys.stdout.close()\n",
        "import os\nos.close(1)\n",
        "import sys\nsys.path.clear()\nsys.argv.clear()\n",
        "import builtins\ndel builtins.print\n",
    ],
    ids=["a thread", "at exit", "stdout", "descriptor", "path", "builtins"],
)
def test_what_an_app_does_to_its_copy_of_the_command_stays_there(write: Write, tmp_path: Path, text: str) -> None:
    folder = write({"app.py": APP + text})
    options = ("--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--json")
    done = forked("package", folder, *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["app"] == "shop"


def test_faults_of_the_app_are_told_by_the_process_that_imports_it(write: Write) -> None:
    folder = write({"app.py": "1 / 0\n"})
    with pytest.raises(AppFailure, match="ZeroDivisionError"):
        started(folder, "package")


def test_a_manifest_that_is_larger_than_a_pipe_is_read_whole(write: Write) -> None:
    lines = [f"@app.get('/{'x' * 200}{number}')\ndef r{number}() -> str: ...\n" for number in range(3000)]
    folder = write({"app.py": APP + "\n".join(lines)})
    done = forked("routes", folder, "--json")
    assert len(json.loads(done.stdout)["routes"]) == 3001
