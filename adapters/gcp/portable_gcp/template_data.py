"""What holds data: the database of all tables with its indexes, buckets, params and secrets; and topics."""

from collections.abc import Iterable, Mapping
from typing import Any

from .names import Names
from .resources import Resource, labels

OBJECT_EVENTS = {"created": "OBJECT_FINALIZE", "deleted": "OBJECT_DELETE"}
"""https://cloud.google.com/storage/docs/pubsub-notifications#events"""
UPLOAD_DAYS = 7
"""After which the parts of an upload that was never finished are erased."""


def place_of(spec: Mapping[str, Any]) -> str:
    return f"{spec['location']['file']}:{spec['location']['line']}"


def listeners(manifest: Mapping[str, Any], bucket: str) -> list[Mapping[str, Any]]:
    return [
        handler
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] == "bucket" and handler["trigger"]["bucket"] == bucket
    ]


def database(names: Names, *, is_prod: bool) -> Resource:
    on, off = ("POINT_IN_TIME_RECOVERY_ENABLED", "POINT_IN_TIME_RECOVERY_DISABLED")
    return Resource(
        "database",
        "database",
        names.in_project(f"databases/{names.database()}"),
        {
            "locationId": names.location,
            "type": "FIRESTORE_NATIVE",
            "pointInTimeRecoveryEnablement": on if is_prod else off,
            "deleteProtectionState": "DELETE_PROTECTION_ENABLED" if is_prod else "DELETE_PROTECTION_DISABLED",
        },
        names.database(),
    )


def tables(manifest: Mapping[str, Any], names: Names) -> list[Resource]:
    """Collection groups. Google knows them by their documents alone; what we know of them is in the stage's record."""
    return [
        Resource(
            f"table:{spec['name']}",
            "table",
            group_of(names, names.collection(spec["name"])),
            {
                "key": list(spec["key"]),
                "indexes": {
                    str(index["name"]): [
                        f"{field}:{type_}" for field, type_ in zip(index["fields"], index["types"], strict=True)
                    ]
                    for index in sorted(spec["indexes"], key=lambda one: str(one["name"]))
                },
            },
            spec["name"],
            place_of(spec),
        )
        for spec in manifest["tables"]
    ]


def group_of(names: Names, collection: str) -> str:
    return names.in_project(f"databases/{names.database()}/collectionGroups/{collection}")


def indexed(document: Mapping[str, Any], names: Names) -> list[Resource]:
    """Of a document of the form of firestore.indexes.json: https://firebase.google.com/docs/reference/firestore/indexes"""
    found: list[Resource] = []
    for one in document["indexes"]:
        body = {"queryScope": one["queryScope"], "fields": [dict(field) for field in one["fields"]]}
        key, group = index_key(body), one["collectionGroup"]
        name = f"{group_of(names, group)}/indexes/{key}"
        found.append(Resource(f"index:{group}:{key}", "index", name, body, f"{group} by {key}"))
    for one in document.get("fieldOverrides", ()):
        body = {}
        if "indexes" in one:
            body["indexConfig"] = {"indexes": [field_index(index, one["fieldPath"]) for index in one["indexes"]]}
        if one.get("ttl"):
            body["ttlConfig"] = {}
        path = f"{one['collectionGroup']}.{one['fieldPath']}"
        name = f"{group_of(names, one['collectionGroup'])}/fields/{one['fieldPath']}"
        found.append(Resource(f"field:{path}", "field", name, body, path))
    return found


def field_index(index: Mapping[str, Any], path: str) -> dict[str, Any]:
    how = {key: index[key] for key in ("order", "arrayConfig") if key in index}
    return {"queryScope": index["queryScope"], "fields": [{"fieldPath": path, **how}]}


def index_key(body: Mapping[str, Any]) -> str:
    """What tells an index of a collection group from the others: Google's own names of indexes are made by Google.

    Google adds `__name__` to the fields, in the last one's order, which is no difference.
    """
    parts = [
        f"{one['fieldPath']}-{str(one.get('order', one.get('arrayConfig', ''))).lower()}"
        for one in body["fields"]
        if one["fieldPath"] != "__name__"
    ]
    explicit = [one for one in body["fields"][:-1] if one["fieldPath"] == "__name__"]
    scope = "" if body.get("queryScope") == "COLLECTION_GROUP" else "collection:"
    return scope + ",".join([*parts, *("__name__" for _ in explicit)])


def buckets(manifest: Mapping[str, Any], names: Names) -> list[Resource]:
    found: list[Resource] = []
    for spec in manifest["buckets"]:
        physical, name = names.bucket(spec["name"]), spec["name"]
        full = f"projects/_/buckets/{physical}"
        body = {
            "location": names.location.upper(),
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": "enforced",
            },
            "lifecycle": {
                "rule": [{"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": UPLOAD_DAYS}}]
            },
            "labels": labels(names.app, names.stage, spec["service"]),
        }
        found.append(Resource(f"bucket:{name}", "bucket", full, body, name, place_of(spec)))
        heard = listeners(manifest, name)
        if heard:
            topic = names.in_project(f"topics/{names.bucket_topic(name)}")
            found.append(topic_of(f"events:{name}", topic, name, spec, names))
            events = sorted({OBJECT_EVENTS[one["trigger"]["event"]] for one in heard})
            told = {
                "topic": f"//pubsub.googleapis.com/{topic}",
                "payload_format": "JSON_API_V1",
                "event_types": events,
            }
            found.append(
                Resource(f"notification:{name}", "notification", f"{full}/notificationConfigs/{topic}", told, name)
            )
    return found


def topics(manifest: Mapping[str, Any], names: Names) -> list[Resource]:
    return [
        topic_of(
            f"topic:{spec['name']}", names.in_project(f"topics/{names.topic(spec['name'])}"), spec["name"], spec, names
        )
        for spec in manifest["topics"]
    ]


def topic_of(id: str, name: str, shown: str, spec: Mapping[str, Any], names: Names) -> Resource:
    body = {"labels": labels(names.app, names.stage, spec["service"])}
    return Resource(id, "topic", name, body, shown, place_of(spec))


def values(manifest: Mapping[str, Any], names: Names) -> list[Resource]:
    """Where params and secrets lie: without a value, which the command line writes."""
    kinds: tuple[tuple[str, str], ...] = (("param", "params"), ("secret", "secrets"))
    return [value_of(kind, spec, names) for kind, key in kinds for spec in manifest[key]]


def value_of(kind: str, spec: Mapping[str, Any], names: Names) -> Resource:
    return Resource(
        f"{kind}:{spec['name']}",
        "secret",
        names.in_project(f"secrets/{names.value(kind, spec['name'])}"),
        {
            "replication": {"automatic": {}},
            "labels": {**labels(names.app, names.stage, spec["service"]), "kind": kind},
        },
        spec["name"],
        place_of(spec),
    )


def data(
    manifest: Mapping[str, Any], document: Mapping[str, Any], names: Names, *, is_prod: bool
) -> Iterable[Resource]:
    """All that holds data, and topics. `document` has the indexes: see `indexed`."""
    yield database(names, is_prod=is_prod)
    yield from tables(manifest, names)
    yield from indexed(document, names)
    yield from buckets(manifest, names)
    yield from topics(manifest, names)
    yield from values(manifest, names)
