"""Logs of deployed functions, page by page and then as they come; see portable.adapter.Deployer.logs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portable.adapter import LogLine
from portable.errors import NotFound

from .deploy_clients import DeployClients
from .grouping import groups_of
from .operations import Pace

OVERLAP = 10.0
"""Seconds: entries come out of order, some that late."""
MOST_REMEMBERED = 20_000
PAGE = 1000
MOST_NAMED = 50
"""Functions in one question: a filter has 20,000 characters at most.
https://cloud.google.com/logging/docs/view/logging-query-language"""


def function_of(manifest: Mapping[str, Any], functions: Mapping[str, str], handler: str) -> str:
    """The physical name of the function that runs a handler; a function's own id will do too. Raises NotFound."""
    groups = groups_of(manifest)
    for one in groups:
        if handler == one.id or handler in one.handlers:
            return functions[one.id]
    listed = ", ".join(sorted({*functions, *(name for one in groups for name in one.handlers)}))
    raise NotFound(f"there is no handler {handler!r}", hint=f"there are: {listed}")


def function_among(functions: Mapping[str, str], handler: str) -> str:
    """The same without a manifest: routes are known by their function's id only. Raises NotFound."""
    for id in (handler, f"handler:{handler}"):
        if id in functions:
            return functions[id]
    listed = ", ".join(sorted(id.removeprefix("handler:") for id in functions)) or "none"
    raise NotFound(f"nothing that is deployed is called {handler!r}", hint=f"there are: {listed}")


def lines(
    clients: DeployClients,
    functions: Sequence[str],
    since: float,
    follow: Callable[[], bool] | None,
    pace: Pace,
) -> Iterator[LogLine]:
    """Those from `since` (epoch seconds) on, by time; with `follow` also those to come, for as long as it says so."""
    seen: dict[str, LogLine] = {}
    start = since
    while True:
        found = sorted(
            (
                line
                for at in range(0, len(functions), MOST_NAMED)
                for line in read(clients, functions[at : at + MOST_NAMED], start)
                if line.id not in seen
            ),
            key=lambda line: line.at,
        )
        for line in found:
            seen[line.id] = line
            yield line
        if follow is None or not follow():
            return
        start = max([start, *(line.at - OVERLAP for line in found)])
        # What is older than where reading begins cannot come again.
        if len(seen) > MOST_REMEMBERED:
            seen = {id: line for id, line in seen.items() if line.at >= start}
        pace.wait(news=bool(found))


def read(clients: DeployClients, functions: Sequence[str], start: float) -> Iterator[LogLine]:
    """All that there is from a time on."""
    named = " OR ".join(f'"{name}"' for name in functions)
    moment = datetime.fromtimestamp(start, UTC).isoformat()
    wanted = f'resource.type="cloud_run_revision" AND resource.labels.service_name=({named}) AND timestamp>="{moment}"'
    for one in clients.logging.list_entries(filter_=wanted, order_by="timestamp asc", page_size=PAGE):
        at = one.timestamp.timestamp() if one.timestamp is not None else start
        labels: Mapping[str, Any] = one.resource.labels if one.resource is not None else {}
        function = str(labels.get("service_name", ""))
        yield LogLine(at, text_of(one), f"{one.log_name}#{one.insert_id}", function)


def text_of(entry: Any) -> str:
    """What was logged: text, JSON as it was printed, or a request as Cloud Run tells of it."""
    payload: Any = entry.payload
    if isinstance(payload, str):
        return payload.rstrip("\n")
    if payload is not None:
        # Of a line that is JSON, Google takes `severity` for itself. It keeps no order of fields.
        level = {"level": entry.severity} if isinstance(payload, dict) and entry.severity else {}
        return json.dumps({**level, **payload}, ensure_ascii=False, sort_keys=True)
    request: Mapping[str, Any] = entry.http_request or {}
    return " ".join(str(request.get(key, "-")) for key in ("requestMethod", "requestUrl", "status"))
