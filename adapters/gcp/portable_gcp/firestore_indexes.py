"""The indexes that an app's tables need, in the form of `firestore.indexes.json`. Pure.

Each index of a table is two composite indexes over its collection group, one for each direction: Firestore documents
none that is read backwards. What nobody asks for is kept out of Firestore's automatic indexes, which would cost an
entry for every field and refuse large documents: what is said of a map holds for all in it, and composite indexes have
its fields all the same (https://cloud.google.com/firestore/docs/solutions/index-map-field). The field `ttl` is the
policy by which expired items are erased, in the framework's own collection too. Queries of one pk and scans need none
of this: they are ordered by `sk`, which Firestore indexes by itself, and by name.
https://firebase.google.com/docs/reference/firestore/indexes
"""

from collections.abc import Mapping
from typing import Any

from .layout import DOCUMENT, FIRST, INDEXES, MARK, SECOND, TTL, field_path
from .names import Names

DIRECTIONS = ("ASCENDING", "DESCENDING")
NAMES = Names("", "", "", "")
"""Names of collections are the same in every app and stage: each has a database of its own."""


def indexes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Of `Manifest.to_dict()`: `indexes` and `fieldOverrides`, sorted by collection."""
    tables = sorted(manifest["tables"], key=lambda table: str(table["name"]))
    composite = [
        composite_index(NAMES.collection(table["name"]), index["name"], direction)
        for table in tables
        for index in sorted(table["indexes"], key=lambda index: str(index["name"]))
        for direction in DIRECTIONS
    ]
    groups = [(NAMES.state_collection(), False, True)]
    groups += [(NAMES.collection(table["name"]), bool(table["indexes"]), table["ttl"] is not None) for table in tables]
    overrides = [
        override
        for group, is_indexed, expires in groups
        for override in field_overrides(group, is_indexed=is_indexed, expires=expires)
    ]
    return {"indexes": composite, "fieldOverrides": overrides}


def composite_index(group: str, name: str, direction: str) -> dict[str, Any]:
    """By the first field of an app's index, then the second in one direction, then the document's name in the same."""
    return {
        "collectionGroup": group,
        "queryScope": "COLLECTION_GROUP",
        "fields": [
            {"fieldPath": field_path(INDEXES, name, FIRST), "order": "ASCENDING"},
            {"fieldPath": field_path(INDEXES, name, SECOND), "order": direction},
        ],
    }


def field_overrides(group: str, *, is_indexed: bool, expires: bool) -> list[dict[str, Any]]:
    """Fields without automatic indexes; what is said of a map holds for all that is in it."""
    found: list[dict[str, Any]] = [
        {"collectionGroup": group, "fieldPath": path, "indexes": []}
        for path in (DOCUMENT, MARK, *((INDEXES,) if is_indexed else ()))
    ]
    if expires:
        found.append({"collectionGroup": group, "fieldPath": TTL, "ttl": True, "indexes": []})
    return found
