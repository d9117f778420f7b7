"""The names of the places in which a process can be made to end: found in the source, so that none is left out."""

import ast
from pathlib import Path

import portable_local

ROOT = Path(portable_local.__file__).parent
OF_THE_SUPERVISOR = ("supervisor.py", "desk.py")


def crash_names() -> dict[str, str]:
    """Every name given to `crash_points.reach`, and the file in which it stands."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "crash_points.reach":
                [argument] = node.args
                assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}: not a plain name"
                assert isinstance(argument.value, str)
                assert argument.value not in found, f"{argument.value} stands in two places"
                found[argument.value] = path.name
    return found


def store_names() -> list[str]:
    """Those that any process with the store passes."""
    return sorted(name for name, file in crash_names().items() if file not in OF_THE_SUPERVISOR)


def supervisor_names() -> list[str]:
    return sorted(name for name, file in crash_names().items() if file in OF_THE_SUPERVISOR)
