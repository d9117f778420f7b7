"""What is wanted against what is there: moves, and a Plan of them for people. Pure.

What Google adds of its own is no difference; what we say and Google has otherwise is. `known` is what the stage's
record says was made: what of it is not wanted any more goes. Of access only what we gave is ever taken.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from portable.deploy.plan import Action, Change, Plan, ordered

from .handover import has_heard_all_along, is_handed_over, led_back_to
from .libraries import Found
from .resources import BEFORE, RENAMED, REPLACING, Desired, Resource, rank
from .sessions import members_of

EXACT = frozenset({"environmentVariables"})
"""Maps that have nothing but what we say."""
WORDS = {"api": "interface", "account": "service account"}
PROVIDER = "gcp"
HANDED_OVER = "what is in it has been handed over by then"


class Move(NamedTuple):
    """What is done about one resource. `paths` are those that differ; `found` is what is there.

    Of access, `give` and `take` are bindings. `back_to` is the snapshot that a subscription is led back to. `loses`:
    what waits in it is lost, as data would be.
    """

    action: Action
    resource: Resource
    reasons: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    found: Found | None = None
    give: tuple[dict[str, Any], ...] = ()
    take: tuple[dict[str, Any], ...] = ()
    back_to: str = ""
    loses: bool = False


def moves_to(wanted: Sequence[Resource], known: Sequence[Resource], found: Mapping[str, Found]) -> tuple[Move, ...]:
    """All moves, in the order in which they are made: from nothing to what is wanted, then what is to go.

    What is wanted has the snapshots that handover.py makes of it.
    """
    before = {one.id: one for one in known}
    ids = {one.id for one in wanted}
    taken = [one for one in wanted if one.kind == "snapshot"]
    made: dict[str, Move] = {}
    for one in wanted:
        if one.kind != "access":
            made[one.id] = led_back(move_of(one, before.get(one.id), found.get(one.id)), taken)
    renewed = {move.resource.name.replace("/functions/", "/services/") for move in made.values() if is_new(move)}
    for one in wanted:
        if one.kind == "access":
            made[one.id] = access_move(one, before.get(one.id), found.get(one.id), is_new=one.name in renewed)
    gone = [leaving(one, known, found, taken, ids) for one in known if one.id not in ids]
    going = [move for move in gone if move is not None]
    going += [Move("delete", one, (HANDED_OVER,), (), Found(one.name, {})) for one in taken]
    return (
        *sorted(made.values(), key=lambda move: (rank(move.resource), move.resource.id)),
        *sorted(going, key=lambda move: (-rank(move.resource), move.resource.id)),
    )


def is_new(move: Move) -> bool:
    return move.action in ("create", "replace")


def move_of(one: Resource, before: Resource | None, found: Found | None) -> Move:
    if found is None:
        return Move("create", one)
    # Of a table Google knows nothing: what it was is what was written down of it.
    there = found.body if one.kind != "table" else (before or one).body
    paths = tuple(differing(one.body, there))
    if found.name != one.name and before is not None and before.name != one.name:
        paths = (*paths, "name")
    fixed = [path for path in paths if path.split("/")[0] in REPLACING.get(one.kind, ())]
    reasons = tuple(reason_of(one.body, there, path) for path in paths)
    if found.is_failed:
        reasons = (*reasons, f"it is {found.state}")
    if fixed:
        never = "Google does not change that in what is there: it is made anew"
        loses = one.kind in RENAMED
        if loses:
            never += ", and what waits in it is lost"
        return Move("replace", one, (*reasons, never), paths, found, loses=loses)
    if found.is_failed and one.kind == "index":
        return Move("replace", one, reasons, paths, found)
    if paths or found.is_failed:
        return Move("update", one, reasons, paths or tuple(one.body), found)
    return Move("keep", one, (), (), found)


def led_back(move: Move, taken: Iterable[Resource]) -> Move:
    """The same, of a subscription with what the one before it has not delivered."""
    snapshot = led_back_to(move.resource, taken)
    if snapshot is None:
        return move
    reasons = (*move.reasons, "it takes over what the one before it has not delivered")
    action: Action = "update" if move.action == "keep" else move.action
    return move._replace(action=action, reasons=reasons, back_to=snapshot.name)


def leaving(
    one: Resource, known: Sequence[Resource], now: Mapping[str, Found], taken: Iterable[Resource], ids: Container[str]
) -> Move | None:
    """What becomes of what is wanted no more; None if it is gone, or others may use it. `ids` are wanted."""
    found = now.get(one.id)
    if one.kind == "api" or found is None:
        return None
    if one.kind == "access":
        there = members_of(found.body.get("bindings", ()))
        take = of_ours(one.body["bindings"], there)
        return Move("delete", one, ("it is not needed any more",), (), found, (), take) if take else None
    if one.kind == "snapshot":
        return Move("delete", one, (HANDED_OVER,), (), found)
    if one.kind in RENAMED and one.id.partition(BEFORE)[0] in ids:
        if is_handed_over(one, taken):
            return Move("delete", one, ("another takes its place, with what it has not delivered",), (), found)
        if has_heard_all_along(one, known, now):
            return Move("delete", one, ("another takes its place, which was there before it",), (), found)
        lost = (
            "another takes its place, and what it has not delivered is lost; to lose nothing, let the old handler "
            "stand beside a new one of another name until that is delivered"
        )
        return Move("delete", one, (lost,), (), found, loses=True)
    lost = "; what waits in it is lost" if one.kind == "queue" or one.kind in RENAMED else ""
    return Move("delete", one, (f"it is not declared any more{lost}",), (), found)


# Access


def access_move(one: Resource, before: Resource | None, found: Found | None, *, is_new: bool) -> Move:
    """`is_new`: what it is about is made, or made anew, and has no bindings then."""
    there = {} if found is None or is_new else members_of(found.body.get("bindings", ()))
    wanted = members_of(one.body["bindings"])
    give = tuple(
        {**binding, "members": missing}
        for binding in one.body["bindings"]
        if (missing := sorted(set(binding["members"]) - there.get(key_of(binding), set())))
    )
    old = (
        ()
        if before is None
        else tuple(
            {**binding, "members": more}
            for binding in before.body["bindings"]
            if (more := sorted(set(binding["members"]) - wanted.get(key_of(binding), set())))
        )
    )
    take = of_ours(old, there)
    if not give and not take:
        return Move("keep", one, (), (), found)
    reasons = [f"gives {shown_binding(binding)}" for binding in give]
    reasons += [f"takes {shown_binding(binding)}" for binding in take]
    has_some = any(wanted[key] & there.get(key, set()) for key in wanted) or bool(take)
    return Move("update" if has_some else "create", one, tuple(reasons), (), found, give, take)


def of_ours(
    bindings: Iterable[Mapping[str, Any]], there: Mapping[tuple[str, str], set[str]]
) -> tuple[dict[str, Any], ...]:
    """Those of the bindings that are there."""
    return tuple(
        {**binding, "members": members}
        for binding in bindings
        if (members := sorted(set(binding["members"]) & there.get(key_of(binding), set())))
    )


def key_of(binding: Mapping[str, Any]) -> tuple[str, str]:
    return str(binding["role"]), str(binding.get("condition", {}).get("expression", ""))


def shown_binding(binding: Mapping[str, Any]) -> str:
    members = ", ".join(str(name).partition("@")[0].removeprefix("serviceAccount:") for name in binding["members"])
    limit = f" where {binding['condition']['expression']}" if "condition" in binding else ""
    return f"{binding['role']} to {members}{limit}"


# Bodies


def differing(wanted: Any, there: Any, at: str = "", *, exact: bool = False) -> list[str]:
    """Paths at which what is there is not what is wanted; what is there besides does not matter, unless `exact`."""
    if isinstance(wanted, Mapping):
        mine = cast("Mapping[str, Any]", wanted)
        if not isinstance(there, Mapping):
            return [at]
        theirs = cast("Mapping[str, Any]", there)
        found: list[str] = []
        for key in sorted({*mine, *theirs} if exact else mine):
            path = f"{at}/{key}" if at else key
            if key not in theirs or key not in mine:
                found.append(path)
            else:
                found += differing(mine[key], theirs[key], path, exact=key in EXACT)
        return found
    if isinstance(wanted, list):
        ours: list[Any] = list(cast("Any", wanted))
        others: list[Any] = list(cast("Any", there)) if isinstance(there, list) else []
        if not isinstance(there, list) or len(others) != len(ours):
            return [at]
        return [at] if any(differing(mine, other) for mine, other in zip(ours, others, strict=True)) else []
    return [] if wanted == there else [at or "."]


def reason_of(wanted: Any, there: Any, path: str) -> str:
    if path == "name":
        return "it has another name"
    return f"{path}: {short(at_path(there, path))} becomes {short(at_path(wanted, path))}"


def at_path(value: Any, path: str) -> Any:
    for key in path.split("/"):
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


# Plans


def plan_of(desired: Desired, moves: Iterable[Move], *, steps: Sequence[str] = ()) -> Plan:
    """For people, and to be agreed to."""
    changes = [
        Change(
            move.action,
            WORDS.get(move.resource.kind, move.resource.kind),
            move.resource.shown or move.resource.id,
            move.resource.id,
            move.reasons,
            move.resource.where,
            move.resource.is_data_store or move.loses,
        )
        for move in moves
    ]
    return Plan(desired.app, desired.stage, PROVIDER, ordered(changes), tuple(steps))


# Whose things are


def owner_of(one: Resource, found: Found) -> Literal["ours", "others", "unknown"]:
    """Whose a thing is, by what it says of itself; a thing that says nothing is known by the stage's record alone."""
    tags = cast("Mapping[str, Any]", found.body.get("labels") or {})
    wanted = cast("Mapping[str, Any]", one.body.get("labels") or {})
    if wanted:
        return "ours" if all(tags.get(key) == wanted[key] for key in ("app", "stage")) else "others"
    if "description" in one.body and one.kind in ("account", "job"):
        return "ours" if found.body.get("description") == one.body["description"] else "others"
    if one.kind == "queue":
        return "ours" if email_in(found.body) == email_in(one.body) else "others"
    return "unknown"


def email_in(queue: Mapping[str, Any]) -> Any:
    return at_path(queue, "httpTarget/oidcToken/serviceAccountEmail")


def strangers(wanted: Iterable[Resource], known: Iterable[Resource], found: Mapping[str, Found]) -> list[Resource]:
    """Of what is wanted, what is there already and is not this stage's."""
    ids = {one.id: one.name for one in known}
    return [
        one
        for one in wanted
        if one.id in found
        and ids.get(one.id) != one.name
        and one.kind not in ("api", "access", "table", "index", "field", "notification")
        and owner_of(one, found[one.id]) != "ours"
    ]
