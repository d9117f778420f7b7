"""What differs between what was recorded and what came now, line by line, each with whether that was to be expected."""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from .files import Answer, Call, Observed, ReplayFile
from .volatile import is_volatile, known_values, masked

ABSENT = "(absent)"

LINE_CHARACTERS = 300
"""Of a line of a difference, as people are shown it."""


class Difference(NamedTuple):
    """One thing that is not as it was: `where` as in `status`, `response.items.0.text`, `calls`.

    `is_volatile`: an id or a moment, which is new each time.
    """

    where: str
    recorded: Any
    now: Any
    is_volatile: bool = False


def differences(file: ReplayFile, now: Observed) -> list[Difference]:
    """All that differs, in the order in which people ask: outcome, status, error, answer, calls."""
    was = file.observed
    found: list[Difference] = []
    for where, before, after in (("outcome", was.outcome, now.outcome), ("status", was.status, now.status)):
        if before != after:
            found.append(Difference(where, before, after))
    if was.error != now.error:
        same = was.error is not None and now.error is not None and masked(was.error) == masked(now.error)
        found.append(Difference("error", was.error, now.error, same))
    found += answers(file, was.response, now.response, now_at=file.invocation.started_at)
    found += calls(was.calls, now.calls)
    return found


def answers(file: ReplayFile, was: Answer | None, now: Answer | None, *, now_at: float) -> Iterator[Difference]:
    if was is None or now is None:
        if was is not now:
            yield Difference("response", None if was is None else was.body, None if now is None else now.body)
        return
    if media_type(was) != media_type(now):
        yield Difference("response.content_type", was.content_type, now.content_type)
    if was.body == now.body and was.encoding == now.encoding:
        return
    if was.is_cut:
        if was.size != now.size:
            yield Difference("response.size", was.size, now.size)
        return
    before, after = json_of(was), json_of(now)
    if before is not None and after is not None:
        yield from values(before[0], after[0], "response", now_at, known_values(file))
    else:
        yield Difference("response", was.body, now.body, masked(was.body) == masked(now.body))


def media_type(answer: Answer) -> str:
    return answer.content_type.partition(";")[0].strip().lower()


def json_of(answer: Answer) -> tuple[Any] | None:
    """The answer as JSON, in a tuple as it may be null; None if it is none."""
    if answer.encoding != "text":
        return None
    try:
        return (json.loads(answer.body),)
    except ValueError:
        return None


def values(was: object, now: object, where: str, at: float, known: frozenset[str]) -> Iterator[Difference]:
    if isinstance(was, dict) and isinstance(now, dict):
        before, after = cast("dict[str, Any]", was), cast("dict[str, Any]", now)
        for name in dict.fromkeys([*before, *after]):
            if name not in before:
                yield Difference(f"{where}.{name}", ABSENT, after[name])
            elif name not in after:
                yield Difference(f"{where}.{name}", before[name], ABSENT)
            else:
                yield from values(before[name], after[name], f"{where}.{name}", at, known)
    elif isinstance(was, list) and isinstance(now, list):
        first, second = cast("Sequence[Any]", was), cast("Sequence[Any]", now)
        for position in range(max(len(first), len(second))):
            if position >= len(first):
                yield Difference(f"{where}.{position}", ABSENT, second[position])
            elif position >= len(second):
                yield Difference(f"{where}.{position}", first[position], ABSENT)
            else:
                yield from values(first[position], second[position], f"{where}.{position}", at, known)
    else:
        first_leaf, second_leaf = cast("Any", was), cast("Any", now)
        is_alike = type(first_leaf) is type(second_leaf)
        if not is_alike or first_leaf != second_leaf:
            yield Difference(where, first_leaf, second_leaf, is_alike and is_volatile(first_leaf, at, known))


def calls(was: tuple[Call, ...], now: tuple[Call, ...]) -> Iterator[Difference]:
    before, after = [str(call) for call in was], [str(call) for call in now]
    matcher = difflib.SequenceMatcher(None, [masked(line) for line in before], [masked(line) for line in after], False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag != "equal":
            yield Difference(f"calls.{first}", before[first:last], after[start:end])
            continue
        for offset in range(last - first):
            if before[first + offset] != after[start + offset]:
                yield Difference(f"calls.{first + offset}", [before[first + offset]], [after[start + offset]], True)


def shown_differences(found: list[Difference]) -> str:
    """For people: what was, what is; what is new each time in one line at the end."""
    lines: list[str] = []
    for one in found:
        if not one.is_volatile:
            lines.append(one.where)
            lines += [f"  - {line}" for line in shown(one.recorded)]
            lines += [f"  + {line}" for line in shown(one.now)]
    expected = [one.where for one in found if one.is_volatile]
    if expected:
        lines.append(f"new each time: {', '.join(expected)}")
    return "\n".join(lines)


def shown(value: object) -> list[str]:
    if isinstance(value, list):
        lines = cast("list[object]", value)
        if all(isinstance(line, str) for line in lines):
            return [shortened(line) for line in cast("list[str]", lines)]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [shortened(line) for line in text.splitlines()[:20]] or [""]


def shortened(line: str) -> str:
    more = len(line) - LINE_CHARACTERS
    return f"{line[:LINE_CHARACTERS]}... and {more:,} characters more" if more > 0 else line
