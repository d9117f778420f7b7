"""Which functions an app has in Google Cloud. Pure.

Google has nothing like a gateway that takes a path to a function and costs nothing while nobody calls. So all that
people may call is one function, whatever the app's grouping; what only Google's services may call is never in it, since
who may call is decided for a whole function.
"""

from collections.abc import Mapping
from typing import Any

from portable.deploy.functions import FunctionGroup, group

from .names import Names

BACKGROUND = "background"


def groups_of(manifest: Mapping[str, Any]) -> list[FunctionGroup]:
    """The functions, sorted by id: `http:APP`, and `background` or `handler:NAME` for each background handler."""
    app = manifest["app"]["name"]
    whole = group(manifest)
    by_name = {handler["name"]: handler for handler in manifest["handlers"]}
    found: list[FunctionGroup] = []
    answering = [one for one in whole if one.answers_http]
    if answering:
        routes = tuple(name for one in answering for name in one.handlers if name not in one.background)
        found.append(
            FunctionGroup(
                f"http:{app}", "http", app, tuple(sorted(routes)), (),
                tuple(path for one in answering for path in one.mounts),
                tuple(path for one in answering for path in one.statics),
                max([by_name[name]["timeout"] for name in routes] or [one.timeout for one in answering]),
                max(one.memory for one in answering),
            )
        )  # fmt: skip
    for one in whole:
        if not one.background:
            continue
        timeout = max(by_name[name]["timeout"] for name in one.background)
        id = BACKGROUND if one.kind == "app" else one.id
        found.append(one._replace(id=id, handlers=one.background, mounts=(), statics=(), timeout=timeout))
    return sorted(found, key=lambda one: one.id)


def function_name(group: FunctionGroup, names: Names) -> str:
    if group.kind == "http":
        return names.http_function(names.app)
    return names.background_function() if group.kind == "app" else names.function(group.handlers[0])


def functions_of(manifest: Mapping[str, Any], names: Names) -> dict[str, str]:
    """The physical name of each function by its id."""
    return {one.id: function_name(one, names) for one in groups_of(manifest)}


def function_by_handler(manifest: Mapping[str, Any], names: Names) -> dict[str, str]:
    """The physical name of the function that runs each background handler."""
    return {handler: function_name(one, names) for one in groups_of(manifest) for handler in one.background}
