"""Request ids and W3C trace parents: made cheaply, accepted from outside only when well-formed."""

import os
import re
from _random import Random
from collections.abc import Callable

from .patterns import Pattern

REQUEST_ID = Pattern(r"[A-Za-z0-9_.:-]{8,128}", re.ASCII)
TRACEPARENT = Pattern(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

_source = Random()
getrandbits: Callable[[int], int] = _source.getrandbits
TOP = 1 << 63
"""In every span id of ours: so it has 16 digits, and is never NOBODY's."""
_prefix = ""

NOBODY = "0000000000000001"
"""The parent in the traceparent of a trace that no span has begun; 16 zeros would be no traceparent."""


def _reseed() -> None:
    global _prefix
    _source.seed(int.from_bytes(os.urandom(32), "big"))
    _prefix = os.urandom(8).hex()


_reseed()
# Children of a fork would otherwise all make the same ids. Ids are no secrets, so a fast generator does.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)


def new_ids() -> tuple[str, str]:
    """A new (request id, traceparent): the request id is the trace id, 8 bytes of the process and 8 of the request."""
    trace = f"{_prefix}{getrandbits(64):016x}"
    return trace, f"00-{trace}-0000000000000001-01"


def new_root() -> tuple[str, str]:
    """As new_ids, for a span that begins the trace: its id is how the trace's ends."""
    span = f"{getrandbits(64) | TOP:x}"
    trace = f"{_prefix}{span}"
    return trace, f"00-{trace}-{span}-01"


def new_span_id() -> str:
    """16 hexadecimal digits that no other span of the trace has, and that are not NOBODY's."""
    return f"{getrandbits(64) | TOP:x}"


def is_request_id(text: str) -> bool:
    """Whether a client's x-request-id may be taken: 8-128 letters, digits and `_.:-`."""
    return REQUEST_ID.fullmatch(text) is not None


def is_traceparent(text: str) -> bool:
    """Whether a traceparent is well-formed (W3C Trace Context, section 3.2.2)."""
    return (
        TRACEPARENT.fullmatch(text) is not None
        and text[:2] != "ff"
        and text[3:35] != "0" * 32
        and text[36:52] != "0" * 16
    )
