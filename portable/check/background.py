"""Work that a handler starts and does not wait for: on some providers nothing runs once the answer is out."""

import ast
from collections.abc import Iterator

from portable.grants.trees import walk

from .scopes import Piece, loaded

LEFT = "may not go on after the handler has returned: instances are frozen or slowed between calls"
STARTED = (
    ("threading", "Thread", "thread"),
    ("threading", "Timer", "thread"),
    ("multiprocessing", "Process", "process"),
)
LOOPS = ("get_running_loop", "get_event_loop")
HARMLESS = frozenset(("start", "daemon", "name", "ident", "native_id", "pid"))


def background_starts(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Threads and processes that are started and never joined, tasks and futures that nobody waits for."""
    for node in piece.own_nodes():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _dropped(piece, node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                continue
            what = _started(piece, node.value)
            if what is not None:
                yield from _never_joined(piece, target.id, what)
            elif not _is_read(piece, target.id):
                yield from _dropped(piece, node.value)


def _started(piece: Piece, node: ast.AST) -> str | None:
    """What a call makes that `start()` starts."""
    kind: object = piece.resolve(node.func) if isinstance(node, ast.Call) else None
    if not isinstance(kind, type):
        return None
    return next((what for module, name, what in STARTED if kind is loaded(module, name)), None)


def _dropped(piece: Piece, call: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    function = piece.resolve(call.func)
    if isinstance(call.func, ast.Attribute):
        owner, verb = call.func.value, call.func.attr
        what = _started(piece, owner) if verb == "start" else None
        if what is not None:
            yield call, f"this {what} {LEFT}"
            return
        if verb == "submit" and _is_pool(piece.resolve(owner)):
            yield call, f"this call in a pool {LEFT}"
            return
        if verb in ("create_task", "run_in_executor") and _is_loop(piece, owner):
            yield call, f"this asyncio task {LEFT}"
            return
    if function is loaded("subprocess", "Popen"):
        yield call, f"this process {LEFT}"
    elif getattr(function, "__module__", None) == "asyncio.tasks" and getattr(function, "__name__", None) in (
        "create_task",
        "ensure_future",
    ):
        yield call, f"this asyncio task {LEFT}"


def _is_loop(piece: Piece, node: ast.AST) -> bool:
    function = piece.resolve(node.func) if isinstance(node, ast.Call) else None
    return function is not None and any(function is loaded("asyncio", name) for name in LOOPS)


def _is_pool(value: object) -> bool:
    kind = loaded("concurrent.futures", "Executor")
    return isinstance(kind, type) and isinstance(value, kind)


def _is_read(piece: Piece, name: str) -> bool:
    """Whether anything reads the variable, or whether it is not the function's own."""
    return name in piece.shared_names or any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store)
        for node in walk(piece.node)
    )


def _never_joined(piece: Piece, name: str, what: str) -> Iterator[tuple[ast.AST, str]]:
    """Every use of the variable must be known, or it is left alone."""
    attributes: list[ast.Attribute] = []
    known: set[int] = set()
    for node in walk(piece.node):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            attributes.append(node)
            known.add(id(node.value))
    for node in walk(piece.node):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and id(node) not in known:
            return
    if all(node.attr in HARMLESS for node in attributes):
        for node in attributes:
            if node.attr == "start":
                yield node, f"this {what} {LEFT}"
                return
