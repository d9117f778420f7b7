"""What a deploy does so that data outlives it, and which data stores there are by which names. Pure."""

from collections.abc import Iterable, Sequence

from portable.errors import InvalidArgument

from .resources import Desired, Resource, ordered

PROTECTION = ("deleteProtectionState", "pointInTimeRecoveryEnablement")
OF_TABLES = frozenset({"index", "field"})


def with_data_kept(wanted: Desired, known: Iterable[Resource], *, is_prod: bool) -> Desired:
    """`wanted`, which was deployed once, and the data stores that have come since with what belongs to them.

    Whether the stage is production stays too, and with it what protects its data: only --no-prod of a deploy ends that.
    """
    before = {one.id: one for one in known}
    have = wanted.by_id()
    made: list[Resource] = []
    for one in wanted.resources:
        old = before.get(one.id)
        if one.kind == "database" and old is not None:
            one = one._replace(body={**one.body, **{key: old.body[key] for key in PROTECTION if key in old.body}})
        made.append(one)
    stays = [one for one in before.values() if one.id not in have and one.is_data_store]
    groups = {one.name for one in stays if one.kind == "table"}
    stays += [
        one for one in before.values() if one.id not in have and one.kind in OF_TABLES and group_of(one) in groups
    ]
    return wanted._replace(resources=ordered([*made, *stays]), is_prod=is_prod)


def group_of(one: Resource) -> str:
    """The collection group that an index or a field is of."""
    return "/".join(one.name.split("/")[:6])


def physical(one: Resource) -> str:
    """What people see of a data store: `database/collection` of a table, else its own name."""
    parts = one.name.split("/")
    return f"{parts[3]}/{parts[5]}" if one.kind == "table" else parts[-1]


def chosen(known: Sequence[Resource], named: Sequence[str]) -> list[Resource]:
    """Those data stores that are meant: by the app's name, `table:NAME` or the physical one. Raises InvalidArgument."""
    found: list[Resource] = []
    for text in named:
        hits = [one for one in known if text in (one.id, physical(one), one.id.partition(":")[2] or one.id)]
        if len(hits) != 1:
            listed = ", ".join(one.id for one in known) or "none"
            what = "no data store" if not hits else "more than one data store"
            raise InvalidArgument(f"{what} is called {text!r}", hint=f"there are: {listed}")
        found += [one for one in hits if one not in found]
    return found
