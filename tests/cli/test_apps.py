"""Apps of every make: packages, circular and relative imports, huge ones, and those that misbehave while imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = "from portable import App\napp = App('shop')\n\n\n@app.get('/page')\ndef page() -> str:\n    return ''\n"


def paths(done: Any) -> list[str]:
    assert done.code == 0, done.err
    return [route["path"] for route in done.json["routes"]]


def fault(done: Any) -> dict[str, Any]:
    assert done.code == 3, done.err
    found: dict[str, Any] = done.json["error"]
    return found


def test_a_package_is_an_app_by_its_file_and_by_pyproject(command: Command, write: Write) -> None:
    folder = write(
        {
            "shop/__init__.py": "",
            "shop/names.py": "NAME = 'shop'\n",
            "shop/app.py": "from portable import App\nfrom .names import NAME\nfrom . import pages\napp = App(NAME)\n"
            "app.include(pages.part)\n",
            "shop/pages.py": "from portable import Service\npart = Service('part')\n\n\n"
            "@part.get('/page')\ndef page() -> str:\n    return ''\n",
            "pyproject.toml": "[tool.portable]\napp = 'shop.app:app'\n",
        }
    )
    for place in (folder, folder / "shop/app.py", folder / "pyproject.toml"):
        done = command("routes", place, "--json")
        assert paths(done) == ["/page"]
        assert done.json["routes"][0]["location"] == {"file": "shop/pages.py", "line": 5}


def test_an_app_in_the_init_of_a_package(command: Command, write: Write) -> None:
    folder = write({"shop/__init__.py": APP, "pyproject.toml": "[tool.portable]\napp = 'shop:app'\n"})
    for place in (folder, folder / "shop/__init__.py"):
        assert paths(command("routes", place, "--json")) == ["/page"]


def test_modules_that_import_the_app_which_imports_them(command: Command, write: Write) -> None:
    folder = write(
        {
            "app.py": "from portable import App\napp = App('shop')\nimport pages\n",
            "pages.py": "from app import app\n\n\n@app.get('/page')\ndef page() -> str:\n    return ''\n",
        }
    )
    assert paths(command("routes", folder, "--json")) == ["/page"]


def test_a_circle_that_cannot_be_imported_is_told_with_its_place(command: Command, write: Write) -> None:
    folder = write(
        {
            "app.py": "from pages import page\nfrom portable import App\napp = App('shop')\n",
            "pages.py": "from app import app\n",
        }
    )
    found = fault(command("routes", folder, "--json"))
    assert "partially initialized" in found["message"]
    assert found["location"] == {"file": str(folder / "pages.py"), "line": 1}


def test_a_relative_import_outside_a_package_says_what_to_do(command: Command, write: Write) -> None:
    folder = write({"app.py": "from . import pages\n", "pages.py": ""})
    found = fault(command("routes", folder, "--json"))
    assert "no known parent package" in found["message"]
    assert "__init__.py" in found["hint"]
    assert found["location"] == {"file": str(folder / "app.py"), "line": 1}


def test_an_app_of_a_thousand_routes_is_shown_whole(command: Command, write: Write) -> None:
    text = (
        "from portable import App\napp = App('shop')\n"
        "def add(number: int) -> None:\n"
        "    def page() -> str:\n        return ''\n"
        "    page.__name__ = f'page_{number}'\n"
        "    app.get(f'/pages/{number:04}/' + 'x' * 200)(page)\n"
        "for number in range(1000):\n    add(number)\n"
    )
    found = paths(command("routes", write({"app.py": text}), "--json"))
    assert len(found) == 1000
    assert found == sorted(found)


def test_a_megabyte_on_both_streams_at_import_holds_nothing_up(command: Command, write: Write) -> None:
    noise = "import sys\nfor _ in range(1000):\n    print('x' * 1000)\n    print('y' * 1000, file=sys.stderr)\n"
    done = command("routes", write({"app.py": noise + APP}), "--json")
    assert paths(done) == ["/page"]
    assert done.err.count("x" * 1000) == done.err.count("y" * 1000) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
        "import atexit, time\natexit.register(time.sleep, 600)\n",
        "import sys\nsys.stdout.close()\n",
        "import os\nos.close(1)\n",
        "import sys\nsys.stdout = None\n",
        "import os, tempfile\nos.chdir(tempfile.gettempdir())\n",
        "import sys\nsys.path.clear()\n",
        "import sys\nsys.argv.clear()\n",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
        "import warnings\nwarnings.warn('x')\n",
        "import logging\nlogging.basicConfig(level=0)\nlogging.error('x')\n",
        "import sys\nsys.setrecursionlimit(100_000)\n",
        "print = None\n",
        "import builtins\ndel builtins.print\n",
    ],
    ids=[
        "thread",
        "atexit",
        "stdout",
        "fd",
        "none",
        "chdir",
        "path",
        "argv",
        "signal",
        "warn",
        "log",
        "deep",
        "print",
        "del",
    ],
)
def test_whatever_an_app_does_at_import_it_is_shown_all_the_same(command: Command, write: Write, text: str) -> None:
    # What an app must not do to the process that loads it, it does after it was imported too.
    assert paths(command("routes", write({"app.py": APP + text}), "--json")) == ["/page"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("raise GeneratorExit\n", "GeneratorExit"),
        ("class Stop(BaseException): ...\nraise Stop('really')\n", "Stop: really"),
        ("class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad\n", "Bad"),
        ("raise ValueError('\\ud800 \\x1b[2J')\n", "ValueError"),
        ("def deep(): deep()\ndeep()\n", "RecursionError"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "signal 9"),
        ("import os\nos.abort()\n", "signal 6"),
        ("import sys\nsys.exit(7)\n", "SystemExit: 7"),
        ("import os\nos._exit(7)\n", "exit code 7"),
    ],
    ids=["interrupt", "generator", "base", "str", "surrogate", "deep", "kill", "abort", "exit", "_exit"],
)
def test_however_an_import_fails_it_is_told_at_its_line(
    command: Command, write: Write, text: str, message: str
) -> None:
    folder = write({"app.py": text})
    done = command("routes", folder, "--json")
    found = fault(done)
    assert found["code"] == "P2002"
    assert message in found["message"]
    assert found["location"]["file"] == str(folder / "app.py")
    assert "\x1b" not in done.err
    assert "portable/cli" not in done.err


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"x = 1\n\xff\n", 2),
        (b"x = 1\ny = '\x00'\n", None),
        (b"# coding: klingon\n", None),
        (b"  x = 1\n", 1),
        (b"(" * 10_000, 1),
    ],
    ids=["bytes", "nul", "coding", "indent", "deep"],
)
def test_a_file_that_is_no_python_is_told_with_its_line(
    command: Command, write: Write, data: bytes, line: int | None
) -> None:
    folder = write({})
    (folder / "app.py").write_bytes(data)
    found = fault(command("routes", folder, "--json"))
    assert found["code"] == "P2002"
    assert found["location"]["file"] == str(folder / "app.py")
    assert line is None or found["location"]["line"] == line


def test_an_app_with_a_byte_order_mark_and_foreign_line_ends_loads(command: Command, write: Write) -> None:
    folder = write({})
    (folder / "app.py").write_bytes(b"\xef\xbb\xbf" + APP.replace("\n", "\r\n").encode())
    assert paths(command("routes", folder, "--json")) == ["/page"]


def test_a_folder_with_spaces_and_foreign_letters_is_a_folder(command: Command, write: Write) -> None:
    assert paths(command("routes", write({"app.py": APP}, "my äpp 😀"), "--json")) == ["/page"]


def test_an_app_called_as_a_module_of_ours_or_of_python_s_is_not_hidden(command: Command, write: Write) -> None:
    folder = write(
        {"app.py": "import types, queue\nfrom store import APP as app\n", "store.py": APP.replace("app", "APP")}
    )
    (folder / "queue.py").write_text("", encoding="utf-8")
    (folder / "json.py").write_text("raise SystemExit('hidden')\n", encoding="utf-8")
    assert paths(command("routes", folder, "--json")) == ["/page"]
