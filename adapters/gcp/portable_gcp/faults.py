"""What is wrong with an app for Google Cloud that only its resources can show: Diagnostics with file and line."""

from collections.abc import Iterator, Mapping
from typing import Any

from portable.deploy.diagnostics import Diagnostic, Severity
from portable.deploy.functions import FunctionGroup, group
from portable.errors import Location

from .grouping import function_name, groups_of
from .names import Names
from .roles import is_pushed
from .scheduling import timing
from .widened import widened

PROVIDER = "gcp"
SAME_NAME = "P3401"
HTTP_TOGETHER = "P3406"
ZONES = "P3206"
RESERVED = "google"
"""What no name of a bucket may contain: https://cloud.google.com/storage/docs/buckets#naming"""


def faults(manifest: Mapping[str, Any], stage: str) -> list[Diagnostic]:
    """All that is found, in the order of the code."""
    names = Names(manifest["app"]["name"], stage, "project", "region")
    found = [
        *_names(manifest, names),
        *_buckets(manifest, names),
        *_http(manifest),
        *_zones(manifest),
        *widened(manifest),
    ]
    return sorted(set(found), key=lambda one: (str(one.location), one.code, one.cause))


def location_of(spec: Mapping[str, Any]) -> Location:
    return Location(spec["location"]["file"], spec["location"]["line"])


def _found(code: str, severity: Severity, spec: Mapping[str, Any], cause: str, alternative: str) -> Diagnostic:
    return Diagnostic(code, severity, location_of(spec), PROVIDER, cause, alternative)


def named(manifest: Mapping[str, Any], names: Names) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(kind of Google's, physical name, spec) of everything whose name the app chooses."""
    for kind, key, of in (("bucket", "buckets", names.bucket), ("topic", "topics", names.topic)):
        for spec in manifest[key]:
            yield kind, of(spec["name"]), spec
    for kind, key in (("param", "params"), ("secret", "secrets")):
        for spec in manifest[key]:
            yield "secret", names.value(kind, spec["name"]), spec
    for spec in manifest["buckets"]:
        yield "topic", names.bucket_topic(spec["name"]), spec
    handlers = {handler["name"]: handler for handler in manifest["handlers"]}
    for one in groups_of(manifest):
        yield "function", function_name(one, names), spec_of(one, handlers, manifest)
    for handler in manifest["handlers"]:
        kind = handler["trigger"]["type"]
        if kind == "route":
            continue
        yield "queue", names.queue(handler["name"]), handler
        if is_pushed(handler):
            yield "subscription", names.subscription(handler["name"]), handler
            yield "subscription", names.dead_subscription(handler["name"]), handler
            yield "topic", names.dead_topic(handler["name"]), handler
        elif kind == "schedule":
            yield "job", names.job(handler["name"]), handler
        elif kind == "table":
            yield "trigger", names.trigger(handler["name"], ""), handler


def spec_of(one: FunctionGroup, handlers: Mapping[str, Any], manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whose declaration a function is made of."""
    found: Mapping[str, Any] = handlers[one.handlers[0]] if one.kind == "handler" else manifest["app"]
    return found


def _names(manifest: Mapping[str, Any], names: Names) -> Iterator[Diagnostic]:
    """Two things that would have one name: `core-users` of the app and `users` of its service `core`."""
    taken: dict[tuple[str, str], Mapping[str, Any]] = {}
    for kind, physical, spec in named(manifest, names):
        other = taken.setdefault((kind, physical), spec)
        # That two have one name everywhere is P3015's to say.
        if other is not spec and plain(spec) != plain(other):
            cause = f"{spec['name']} and {other['name']} ({location_of(other)}) would be one {kind}, {physical}"
            yield _found(SAME_NAME, "error", spec, cause, "another name for one of them")


def plain(spec: Mapping[str, Any]) -> str:
    return str(spec["name"]).replace(".", "-").replace("_", "-").lower()


def _buckets(manifest: Mapping[str, Any], names: Names) -> Iterator[Diagnostic]:
    for spec in manifest["buckets"]:
        physical = names.bucket(spec["name"])
        if RESERVED in physical:
            cause = f"the bucket {spec['name']!r} would be {physical}; no name of a bucket may have {RESERVED!r} in it"
            yield _found(SAME_NAME, "error", spec, cause, "another name for the bucket, its service or the app")


def _http(manifest: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Routes of several functions that are one here: they share their rights."""
    answering = [one for one in group(manifest) if one.answers_http]
    if len(answering) > 1:
        handlers = len({name for one in answering for name in one.handlers})
        cause = (
            f"{len(answering)} functions that answer HTTP ({handlers} routes) are one on Google Cloud, which has no "
            "free gateway that tells them apart: each of them has the rights of all"
        )
        yield _found(HTTP_TOGETHER, "note", manifest["app"], cause, "what must be kept apart as an app of its own")


def _zones(manifest: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Schedules in zones whose clocks change, which are jobs in UTC that fire more often."""
    for handler in manifest["handlers"]:
        trigger = handler["trigger"]
        if trigger["type"] == "schedule" and timing(trigger["cron"], trigger["zone"]).is_wider:
            cause = (
                f"{handler['name']} is scheduled in {trigger['zone']}, and what Google does at changes of the clock is "
                "not documented: it is started at the UTC times of each of the zone's offsets, and those that are not "
                "meant end at once"
            )
            yield _found(ZONES, "note", handler, cause, "zone='UTC', if that is all the same")
