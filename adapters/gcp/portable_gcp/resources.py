"""What an app is in Google Cloud, as values: one Resource for each thing that Google's interfaces know by a name.

Bodies are as Google's discovery documents have them (https://www.googleapis.com/discovery/v1/apis), without the name
and without what only Google sets. Nothing here or in translate.py asks or changes anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "api", "account", "database", "table", "index", "field", "bucket", "topic", "secret", "access", "function", "queue",
    "snapshot", "subscription", "notification", "trigger", "job",
]  # fmt: skip
ORDER: tuple[tuple[Kind, ...], ...] = (
    ("api",),
    ("account",),
    ("database", "bucket", "topic", "secret"),
    ("table", "index", "field"),
    ("function",),
    ("queue", "snapshot"),
    ("subscription", "notification", "trigger", "job"),
)
"""What has to be there before what; it goes in the opposite order. The kinds of one step need nothing of each other.

Access to a thing is given as soon as it is there: see `rank`.
"""
DATA_STORES: frozenset[Kind] = frozenset({"database", "table", "bucket", "secret"})
"""What cannot be made again: it stays when a stage is destroyed, and is never replaced or deleted unnamed."""
RANKS: dict[str, int] = {kind: 2 * number for number, kinds in enumerate(ORDER) for kind in kinds}
TARGETS: dict[str, Kind] = {
    "buckets": "bucket",
    "queues": "queue",
    "secrets": "secret",
    "serviceAccounts": "account",
    "services": "function",
    "subscriptions": "subscription",
    "topics": "topic",
}
"""The kinds of what access is to, by the last but one part of their names; a function is a service of Cloud Run."""

REPLACING: dict[Kind, tuple[str, ...]] = {
    "database": ("locationId", "type"),
    "table": ("key",),
    "bucket": ("location",),
    "secret": ("replication",),
    "subscription": ("topic", "filter"),
    "trigger": ("eventFilters", "transport"),
    "index": ("fields", "queryScope", "apiScope"),
}
"""Fields that Google does not change in what is there: another value is another resource under the same name."""

BEFORE = "@"
"""In the id of what another has taken the place of; what stands before it is the other's."""
RENAMED: frozenset[Kind] = frozenset({"subscription", "trigger"})
"""Kinds whose names say what Google does not change in them: the new one is made before the old one goes."""
SNAPSHOT = "snapshot:"
"""How the ids of snapshots begin: there are only those that hand over what an old subscription has."""


class Resource(NamedTuple):
    """One thing. `id` is ours and stays: `queue:core.import`. `name` is Google's, from the project on.

    `shown` is what people know it by; `where` is `file:line` of its declaration, None for what the framework adds.
    """

    id: str
    kind: Kind
    name: str
    body: dict[str, Any]
    shown: str = ""
    where: str | None = None

    @property
    def is_data_store(self) -> bool:
        return self.kind in DATA_STORES


class Desired(NamedTuple):
    """All of one app in one stage, and what its people want to know of it."""

    app: str
    stage: str
    is_prod: bool
    resources: tuple[Resource, ...]
    functions: dict[str, str]
    """The physical name of each function by its id."""
    outputs: dict[str, str]

    def by_id(self) -> dict[str, Resource]:
        return {one.id: one for one in self.resources}


def rank(one: Resource) -> int:
    """When it is made: the smaller the earlier. What is to be gone goes the other way round."""
    if one.kind != "access":
        return RANKS[one.kind]
    parts = one.name.split("/")
    return RANKS[TARGETS[parts[-2]] if len(parts) > 2 else "account"] + 1


def ordered(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda one: (rank(one), one.id)))


def labels(app: str, stage: str, service: str) -> dict[str, str]:
    """What everything has that takes labels: by them it is known whose it is."""
    return {"app": app, "stage": stage, "service": service}


def mark(app: str, stage: str) -> str:
    """The same in a description, where there are no labels."""
    return f"app={app} stage={stage}, by portable"


def short(one: Resource) -> str:
    """The last part of its name."""
    return one.name.rpartition("/")[2]


def to_json(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    return [one._asdict() for one in resources]


def from_json(values: Iterable[Mapping[str, Any]]) -> tuple[Resource, ...]:
    return tuple(Resource(**{name: value[name] for name in Resource._fields}) for value in values)
