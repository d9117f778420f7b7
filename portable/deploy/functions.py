"""How handlers become functions: an app's grouping made into a list, the same on every provider.

`App(functions=...)`: "service" (a service's routes, mounts and folders share one function, each background handler has
its own), "app" (one for all) or "handler" (one each; mounts and folders stay with the service). What is here has no
physical names: those are an adapter's.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

HTTP_SECONDS = 28
"""Of a function that only answers for mounts and folders, which declare no time."""
MEMORY_MB = 512


class FunctionGroup(NamedTuple):
    """One function to be deployed. `id` is stable: `app`, `http:SERVICE`, or `handler:NAME`.

    `handlers` are qualified names (routes and background), `mounts` and `statics` paths. `background` are those that a
    queue, a schedule or a stream starts. `timeout` and `memory` are the largest of its handlers'.
    """

    id: str
    kind: Literal["app", "http", "handler"]
    service: str
    handlers: tuple[str, ...]
    background: tuple[str, ...]
    mounts: tuple[str, ...]
    statics: tuple[str, ...]
    timeout: int
    memory: int

    @property
    def answers_http(self) -> bool:
        return len(self.handlers) > len(self.background) or bool(self.mounts or self.statics)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Those whose grants this function needs, as GrantSpec.handler has them."""
        return (*self.handlers, *(f"mount:{path}" for path in self.mounts))


def is_background(handler: Mapping[str, Any]) -> bool:
    return bool(handler["trigger"]["type"] != "route")


def group(manifest: Mapping[str, Any]) -> list[FunctionGroup]:
    """The functions of `Manifest.to_dict()`, sorted by id."""
    app = manifest["app"]
    found: dict[str, dict[str, Any]] = {}

    def entry(id: str, kind: str, service: str) -> dict[str, Any]:
        return found.setdefault(
            id,
            {"kind": kind, "service": service, "handlers": [], "mounts": [], "statics": []},
        )

    for handler in manifest["handlers"]:
        if app["functions"] == "app":
            one = entry("app", "app", app["name"])
        elif app["functions"] == "handler" or is_background(handler):
            one = entry(f"handler:{handler['name']}", "handler", handler["service"])
        else:
            one = entry(f"http:{handler['service']}", "http", handler["service"])
        one["handlers"].append(handler)
    for kind in ("mounts", "statics"):
        for spec in manifest[kind]:
            if app["functions"] == "app":
                one = entry("app", "app", app["name"])
            else:
                one = entry(f"http:{spec['service']}", "http", spec["service"])
            one[kind].append(spec["path"])
    return [_made(id, one) for id, one in sorted(found.items())]


def _made(id: str, one: dict[str, Any]) -> FunctionGroup:
    handlers = one["handlers"]
    serves = bool(one["mounts"] or one["statics"])
    return FunctionGroup(
        id,
        one["kind"],
        one["service"],
        tuple(handler["name"] for handler in handlers),
        tuple(handler["name"] for handler in handlers if is_background(handler)),
        tuple(one["mounts"]),
        tuple(one["statics"]),
        max([handler["timeout"] for handler in handlers] + ([HTTP_SECONDS] if serves else [])),
        max([handler["memory"] for handler in handlers] + ([MEMORY_MB] if serves else [])),
    )
