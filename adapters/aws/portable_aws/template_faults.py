"""What is wrong with an app for AWS that only its template can show: Diagnostics with file and line, all at once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from portable.deploy.diagnostics import Diagnostic, Severity
from portable.deploy.functions import FunctionGroup, group
from portable.errors import Location

from .iam import LARGEST_POLICY, Right, known, rights, statements
from .names import Names
from .template_data import shared_events
from .template_functions import function_name
from .template_http import MOST_ROUTES, default_group, places, route_keys
from .template_parts import Naming, naming

PROVIDER = "aws"
SAME_NAME = "P3401"
STREAM_READERS = "P3402"
TOO_MANY_ROUTES = "P3403"
POLICY_TOO_LARGE = "P3404"
SHARED_EVENTS = "P3405"
CHANGES_AT_ONCE = 2
"""Functions that may read one shard of a stream: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""


def faults(manifest: Mapping[str, Any], stage: str) -> list[Diagnostic]:
    """All that is found, in the order of the code."""
    name = naming(manifest["app"]["name"], stage)
    groups = group(manifest)
    found = [
        *_names(manifest, groups, stage),
        *_changes(manifest),
        *_routes(manifest, groups, name),
        *_policies(manifest, groups, name),
        *_events(manifest),
    ]
    return sorted(set(found), key=lambda one: (str(one.location), one.code, one.cause))


def location_of(spec: Mapping[str, Any]) -> Location:
    return Location(spec["location"]["file"], spec["location"]["line"])


def _found(code: str, severity: Severity, spec: Mapping[str, Any], cause: str, alternative: str) -> Diagnostic:
    return Diagnostic(code, severity, location_of(spec), PROVIDER, cause, alternative)


def named(
    manifest: Mapping[str, Any], groups: list[FunctionGroup], stage: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(kind of AWS, physical name, spec) of everything whose name the app chooses."""
    app = manifest["app"]["name"]
    names = Names(app, stage, "000000000000", "ap-southeast-1")
    for kind, key, of in (
        ("table", "tables", names.table),
        ("bucket", "buckets", names.bucket),
        ("topic", "topics", names.topic),
        ("parameter", "params", names.parameter),
        ("secret", "secrets", names.secret),
    ):
        for spec in manifest[key]:
            yield kind, of(spec["name"]), spec
    handlers = {handler["name"]: handler for handler in manifest["handlers"]}
    services = {service["name"]: service for service in manifest["services"]}
    real = Naming(names, app, stage)
    for one in groups:
        spec = handlers[one.handlers[0]] if one.kind == "handler" else services.get(one.service, manifest["app"])
        yield "function", function_name(one, real), spec
    for handler in manifest["handlers"]:
        if handler["trigger"]["type"] != "route":
            yield "queue", names.queue(handler["name"]), handler
            yield "queue", names.dead_queue(handler["name"]), handler
        if handler["trigger"]["type"] == "schedule":
            yield "schedule", names.schedule(handler["name"]), handler


def _names(manifest: Mapping[str, Any], groups: list[FunctionGroup], stage: str) -> Iterator[Diagnostic]:
    """Two things that would have one name: `core-users` of the app and `users` of its service `core`."""
    taken: dict[tuple[str, str], Mapping[str, Any]] = {}
    for kind, physical, spec in named(manifest, groups, stage):
        other = taken.setdefault((kind, physical), spec)
        # That two have one name everywhere is P3015's to say.
        if other is not spec and plain(spec) != plain(other):
            cause = f"{spec['name']} and {other['name']} ({location_of(other)}) would be one {kind}, {physical}"
            yield _found(SAME_NAME, "error", spec, cause, "another name for one of them")


def plain(spec: Mapping[str, Any]) -> str:
    return str(spec["name"]).replace(".", "-").replace("_", "-").lower()


def _changes(manifest: Mapping[str, Any]) -> Iterator[Diagnostic]:
    by_table: dict[str, list[Mapping[str, Any]]] = {}
    for handler in manifest["handlers"]:
        if handler["trigger"]["type"] == "table":
            by_table.setdefault(handler["trigger"]["table"], []).append(handler)
    for table, handlers in sorted(by_table.items()):
        if len(handlers) > CHANGES_AT_ONCE:
            cause = (
                f"{len(handlers)} handlers hear of changes of {table!r}; with more than {CHANGES_AT_ONCE} DynamoDB "
                "slows the readers of its stream down"
            )
            advice = "one handler that sends tasks, or publishes to a topic"
            yield _found(STREAM_READERS, "warning", handlers[CHANGES_AT_ONCE], cause, advice)


def _routes(manifest: Mapping[str, Any], groups: list[FunctionGroup], name: Naming) -> Iterator[Diagnostic]:
    default = default_group(groups, name.app)
    if default is None:
        return
    count = 1 + len(route_keys(places(manifest, groups), default.id))
    if count > MOST_ROUTES:
        cause = (
            f"the paths of the functions take {count} routes of the HTTP API, which has {MOST_ROUTES} unless AWS is "
            "asked for more"
        )
        advice = "prefixes by which services can be told apart, or functions='app'"
        yield _found(TOO_MANY_ROUTES, "warning", manifest["app"], cause, advice)


def _policies(manifest: Mapping[str, Any], groups: list[FunctionGroup], name: Naming) -> Iterator[Diagnostic]:
    """Roles that would be larger than IAM takes, with references at their longest."""
    about = known(manifest)
    for one in groups:
        needed = rights(about, one, name, function_name(one, name))
        if most_size(needed) <= LARGEST_POLICY:
            continue
        size = policy_size(statements(needed))
        if size > LARGEST_POLICY:
            spec = about.handlers[one.handlers[0]] if one.handlers else manifest["app"]
            cause = (
                f"the rights of {one.id} are {size} characters as a policy, and a role of AWS has {LARGEST_POLICY}: "
                "it uses too many resources"
            )
            advice = "functions='service' or 'handler', or services that use less"
            yield _found(POLICY_TOO_LARGE, "error", spec, cause, advice)


STATEMENT_SIZE = 300
"""More than all that a statement has but its actions, its resource and its partitions."""


def most_size(needed: Iterable[Right]) -> int:
    """What no policy with these rights is larger than: as if none were joined. Nearly all are far below the limit."""
    size = 0
    for right in needed:
        # References are longer than what is put in, and an ARN has no character that takes more than one.
        text = len(right.arn) + len(right.passed_to) + sum(len(action) + 3 for action in right.actions)
        size += (text + STATEMENT_SIZE) * max(1, len(right.partitions))
        size += 6 * sum(len(partition) for partition in right.partitions)
    return size


def policy_size(statements_: Any) -> int:
    """Of a policy once references are put in; white space does not count."""
    text = json.dumps(_put_in(statements_), separators=(",", ":"))
    return len(text) + len('{"Version":"2012-10-17","Statement":}')


def _put_in(value: Any) -> Any:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if set(entries) == {"Fn::Sub"}:
            text: str = entries["Fn::Sub"]
            longest = {"${AWS::Partition}": "aws-us-gov", "${AWS::Region}": "ap-southeast-1"}
            for reference, stand_in in {**longest, "${AWS::AccountId}": "0" * 12}.items():
                text = text.replace(reference, stand_in)
            return text
        return {key: _put_in(entry) for key, entry in entries.items()}
    if isinstance(value, list):
        return [_put_in(entry) for entry in list(cast("Any", value))]
    return value


def _events(manifest: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Handlers of one bucket with overlapping prefixes: it works, at the price of a run for each event."""
    by_bucket: dict[str, list[Mapping[str, Any]]] = {}
    for handler in manifest["handlers"]:
        if handler["trigger"]["type"] == "bucket":
            by_bucket.setdefault(handler["trigger"]["bucket"], []).append(handler)
    for bucket, handlers in sorted(by_bucket.items()):
        for event in sorted(shared_events(handlers)):
            some = [handler for handler in handlers if handler["trigger"]["event"] == event]
            cause = (
                f"prefixes of the handlers of {bucket!r} overlap ({', '.join(one['name'] for one in some)}), which S3 "
                "does not tell apart: each is started for every object and looks at the key itself"
            )
            yield _found(SHARED_EVENTS, "note", some[0], cause, "prefixes of which none begins with another")
