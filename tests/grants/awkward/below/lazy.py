"""A module that only functions import."""
# mypy: ignore-errors

from awkward.base import t


def go() -> None:
    t.get("1")
