"""Grants: which verbs of which resources each handler can reach, found in the code and not by running it.

The code of the app is followed through functions, methods, closures, containers and modules as they are once the app is
imported. What cannot be followed is reported and widens the handler's grants to all verbs of the resource that is
concerned, never to other resources. `uses=` replaces what is found.

This is for the manifest, deploys and the local runtime: a deployed function never imports it. What it finds is enforced
by portable/permissions.py.
"""

import threading
import weakref
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from portable.app import App
from portable.binding import Resource
from portable.specs import GrantSpec, WideningSpec

from .roots import Derived, analyse, app_modules
from .sources import members

__all__ = ["Derived", "GrantSpec", "WideningSpec", "derive"]

_turn = threading.RLock()
_kept: "weakref.WeakKeyDictionary[App, tuple[Any, Derived]]" = weakref.WeakKeyDictionary()


def derive(app: App, *, between: Callable[[], None] | None = None) -> Derived:
    """The grants and widenings of every handler of `app`, sorted.

    Kept until something is declared or a function, class or object of the app's modules is replaced. `between` is
    called between any two steps.
    """
    # One at a time: several threads may ask at once, and the parser of Python 3.11 fails when two use it.
    with _turn:
        print_of_now = fingerprint(app)
        kept = _kept.get(app)
        if kept is None or kept[0] != print_of_now:
            kept = _kept[app] = (print_of_now, analyse(app, between))
        return kept[1]


def fingerprint(app: App) -> tuple[object, ...]:
    """What tells whether the app's code is still the same: its declarations, and what its modules hold."""
    found: list[object] = []
    for part in app.parts():
        found.append((part.name, part.prefix))
        found.extend((handler.spec, id(handler.function)) for handler in part.handlers.values())
        found.extend(id(middleware) for middleware in part.middlewares)
        found.extend(id(application) for _, application in part.mounts)
        found.extend(resource.id for resource in part.resources.values())
    for name, module in sorted(app_modules(app).items()):
        found.append(name)
        found.extend((key, _mark(value)) for key, value in list(members(module).items()) if _counts(value))
    return tuple(found)


def _counts(value: object) -> bool:
    return isinstance(value, FunctionType | ModuleType | type | Resource | dict | list | tuple | set) or hasattr(
        value, "__dict__"
    )


def _mark(value: Any) -> tuple[int, int]:
    """A container also counts by how much it holds."""
    return id(value), len(value) if isinstance(value, dict | list | tuple | set) else 0  # pyright: ignore[reportUnknownArgumentType]
