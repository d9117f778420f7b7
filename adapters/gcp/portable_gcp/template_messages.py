"""How a background handler is reached: its queue, and what leads to the function beside it. docs/design/0018"""

import json
from collections.abc import Mapping
from typing import Any

from .arrivals import CHANGES
from .grouping import function_by_handler
from .layout import ROOTS
from .names import Names
from .resources import Resource, labels, mark
from .roles import kind_of
from .scheduling import shortest_gap, timing
from .template_data import OBJECT_EVENTS, place_of
from .template_functions import MARGIN_SECONDS

LEAST_ATTEMPTS = 5
"""Of a subscription, after which Pub/Sub gives up: what is left then our code never saw to the end."""
WITHOUT_END = -1
"""Attempts of a queue: Cloud Tasks keeps no dead letters, and would delete what a function that cannot start has never
seen. Our own attempts are counted by our code; what it never sees is kept for 31 days.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#retryconfig"""
MOST_DELIVERIES = 100
"""https://cloud.google.com/pubsub/docs/handling-failures"""
DOUBLINGS = 16
MOST_BACKOFF = 3600
KEPT = f"{7 * 86400}s"
DEAD_KEPT = f"{14 * 86400}s"
LEAST_ACK, MOST_ACK = 10, 600
LEAST_DISPATCH, MOST_DISPATCH = 15, 1800
"""https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs"""
SCHEDULE_RETRIES = 5
"""The most there can be, and over in minutes; so it is tried until the next time is near too, for a day at most.
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#retryconfig"""
MOST_FILTER = 256
"""Bytes of a filter: https://cloud.google.com/pubsub/docs/subscription-message-filter"""
CHANGE = "google.cloud.firestore.document.v1.written"
PATHS = "match-path-pattern"


def clamped(seconds: float, least: float, most: float) -> str:
    return f"{max(least, min(seconds, most)):g}s"


def identity(function: str, names: Names) -> dict[str, Any]:
    """A token for the function, in the function's own name."""
    return {"serviceAccountEmail": names.service_account(function), "audience": names.url(function)}


def background(manifest: Mapping[str, Any], names: Names) -> list[Resource]:
    """Of all background handlers."""
    functions = function_by_handler(manifest, names)
    found: list[Resource] = []
    for handler in manifest["handlers"]:
        name = handler["name"]
        if name not in functions:
            continue
        function = functions[name]
        found.append(queue(handler, function, names))
        kind = kind_of(handler)
        if kind in ("topic", "bucket"):
            found += pushed(handler, function, names)
        elif kind == "table":
            found.append(trigger(handler, function, names))
        elif kind == "schedule":
            found.append(job(handler, function, names))
    return found


def queue(handler: Mapping[str, Any], function: str, names: Names) -> Resource:
    """Where it leads and in whose name is the queue's to say, so that who sends needs no right to that name."""
    name, retry = handler["name"], handler["trigger"]["retry"]
    host = names.url(function).removeprefix("https://")
    return Resource(
        f"queue:{name}",
        "queue",
        names.in_location(f"queues/{names.queue(name)}"),
        {
            "httpTarget": {
                "uriOverride": {
                    "scheme": "HTTPS",
                    "host": host,
                    "pathOverride": {"path": "/"},
                    "uriOverrideEnforceMode": "ALWAYS",
                },
                "httpMethod": "POST",
                "oidcToken": identity(function, names),
            },
            "retryConfig": {
                "maxAttempts": WITHOUT_END,
                "minBackoff": clamped(retry["min_backoff"], 0.1, MOST_BACKOFF),
                "maxBackoff": clamped(retry["max_backoff"], 0.1, MOST_BACKOFF),
                "maxDoublings": DOUBLINGS,
            },
        },
        name,
        place_of(handler),
    )


def pushed(handler: Mapping[str, Any], function: str, names: Names) -> list[Resource]:
    """The subscription of a topic's or bucket's handler, and where goes what could not be pushed."""
    name, about = handler["name"], handler["trigger"]
    tags, where = labels(names.app, names.stage, handler["service"]), place_of(handler)
    dead = names.in_project(f"topics/{names.dead_topic(name)}")
    if kind_of(handler) == "topic":
        topic, wanted = names.topic(about["source"]), attribute_filter(about["filter"])
    else:
        topic, wanted = names.bucket_topic(about["bucket"]), object_filter(about["event"], about["prefix"])
    body: dict[str, Any] = {
        "topic": names.in_project(f"topics/{topic}"),
        "ackDeadlineSeconds": int(max(LEAST_ACK, min(handler["timeout"] + MARGIN_SECONDS, MOST_ACK))),
        "messageRetentionDuration": KEPT,
        "expirationPolicy": {},
        "pushConfig": {"pushEndpoint": f"{names.url(function)}/", "oidcToken": identity(function, names)},
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {
            "deadLetterTopic": dead,
            "maxDeliveryAttempts": max(LEAST_ATTEMPTS, min(about["retry"]["max_attempts"], MOST_DELIVERIES)),
        },
        "labels": tags,
    }
    if wanted:
        body["filter"] = wanted
    kept = {
        "topic": dead,
        "ackDeadlineSeconds": 60,
        "messageRetentionDuration": DEAD_KEPT,
        "expirationPolicy": {},
        "labels": tags,
    }
    place = names.in_project
    return [
        Resource(f"dead-topic:{name}", "topic", dead, {"labels": tags}, name, where),
        Resource(
            f"dead-subscription:{name}",
            "subscription",
            place(f"subscriptions/{names.dead_subscription(name)}"),
            kept,
            name,
            where,
        ),
        Resource(
            f"subscription:{name}",
            "subscription",
            place(f"subscriptions/{names.pushed_subscription(name, topic, wanted)}"),
            body,
            name,
            where,
        ),
    ]


def quoted(text: str) -> str:
    """A string of Pub/Sub's filter language."""
    return json.dumps(text, ensure_ascii=False)


def attribute_filter(wanted: Mapping[str, str]) -> str:
    """As much of a subscriber's filter as Pub/Sub takes; the running half looks at all of it."""
    parts: list[str] = []
    for key, value in sorted(wanted.items()):
        part = f"attributes.{quoted(key)} = {quoted(value)}"
        if len(" AND ".join([*parts, part]).encode()) <= MOST_FILTER:
            parts.append(part)
    return " AND ".join(parts)


def object_filter(event: str, prefix: str) -> str:
    """The events of one kind, under one prefix where that fits; the running half looks at the prefix again."""
    kind = f'attributes.eventType = "{OBJECT_EVENTS[event]}"'
    whole = f"{kind} AND hasPrefix(attributes.objectId, {quoted(prefix)})"
    return whole if prefix and len(whole.encode()) <= MOST_FILTER else kind


def trigger(handler: Mapping[str, Any], function: str, names: Names) -> Resource:
    """Eventarc tells the function of each change, at a path that says which handler is to hear it.

    If it does not answer well it is told again, for 24 hours: https://cloud.google.com/eventarc/docs/retry-events
    """
    name = handler["name"]
    documents = f"{ROOTS}/*/{names.collection(handler['trigger']['table'])}/*"
    return Resource(
        f"trigger:{name}",
        "trigger",
        names.in_location(f"triggers/{names.trigger(name, documents)}"),
        {
            "eventFilters": [
                {"attribute": "type", "value": CHANGE},
                {"attribute": "database", "value": names.database()},
                {"attribute": "document", "operator": PATHS, "value": documents},
            ],
            "eventDataContentType": "application/protobuf",
            "serviceAccount": names.service_account(function),
            "destination": {"cloudRun": {"service": function, "region": names.location, "path": f"{CHANGES}{name}"}},
            "labels": labels(names.app, names.stage, handler["service"]),
        },
        name,
        place_of(handler),
    )


def job(handler: Mapping[str, Any], function: str, names: Names) -> Resource:
    name, about = handler["name"], handler["trigger"]
    when = timing(about["cron"], about["zone"])
    return Resource(
        f"job:{name}",
        "job",
        names.in_location(f"jobs/{names.job(name)}"),
        {
            "description": mark(names.app, names.stage),
            "schedule": when.cron,
            "timeZone": when.zone,
            "attemptDeadline": clamped(handler["timeout"] + MARGIN_SECONDS, LEAST_DISPATCH, MOST_DISPATCH),
            "retryConfig": {
                "retryCount": SCHEDULE_RETRIES,
                "maxRetryDuration": f"{shortest_gap(when.cron)}s",
                "minBackoffDuration": "5s",
                "maxBackoffDuration": "3600s",
                "maxDoublings": 5,
            },
            "httpTarget": {
                "uri": f"{names.url(function)}/",
                "httpMethod": "POST",
                "oidcToken": identity(function, names),
            },
        },
        name,
        place_of(handler),
    )
