"""Trace headers of AWS as W3C trace parents: the only kind of trace id that portable knows."""

import re

from portable.binding import current_context
from portable.identifiers import NOBODY, is_traceparent

TRACE = re.compile(
    r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;Parent=([0-9a-f]{16}))?(?:;Sampled=([01]))?(?:;.*)?"
).fullmatch
"""https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""
NO_TRACE = "0" * 32
SPAN = NOBODY
"""Where AWS names no span."""


def traceparent_of(header: object) -> str:
    """The traceparent (W3C) of an X-Amzn-Trace-Id header or the variable _X_AMZN_TRACE_ID; "" for none."""
    found = TRACE(header) if isinstance(header, str) else None
    if found is None:
        return ""
    start, rest, parent, sampled = found.groups()
    return "" if start + rest == NO_TRACE else f"00-{start}{rest}-{parent or SPAN}-0{sampled or 1}"


VERSION_CHARACTERS = 12
"""Of a version of an item, from its end: enough to tell it from the others of this item."""


def trace_mark(version: str) -> str:
    """What a written item says of who wrote it: a part of its version, the trace, the span. "" outside of handlers."""
    context = current_context.get()
    if context is None:
        return ""
    traceparent = context.traceparent
    return f"{version[-VERSION_CHARACTERS:]}{traceparent[3:35]}{traceparent[36:52]}"


def traceparent_of_mark(mark: object, version: str) -> str:
    """The traceparent of whoever wrote this version; "" if that was not marked, as of an increment."""
    if not isinstance(mark, str) or mark[:VERSION_CHARACTERS] != version[-VERSION_CHARACTERS:]:
        return ""
    trace, span = mark[VERSION_CHARACTERS : VERSION_CHARACTERS + 32], mark[VERSION_CHARACTERS + 32 :]
    traceparent = f"00-{trace}-{span}-01"
    return traceparent if is_traceparent(traceparent) else ""
