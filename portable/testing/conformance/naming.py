"""Names of the suite's cases: the same in every process, so that cases can be spread over several."""

import re
from typing import Any

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
LONGEST = 40


def described(value: Any) -> str:
    """A value as part of a case's name: ASCII, short, without the address that a default repr has."""
    return ADDRESS.sub("", ascii(value))[:LONGEST]
