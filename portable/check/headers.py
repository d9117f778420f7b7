"""Headers that an app reads and that never arrive on Google Cloud: those whose names have an underscore.

Google's functions-framework runs gunicorn, which drops them, since a WSGI server cannot tell `x_key` from `x-key`.
https://docs.gunicorn.org/en/stable/settings.html#header-map
"""

import ast
from collections.abc import Iterator
from typing import Any

from portable.binding import Handler
from portable.errors import DeclarationError
from portable.grants.trees import walk
from portable.http import Request
from portable.parameters import plan_route
from portable.specs import Route

from .scopes import Piece


def dropped_parameters(handler: Handler) -> list[str]:
    """Headers that a route takes as arguments, by the names that clients send."""
    route = handler.spec.trigger
    if not isinstance(route, Route):
        return []
    try:
        plan = plan_route(handler.function, route, "", handler.spec.location)
    except DeclarationError:
        # A finding of its own.
        return []
    return [one.source for one in plan.parameters if one.where == "header" and "_" in one.source]


def dropped_reads(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Where code asks an argument that is a Request for such a header, and for which."""
    requests = {
        part.arg
        for part in (walk(piece.node) if piece.is_function else ())
        if isinstance(part, ast.arg) and part.annotation is not None and piece.resolve(part.annotation) is Request
    }
    for node in piece.nodes() if requests else ():
        name: Any = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and is_headers(node.value, requests):
            name = piece.literal(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr == "get" and is_headers(node.func.value, requests):
                name = piece.literal(node.args[0])
        elif (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.In | ast.NotIn)
            and is_headers(node.comparators[0], requests)
        ):
            name = piece.literal(node.left)
        if isinstance(name, str) and "_" in name:
            yield node, name


def is_headers(node: ast.AST, requests: set[str]) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "headers"
        and isinstance(node.value, ast.Name)
        and node.value.id in requests
    )
