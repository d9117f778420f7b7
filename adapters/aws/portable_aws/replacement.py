"""Predicts, without asking AWS, whether a change of a resource means another resource: from AWS's own schemas.

The data is replacement.json, made by generate_replacement.py. A change set of CloudFormation has the last word.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

FILE = Path(__file__).with_name("replacement.json")
Effect = Literal["none", "maybe", "replace"]


class Rule(NamedTuple):
    """Properties (`KeySchema`, `Target/Arn`) whose change replaces a resource of one type, or may do so."""

    replaces: tuple[str, ...]
    may_replace: tuple[str, ...]


@cache
def rules() -> dict[str, Rule]:
    with open(FILE, encoding="utf-8") as file:
        data: dict[str, Any] = json.load(file)
    return {
        type_: Rule(tuple(one["replaces"]), tuple(one["may_replace"])) for type_, one in sorted(data["types"].items())
    }


def effect(type_: str, changed: Iterable[str]) -> tuple[Effect, tuple[str, ...]]:
    """What changing these paths (`KeySchema/0/AttributeName`) does, and which of them are to blame.

    A type that is not known is taken to be replaced by any change: what is not known is not promised.
    """
    paths = sorted(changed)
    rule = rules().get(type_)
    if rule is None:
        return ("replace" if paths else "none"), tuple(paths)
    for verdict, causes in (("replace", rule.replaces), ("maybe", rule.may_replace)):
        guilty = tuple(path for path in paths if any(touches(path, cause) for cause in causes))
        if guilty:
            return ("replace" if verdict == "replace" else "maybe"), guilty
    return "none", ()


def touches(path: str, cause: str) -> bool:
    """Whether a changed path is the property of a rule, inside it, or around it (all of it was put in or taken out)."""
    ours, theirs = path.split("/"), cause.split("/")
    return all(one == other or other == "*" for one, other in zip(ours, theirs, strict=False))
