"""The replay file: one invocation as it came, what was seen of it, and what it had read. JSON, with a version.

Described by docs/replay.schema.json. A secret is in no file: what was redacted is marked, and has to be filled in.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NoReturn, cast

from portable.errors import InvalidArgument
from portable.telemetry import Payload

from .state import Item, Missing, State

FORMAT = "portable-replay"
VERSION = 1
KINDS = ("http", "task", "topic", "schedule", "bucket", "table")
OUTCOMES = ("succeeded", "failed", "dead")
MOST_NUMBER = 1e15
"""No time, count or size is larger; NaN is not smaller either."""


class HttpRequest(NamedTuple):
    """A request as it came. `target` is the raw path and query; a `body` that is no text is base64."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: str
    encoding: Literal["text", "base64"] = "text"

    def content(self) -> bytes:
        """The body's bytes."""
        if self.encoding == "base64":
            import base64

            return base64.b64decode(self.body, validate=True)
        return self.body.encode("utf-8", "surrogatepass")


class Delivery(NamedTuple):
    """What a background handler was given. `body` is JSON text; times are epoch seconds."""

    body: str
    attributes: Mapping[str, str]
    enqueued_at: float
    scheduled_at: float | None = None


class Invoked(NamedTuple):
    """An invocation as it came: `request` for HTTP, `delivery` for everything else."""

    kind: str
    handler: str
    name: str
    id: str
    attempt: int
    started_at: float
    request: HttpRequest | None = None
    delivery: Delivery | None = None
    is_cut: bool = False
    """The body was longer than what is recorded: it cannot be run again."""


class Answer(NamedTuple):
    """What came of it: the response, or a task's result as JSON."""

    body: str
    size: int
    content_type: str = ""
    encoding: Literal["text", "base64"] = "text"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether less was recorded than there was."""
        return Payload(self.body, self.size, encoding=self.encoding).is_cut


class Call(NamedTuple):
    """One call of a resource, in the order in which they were made."""

    resource: str
    verb: str
    key: str | None
    error: str | None

    def __str__(self) -> str:
        key = "" if self.key is None else f" {self.key}"
        return f"{self.resource} {self.verb}{key}" + (f" ({self.error})" if self.error else "")


class Observed(NamedTuple):
    """What became of it."""

    outcome: str
    status: int
    error: str | None
    traceback: str | None
    response: Answer | None
    seconds: float
    calls: tuple[Call, ...] = ()


class ReplayFile(NamedTuple):
    """All of a file. `portable` is the version that recorded it."""

    app: str
    portable: str
    invocation: Invoked
    observed: Observed
    state: State = State()


# To JSON


def document(file: ReplayFile) -> dict[str, Any]:
    """The file as JSON values."""
    invoked, observed, state = file.invocation, file.observed, file.state
    came = invoked._asdict()
    if invoked.request is None:
        del came["request"]
        assert invoked.delivery is not None
        came["delivery"] = {**invoked.delivery._asdict(), "attributes": dict(invoked.delivery.attributes)}
    else:
        del came["delivery"]
        came["request"] = {**invoked.request._asdict(), "headers": [list(pair) for pair in invoked.request.headers]}
    answer = observed.response
    return {
        "format": FORMAT,
        "version": VERSION,
        "portable": file.portable,
        "app": file.app,
        "invocation": came,
        "observed": {
            **observed._asdict(),
            "response": None
            if answer is None
            else {**answer._asdict(), "headers": [list(pair) for pair in answer.headers]},
            "calls": [call._asdict() for call in observed.calls],
        },
        "state": {
            "items": [item._asdict() for item in state.items],
            "params": dict(state.params),
            "secrets": list(state.secrets),
            "missing": [missing._asdict() for missing in state.missing],
        },
    }


def dumps(file: ReplayFile) -> str:
    """The file's text, for people too."""
    return json.dumps(document(file), indent=1, ensure_ascii=False) + "\n"


# From JSON


def refuse(where: str, what: str) -> NoReturn:
    raise InvalidArgument(
        f"this is no replay file: {where} {what}", hint="`portable replay` reads what the console exports"
    )


def parse(text: str) -> ReplayFile:
    """The file that `text` is. Raises InvalidArgument, naming what is wrong and where."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        refuse("it", f"is not JSON: {error}")
    return from_document(value)


def from_document(value: Any) -> ReplayFile:
    """The file that JSON values are. Raises InvalidArgument."""
    if not isinstance(value, dict) or cast("dict[str, Any]", value).get("format") != FORMAT:
        refuse("format", f"is not {FORMAT!r}")
    whole = cast("dict[str, Any]", value)
    if whole.get("version") != VERSION:
        raise InvalidArgument(
            f"the replay file is of version {whole.get('version')!r}, and this is portable for version {VERSION}",
            hint=f"it was written by portable {whole.get('portable', '?')}: run it with that, or record it again",
        )
    came, seen = child(whole, "invocation", "$"), child(whole, "observed", "$")
    kind = one_of(came, "kind", KINDS, "invocation")
    request = delivery = None
    if kind == "http":
        request = _request(child(came, "request", "invocation"))
    else:
        delivery = _delivery(child(came, "delivery", "invocation"))
    return ReplayFile(
        text_of(whole, "app", "$"),
        text_of(whole, "portable", "$"),
        Invoked(
            kind,
            text_of(came, "handler", "invocation"),
            text_of(came, "name", "invocation"),
            text_of(came, "id", "invocation"),
            attempt_of(came),
            number(came, "started_at", "invocation"),
            request,
            delivery,
            came.get("is_cut") is True,
        ),
        _observed(seen),
        _state(whole.get("state", {})),
    )


def _request(value: dict[str, Any]) -> HttpRequest:
    where = "invocation.request"
    encoding = cast("Any", one_of(value, "encoding", ("text", "base64"), where))
    request = HttpRequest(
        text_of(value, "method", where),
        text_of(value, "target", where),
        pairs(value, "headers", where),
        text_of(value, "body", where),
        encoding,
    )
    try:
        request.content()
    except ValueError as error:
        refuse(f"{where}.body", f"is not {encoding}: {error}")
    return request


def _delivery(value: dict[str, Any]) -> Delivery:
    where = "invocation.delivery"
    attributes = value.get("attributes", {})
    if not isinstance(attributes, dict):
        refuse(f"{where}.attributes", "is no object")
    scheduled = value.get("scheduled_at")
    return Delivery(
        text_of(value, "body", where),
        {str(name): str(text) for name, text in cast("dict[str, Any]", attributes).items()},
        number(value, "enqueued_at", where),
        None if scheduled is None else number(value, "scheduled_at", where),
    )


def _observed(value: dict[str, Any]) -> Observed:
    where = "observed"
    answer: Answer | None = None
    if value.get("response") is not None:
        found, place = child(value, "response", where), f"{where}.response"
        encoding = cast("Any", one_of(found, "encoding", ("text", "base64"), place))
        answer = Answer(
            text_of(found, "body", place),
            int(number(found, "size", place)),
            text_of(found, "content_type", place),
            encoding,
            pairs(found, "headers", place),
        )
    calls = value.get("calls", [])
    if not isinstance(calls, list):
        refuse(f"{where}.calls", "is no list")
    return Observed(
        one_of(value, "outcome", OUTCOMES, where),
        int(number(value, "status", where)),
        optional_text(value, "error", where),
        optional_text(value, "traceback", where),
        answer,
        number(value, "seconds", where),
        tuple(
            Call(
                text_of(call, "resource", f"{where}.calls"),
                text_of(call, "verb", f"{where}.calls"),
                optional_text(call, "key", f"{where}.calls"),
                optional_text(call, "error", f"{where}.calls"),
            )
            for call in each(cast("Sequence[Any]", calls), f"{where}.calls")
        ),
    )


def _state(value: Any) -> State:
    if not isinstance(value, dict):
        refuse("state", "is no object")
    whole = cast("dict[str, Any]", value)
    items: list[Item] = []
    for found in each(whole.get("items", []), "state.items"):
        item = child(found, "item", "state.items")
        table, pk, sk = (text_of(found, name, "state.items") for name in ("table", "pk", "sk"))
        items.append(Item(table, pk, sk, item))
    params = whole.get("params", {})
    if not isinstance(params, dict):
        refuse("state.params", "is no object")
    secrets = whole.get("secrets", [])
    if not isinstance(secrets, list):
        refuse("state.secrets", "is no list")
    return State(
        tuple(items),
        {str(name): str(text) for name, text in cast("dict[str, Any]", params).items()},
        tuple(str(name) for name in cast("Sequence[Any]", secrets)),
        tuple(
            Missing(
                text_of(found, "resource", "state.missing"),
                optional_text(found, "key", "state.missing"),
                text_of(found, "why", "state.missing"),
            )
            for found in each(whole.get("missing", []), "state.missing")
        ),
    )


def child(value: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        refuse(f"{where}.{name}", "is missing" if found is None else "is no object")
    return cast("dict[str, Any]", found)


def each(value: Any, where: str) -> Iterator[dict[str, Any]]:
    if not isinstance(value, list):
        refuse(where, "is no list")
    for found in cast("Sequence[Any]", value):
        if not isinstance(found, dict):
            refuse(where, "has something that is no object")
        yield cast("dict[str, Any]", found)


def text_of(value: dict[str, Any], name: str, where: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        refuse(f"{where}.{name}", "is missing" if found is None else "is no text")
    return found


def optional_text(value: dict[str, Any], name: str, where: str) -> str | None:
    return None if value.get(name) is None else text_of(value, name, where)


def number(value: dict[str, Any], name: str, where: str) -> float:
    found = value.get(name)
    if not isinstance(found, int | float) or isinstance(found, bool):
        refuse(f"{where}.{name}", "is missing" if found is None else "is no number")
    if not -MOST_NUMBER < found < MOST_NUMBER:
        refuse(f"{where}.{name}", "is no number that can be meant")
    return found


def attempt_of(came: dict[str, Any]) -> int:
    attempt = int(number(came, "attempt", "invocation"))
    if attempt < 1:
        refuse("invocation.attempt", "is less than 1")
    return attempt


def one_of(value: dict[str, Any], name: str, choices: tuple[str, ...], where: str) -> str:
    found = text_of(value, name, where)
    if found not in choices:
        refuse(f"{where}.{name}", f"is {found!r}, and none of {', '.join(choices)}")
    return found


def pairs(value: dict[str, Any], name: str, where: str) -> tuple[tuple[str, str], ...]:
    found = value.get(name, [])
    if not isinstance(found, list):
        refuse(f"{where}.{name}", "is no list")
    made: list[tuple[str, str]] = []
    for pair in cast("Sequence[Any]", found):
        if not isinstance(pair, list) or len(cast("Sequence[Any]", pair)) != 2:
            refuse(f"{where}.{name}", "has something that is no pair")
        first, second = cast("Sequence[Any]", pair)
        made.append((str(first), str(second)))
    return tuple(made)
