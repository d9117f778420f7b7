"""`portable routes`: the HTTP face of an app."""

from typing import Any

import click

from .inspect import place
from .options import common, path_argument
from .project import find_project, load_manifest
from .render import Output, columns


@click.command("routes")
@path_argument
@common
def command(output: Output, path: str | None) -> None:
    """List the HTTP routes, mounts and static folders of the app at PATH (default: here)."""
    found = routes(load_manifest(find_project(path)))
    rows = [
        [",".join(route["methods"]) or "*", route["path"], route["handler"] or route["kind"], place(route["location"])]
        for route in found
    ]
    output.data({"routes": found}, columns(rows, ("method", "path", "handler", "where")) if rows else "no routes")


def routes(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """`{"kind", "methods", "path", "handler", "service", "location"}`, by path; no methods: all that it answers."""
    found: list[dict[str, Any]] = [
        {
            "kind": "route",
            "methods": handler["trigger"]["methods"],
            "path": handler["trigger"]["path"],
            "handler": handler["name"],
            "service": handler["service"],
            "location": handler["location"],
        }
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] == "route"
    ]
    found.extend(
        {
            "kind": kind,
            "methods": [],
            "path": f"{entry['path'].rstrip('/')}/*",
            "handler": None,
            "service": entry["service"],
            "location": entry["location"],
        }
        for kind in ("mount", "static")
        for entry in manifest[f"{kind}s"]
    )
    return sorted(found, key=lambda route: (route["path"], route["methods"]))
