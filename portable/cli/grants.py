"""`portable inspect --grants`: which handler may do what, and the line of the app that needs it."""

from typing import Any

from .render import columns


def grants_value(manifest: dict[str, Any]) -> dict[str, Any]:
    """The part of the manifest that is about grants."""
    return {"grants": manifest["grants"], "widenings": manifest["widenings"]}


def describe_grants(manifest: dict[str, Any]) -> str:
    """One line a handler, resource and verb; then what was widened, and what to write instead."""
    rows = [
        [grant["handler"], grant["resource"], grant["verb"], grant["how"], places(grant["locations"])]
        for grant in manifest["grants"]
    ]
    if not rows:
        return "no handler uses a resource"
    lines = [columns(rows, ("handler", "resource", "verb", "how", "needed at"))]
    for widening in manifest["widenings"]:
        lines.extend(
            [
                "",
                f"{place(widening['location'])}: {widening['what']}",
                f"  {widening['handler']} is granted more of {widening['resource']} than it surely needs",
                f"  write at the handler, with the verbs that it needs: {widening['instead']}",
            ]
        )
    return "\n".join(lines)


def places(locations: list[dict[str, Any]]) -> str:
    return ", ".join(place(location) for location in locations)


def place(location: dict[str, Any]) -> str:
    return f"{location['file']}:{location['line']}"
