"""A text that matches a regular expression, for the example of a field that has a pattern.

The expression is the app's own; it is read here, and never run on anything of a client's.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

MOST_REPEATS = 1000
ALPHABET = "a1A_-. /:@+" + "".join(map(chr, range(32, 127)))


class NoExample(Exception):
    """Nothing was found that fits, or only something without end."""


def sample(pattern: str, repeats: int) -> str | None:
    """A text that a regular expression may match, with `repeats` of what may be repeated; None if it is beyond us."""
    try:
        # Where Python keeps the reader of its expressions; without it there is an example less.
        reader: Any = importlib.import_module("re._parser")
        return "".join(sampled(reader.parse(pattern), repeats))
    except (ImportError, re.error, NoExample, OverflowError, RecursionError):
        return None


def sampled(tree: Any, repeats: int) -> Iterator[str]:
    for operation, argument in tree:
        name = str(operation)
        if name == "LITERAL":
            yield chr(argument)
        elif name == "NOT_LITERAL":
            yield next(character for character in ALPHABET if ord(character) != argument)
        elif name == "ANY":
            yield "a"
        elif name == "IN":
            yield one_in(argument)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            times = max(least, min(int(most), repeats))
            if times > MOST_REPEATS:
                raise NoExample
            for _ in range(times):
                yield from sampled(inner, repeats)
        elif name == "SUBPATTERN":
            yield from sampled(argument[3], repeats)
        elif name == "ATOMIC_GROUP":
            yield from sampled(argument, repeats)
        elif name == "BRANCH":
            yield from sampled(argument[1][0], repeats)
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            raise NoExample


CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda character: not character.isdigit(),
    "CATEGORY_WORD": lambda character: character.isalnum() or character == "_",
    "CATEGORY_NOT_WORD": lambda character: not (character.isalnum() or character == "_"),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda character: not character.isspace(),
}


def one_in(items: list[tuple[Any, Any]]) -> str:
    """A character of a class such as `[a-z_]`."""
    negated = any(str(kind) == "NEGATE" for kind, _ in items)

    def holds(character: str) -> bool:
        for kind, argument in items:
            name = str(kind)
            if (
                (name == "LITERAL" and ord(character) == argument)
                or (name == "RANGE" and argument[0] <= ord(character) <= argument[1])
                or (name == "CATEGORY" and CATEGORIES[str(argument)](character))
            ):
                return True
        return False

    for character in ALPHABET:
        if holds(character) != negated:
            return character
    for kind, argument in items:
        if not negated and str(kind) in ("LITERAL", "RANGE"):
            return chr(argument if str(kind) == "LITERAL" else argument[0])
    raise NoExample
