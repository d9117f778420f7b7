"""Where a function may do more than its handlers were granted, since Google cannot limit it. Pure.

A role on Firestore is one on the whole database of a stage. The app's tables are in it, and the framework's own records
(runs of tasks, attempts, dead letters, leases, results of idempotent calls): whoever needs one of them has the role.
The role that writes objects of a bucket also reads and deletes them.
https://cloud.google.com/firestore/docs/security/iam
https://cloud.google.com/storage/docs/access-control/iam-roles
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from portable.deploy.diagnostics import Diagnostic
from portable.deploy.functions import FunctionGroup
from portable.errors import Location

from .grouping import groups_of
from .roles import OBJECT_USER, OBJECT_VERBS, OBJECT_VIEWER, TABLE_VERBS, USER, Known, granted, known, rights

WIDENED = "P3204"
READ, WRITE, DELETE = "read", "write", "delete"
OBJECT_DEEDS: dict[str, tuple[str, ...]] = {
    **{verb: (READ,) for verb, role in OBJECT_VERBS.items() if role == OBJECT_VIEWER},
    "put": (WRITE,),
    "delete": (DELETE,),
    "copy": (READ, WRITE),
    "signed_url": (READ, WRITE),
}
"""What a verb of buckets is meant to allow. A signed URL may be one to put with."""


class Access(NamedTuple):
    """What functions may do with tables, by name, and with the framework's records."""

    reads: frozenset[str]
    writes: frozenset[str]
    has_records: bool


def access(about: Known, subjects: Iterable[str], background: Iterable[str]) -> Access:
    """What these have been granted, or need for being started; who may write may read."""
    grants = [grant for subject in subjects for grant in about.grants.get(subject, ())]
    reads: set[str] = set()
    writes: set[str] = set()
    has_records = any(True for _ in background)
    for grant in grants:
        kind, _, name = grant["resource"].partition(":")
        if kind == "table":
            (writes if TABLE_VERBS[grant["verb"]] == USER else reads).add(name)
        elif any(right.target == "database" for right in granted(grant["resource"], grant["verb"], about.handlers, "")):
            has_records = True
    return Access(frozenset(reads | writes), frozenset(writes), has_records)


def widened(manifest: Mapping[str, Any]) -> list[Diagnostic]:
    """One finding about the database and one about buckets, each about all functions; none where each of them may do
    what was granted and no more.

    An app that is one function has asked for all of its handlers' rights together.
    """
    return [found for found in (of_database(manifest), of_buckets(manifest)) if found is not None]


def of_database(manifest: Mapping[str, Any]) -> Diagnostic | None:
    about = known(manifest)
    tables = frozenset(table["name"] for table in manifest["tables"])
    groups = groups_of(manifest)
    is_one = manifest["app"]["functions"] == "app"
    whole = access(about, about.grants, [name for one in groups for name in one.background])
    owns = {one.id: whole if is_one else access(about, one.subjects, one.background) for one in groups}
    parts: dict[str, list[str]] = {}
    strangers: list[str] = []
    for one in groups:
        roles = {right.role for right in rights(about, one) if right.target == "database"}
        if not roles:
            continue
        own = owns[one.id]
        found = beyond(own, tables, may_write=USER in roles)
        if found:
            parts.setdefault(found, []).append(shown(one))
        if not is_one and any(other.has_records for id, other in owns.items() if id != one.id):
            strangers.append(shown(one))
    if not parts and not strangers:
        return None
    said = [f"{', '.join(names)} may {what}" for what, names in parts.items()]
    if strangers:
        said.append(f"{', '.join(strangers)} may reach the framework's records of other functions")
    cause = (
        "roles are given on a database, not on a collection, and the framework's own records lie in it too. "
        f"Beyond what is granted, {'; '.join(said)}"
    )
    return finding(manifest, cause, "two apps, to keep tables apart")


def of_buckets(manifest: Mapping[str, Any]) -> Diagnostic | None:
    about = known(manifest)
    parts: dict[str, list[str]] = {}
    for one in groups_of(manifest):
        deeds: dict[str, set[str]] = {}
        for subject in about.grants if manifest["app"]["functions"] == "app" else one.subjects:
            for grant in about.grants.get(subject, ()):
                kind, _, name = grant["resource"].partition(":")
                if kind == "bucket":
                    deeds.setdefault(name, set()).update(OBJECT_DEEDS[grant["verb"]])
        for right in rights(about, one):
            if right.role == OBJECT_USER:
                name = right.target.partition(":")[2]
                more = [deed for deed in (READ, WRITE, DELETE) if deed not in deeds[name]]
                if more:
                    parts.setdefault(f"{' and '.join(more)} objects of {name}", []).append(shown(one))
    if not parts:
        return None
    said = "; ".join(f"{', '.join(names)} may {what}" for what, names in parts.items())
    cause = f"the role that writes objects also reads and deletes them. Beyond what is granted, {said}"
    return finding(manifest, cause, "a bucket of its own for what must not be read or deleted there")


def finding(manifest: Mapping[str, Any], cause: str, advice: str) -> Diagnostic:
    where = manifest["app"]["location"]
    return Diagnostic(WIDENED, "note", Location(where["file"], where["line"]), "gcp", cause, advice)


def beyond(own: Access, tables: frozenset[str], *, may_write: bool) -> str:
    """What a role on the database allows besides what is granted; "" for nothing."""
    unknown = sorted(tables - own.reads)
    if not may_write:
        return f"read {', '.join(unknown)}" if unknown else ""
    known_only = sorted((tables & own.reads) - own.writes)
    found = [f"read and write {', '.join(unknown)}"] if unknown else []
    if known_only:
        found.append(f"write {', '.join(known_only)}")
    return " and ".join(found)


def shown(one: FunctionGroup) -> str:
    """What people call a function."""
    if one.kind == "handler":
        return one.handlers[0]
    return "the function of all routes" if one.kind == "http" else "the function of all background handlers"
