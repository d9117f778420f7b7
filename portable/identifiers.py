"""Request ids and W3C trace parents: made cheaply, accepted from outside only when well-formed."""

import os
import re
from _random import Random

from .patterns import Pattern

REQUEST_ID = Pattern(r"[A-Za-z0-9_.:-]{8,128}", re.ASCII)
TRACEPARENT = Pattern(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

_source = Random()
_getrandbits = _source.getrandbits
_prefix = ""
_parent = ""


def _reseed() -> None:
    global _prefix, _parent
    _source.seed(int.from_bytes(os.urandom(32), "big"))
    _prefix, _parent = os.urandom(8).hex(), os.urandom(8).hex()


_reseed()
# Children of a fork would otherwise all make the same ids. Ids are no secrets, so a fast generator does.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)


def new_ids() -> tuple[str, str]:
    """A new (request id, traceparent): the request id is the trace id, 8 bytes of the process and 8 of the request."""
    trace = f"{_prefix}{_getrandbits(64):016x}"
    return trace, f"00-{trace}-{_parent}-01"


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
