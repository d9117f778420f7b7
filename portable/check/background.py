"""Work that a handler starts and does not wait for: on some providers nothing runs once the answer is out."""

import ast
import subprocess
import threading
from collections.abc import Iterator

from .scopes import Piece

LEFT = "may not go on after the handler has returned: instances are frozen or slowed between calls"
THREADS = (threading.Thread, threading.Timer)
HARMLESS = frozenset(("start", "daemon", "name", "ident", "native_id"))


def background_starts(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Threads that are started and never joined, tasks and processes of which nothing is kept."""
    for node in piece.own_nodes():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _dropped(piece, node.value)
        elif isinstance(node, ast.Assign) and _is_thread(piece, node.value) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name):
                yield from _never_joined(piece, target.id)


def _is_thread(piece: Piece, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and piece.resolve(node.func) in THREADS


def _dropped(piece: Piece, call: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    function = piece.resolve(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "start" and _is_thread(piece, call.func.value):
        yield call, f"this thread {LEFT}"
    elif function is subprocess.Popen:
        yield call, f"this process {LEFT}"
    elif getattr(function, "__module__", None) == "asyncio.tasks" and getattr(function, "__name__", None) in (
        "create_task",
        "ensure_future",
    ):
        yield call, f"this asyncio task {LEFT}"


def _never_joined(piece: Piece, name: str) -> Iterator[tuple[ast.AST, str]]:
    """Every use of the variable must be known, or it is left alone."""
    attributes: list[ast.Attribute] = []
    known: set[int] = set()
    for node in ast.walk(piece.node):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            attributes.append(node)
            known.add(id(node.value))
    for node in ast.walk(piece.node):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and id(node) not in known:
            return
    if all(node.attr in HARMLESS for node in attributes):
        for node in attributes:
            if node.attr == "start":
                yield node, f"this thread {LEFT}"
                return
