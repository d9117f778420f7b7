"""Files that a handler writes outside the temporary folder: read-only, or gone with the instance."""

import ast
import io
import os
import pathlib
import tempfile
from collections.abc import Iterator

from .scopes import Piece

WRITING = frozenset("wax+")
PATHS = (pathlib.Path, pathlib.PosixPath)
FREE = ("/tmp", "/var/tmp", "/dev", "/proc")  # noqa: S108 - compared with, not written to


def foreign_writes(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Calls that write to a path which is written out in the code."""
    for node in piece.own_nodes():
        if not isinstance(node, ast.Call):
            continue
        path = _path(piece, node)
        if isinstance(path, str) and path and not _is_free(path):
            yield node, f"{path!r} cannot be written on every provider, and nowhere stays"


def _path(piece: Piece, call: ast.Call) -> object:
    function = piece.resolve(call.func)
    if function is open or function is io.open:
        mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
        text = piece.literal(mode)
        return piece.literal(call.args[0]) if call.args and isinstance(text, str) and WRITING & set(text) else None
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("write_text", "write_bytes"):
        made = call.func.value
        if isinstance(made, ast.Call) and len(made.args) == 1 and piece.resolve(made.func) in PATHS:
            return piece.literal(made.args[0])
    return None


def _is_free(path: str) -> bool:
    folders = (*FREE, tempfile.gettempdir())
    whole = os.path.normpath(path)
    return any(whole == folder or whole.startswith(folder + os.sep) for folder in folders)
