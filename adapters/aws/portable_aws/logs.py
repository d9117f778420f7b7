"""Logs of a deployed function, page by page and then as they come; see portable.adapter.Deployer.logs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from portable.adapter import LogLine
from portable.deploy.functions import group
from portable.errors import NotFound

from .errors import ABSENT, error_code
from .names import Names
from .stack_calls import Pace
from .stacks import placement_of
from .translate import functions_of

OVERLAP = 10.0
"""Seconds: events come out of order, some that late."""
MOST_REMEMBERED = 20_000
TURN, SECOND = 5, 1.0
"""FilterLogEvents can be asked 5 times a second in most regions:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""


def function_of(manifest: dict[str, Any], stage: str, handler: str) -> str:
    """The physical name of the function that runs a handler; a function's own id will do too. Raises NotFound."""
    names = functions_of(manifest, stage)
    for one in group(manifest):
        if handler == one.id or handler in one.handlers:
            return names[one.id]
    listed = ", ".join(sorted({*names, *(name for one in group(manifest) for name in one.handlers)}))
    raise NotFound(f"there is no handler {handler!r}", hint=f"there are: {listed}")


def deployed_functions(root: Mapping[str, Any], app: str, stage: str) -> dict[str, str]:
    """The physical name of each function by its id, as a root template that was deployed has them."""
    names = Names(app, stage, "", "")
    found: dict[str, str] = {}
    for key in sorted(placement_of(root)):
        part, _, id = key.partition(":")
        if part != "function":
            continue
        kind, _, name = id.partition(":")
        if kind == "app":
            found[id] = names.app_function()
        else:
            found[id] = names.http_function(name) if kind == "http" else names.function(name)
    return found


def function_among(functions: Mapping[str, str], handler: str) -> str:
    """The same without a manifest: routes are known by their function's id only. Raises NotFound."""
    for id in (handler, f"handler:{handler}"):
        if id in functions:
            return functions[id]
    listed = ", ".join(sorted(id.removeprefix("handler:") for id in functions)) or "none"
    raise NotFound(f"nothing that is deployed is called {handler!r}", hint=f"there are: {listed}")


def lines(
    clients: Any,
    functions: Sequence[str],
    since: float,
    follow: Callable[[], bool] | None,
    pace: Pace,
    *,
    patient: bool = True,
) -> Iterator[LogLine]:
    """Those from `since` (epoch seconds) on, by time; with `follow` also those to come, for as long as it says so.

    A function that never ran has none; if one is not `patient`, nor follows, that is NotFound. Many functions are
    looked at in turn, TURN of them a second: CloudWatch takes few questions, for all of an account.
    """
    turns = [functions[at : at + TURN] for at in range(0, len(functions), TURN)]
    # Each has its own: a turn comes late, and what others wrote meanwhile must not hide what this one did.
    starts = dict.fromkeys(functions, since)
    seen: dict[str, LogLine] = {}
    found: list[LogLine] = []
    for number, turn in enumerate(turns):
        if number:
            pace.pause(SECOND)
        for function in turn:
            found += read(clients, function, since, waiting=patient or follow is not None)
    # The first time all of it by time, then as it comes.
    yield from _fresh(found, seen, starts)
    while follow is not None and follow():
        pace.wait(news=bool(found))
        found = []
        for number, turn in enumerate(turns):
            if number:
                pace.pause(SECOND)
            new = _fresh(
                [one for name in turn for one in read(clients, name, starts[name], waiting=True)], seen, starts
            )
            yield from new
            found += new
        # What is older than where reading begins cannot come again.
        if len(seen) > MOST_REMEMBERED:
            seen = {id: one for id, one in seen.items() if one.at >= starts[one.function]}


def _fresh(found: Sequence[LogLine], seen: dict[str, LogLine], starts: dict[str, float]) -> list[LogLine]:
    """Those that were not seen before, by time; they are then."""
    fresh = sorted((one for one in found if one.id not in seen), key=lambda one: one.at)
    for one in fresh:
        seen[one.id] = one
        starts[one.function] = max(starts[one.function], one.at - OVERLAP)
    return fresh


def read(clients: Any, function: str, start: float, *, waiting: bool) -> Iterator[LogLine]:
    """All that there is from a time on. Raises NotFound for a function that has never run, unless one waits for it."""
    token: str | None = None
    while True:
        more = {"nextToken": token} if token else {}
        try:
            answer = clients.logs.filter_log_events(
                logGroupName=f"/aws/lambda/{function}", startTime=int(start * 1000), **more
            )
        except Exception as error:
            if error_code(error) not in ABSENT:
                raise
            if waiting:
                return
            raise NotFound(f"there are no logs of {function}", hint="is it deployed, and has it run?") from error
        for one in answer.get("events", ()):
            text = str(one["message"]).rstrip("\n")
            yield LogLine(int(one["timestamp"]) / 1000, text, str(one["eventId"]), function)
        token = answer.get("nextToken")
        if not token:
            return
