"""A manifest -> the wiring that the store binds: which tables there are, and which handlers follow from which write.

Pure: no I/O, no clock. Resources and handlers have their qualified names. The wiring:

    tables     {name: {"key": [field, ...], "indexes": {name: {"fields": [...], "types": [...]}}}}
    handlers   {name: {"kind", "max_attempts", "min_backoff", "max_backoff", "timeout"}}    background ones only
    topics     {name: [{"handler", "filter": {attribute: value}}]}
    changes    {table: [handler, ...]}
    buckets    {name: [{"handler", "event", "prefix"}]}
    schedules  {handler: {"cron", "zone", "missed", "overlap"}}
"""

from collections.abc import Mapping
from typing import Any

STATE_TABLE = "portable_state"
"""The framework's own table. No app can declare one of that name: names have no underscores."""

KINDS = {"schedule": "schedule", "bucket": "bucket", "table": "table"}


def translate(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The wiring of `Manifest.to_dict()`."""
    wiring: dict[str, Any] = {
        "tables": {STATE_TABLE: {"key": ["pk", "sk"], "indexes": {}}},
        "handlers": {},
        "topics": {},
        "changes": {},
        "buckets": {},
        "schedules": {},
    }
    for table in manifest["tables"]:
        indexes = {index["name"]: {"fields": index["fields"], "types": index["types"]} for index in table["indexes"]}
        wiring["tables"][table["name"]] = {"key": table["key"], "indexes": indexes}
    for handler in manifest["handlers"]:
        if handler["trigger"]["type"] != "route":
            add_handler(wiring, handler["name"], handler["timeout"], handler["trigger"])
    return wiring


def add_handler(wiring: dict[str, Any], name: str, timeout: int, trigger: Mapping[str, Any]) -> None:
    """Adds one background handler, and what starts it."""
    kind = trigger["type"]
    retry = trigger["retry"]
    wiring["handlers"][name] = {
        "kind": trigger["kind"] if kind == "delivery" else KINDS[kind],
        "max_attempts": retry["max_attempts"],
        "min_backoff": retry["min_backoff"],
        "max_backoff": retry["max_backoff"],
        "timeout": timeout,
    }
    if kind == "delivery" and trigger["kind"] == "topic":
        subscribers = wiring["topics"].setdefault(trigger["source"], [])
        subscribers.append({"handler": name, "filter": dict(trigger["filter"])})
    elif kind == "bucket":
        listeners = wiring["buckets"].setdefault(trigger["bucket"], [])
        listeners.append({"handler": name, "event": trigger["event"], "prefix": trigger["prefix"]})
    elif kind == "table":
        wiring["changes"].setdefault(trigger["table"], []).append(name)
    elif kind == "schedule":
        wiring["schedules"][name] = {field: trigger[field] for field in ("cron", "zone", "missed", "overlap")}
