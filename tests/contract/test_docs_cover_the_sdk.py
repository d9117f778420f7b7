"""The documentation names all that an app can import, every method of it and every option."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path as Folder
from typing import Any

import pytest

import portable
from portable.tasks import TaskDeclaration

ROOT = Folder(__file__).parents[2]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
SHOWN = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
CODE = "\n".join("\n".join(found) for found in SHOWN.findall(TEXT))

INTERNAL = {"register_handler", "register_resource", "parts", "all_handlers", "rebound", "qualify", "is_app", "spec"}
"""Methods of App and Service for adapters and for the framework itself."""

CLASSES: list[Any] = [
    value for name in portable.__all__ if isinstance(value := getattr(portable, name), type)
    if not issubclass(value, BaseException)
]  # fmt: skip


def said(name: str, where: str = CODE) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", where) is not None


def members(cls: Any) -> Iterator[tuple[str, Any]]:
    """What users see of a class: methods, properties, slots and fields that it declares itself."""
    hidden = {*INTERNAL, "kind", "verbs"}
    for name, value in vars(cls).items():
        is_field = callable(value) or isinstance(value, property) or inspect.isdatadescriptor(value)
        if not name.startswith("_") and name not in hidden and is_field:
            yield name, value


@pytest.mark.parametrize("name", portable.__all__)
def test_what_an_app_imports_is_in_the_documentation(name: str) -> None:
    assert said(name, TEXT)


@pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])
def test_every_method_and_option_of_a_class_is_in_the_documentation(cls: Any) -> None:
    missing: list[str] = []
    for name, value in members(cls):
        if not said(name):
            missing.append(name)
        if inspect.isfunction(value):
            options = inspect.signature(value).parameters.values()
            missing += [f"{name}({p.name}=)" for p in options if p.kind is p.KEYWORD_ONLY and not said(p.name)]
    assert missing == []


def test_every_option_of_a_task_is_in_the_documentation() -> None:
    options = [p.name for p in inspect.signature(TaskDeclaration._configured).parameters.values()][1:]
    assert len(options) >= 7
    assert [name for name in options if not said(name)] == []


def test_there_is_something_to_look_for() -> None:
    assert len(CLASSES) >= 20
    assert sum(1 for cls in CLASSES for _ in members(cls)) >= 120
    assert not said("a_method_that_there_is_not")
