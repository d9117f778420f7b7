"""What was redacted in a replay file, and filling it in. A path is told to people, and they give a value for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from portable.errors import InvalidArgument
from portable.telemetry_reads import REDACTED

from .files import Delivery, HttpRequest, ReplayFile
from .state import State


def redacted_paths(file: ReplayFile, *, with_state: bool = False) -> list[str]:
    """The paths, as `filled` takes them, of what stands for a secret in what is run again."""
    found: list[str] = []
    invoked = file.invocation
    if invoked.request is not None:
        if REDACTED in invoked.request.target or "%5Bredacted%5D" in invoked.request.target:
            found.append("request.target")
        found += [f"request.headers.{name}" for name, text in invoked.request.headers if REDACTED in text]
        if invoked.request.encoding == "base64":
            found += ["request.body"] if REDACTED.encode() in invoked.request.content() else []
        else:
            found += in_body(invoked.request.body, "request.body")
    if invoked.delivery is not None:
        found += in_body(invoked.delivery.body, "delivery.body")
        found += [
            f"delivery.attributes.{name}" for name, text in invoked.delivery.attributes.items() if REDACTED in text
        ]
    if with_state:
        for position, item in enumerate(file.state.items):
            found += list(in_value(item.item, f"state.items.{position}"))
        found += [f"state.params.{name}" for name, text in file.state.params.items() if REDACTED in text]
    return list(dict.fromkeys(found))


def in_body(body: str, where: str) -> list[str]:
    if REDACTED not in body:
        return []
    try:
        value: Any = json.loads(body)
    except ValueError:
        return [where]
    return list(in_value(value, where))


def in_value(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str):
        if REDACTED in value:
            yield where
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from in_value(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for position, inner in enumerate(cast("Sequence[Any]", value)):
            yield from in_value(inner, f"{where}.{position}")


def require_filled(file: ReplayFile, *, with_state: bool = False) -> None:
    """Raises InvalidArgument, naming every path, if something is redacted still or was not recorded whole."""
    if file.invocation.is_cut:
        raise InvalidArgument(
            "the body was too large to be recorded whole, so it cannot be run again",
            hint="put the whole body into the file, and take `is_cut` out",
        )
    paths = redacted_paths(file, with_state=with_state)
    if paths:
        raise InvalidArgument(
            f"redacted, and needed: {', '.join(paths)}", hint=" ".join(f"--set {path}=VALUE" for path in paths)
        )


def filled(file: ReplayFile, settings: Mapping[str, str | None]) -> ReplayFile:
    """The file with values put in, by path: `request.headers.authorization`, `request.body.password`, `request.target`,
    `delivery.body.card.0`, `state.items.0.token`, `state.params.rate`.

    Within JSON a text (or null) is replaced by the value as a text, anything else by the value as JSON. None leaves a
    header out. Raises InvalidArgument for a path that leads nowhere.
    """
    for path, value in settings.items():
        first, _, rest = path.partition(".")
        invoked = file.invocation
        if value is None:
            file = file._replace(invocation=invoked._replace(request=_without_header(invoked.request, path)))
            continue
        if first == "request" and invoked.request is not None:
            file = file._replace(invocation=invoked._replace(request=_set_request(invoked.request, rest, value, path)))
        elif first == "delivery" and invoked.delivery is not None:
            changed = _set_delivery(invoked.delivery, rest, value, path)
            file = file._replace(invocation=invoked._replace(delivery=changed))
        elif first == "state":
            file = file._replace(state=_set_state(file.state, rest, value, path))
        else:
            raise nowhere(path)
    return file


def _set_request(request: HttpRequest, path: str, value: str, whole: str) -> HttpRequest:
    first, _, rest = path.partition(".")
    if first == "target" and not rest:
        return request._replace(target=value)
    if first == "headers" and rest:
        if rest.lower() not in {name.lower() for name, _ in request.headers}:
            raise nowhere(whole)
        return request._replace(
            headers=tuple((name, value if name.lower() == rest.lower() else text) for name, text in request.headers)
        )
    if first == "body":
        return request._replace(body=_set_body(request.body, rest, value, whole))
    raise nowhere(whole)


def _without_header(request: HttpRequest | None, path: str) -> HttpRequest:
    name = path.removeprefix("request.headers.").lower()
    if request is None or not path.startswith("request.headers."):
        raise InvalidArgument(f"{path!r} cannot be left out", hint="only a header can: request.headers.cookie")
    left = tuple(pair for pair in request.headers if pair[0].lower() != name)
    if len(left) == len(request.headers):
        raise nowhere(path)
    return request._replace(headers=left)


def _set_delivery(delivery: Delivery, path: str, value: str, whole: str) -> Delivery:
    first, _, rest = path.partition(".")
    if first == "body":
        return delivery._replace(body=_set_body(delivery.body, rest, value, whole))
    if first == "attributes" and rest in delivery.attributes:
        return delivery._replace(attributes={**delivery.attributes, rest: value})
    raise nowhere(whole)


def _set_state(state: State, path: str, value: str, whole: str) -> State:
    first, _, rest = path.partition(".")
    if first == "params" and rest in state.params:
        return state._replace(params={**state.params, rest: value})
    place, _, inner = rest.partition(".")
    if first == "items" and place.isdigit() and int(place) < len(state.items) and inner:
        items = list(state.items)
        item = items[int(place)]
        items[int(place)] = item._replace(item=set_in(item.item, inner.split("."), value, whole))
        return state._replace(items=tuple(items))
    raise nowhere(whole)


def _set_body(body: str, path: str, value: str, whole: str) -> str:
    if not path:
        return value
    try:
        found: Any = json.loads(body)
    except ValueError:
        raise nowhere(whole) from None
    return json.dumps(set_in(found, path.split("."), value, whole), ensure_ascii=False, separators=(",", ":"))


def set_in(value: Any, path: list[str], new: str, whole: str) -> Any:
    """A copy of JSON values with another text at `path`."""
    if not path:
        if isinstance(value, str) or value is None:
            return new
        try:
            return json.loads(new)
        except ValueError:
            return new
    if isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        # A field's name may have dots in it.
        for count in range(len(path), 0, -1):
            name = ".".join(path[:count])
            if name in known:
                return {**known, name: set_in(known[name], path[count:], new, whole)}
    if isinstance(value, list) and path[0].isdigit() and int(path[0]) < len(cast("Sequence[Any]", value)):
        listed = list(cast("Sequence[Any]", value))
        listed[int(path[0])] = set_in(listed[int(path[0])], path[1:], new, whole)
        return listed
    raise nowhere(whole)


def nowhere(path: str) -> InvalidArgument:
    return InvalidArgument(
        f"there is nothing at {path!r} in the replay file",
        hint="for instance request.headers.authorization, request.body.password, request.target, delivery.body.card",
    )
