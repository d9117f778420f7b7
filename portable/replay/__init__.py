"""Running an invocation again: the file that one is kept in, what differs the second time, and a test of it.

Pure, as far as this package goes: `replay_file` makes a ReplayFile of what the console's API knows of an invocation,
`parse` reads one, `differences` compares, `pytest_text` writes a pytest. Running is the adapter's (see local.py).
"""

from .difference import Difference, differences, shown_differences
from .files import (
    FORMAT,
    VERSION,
    Answer,
    Call,
    Delivery,
    HttpRequest,
    Invoked,
    Observed,
    ReplayFile,
    dumps,
    from_document,
    parse,
)
from .filling import filled, redacted_paths, require_filled
from .records import invocation_json, observed_of, replay_file
from .saved_test import pytest_text, saved_test_name
from .state import Item, Missing, State, state_of

__all__ = [
    "FORMAT",
    "VERSION",
    "Answer",
    "Call",
    "Delivery",
    "Difference",
    "HttpRequest",
    "Invoked",
    "Item",
    "Missing",
    "Observed",
    "ReplayFile",
    "State",
    "differences",
    "dumps",
    "filled",
    "from_document",
    "invocation_json",
    "observed_of",
    "parse",
    "pytest_text",
    "redacted_paths",
    "replay_file",
    "require_filled",
    "saved_test_name",
    "shown_differences",
    "state_of",
]
