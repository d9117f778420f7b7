"""Files that a handler writes outside the temporary folder: read-only, or gone with the instance."""

import ast
import io
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from .scopes import UNRESOLVED, Piece, loaded

WRITING = frozenset("wax+")
FREE = ("/tmp", "/var/tmp", "/dev", "/proc")  # noqa: S108 - compared with, not written to
WRITERS: dict[Any, int] = {
    **dict.fromkeys((os.mkdir, os.makedirs), 0),
    **dict.fromkeys((os.rename, os.replace, os.symlink, os.link), 1),
}
"""Functions that write to the path which is their argument of this number."""
COPIERS = ("copy", "copy2", "copyfile", "copytree", "move")
"""Functions of shutil that write to the path which is their second argument."""
METHODS = frozenset(("write_text", "write_bytes", "mkdir", "touch"))
"""Methods of a path that write to it."""


def foreign_writes(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Calls that write to a path which is written out in the code, at least how it begins."""
    for node in piece.own_nodes():
        if not isinstance(node, ast.Call):
            continue
        path = _written(piece, node)
        if path and not _is_free(path):
            yield node, f"{path!r} cannot be written on every provider, and nowhere stays"
        path = _database(piece, node)
        if path and not _is_free(path):
            yield node, f"the SQLite database {path!r} cannot be written on every provider, and nowhere stays"


def _written(piece: Piece, call: ast.Call) -> str | None:
    function = piece.resolve(call.func)
    if function is open or function is io.open:
        return _place(piece, call.args[0]) if call.args and _is_writing(piece, call, 1) else None
    number = _argument_written(function)
    if number is not None:
        return _place(piece, call.args[number]) if len(call.args) > number else None
    if not isinstance(call.func, ast.Attribute) or not _is_path(piece, call.func.value):
        return None
    if call.func.attr in METHODS or (call.func.attr == "open" and _is_writing(piece, call, 0)):
        return _place(piece, call.func.value)
    return None


def _argument_written(function: Any) -> int | None:
    """The number of the argument that is a path to which a function writes."""
    if function is UNRESOLVED:
        return None
    try:
        number = WRITERS.get(function)
    except TypeError:
        return None
    return 1 if number is None and any(function is loaded("shutil", name) for name in COPIERS) else number


def _database(piece: Piece, call: ast.Call) -> str | None:
    """The file of `sqlite3.connect`: it is opened for writing, but a URI may say otherwise."""
    if not call.args or piece.resolve(call.func) is not loaded("sqlite3", "connect"):
        return None
    path = _place(piece, call.args[0])
    return None if path is None or path.startswith((":memory:", "file:")) else path


def _is_writing(piece: Piece, call: ast.Call, position: int) -> bool:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    text = piece.literal(call.args[position] if len(call.args) > position else named)
    return isinstance(text, str) and bool(WRITING & set(text))


def _is_path(piece: Piece, node: ast.AST) -> bool:
    """Whether an expression is a pathlib.Path for sure: `Path(...)`, `Path(...) / name`, a variable that holds one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _is_path(piece, node.left)
    if isinstance(node, ast.Call):
        kind = piece.resolve(node.func)
        return isinstance(kind, type) and issubclass(kind, pathlib.PurePath)
    return isinstance(piece.resolve(node), pathlib.PurePath)


def _place(piece: Piece, node: ast.AST) -> str | None:
    """How a path begins, as far as that tells where it leads; None if it could lead anywhere."""
    text = piece.literal(node)
    if isinstance(text, str):
        return text
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        return _beginning(first.value) if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    if isinstance(node, ast.BinOp):
        return _of_operator(piece, node)
    if isinstance(node, ast.Call):
        joined = piece.resolve(node.func) is os.path.join
        if node.args and (joined or _is_path(piece, node)):
            place = _place(piece, node.args[0])
            if place is None or len(node.args) == 1:
                return place
            rest = [piece.literal(argument) for argument in node.args[1:]]
            # What begins with a slash takes the place of all before it.
            known = all(isinstance(part, str) and not part.startswith("/") for part in rest)
            return os.path.join(place, *map(str, rest)) if known else None
        return None
    value = piece.resolve(node)
    return str(value) if value is not UNRESOLVED and isinstance(value, pathlib.PurePath) else None


def _of_operator(piece: Piece, node: ast.BinOp) -> str | None:
    if isinstance(node.op, ast.Div) and _is_path(piece, node.left):
        folder, name = _place(piece, node.left), piece.literal(node.right)
        if folder is None or (isinstance(name, str) and name.startswith("/")):
            return None
        return os.path.join(folder, name) if isinstance(name, str) else _beginning(folder + os.sep)
    left = piece.literal(node.left)
    if isinstance(left, str) and isinstance(node.op, ast.Mod):
        return _beginning(left.partition("%")[0])
    return _beginning(left) if isinstance(left, str) and isinstance(node.op, ast.Add) else None


def _beginning(text: str) -> str | None:
    """The folders that a path begins with, whatever follows; a relative one stays below the app's own."""
    folder = text.rpartition("/")[0]
    if text.startswith("/"):
        return folder or None
    return text or None


def _is_free(path: str) -> bool:
    # Here, because most apps write no file, and this takes as long as all rules of a small app.
    import tempfile

    folders = (*FREE, tempfile.gettempdir())
    whole = os.path.normpath(path)
    return any(whole == folder or whole.startswith(folder + os.sep) for folder in folders)
