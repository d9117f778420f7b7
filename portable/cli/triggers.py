"""Triggers of a manifest in a few words."""

from typing import Any

Trigger = dict[str, Any]


def summary(trigger: Trigger) -> str:
    """`POST /notes`, `task summarise`, `cron 0 3 * * 1-5 Australia/Sydney`."""
    kind = trigger["type"]
    if kind == "route":
        return f"{','.join(trigger['methods'])} {trigger['path']}"
    if kind == "schedule":
        return f"cron {trigger['cron']} {trigger['zone']}"
    if kind == "delivery":
        wanted = ", ".join(f"{name}={value}" for name, value in trigger["filter"].items())
        return f"{trigger['kind']} {trigger['source']}{f' ({wanted})' if wanted else ''}"
    if kind == "bucket":
        return f"bucket {trigger['bucket']} {trigger['event']} {trigger['prefix'] or '*'}"
    return f"table {trigger['table']} changed"
