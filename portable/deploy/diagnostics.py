"""Diagnostic: one finding about an app, as `portable check` reports it: all at once, each with its place."""

from typing import Literal, NamedTuple

from portable.errors import Location

FINDINGS = (
    "P3001",
    "P3010",
    "P3011",
    "P3012",
    "P3013",
    "P3014",
    "P3015",
    "P3101",
    "P3102",
    "P3103",
    "P3104",
    "P3105",
    "P3106",
    "P3107",
    "P3201",
    "P3202",
    "P3203",
    "P3204",
    "P3205",
    "P3206",
    "P3207",
    "P3208",
    "P3209",
    "P3210",
    "P3211",
    "P3301",
    "P3302",
    "P3303",
    "P3304",
    "P3401",
    "P3402",
    "P3403",
    "P3404",
    "P3405",
    "P3406",
)
"""Codes of findings that are no exceptions; each has a page, as those of errors.py have."""
Severity = Literal["error", "warning", "note"]


class Diagnostic(NamedTuple):
    """A finding: what (`code` has a page, see `portable explain`), where, on which provider (None: on all), why, and
    what to write or use instead. With `--strict` a warning counts as an error.
    """

    code: str
    severity: Severity
    location: Location | None
    provider: str | None
    cause: str
    alternative: str | None
