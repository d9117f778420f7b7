"""What is new each time: ids and moments in what a handler answers. Told by their looks, and by where they come from.

A value that came in with the request, or stood in an item that was read, is no such one, however it looks.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from .files import ReplayFile

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
MOMENT = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"
HEXADECIMAL = r"(?<![0-9A-Za-z])(?=[0-9a-f]*\d)[0-9a-f]{16,}(?![0-9A-Za-z])"
ULID = r"(?<![0-9A-Za-z])[0-7][0-9A-HJKMNP-TV-Z]{25}(?![0-9A-Za-z])"
TOKEN = re.compile(f"{UUID}|{MOMENT}|{HEXADECIMAL}|{ULID}")
NEAR_SECONDS = 86_400.0
"""A number so near to the moment of the invocation, as seconds or milliseconds, is a time."""


def masked(text: str) -> str:
    """The text with what is new each time replaced, so that two of them can be compared."""
    return TOKEN.sub("<new>", text)


def is_volatile(value: Any, at: float, known: frozenset[str] = frozenset()) -> bool:
    """Whether a JSON leaf of an answer is likely to be another one next time."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int | float):
        return text_key(value) not in known and any(
            abs(value / unit - at) < NEAR_SECONDS for unit in (1.0, 1000.0, 1e6, 1e9)
        )
    if not isinstance(value, str):
        return False
    return any(match[0] not in known for match in TOKEN.finditer(value))


def known_values(file: ReplayFile) -> frozenset[str]:
    """Every text and number that the handler was given, or had read."""
    found: set[str] = {file.invocation.id}
    request, delivery = file.invocation.request, file.invocation.delivery
    if request is not None:
        found.update(text for _, text in request.headers)
        found.update(part for part in re.split(r"[/?&=]", request.target) if part)
        found.update(leaves_of_text(request.body))
    if delivery is not None:
        found.update(leaves_of_text(delivery.body))
        found.update(delivery.attributes.values())
    for item in file.state.items:
        found.update(leaves(item.item))
    found.update(file.state.params.values())
    # A longer text may hold the id that an answer gives alone.
    found.update(match[0] for text in list(found) for match in TOKEN.finditer(text))
    found.discard("")
    # Ids of the request are new with every request, but for those that the client gave.
    return frozenset(found - ({file.invocation.id} if not _was_sent(file) else set()))


def _was_sent(file: ReplayFile) -> bool:
    request = file.invocation.request
    return request is None or any(text == file.invocation.id for _, text in request.headers)


def leaves_of_text(body: str) -> Iterator[str]:
    try:
        value: Any = json.loads(body)
    except ValueError:
        yield body
        return
    yield from leaves(value)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in cast("Sequence[Any]", value):
            yield from leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield text_key(value)


def text_key(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
