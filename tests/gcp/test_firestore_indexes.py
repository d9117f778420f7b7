"""Which indexes a deploy makes: those that the driver's queries need, and no automatic ones that nobody asks for."""

from portable_gcp.firestore_indexes import indexes

from portable.app import App
from portable.manifest import build_manifest


def declared() -> dict[str, object]:
    app = App("shop")
    app.table("orders", key=("pk", "sk"), indexes={"by-day": ("day", "sk"), "by_owner": ("owner",)}, ttl="ends")
    app.table("plain")
    return indexes(build_manifest(app).to_dict())


def test_each_index_is_two_one_for_each_direction() -> None:
    assert declared()["indexes"] == [
        {
            "collectionGroup": "orders",
            "queryScope": "COLLECTION_GROUP",
            "fields": [
                {"fieldPath": f"x.{path}.a", "order": "ASCENDING"},
                {"fieldPath": f"x.{path}.b", "order": direction},
            ],
        }
        for path in ("`by-day`", "by_owner")
        for direction in ("ASCENDING", "DESCENDING")
    ]


def test_what_nobody_asks_for_is_not_indexed_and_expired_items_are_erased() -> None:
    def exempt(group: str, path: str) -> dict[str, object]:
        return {"collectionGroup": group, "fieldPath": path, "indexes": []}

    assert declared()["fieldOverrides"] == [
        exempt("-state", "d"),
        exempt("-state", "m"),
        {**exempt("-state", "ttl"), "ttl": True},
        exempt("orders", "d"),
        exempt("orders", "m"),
        exempt("orders", "x"),
        {**exempt("orders", "ttl"), "ttl": True},
        exempt("plain", "d"),
        exempt("plain", "m"),
    ]
