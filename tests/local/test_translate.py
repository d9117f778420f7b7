"""A manifest -> the wiring of the store, by values."""

import json
from typing import Any

from portable_local.translate import STATE_TABLE, translate
from pydantic import BaseModel

from portable.app import App, Service
from portable.buckets import ObjectEvent
from portable.tables import Change


class Note(BaseModel):
    owner: str
    id: str
    rank: int


def wiring_of(app: App) -> dict[str, Any]:
    wiring = translate(app.manifest().to_dict())
    # It travels to the owner of the store as JSON.
    assert json.loads(json.dumps(wiring)) == wiring
    return wiring


def test_an_app_without_anything_has_the_framework_s_table_only() -> None:
    assert wiring_of(App("empty")) == {
        "tables": {STATE_TABLE: {"key": ["pk", "sk"], "indexes": {}}},
        "handlers": {},
        "topics": {},
        "changes": {},
        "buckets": {},
        "schedules": {},
    }


def test_no_app_can_take_the_framework_s_table() -> None:
    assert "_" in STATE_TABLE


def test_tables_have_their_keys_and_indexes() -> None:
    app = App("shop")
    app.table("notes", Note, key=("owner", "id"), indexes={"by_rank": ("owner", "rank")})
    app.table("plain")
    tables = wiring_of(app)["tables"]
    assert tables["notes"] == {
        "key": ["owner", "id"],
        "indexes": {"by_rank": {"fields": ["owner", "rank"], "types": ["str", "int"]}},
    }
    assert tables["plain"] == {"key": ["id"], "indexes": {}}


def test_every_background_handler_is_wired_to_what_starts_it_and_routes_are_not() -> None:
    app, shop = App("conformance"), Service("shop")
    topic, bucket, table = app.topic("news"), shop.bucket("files"), shop.table("notes")

    @app.get("/")
    def page() -> str:
        return ""

    @app.task(max_attempts=3, min_backoff=2, max_backoff=4, timeout=60)
    def work() -> None: ...

    @topic.subscribe(filter={"b": "2", "a": "1"}, timeout=10)
    def heard(data: Any) -> None: ...

    @topic.subscribe
    def also(data: Any) -> None: ...

    @shop.cron("0 3 * * MON-FRI", zone="Europe/Berlin", missed="latest", overlap="allow")
    def nightly() -> None: ...

    @bucket.on_created(prefix="inbox/")
    def received(event: ObjectEvent) -> None: ...

    @bucket.on_deleted
    def gone(event: ObjectEvent) -> None: ...

    @table.on_change
    def changed(change: Change[dict[str, Any]]) -> None: ...

    app.include(shop)
    wiring = wiring_of(app)
    assert {name: handler["kind"] for name, handler in wiring["handlers"].items()} == {
        "work": "task",
        "heard": "topic",
        "also": "topic",
        "shop.nightly": "schedule",
        "shop.received": "bucket",
        "shop.gone": "bucket",
        "shop.changed": "table",
    }
    assert wiring["handlers"]["work"] == {
        "kind": "task",
        "max_attempts": 3,
        "min_backoff": 2,
        "max_backoff": 4,
        "timeout": 60,
    }
    assert wiring["handlers"]["heard"]["timeout"] == 10
    assert wiring["topics"] == {
        "news": [{"handler": "also", "filter": {}}, {"handler": "heard", "filter": {"a": "1", "b": "2"}}]
    }
    assert wiring["buckets"] == {
        "shop.files": [
            {"handler": "shop.gone", "event": "deleted", "prefix": ""},
            {"handler": "shop.received", "event": "created", "prefix": "inbox/"},
        ]
    }
    assert wiring["changes"] == {"shop.notes": ["shop.changed"]}
    assert wiring["schedules"] == {
        "shop.nightly": {"cron": "0 3 * * 1-5", "zone": "Europe/Berlin", "missed": "latest", "overlap": "allow"}
    }
