"""Which app a command is about, without importing it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from portable.cli.project import data_folder, find_project
from portable.errors import ConfigurationError, LoadError

Write = Callable[..., Path]
APP = 'from portable import App\napp = App("shop")\n'


@pytest.mark.parametrize("file", ["app.py", "main.py"])
def test_a_folder_is_an_app_by_its_app_py_or_main_py(write: Write, file: str) -> None:
    folder = write({file: APP})
    assert find_project(str(folder)) == (folder, file.removesuffix(".py"), "app")


def test_the_current_folder_is_the_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"app.py": APP})
    monkeypatch.chdir(folder)
    assert find_project().root == folder


def test_pyproject_says_which_app_even_beside_an_app_py(write: Write) -> None:
    folder = write({"app.py": APP, "pyproject.toml": '[tool.portable]\napp = "shop.web:api"\n'})
    assert find_project(str(folder)) == (folder, "shop.web", "api")
    assert find_project(str(folder / "pyproject.toml")) == (folder, "shop.web", "api")


def test_a_pyproject_without_our_table_says_nothing(write: Write) -> None:
    folder = write({"app.py": APP, "pyproject.toml": '[project]\nname = "shop"\n'})
    assert find_project(str(folder)).module == "app"


def test_a_file_in_a_package_is_named_from_the_packages_root(write: Write) -> None:
    folder = write({"shop/__init__.py": "", "shop/web/__init__.py": "", "shop/web/api.py": APP})
    assert find_project(str(folder / "shop/web/api.py")) == (folder, "shop.web.api", "app")
    assert find_project(str(folder / "shop/web/__init__.py")) == (folder, "shop.web", "app")


def test_of_two_files_the_one_with_an_app_counts(write: Write) -> None:
    folder = write({"app.py": "import sys\n", "main.py": APP})
    assert find_project(str(folder)).module == "main"


def test_two_files_with_an_app_are_an_error_that_says_how_to_choose(write: Write) -> None:
    folder = write({"app.py": APP, "main.py": "from shop import app\n"})
    with pytest.raises(LoadError, match=r"app\.py and main\.py") as caught:
        find_project(str(folder))
    assert caught.value.hint is not None
    assert 'app = "app:app"' in caught.value.hint


def test_an_empty_folder_and_a_missing_one_are_told_apart(write: Write) -> None:
    folder = write({})
    with pytest.raises(LoadError, match=r"no app\.py or main\.py here"):
        find_project(str(folder))
    with pytest.raises(LoadError, match="there is no file or folder"):
        find_project(str(folder / "nowhere"))


@pytest.mark.parametrize("name", ["notes.txt", "app", "my-app.py"])
def test_a_file_that_cannot_be_imported_is_refused(write: Write, name: str) -> None:
    folder = write({name: APP})
    with pytest.raises(LoadError):
        find_project(str(folder / name))


@pytest.mark.parametrize("entry", ['"app.py"', '"app"', '":app"', '"app:"', '"a b:app"', '"app:app:x"', "3", "[]"])
def test_an_entry_that_is_not_module_and_name_is_refused_with_its_line(write: Write, entry: str) -> None:
    folder = write({"pyproject.toml": f"[project]\nname = 'x'\n[tool.portable]\napp = {entry}\n"})
    with pytest.raises(ConfigurationError, match="module:name") as caught:
        find_project(str(folder))
    assert caught.value.location == (str(folder / "pyproject.toml"), 4)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[project\n", 1, "not TOML"),
        ("\n\nname = \n", 3, "not TOML"),
        ("[tool.portable]\nap = 'app:app'\n", 2, "no setting 'ap'"),
        ("[tool]\nportable = 3\n", None, "not a table"),
    ],
)
def test_a_broken_pyproject_is_refused(write: Write, text: str, line: int | None, message: str) -> None:
    folder = write({"app.py": APP, "pyproject.toml": text})
    with pytest.raises(ConfigurationError, match=message) as caught:
        find_project(str(folder))
    assert (caught.value.location.line if caught.value.location else None) == line


def test_a_pyproject_that_is_no_text_is_refused(write: Write) -> None:
    folder = write({"app.py": APP})
    (folder / "pyproject.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_project(str(folder))


def test_data_is_kept_beside_the_app_unless_said_otherwise(write: Write) -> None:
    folder = write({"app.py": APP})
    project = find_project(str(folder))
    assert data_folder(project, None) == folder / ".portable"
    assert data_folder(project, str(folder / "elsewhere")) == folder / "elsewhere"
    with pytest.raises(ConfigurationError, match="is a file"):
        data_folder(project, str(folder / "app.py"))
