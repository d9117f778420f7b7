"""`portable inspect`: what an app declares."""

from typing import Any

import click

from .grants import describe_grants, grants_value
from .options import common, path_argument
from .project import find_project, load_manifest
from .render import Output, columns
from .triggers import summary


@click.command("inspect")
@path_argument
@click.option("--grants", is_flag=True, help="Show what each handler may do, and the line that needs it.")
@common
def command(output: Output, path: str | None, grants: bool) -> None:
    """Show what the app at PATH (default: here) declares; with --json its manifest (docs/manifest.md)."""
    manifest = load_manifest(find_project(path))
    if grants:
        output.data(grants_value(manifest), describe_grants(manifest))
    else:
        output.data(manifest, describe(manifest))


def describe(manifest: dict[str, Any]) -> str:
    """The manifest for people: the app, its services, then one table of handlers and one of resources."""
    app = manifest["app"]
    lines = [f"{app['name']}: targets {', '.join(app['targets'])}; functions by {app['functions']}"]
    lines.extend(
        f"service {service['name']} below {service['prefix'] or '/'}"
        for service in manifest["services"]
        if service["name"] != app["name"]
    )
    handlers = [
        [handler["name"], summary(handler["trigger"]), place(handler["location"])] for handler in manifest["handlers"]
    ]
    resources = [
        [kind, resource["name"], detail(kind, resource), place(resource["location"])]
        for kind in ("table", "bucket", "topic", "task", "param", "secret")
        for resource in manifest[f"{kind}s"]
    ]
    places = [
        [kind, entry["path"], entry.get("interface") or entry.get("directory", ""), place(entry["location"])]
        for kind in ("mount", "static")
        for entry in manifest[f"{kind}s"]
    ]
    if handlers:
        lines.extend(["", columns(handlers, ("handler", "started by", "where"))])
    if resources or places:
        lines.extend(["", columns([*resources, *places], ("kind", "name", "detail", "where"))])
    return "\n".join(lines)


def detail(kind: str, resource: dict[str, Any]) -> str:
    """What matters most about a resource, in a few words."""
    if kind == "table":
        parts = [f"key {', '.join(resource['key'])}"]
        parts.extend(f"index {index['name']}({', '.join(index['fields'])})" for index in resource["indexes"])
        if resource["ttl"]:
            parts.append(f"ttl {resource['ttl']}")
        return "; ".join([*parts, *([resource["model"]] if resource["model"] else [])])
    if kind == "task":
        return f"{resource['retry']['max_attempts']} attempts of {resource['timeout']} s"
    if kind == "param":
        return f"default {resource['default']!r}" if resource["default"] is not None else "no default"
    return resource.get("model") or ""


def place(location: dict[str, Any]) -> str:
    return f"{location['file']}:{location['line']}"
