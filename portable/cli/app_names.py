"""The name of an app that cannot be imported, read from its source: enough to find what is deployed of it.

A working tree is often broken just when one has to go back to a release. Only what stands there plainly counts: a name
that is put together at import could be another one.
"""

import ast
import tokenize
import tomllib
from pathlib import Path
from typing import Any, TypeGuard, cast

from portable.adapter import Project
from portable.project_file import PROJECT_FILE

from .project import project_file

MOST_LINES = 40
"""Of one statement in a file that is not Python as a whole."""


def name_in_source(project: Project) -> str | None:
    """The text in `app = App("name")` at the top level of the app's module; the last one, as Python would have it."""
    try:
        with tokenize.open(project_file(project)) as source:
            text = source.read()
    except (SyntaxError, ValueError, OSError):
        # It is not there, or no text: then nothing is known.
        return None
    found = [_named(statement, project.attribute) for statement in _statements(text, project.attribute)]
    names = [name for name in found if name is not None]
    return names[-1] if names else None


def name_in_project_file(folder: Path) -> str | None:
    """`[project] name`, if an app could be called so."""
    try:
        data: dict[str, Any] = tomllib.loads((folder / PROJECT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    project: object = data.get("project")
    name: object = cast("dict[str, Any]", project).get("name") if isinstance(project, dict) else None
    return name if is_name(name) else None


def is_name(name: object) -> TypeGuard[str]:
    """Whether an app can be called so."""
    # Here, because declarations are much to import for a command that has none.
    from portable.app import NAME

    return isinstance(name, str) and NAME.fullmatch(name) is not None


def _statements(text: str, attribute: str) -> list[ast.stmt]:
    """Those at the top level; of what does not parse, those that begin with the attribute and do."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        lines = text.splitlines()
    found: list[ast.stmt] = []
    for start, line in enumerate(lines):
        if not line.startswith(attribute):
            continue
        for end in range(start + 1, min(start + MOST_LINES, len(lines)) + 1):
            try:
                found += ast.parse("\n".join(lines[start:end])).body[:1]
            except (SyntaxError, ValueError, RecursionError):
                continue
            break
    return found


def _named(statement: ast.stmt, attribute: str) -> str | None:
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return None
    call = statement.value
    if not isinstance(call, ast.Call) or not any(
        isinstance(target, ast.Name) and target.id == attribute for target in targets
    ):
        return None
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called != "App":
        return None
    first: list[ast.expr] = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "name")]
    value = first[0].value if first and isinstance(first[0], ast.Constant) else None
    return value if is_name(value) else None
