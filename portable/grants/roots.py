"""From an App to what each of its handlers may reach."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, cast, get_type_hints

from portable.app import App, Service
from portable.binding import Handler
from portable.context import Context
from portable.dead_letters import DeadLetters
from portable.errors import Location
from portable.permissions import uses_line
from portable.specs import Delivery, GrantSpec, Route, WideningSpec

from .atoms import EMPTY, UNKNOWN, Value
from .calls import failure
from .kinds import is_filled, is_type
from .reading import Analysis
from .relevance import NOTHING_FILLED, Relevance, inner_functions
from .sources import class_of, is_app_class, is_app_function, is_app_module, members, own_attribute
from .state import Call, Use, Widening

MOST_STEPS = 100_000
MOST_TIMES = 20


class Derived(NamedTuple):
    """What the code needs: grants by handler, resource and verb, and what could not be followed."""

    grants: tuple[GrantSpec, ...]
    widenings: tuple[WideningSpec, ...]


class Root(NamedTuple):
    """Something that runs by itself: a handler with its middleware, or a mounted application."""

    name: str
    call: Call
    location: Location
    handler: Handler | None


def analyse(app: App, between: Callable[[], None] | None = None) -> Derived:
    """Follows the code of every handler. Pure but for importing modules of the app that functions import.

    What it fails at is reported, and widens the handler's grants to all resources: it does not raise.
    """
    try:
        return follow(app, between)
    except Exception as error:  # the process goes on without the analysis, and check tells of it
        return unfollowed(app, failure(error))


def follow(app: App, between: Callable[[], None] | None) -> Derived:
    """The grants of every handler, by its code."""
    modules = app_modules(app)
    roots: list[Root] = []
    filled = NOTHING_FILLED
    for _ in range(MOST_TIMES):
        seen = {**modules, "": handlers_of(app)}
        relevance = Relevance(seen, filled)
        classes = [cls for cls in classes_of(seen) if relevance.cls(cls)]
        analysis = Analysis(classes, relevance, set(modules))
        analysis.between = between
        analysis.everything = tuple(verbs_by_id(app))
        roots = list(roots_of(app, analysis))
        settle(analysis, roots, app)
        found = analysis.filled()
        if not analysis.late and found == filled:
            break
        # Once more: a function imports a module of the app, whose classes count from the start; or code puts resources
        # where functions find them that seemed not to matter.
        filled = found
        modules = app_modules(app, analysis.late | set(modules))
    return collect(app, roots)


def settle(analysis: Analysis, roots: list[Root], app: App) -> None:
    """Goes through what is stale, until nothing is."""
    for root in roots:
        analysis.waiting[root.call] = None
    left = MOST_STEPS
    while analysis.waiting:
        analysis.evaluate(next(iter(analysis.waiting)))
        left -= 1
        if not left:
            raise RuntimeError(f"the grants of {app.name!r} were not settled after {MOST_STEPS:,} steps")


def roots_of(app: App, analysis: Analysis) -> Iterator[Root]:
    """Handlers with their middleware, and mounted applications."""
    for part in app.parts():
        for name, handler in part.handlers.items():
            qualified = part.qualify(name)
            work = partial(enter_handler, analysis, app, part, handler)
            call = Call(("root", qualified), work=work)
            yield Root(qualified, call, handler.spec.location, handler)
        for spec, application in part.mounts:
            path = f"{part.prefix}{spec.path}".rstrip("/") or "/"
            work = partial(enter_mount, analysis, app, part, spec.location, application)
            yield Root(f"mount:{path}", Call(("mount", path), work=work), spec.location, None)


def enter_handler(analysis: Analysis, app: App, part: Service, handler: Handler) -> Value:
    """Calls a handler with what the framework gives it, and its middleware."""
    if handler.spec.uses is None:
        start_at(analysis, handler.spec.location)
        function: Any = handler.function
        answer = analysis.call_value(analysis.live(function), [], arguments_of(analysis, function))
        if isinstance(handler.spec.trigger, Route):
            # The answer is written out.
            analysis.given_to_portable(answer - analysis.resources(answer), "the answer")
        if isinstance(handler.spec.trigger, Route):
            enter_middleware(analysis, app, part)
    return EMPTY


def start_at(analysis: Analysis, location: Location) -> None:
    analysis.file, analysis.line, analysis.column = location.file, location.line, 0


def enter_middleware(analysis: Analysis, app: App, part: Service) -> None:
    for middleware in {id(found): found for found in (*app.middlewares, *part.middlewares)}.values():
        analysis.call_value(analysis.live(cast("Any", middleware)), [frozenset((UNKNOWN,))], {})


def enter_mount(analysis: Analysis, app: App, part: Service, location: Location, application: Any) -> Value:
    """A mounted application calls every function of the app that it holds."""
    start_at(analysis, location)
    enter_middleware(analysis, app, part)
    unknown: Value = frozenset((UNKNOWN,))
    value = analysis.live(application)
    if any(analysis.is_callable(atom) for atom in value):
        analysis.call_value(value, [unknown] * 3, {})
    for held in analysis.reach(application):
        if is_app_function(held):
            count = held.__code__.co_argcount + held.__code__.co_kwonlyargcount
            analysis.call_value(analysis.live(held), [unknown] * count, {"**": unknown})
            analysis.annotated(held)
        else:
            analysis.escape(analysis.live(held), "a mounted application")
    return EMPTY


def arguments_of(analysis: Analysis, function: Any) -> dict[str, Value]:
    """What the framework makes of a request or a payload for each parameter, by its annotation."""
    inner = function
    while own_attribute(inner, "__wrapped__") is not None:
        inner = own_attribute(inner, "__wrapped__")
    inner = own_attribute(inner, "__func__", inner)
    if not isinstance(inner, FunctionType):
        call = members(class_of(inner)).get("__call__")
        if not isinstance(call, FunctionType):
            return {}
        inner = call
    try:
        whole = get_type_hints(inner, include_extras=True)
        # Classes alone have nothing that could be left out of them.
        hints = whole if all(is_type(one) for one in whole.values()) else get_type_hints(inner)
    except (NameError, TypeError, AttributeError):
        hints = whole = {}
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found: dict[str, Value] = {}
    defaults = dict(
        zip(reversed(code.co_varnames[: code.co_argcount]), reversed(inner.__defaults__ or ()), strict=False)
    )
    for name in names:
        if name in ("self", "cls") and name not in hints:
            continue
        annotation = hints.get(name, Any)
        value = EMPTY if annotation is Context else analysis.typed(annotation, ("parameter", name))
        found[name] = value | (analysis.live(defaults[name]) if name in defaults else EMPTY)
        made_by_library(analysis, value)
        if annotation is not Context and name in whole:
            analysis.validated(whole[name])
    return found


def made_by_library(analysis: Analysis, value: Value) -> None:
    """Models are made by their library, which runs their validators."""
    for atom in analysis.deep(value):
        cls = getattr(atom, "cls", None)
        if cls is not None:
            analysis._library_made(atom, cls)


# Modules and classes


def app_modules(app: App, more: set[str] | None = None) -> dict[str, ModuleType]:
    """The app's modules: those of its handlers and resources, and what they import, as far as it is loaded."""
    start: set[str] = set(more or ())
    for part in app.parts():
        for handler in part.handlers.values():
            start.add(str(getattr(handler.function, "__module__", "")))
        start.update(str(getattr(middleware, "__module__", "")) for middleware in part.middlewares)
    files = {location.file for location in locations(app)}
    start.update(name for name, loaded in list(sys.modules.items()) if getattr(loaded, "__file__", None) in files)
    found: dict[str, ModuleType] = {}
    stack = sorted(start)
    while stack:
        name = stack.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not is_app_module(module):
            continue
        found[name] = module
        for value in list(members(module).values()):
            if isinstance(value, ModuleType):
                stack.append(value.__name__)
            elif isinstance(value, FunctionType | type) or hasattr(class_of(value), "__module__"):
                module_name = own_attribute(value, "__module__")
                stack.append(str(module_name if isinstance(module_name, str) else class_of(value).__module__))
    return found


def handlers_of(app: App) -> ModuleType:
    """Handlers, and the classes and functions in the variables around them, as if they were a module of the app.

    An app that is made by a function has them nowhere else.
    """
    made = ModuleType("")
    stack: list[Any] = []
    for part in app.parts():
        stack += [handler.function for handler in part.handlers.values()]
        stack += part.middlewares
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if not is_type(value) and is_app_class(class_of(value)):
            stack.append(class_of(value))
        for function in [value, *(members(value).values() if is_type(value) else ())]:
            for inner in inner_functions(function):
                stack += [cell.cell_contents for cell in inner.__closure__ or () if is_filled(cell)]
        if is_type(value) or inner_functions(value):
            setattr(made, f"_{len(seen)}", value)
    return made


def locations(app: App) -> Iterator[Location]:
    for part in app.parts():
        yield part.location
        yield from (resource.location for resource in part.resources.values())


def classes_of(modules: dict[str, ModuleType]) -> list[type]:
    """The app's classes that stand in its modules, with those inside them."""
    found: dict[int, type] = {}
    stack: list[Any] = [value for name in sorted(modules) for value in members(modules[name]).values()]
    while stack:
        value = stack.pop()
        if is_type(value) and id(value) not in found and is_app_class(value):
            found[id(value)] = value
            stack.extend(members(value).values())
    return sorted(found.values(), key=lambda cls: (cls.__module__, cls.__qualname__))


# Results


def collect(app: App, roots: list[Root]) -> Derived:
    """The grants of every root, and every widening once with what to write instead."""
    verbs = verbs_by_id(app)
    grants: list[GrantSpec] = []
    widenings: list[WideningSpec] = []
    for root in roots:
        found: dict[tuple[str, str], GrantSpec] = {}
        if root.handler is not None:
            implied(root, found)
        if root.handler is not None and root.handler.spec.uses is not None:
            declared(root, found)
        else:
            sure, doubtful = reached(root.call)
            add_exact(root, sure, found)
            reports = add_widened(root, sure, doubtful, found, verbs)
            if reports:
                instead = proposal(app, found)
                widenings.extend(report._replace(instead=instead) for report in reports)
        grants.extend(found.values())
    return Derived(
        tuple(sorted(grants, key=lambda grant: (grant.handler, grant.resource, grant.verb))),
        tuple(sorted(set(widenings))),
    )


def unfollowed(app: App, what: str) -> Derived:
    """The grants of an app whose code cannot be followed at all: every verb of everything, but where `uses=` says."""
    roots = [
        Root(root.name, Call(root.name), root.location, root.handler)
        for root in roots_of(app, Analysis([], Relevance({}), set()))
    ]
    for root in roots:
        root.call.widenings.update(
            Widening(resource, root.location.file, root.location.line, what) for resource in verbs_by_id(app)
        )
    return collect(app, roots)


def verbs_by_id(app: App) -> dict[str, tuple[str, ...]]:
    """The verbs of everything that grants can be for: resources, dead letters, and the records of `idempotent`."""
    found = {resource.id: resource.verbs for part in app.parts() for resource in part.resources.values()}
    for part in app.parts():
        for name, handler in part.handlers.items():
            if not isinstance(handler.spec.trigger, Route):
                found[f"{DeadLetters.kind}:{part.qualify(name)}"] = DeadLetters.verbs
    return {**found, "state": ("idempotent",)}


def proposal(app: App, found: dict[tuple[str, str], GrantSpec]) -> str:
    """A `uses=` with the verbs that are sure; where none of a resource is, all of them, to choose from."""
    wanted: dict[str, list[str]] = {}
    handler = ""
    for (resource, verb), grant in found.items():
        handler = grant.handler
        if grant.how == "exact":
            wanted.setdefault(resource, []).append(verb)
    for (resource, verb), grant in found.items():
        if grant.how == "widened" and not any(g.how == "exact" and g.resource == resource for g in found.values()):
            wanted.setdefault(resource, []).append(verb)
    return uses_line(app, wanted, handler)


def implied(root: Root, found: dict[tuple[str, str], GrantSpec]) -> None:
    """A task's runner keeps the record of its runs and their progress."""
    assert root.handler is not None
    trigger = root.handler.spec.trigger
    if isinstance(trigger, Delivery) and trigger.kind == "task":
        resource = f"task:{trigger.source}"
        found[resource, "report"] = GrantSpec(root.name, resource, "report", "implied", (root.location,))


def declared(root: Root, found: dict[tuple[str, str], GrantSpec]) -> None:
    assert root.handler is not None
    for resource, verbs in root.handler.spec.uses or ():
        for verb in verbs:
            found[resource, verb] = GrantSpec(root.name, resource, verb, "declared", (root.location,))


def reached(start: Call) -> tuple[set[Call], list[tuple[Call, str, int, str]]]:
    """The calls that are surely made from one, and the doubtful ones: (call, file, line, doubt)."""
    sure = closure_of(start)
    doubtful = [
        (target, file, line, doubt)
        for call in sure
        for (target, file, line), doubt in call.doubtful.items()
        if target not in sure
    ]
    return sure, doubtful


def closure_of(start: Call) -> set[Call]:
    found: set[Call] = set()
    stack = [start]
    while stack:
        call = stack.pop()
        if call not in found:
            found.add(call)
            stack.extend(call.edges)
    return found


def add_exact(root: Root, calls: set[Call], found: dict[tuple[str, str], GrantSpec]) -> None:
    places: dict[tuple[str, str], set[Location]] = {}
    for call in calls:
        for use in call.uses:
            places.setdefault((use.resource, use.verb), set()).add(Location(use.file, use.line))
    for (resource, verb), lines in places.items():
        found[resource, verb] = GrantSpec(root.name, resource, verb, "exact", tuple(sorted(lines)))


def add_widened(
    root: Root,
    sure: set[Call],
    doubtful: list[tuple[Call, str, int, str]],
    found: dict[tuple[str, str], GrantSpec],
    verbs: dict[str, tuple[str, ...]],
) -> list[WideningSpec]:
    """What may be used besides, and why; nothing where it is surely used anyhow."""
    reports: list[WideningSpec] = []

    def widen(resource: str, verb: str, file: str, line: int) -> None:
        known = found.get((resource, verb))
        place = Location(file, line)
        if known is None:
            found[resource, verb] = GrantSpec(root.name, resource, verb, "widened", (place,))
        elif known.how == "widened" and place not in known.locations:
            found[resource, verb] = known._replace(locations=tuple(sorted({*known.locations, place})))

    def whole(calls: set[Call]) -> None:
        for call in calls:
            for widening in call.widenings:
                for verb in verbs.get(widening.resource, ()):
                    widen(widening.resource, verb, widening.file, widening.line)
                reports.append(
                    WideningSpec(
                        root.name, widening.resource, widening.what, Location(widening.file, widening.line), ""
                    )
                )

    whole(sure)
    seen: set[Call] = set(sure)
    pending = sorted(doubtful, key=lambda entry: entry[1:])
    while pending:
        target, file, line, doubt = pending.pop(0)
        if target in seen:
            continue
        below = closure_of(target) - seen
        seen |= below
        needed: set[Use] = {use for call in below for use in call.uses}
        for use in sorted(needed):
            known = found.get((use.resource, use.verb))
            if known is None or known.how == "widened":
                widen(use.resource, use.verb, use.file, use.line)
                reports.append(WideningSpec(root.name, use.resource, doubt, Location(file, line), ""))
        whole(below)
        pending.extend(
            (inner, inner_file, inner_line, inner_doubt)
            for call in below
            for (inner, inner_file, inner_line), inner_doubt in call.doubtful.items()
        )
    return reports
