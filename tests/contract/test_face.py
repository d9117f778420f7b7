"""The face of the package: what it exports, and that all of it is documented and typed."""

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import portable

ROOT = Path(__file__).parents[2]
FACE = (ROOT / "tests/contract/face.txt").read_text(encoding="utf-8").split()


def public() -> dict[str, Any]:
    return {name: getattr(portable, name) for name in portable.__all__}


def test_the_exports_are_sorted_and_those_that_were_agreed() -> None:
    """Sorted as the linter wants it: constants, classes, functions."""
    assert portable.__all__ == FACE
    assert len(set(FACE)) == len(FACE)


def test_what_was_not_exported_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        portable.Nonsense  # type: ignore[attr-defined] # noqa: B018


def test_a_star_brings_all_of_it() -> None:
    names: dict[str, Any] = {}
    exec("from portable import *", names)
    assert set(portable.__all__) <= set(names)


def test_what_is_visible_is_what_is_exported() -> None:
    """In a fresh process: tests import submodules, and those become attributes."""
    script = "import portable;print(*sorted(name for name in dir(portable) if name[0] != '_'))"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == sorted(portable.__all__)


@pytest.mark.parametrize("name", portable.__all__)
def test_every_export_has_a_docstring_of_its_own(name: str) -> None:
    value = public()[name]
    assert (value.__doc__ or "").strip(), name
    if isinstance(value, type):
        inherited = [base.__doc__ for base in value.__mro__[1:]]
        assert value.__doc__ not in inherited, name


def members(kind: type[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == "portable":
            found.extend((name, value) for name, value in vars(base).items() if not name.startswith("_"))
    return found


@pytest.mark.parametrize(
    "name", ["App", "Service", "Table", "Bucket", "Task", "TaskRun", "Topic", "Param", "Secret", "Context"]
)
def test_every_method_that_apps_call_has_a_docstring(name: str) -> None:
    internal = {"qualify", "rebound", "bind", "unbind", "binding", "register_resource", "register_handler"}
    missing = [
        member
        for member, value in members(public()[name])
        if member not in internal
        and isinstance(value, types.FunctionType | property | classmethod | staticmethod)
        and not (getattr(value, "__doc__", None) or "").strip()
    ]
    assert missing == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "portable/py.typed").is_file()
    assert (ROOT / "adapters/local/portable_local/py.typed").is_file()


def test_errors_carry_one_code_each() -> None:
    kinds = [
        value for value in public().values() if isinstance(value, type) and issubclass(value, portable.PortableError)
    ]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
