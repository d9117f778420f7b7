"""What the app declares, as the console asks for it: by handler, and as nodes and edges of the map."""

import re
from collections.abc import Mapping
from typing import Any

from portable.capabilities import PROVIDERS

from .plain import is_object

MEMORY = 512
NOTHING: dict[str, Any] = {
    "app": {"name": "", "targets": [], "location": None},
    "services": [],
    "handlers": [],
    "tables": [],
    "buckets": [],
    "topics": [],
    "tasks": [],
    "params": [],
    "secrets": [],
    "mounts": [],
    "statics": [],
    "grants": [],
    "models": {},
}


class Description:
    """A manifest, as `Manifest.to_dict()` has it; immutable."""

    def __init__(self, manifest: Mapping[str, Any] | None = None) -> None:
        self.manifest: dict[str, Any] = {**NOTHING, **(manifest or {})}
        self.handlers: dict[str, dict[str, Any]] = {one["name"]: one for one in self.manifest["handlers"]}

    @property
    def name(self) -> str:
        return str(self.manifest["app"]["name"])

    @property
    def provider(self) -> str:
        """Whose prices are shown where there is one: the first of the app's targets."""
        return next((one for one in self.manifest["app"]["targets"] if one in PROVIDERS), PROVIDERS[0])

    def timeout(self, handler: str) -> float | None:
        found = self.handlers.get(handler)
        return None if found is None else float(found["timeout"])

    def memory(self, handler: str) -> int:
        found = self.handlers.get(handler)
        return MEMORY if found is None else int(found["memory"] or MEMORY)

    def max_attempts(self, handler: str) -> int:
        retry = self.handlers.get(handler, {}).get("trigger", {}).get("retry")
        return 1 if retry is None else int(retry["max_attempts"])

    def counts(self) -> dict[str, int]:
        kinds = [kind_of(handler) for handler in self.manifest["handlers"]]
        return {
            "functions": len(kinds),
            "routes": kinds.count("http"),
            "schedules": kinds.count("schedule"),
            "queues": sum(kind != "http" for kind in kinds),
            "tables": len(self.manifest["tables"]),
            "buckets": len(self.manifest["buckets"]),
            "values": len(self.manifest["params"]) + len(self.manifest["secrets"]),
        }

    def payload_model(self, handler: dict[str, Any]) -> str | None:
        """The name of the model that a background handler takes, if it takes one."""
        trigger = handler["trigger"]
        if trigger["type"] != "delivery":
            return None
        if trigger["kind"] == "task":
            found = [task.get("payload") for task in self.manifest["tasks"] if task["name"] == trigger["source"]]
        else:
            found = [topic.get("model") for topic in self.manifest["topics"] if topic["name"] == trigger["source"]]
        return found[0] if found else None

    def schema(self, model: str | None) -> dict[str, Any] | None:
        found = None if model is None else self.manifest["models"].get(model)
        return found if is_object(found) else None


def kind_of(handler: Mapping[str, Any]) -> str:
    trigger = handler["trigger"]
    kind = trigger["type"]
    return "http" if kind == "route" else str(trigger["kind"]) if kind == "delivery" else str(kind)


def trigger_text(handler: Mapping[str, Any]) -> str:
    """What starts a handler, in words: `GET /notes/{id}`, `task exchange.refresh`."""
    trigger = handler["trigger"]
    match trigger["type"]:
        case "route":
            return f"{'|'.join(trigger['methods'])} {trigger['path']}"
        case "schedule":
            return schedule_text(trigger["cron"], trigger["zone"])
        case "bucket":
            return f"{trigger['event']} in {trigger['bucket']}/{trigger['prefix']}"
        case "table":
            return f"changes of {trigger['table']}"
        case _:
            return f"{trigger['kind']} {trigger['source']}"


DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def schedule_text(cron: str, zone: str) -> str:
    """When a schedule fires, as people say it: `every 15 minutes`, `Monday to Friday at 16:30 (Europe/Berlin)`.

    What has no such words is as it is written.
    """
    fields = cron.split()
    if len(fields) != 5 or fields[2:4] != ["*", "*"]:
        return f"{cron} ({zone})"
    minute, hour, _, _, weekday = fields
    text = None
    if weekday == "*" and hour == "*":
        steps = step_of(minute, 60)
        if steps is not None:
            return "every minute" if steps == 1 else f"every {steps} minutes"
        text = f"hourly at :{int(minute):02d}" if minute.isdecimal() else None
    elif minute.isdecimal() and hour.isdecimal():
        days = days_text(weekday)
        text = None if days is None else f"{days} at {int(hour):02d}:{int(minute):02d}"
    elif minute.isdecimal() and weekday == "*" and (hours := step_of(hour, 24)) is not None:
        text = f"every {hours} hours at :{int(minute):02d}"
    return f"{text or cron} ({zone})"


def step_of(field: str, whole: int) -> int | None:
    """The step of a field, if it goes on evenly over the next hour, or day."""
    found = re.fullmatch(r"\*(?:/([1-9][0-9]?))?", field)
    step = None if found is None else int(found[1] or 1)
    return step if step is not None and whole % step == 0 else None


def days_text(field: str) -> str | None:
    """A field of weekdays; None for one that has no short words."""
    if field == "*":
        return "daily"
    low = field.lower()
    for number, day in enumerate(DAYS):
        low = low.replace(day[:3].lower(), str(number))
    if low == "1-5":
        return "Monday to Friday"
    if low in ("0,6", "6,0", "6,7"):
        return "Saturday and Sunday"
    return f"{DAYS[int(low) % 7]}s" if re.fullmatch(r"[0-7]", low) else None


def source_of(handler: Mapping[str, Any]) -> tuple[str, str]:
    """The node of the map that a handler is started by, and how."""
    trigger = handler["trigger"]
    match trigger["type"]:
        case "route":
            return "http", "request"
        case "schedule":
            return f"schedule:{handler['name']}", "fire"
        case "bucket":
            return f"bucket:{trigger['bucket']}", trigger["event"]
        case "table":
            return f"table:{trigger['table']}", "change"
        case _:
            return f"{trigger['kind']}:{trigger['source']}", "deliver"


def nodes_of(description: Description) -> list[dict[str, Any]]:
    """Handlers, what they use and what starts them."""
    manifest = description.manifest
    nodes: list[dict[str, Any]] = []
    if any(kind_of(handler) == "http" for handler in manifest["handlers"]):
        nodes.append({"id": "http", "kind": "http", "name": "HTTP", "service": manifest["app"]["name"]})
    for handler in manifest["handlers"]:
        nodes.append(
            {
                "id": f"function:{handler['name']}",
                "kind": "function",
                "name": handler["name"],
                "service": handler["service"],
            }
        )
        if kind_of(handler) == "schedule":
            node = f"schedule:{handler['name']}"
            nodes.append({"id": node, "kind": "schedule", "name": handler["name"], "service": handler["service"]})
    for kind in ("table", "bucket", "topic", "task"):
        nodes.extend(
            {"id": f"{kind}:{one['name']}", "kind": kind, "name": one["name"], "service": one["service"]}
            for one in manifest[f"{kind}s"]
        )
    return nodes
