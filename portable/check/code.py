"""What code does that is not the same everywhere: few rules, each of which is certain about what it says."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from portable.binding import Resource
from portable.buckets import Bucket
from portable.capabilities import PROVIDERS, load_profile
from portable.deploy.diagnostics import Diagnostic, Severity
from portable.errors import Location
from portable.specs import Schedule
from portable.tables import Table
from portable.tasks import Task

from .background import background_starts
from .differences import missing
from .files import foreign_writes
from .headers import dropped_parameters, dropped_reads
from .limits import over
from .memory import module_writes
from .natives import library_of
from .scopes import UNRESOLVED, Piece, Reached, module_pieces, reached_functions

if TYPE_CHECKING:
    from portable.app import App

LITERAL = "P3106"
SLEEP = "P3107"
LONG_DELAY = "P3203"
HOT_ITEM = "P3209"
HOT_OBJECT = "P3210"
HEADER = "P3211"
NATIVE = "P3301"
BACKGROUND = "P3302"
MODULE_STATE = "P3303"
FILE = "P3304"

ELSEWHERE = "a table or a bucket; for what is needed only now, tempfile"
SHORT_DELAY = 900
"""Seconds that a message can be delayed by every provider's own queue."""


def diagnose_code(app: "App") -> list[Diagnostic]:
    """What is found in the app's code, a line at a time."""
    found: list[Diagnostic] = []
    modules = module_pieces(app)
    reached = reached_functions(app, modules)
    # Functions that were made by a function of the app are known by what their closures hold.
    for piece in dict.fromkeys([*modules, *(one.piece for one in reached)]):
        found += _calls(piece)
        for node, name in dropped_reads(piece):
            found += dropped(at(piece, node), f"the header {name!r} is read here")
    for who, handler in app.all_handlers().items():
        for name in dropped_parameters(handler):
            found += dropped(handler.spec.location, f"{who} takes the header {name!r}")
    for piece in modules:
        if isinstance(piece.node, ast.Module):
            found += (
                Diagnostic(FILE, "warning", at(piece, node), None, f"at import: {what}", ELSEWHERE)
                for node, what in foreign_writes(piece)
            )
    for one in reached:
        found += _sleeps(one)
        found += _hot(one)
        found += _habits(one)
    return found


def at(piece: Piece, node: ast.AST) -> Location:
    return Location(piece.file, getattr(node, "lineno", 1))


def dropped(where: Location, what: str) -> Iterator[Diagnostic]:
    for provider in PROVIDERS:
        if missing(load_profile(provider), "underscored_headers") is not None:
            cause = f"{what}, which never arrives on {provider}: its server drops headers whose names have underscores"
            yield Diagnostic(HEADER, "warning", where, provider, cause, "a name with hyphens")


def _calls(piece: Piece) -> Iterator[Diagnostic]:
    """Calls of resources, wherever they stand."""
    for node in piece.nodes():
        if not isinstance(node, ast.Call):
            continue
        library = library_of(piece, node)
        if library is not None:
            name, provider = library
            yield Diagnostic(
                NATIVE,
                "warning",
                at(piece, node),
                None,
                f"{name} speaks to {provider} only: what is done with it is missing elsewhere, and on a laptop",
                "a table, bucket, task or topic of the app; or one place for it, with a way that works everywhere",
            )
        if not isinstance(node.func, ast.Attribute):
            continue
        verb = node.func.attr
        if verb not in ("native", "send", "signed_url"):
            continue
        resource = piece.resolve(node.func.value)
        if not isinstance(resource, Resource):
            continue
        if verb == "native":
            yield Diagnostic(
                NATIVE,
                "warning",
                at(piece, node),
                None,
                f"native() of {resource.kind} {resource.name!r} is a client of one provider, and None elsewhere",
                "the resource's own methods; or treat None, and keep a way that works everywhere",
            )
        elif verb == "send" and isinstance(resource, Task):
            delay = piece.literal(keyword(node, "delay"))
            if type(delay) in (int, float):
                yield from _delay(piece, node, resource.name, delay)
        elif verb == "signed_url" and isinstance(resource, Bucket):
            seconds = piece.literal(keyword(node, "expires_in"))
            if type(seconds) in (int, float):
                what = f"a signed URL of bucket {resource.name!r}"
                yield from _literal(piece, node, "signed_url_seconds", seconds, what, "ask for a new URL when it ends")


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((found.value for found in node.keywords if found.arg == name), None)


def _literal(
    piece: Piece, node: ast.AST, limit: str, actual: float, what: str, alternative: str
) -> Iterator[Diagnostic]:
    for provider in PROVIDERS:
        error = over(load_profile(provider), limit, actual, what)
        if error is not None:
            yield Diagnostic(LITERAL, "error", at(piece, node), provider, error.message, alternative)


def _delay(piece: Piece, node: ast.AST, task: str, seconds: float) -> Iterator[Diagnostic]:
    advice = "a schedule that sends what is due, from a table"
    yield from _literal(piece, node, "task_delay_seconds", seconds, f"task {task!r}: the delay", advice)
    for provider in PROVIDERS:
        profile = load_profile(provider)
        capability = missing(profile, "native_long_delay")
        if capability is not None and SHORT_DELAY < seconds <= profile.value("task_delay_seconds"):
            cause = f"task {task!r} is delayed by {seconds:,.10g} s, which {provider} does by another service: "
            yield Diagnostic(
                LONG_DELAY,
                "note",
                at(piece, node),
                provider,
                cause + capability.note,
                f"at most {SHORT_DELAY} s, if that is all the same",
            )


def _sleeps(one: Reached) -> Iterator[Diagnostic]:
    """Sleeps that outlast the handler."""
    piece = one.piece
    awaited = {id(node.value) for node in piece.own_nodes() if isinstance(node, ast.Await)}
    for node in piece.own_nodes():
        if not isinstance(node, ast.Call) or len(node.args) < 1:
            continue
        function = piece.resolve(node.func)
        name = (getattr(function, "__module__", None), getattr(function, "__name__", None))
        if name != ("time", "sleep") and (name != ("asyncio.tasks", "sleep") or id(node) not in awaited):
            continue
        seconds = piece.literal(node.args[0])
        if type(seconds) not in (int, float):
            continue
        for handler, found in one.handlers:
            if seconds >= found.spec.timeout:
                yield Diagnostic(
                    SLEEP,
                    "error",
                    at(piece, node),
                    None,
                    f"{handler} sleeps {seconds:,.10g} s here and is ended after {found.spec.timeout} s",
                    "send a task with a delay",
                )
                break


def _hot(one: Reached) -> Iterator[Diagnostic]:
    """One item or object that each request or delivery writes. A schedule is slow enough."""
    if not one.is_handler or all(isinstance(handler.spec.trigger, Schedule) for _, handler in one.handlers):
        return
    piece = one.piece
    for node in piece.own_nodes():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        if any(piece.literal(argument) is UNRESOLVED for argument in node.args[:1]):
            continue
        resource = piece.resolve(node.func.value)
        if node.func.attr == "increment" and isinstance(resource, Table):
            if all(piece.literal(argument) is not UNRESOLVED for argument in node.args):
                advice = "several items, one chosen at random each time, that are added up when they are read"
                yield from _rate(HOT_ITEM, "hot_items", piece, node, f"one item of table {resource.name!r}", advice)
        elif node.func.attr == "put" and isinstance(resource, Bucket):
            advice = "a key of its own each time"
            yield from _rate(HOT_OBJECT, "hot_objects", piece, node, f"one object of bucket {resource.name!r}", advice)


def _rate(code: str, capability: str, piece: Piece, node: ast.AST, what: str, alternative: str) -> Iterator[Diagnostic]:
    for provider in PROVIDERS:
        lacking = missing(load_profile(provider), capability)
        if lacking is not None:
            cause = f"every call writes {what}, and {provider} takes {lacking.note}"
            yield Diagnostic(code, "note", at(piece, node), provider, cause, alternative)


def _habits(one: Reached) -> Iterator[Diagnostic]:
    """What a process that lives on would forgive."""
    who = one.handlers[0][0]
    rules: tuple[tuple[str, Severity, Any, str], ...] = (
        (BACKGROUND, "warning", background_starts, "wait for it before the handler returns, or send a task"),
        (MODULE_STATE, "warning", module_writes, "keep it in a table; a module holds a cache at best"),
        (FILE, "warning", foreign_writes, ELSEWHERE),
    )
    for code, severity, rule, alternative in rules:
        for node, what in rule(one.piece):
            yield Diagnostic(code, severity, at(one.piece, node), None, f"{who}: {what}", alternative)
