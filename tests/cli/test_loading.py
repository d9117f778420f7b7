"""Apps that load and apps that do not: what stands on stdout, what on stderr, which exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App

    app = App("shop")


    @app.get("/items/{id}")
    def read(id: str) -> str:
        return id
"""


def fault(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = done.json["error"]
    return found


def test_what_an_app_prints_at_import_is_not_in_the_data(command: Command, write: Write) -> None:
    folder = write({"app.py": "import os\nprint('hello')\nos.write(1, b'from C')\n" + _text(APP)})
    done = command("routes", folder, "--json")
    assert done.code == 0
    assert [route["path"] for route in json.loads(done.out)["routes"]] == ["/items/{id}"]
    assert "hello" in done.err
    assert "from C" in done.err


def _text(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


def test_a_syntax_error_names_file_and_line(command: Command, write: Write) -> None:
    folder = write({"app.py": "x = 1\ndef broken(:\n"})
    done = command("inspect", folder, "--json")
    assert done.code == 3
    assert fault(done)["code"] == "P2002"
    assert fault(done)["location"] == {"file": str(folder / "app.py"), "line": 2}
    assert "def broken(:" in done.err


def test_an_error_in_an_imported_module_is_placed_there_with_the_users_traceback(
    command: Command, write: Write
) -> None:
    folder = write({"app.py": "import shop\n", "shop.py": "def f() -> int:\n    return 1 // 0\n\n\nf()\n"})
    done = command("inspect", folder)
    assert done.code == 3
    assert done.out == ""
    assert f'File "{folder / "shop.py"}", line 2, in f' in done.err
    assert "ZeroDivisionError" in done.err
    assert "shop.py:2: importing app fails" in done.err
    assert "portable/cli" not in done.err
    assert "importlib" not in done.err


def test_a_package_that_is_not_installed_is_named_with_what_to_do(command: Command, write: Write) -> None:
    folder = write({"app.py": "import surely_not_installed.part\n"})
    done = command("inspect", folder, "--json")
    assert done.code == 3
    assert "surely_not_installed" in fault(done)["message"]
    assert "install it" in fault(done)["hint"]
    assert fault(done)["location"]["line"] == 1


def test_a_module_that_pyproject_names_and_that_is_not_there(command: Command, write: Write) -> None:
    folder = write({"pyproject.toml": '[tool.portable]\napp = "shop.web:app"\n'})
    done = command("inspect", folder, "--json")
    assert done.code == 3
    assert "no module 'shop.web'" in fault(done)["message"]


@pytest.mark.parametrize("end", ["import sys; sys.exit(0)", "raise SystemExit('no')", "import os; os._exit(0)"])
def test_a_module_that_ends_the_process_is_no_success(command: Command, write: Write, end: str) -> None:
    folder = write({"app.py": f"{end}\n"})
    done = command("inspect", folder, "--json")
    assert done.code == 3
    assert fault(done)["code"] == "P2002"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no 'app'"),
        ("app = 3\n", "is no App but a int"),
        ("from portable import Service\napp = Service('part')\n", "a Service, which is only a part"),
        ("from portable import App\napi = App('one')\nweb = App('two')\n", "it has the Apps api, web"),
    ],
)
def test_a_module_without_an_app_of_the_name_says_what_it_has(
    command: Command, write: Write, text: str, message: str
) -> None:
    done = command("inspect", write({"app.py": text}), "--json")
    assert done.code == 3
    assert message in fault(done)["message"]


def test_an_app_of_another_name_is_suggested(command: Command, write: Write) -> None:
    done = command("inspect", write({"app.py": "from portable import App\napi = App('one')\n"}), "--json")
    assert '"app:api"' in fault(done)["hint"]


def test_a_resource_used_at_import_is_explained_at_its_line(command: Command, write: Write) -> None:
    folder = write(
        {"app.py": "from portable import App\napp = App('one')\nitems = app.table('items')\nitems.get('1')\n"}
    )
    done = command("inspect", folder, "--json")
    assert done.code == 3
    assert fault(done)["code"] == "P1011"
    assert fault(done)["location"] == {"file": str(folder / "app.py"), "line": 4}


def test_a_bad_declaration_is_shown_at_its_line_without_a_traceback(command: Command, write: Write) -> None:
    folder = write({"app.py": "from portable import App\napp = App('one')\nitems = app.table('It ems')\n"})
    done = command("inspect", folder)
    assert done.code == 3
    assert "app.py:3" in done.err
    assert "hint:" in done.err
    assert "Traceback" not in done.err


def test_all_that_only_the_whole_app_shows_is_shown_at_once(command: Command, write: Write) -> None:
    folder = write(
        {
            "app.py": """
                from portable import App

                app = App("one")


                @app.get("/a")
                def first() -> str:
                    return "a"


                @app.get("/a")
                def second() -> str:
                    return "b"


                @app.get("/b/{id}")
                def third() -> str:
                    return "c"
            """
        }
    )
    done = command("inspect", folder, "--json")
    assert done.code == 3
    found = [fault(done), *fault(done)["also"]]
    assert [entry["location"]["line"] for entry in found] == [12, 17]
    assert done.err.count("error[P2001]") == 2


def test_a_file_of_the_app_does_not_hide_a_module_of_ours(command: Command, write: Write) -> None:
    folder = write({"app.py": APP, "click.py": "raise SystemExit\n", "json_.py": ""})
    assert command("routes", folder, "--json").code == 0


def test_the_current_folder_is_not_importable_unless_it_is_the_app(
    command: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write({"stray.py": ""}, "other")
    folder = write({"app.py": "import stray\n"})
    monkeypatch.chdir(other)
    assert command("inspect", folder).code == 3
