"""Watching what handlers use, and taking a grant away, so that a test can ask whether the grants of an app are right.

    with observed() as seen, running(app) as started:
        started.request("GET", "/notes/ada/1")
    assert ("read", "table:notes", "require") in seen.uses

    with observed(without=[("read", "table:notes", "require")]), running(app) as started:
        assert started.request("GET", "/notes/ada/1").status == 403

It counts for apps that start inside it.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import NamedTuple

from portable.permissions import Watch, watches

__all__ = ["Observed", "Used", "observed"]

Used = tuple[str, str, str]
"""Handler, resource, verb."""


class Observed(NamedTuple):
    """What handlers used, and what they were refused, as far as it has come."""

    uses: set[Used]
    refused: set[Used]


@contextmanager
def observed(*, without: Iterable[Used] = ()) -> Generator[Observed]:
    """Watches handlers until the block ends; uses that are in `without` are refused with PermissionDenied."""
    seen = Observed(set(), set())

    def record(handler: str, resource: str, verb: str, is_allowed: bool) -> None:
        (seen.uses if is_allowed else seen.refused).add((handler, resource, verb))

    watch = Watch(record, frozenset(without))
    watches.append(watch)
    try:
        yield seen
    finally:
        watches.remove(watch)
