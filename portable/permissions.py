"""Enforcing grants: whether the handler that runs may use a verb of a resource.

A finished table is read, nothing is derived here. Code that no handler called, such as the body of a test, is not
restricted. A thread that a handler starts by itself has no handler either, unless it is given the handler's context
variables (`contextvars.copy_context().run`, `asyncio.to_thread`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .binding import Resource, current_context
from .errors import PermissionDenied, caller_location

if TYPE_CHECKING:
    from .app import App
    from .specs import GrantSpec

Table = Mapping[str, Mapping[str, frozenset[str]]]
"""Handler -> resource -> verbs."""
Recorder = Callable[[str, str, str, bool], None]
NOTHING: dict[str, frozenset[str]] = {}
NO_VERBS: frozenset[str] = frozenset()
DEEPEST = 3
MOST_PLACES = 1000


def permissions(grants: "Iterable[GrantSpec]") -> Table:
    """The table of a manifest's grants."""
    found: dict[str, dict[str, set[str]]] = {}
    for grant in grants:
        found.setdefault(grant.handler, {}).setdefault(grant.resource, set()).add(grant.verb)
    return {
        handler: {resource: frozenset(verbs) for resource, verbs in resources.items()}
        for handler, resources in found.items()
    }


class Watch(NamedTuple):
    """What a test wants to know or change: see portable.testing.grants."""

    record: Recorder
    without: frozenset[tuple[str, str, str]]


watches: list[Watch] = []
"""Taken into account by bindings that are made while they are in it."""


def authorizer(app: "App", load: Callable[[], Table]) -> Callable[[str, str], None]:
    """What a Binding's `authorize` is: raises PermissionDenied when the handler that runs has no such grant.

    `load` gives the table; it is asked once, when a handler first uses something.
    """
    name = app.name
    running = current_context.get
    table: Table | None = None
    watch = watches[-1] if watches else None

    def authorize(resource: str, verb: str) -> None:
        nonlocal table
        context = running()
        if context is None or context.app != name:
            return
        if table is None:
            table = load()
        handler = context.handler
        is_allowed = verb in table.get(handler, NOTHING).get(resource, NO_VERBS)
        if watch is not None:
            is_allowed = is_allowed and (handler, resource, verb) not in watch.without
            watch.record(handler, resource, verb, is_allowed)
        if not is_allowed:
            raise refusal(app, table, handler, resource, verb)

    return authorize


def refusal(app: "App", table: Table, handler: str, resource: str, verb: str) -> PermissionDenied:
    """The error, with the line to add: `uses=` with all that the handler has, and what it lacks."""
    wanted = {**{name: set(verbs) for name, verbs in table.get(handler, NOTHING).items()}}
    wanted.setdefault(resource, set()).add(verb)
    found = app.all_handlers().get(handler)
    where = f" at {found.spec.location}" if found is not None else ""
    return PermissionDenied(
        f"{handler} has no grant for {verb!r} on {resource}",
        hint=f"add to the handler{where}: {uses_line(app, wanted, handler)}",
        location=caller_location(),
        resource=resource,
    )


def uses_line(app: "App", wanted: Mapping[str, Iterable[str]], handler: str) -> str:
    """`uses=[notes.can("get", "put")]` for these verbs by resource; what is granted without saying is left out."""
    resources = {resource.id: resource for part in app.parts() for resource in part.resources.values()}
    found = app.all_handlers().get(handler)
    names: dict[str, Any] = getattr(found.function, "__globals__", {}) if found is not None else {}
    parts: list[str] = []
    for id, verbs in sorted(wanted.items()):
        resource = resources.get(id)
        shown = [verb for verb in (resource.verbs if resource is not None else sorted(verbs)) if verb in verbs]
        if id == f"task:{handler}" and "report" in shown:
            shown.remove("report")
        if shown and resource is not None:
            quoted = ", ".join(f'"{verb}"' for verb in shown)
            parts.append(f"{variable(resource, names)}.can({quoted})")
    return f"uses=[{', '.join(parts)}]"


def variable(resource: Resource[Any], names: Mapping[str, Any]) -> str:
    """What a module that has `names` calls a resource: `notes`, `store.notes`, `store.Files.inbox`.

    Else the name that it has in the module which declares it, which is to be imported first; else one made of its own.
    """
    import sys

    known = _path_to(resource, names)
    if known is not None:
        return known
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == resource.location.file:
            known = _path_to(resource, vars(module))
            if known is not None:
                return known
    return resource.name.replace("-", "_")


def _path_to(resource: Resource[Any], names: Mapping[str, Any]) -> str | None:
    """The shortest way from names to a resource, through modules and classes of the app and objects of those."""
    level: list[tuple[str, Mapping[str, Any]]] = [("", names)]
    seen: set[int] = set()
    for _ in range(DEEPEST):
        below: list[tuple[str, Mapping[str, Any]]] = []
        for prefix, members in level:
            for name, value in list(members.items()):
                if value is resource:
                    return f"{prefix}{name}"
                if name.startswith("__") or id(value) in seen or isinstance(value, Resource):
                    continue
                seen.add(id(value))
                inside = _members(value)
                if inside is not None:
                    below.append((f"{prefix}{name}.", inside))
        level = below[:MOST_PLACES]
    return None


def _members(value: Any) -> Mapping[str, Any] | None:
    """What a module or class of the app holds, or an object of one; None for anything of a library's."""
    import sys

    if isinstance(value, type(sys)):
        home: object = value.__name__
    else:
        home = getattr(value if isinstance(value, type) else type(value), "__module__", None)
    package = str(home).partition(".")[0]
    if package == "portable" or package in sys.stdlib_module_names:
        return None
    file = getattr(sys.modules.get(str(home)), "__file__", None)
    if not isinstance(file, str) or "site-packages" in file:
        return None
    found: Mapping[str, Any] | None = getattr(value, "__dict__", None)
    return found
