"""Pub/Sub's filter language, from Google's page: https://cloud.google.com/pubsub/docs/subscription-message-filter

filter      := term (("AND" term)* | ("OR" term)*)        AND and OR are not mixed without parentheses
term        := ("NOT" | "-") term | "(" filter ")" | comparison
comparison  := attributes:KEY | attributes.KEY ("=" | "!=") "TEXT" | hasPrefix(attributes.KEY, "TEXT")
"""

import re
from collections.abc import Callable, Mapping
from typing import NoReturn

Attributes = Mapping[str, str]
Filter = Callable[[Attributes], bool]
MOST_BYTES = 256

TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>!=|[()=:.,-])|(?P<word>[A-Za-z_][A-Za-z0-9_-]*))', re.ASCII
)


class NoFilter(ValueError):
    """A text that is none; it says why."""


class Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if match is None:
                self.fail(f"at {text[position:]!r}")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            position = match.end()

    def fail(self, why: str) -> NoReturn:
        raise NoFilter(f"The filter {self._text!r} is invalid: {why}")

    def parse(self) -> Filter:
        found = self._filter()
        if self._tokens:
            self.fail(f"{self._tokens[0][1]!r} is too much")
        return found

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            self.fail("it ends too early")
        return self._tokens.pop(0)

    def _take(self, value: str) -> bool:
        if self._tokens and self._tokens[0] in (("sign", value), ("word", value)):
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, value: str) -> None:
        if not self._take(value):
            self.fail(f"{value!r} is missing")

    def _filter(self) -> Filter:
        parts = [self._term()]
        joined = ""
        while self._tokens and self._tokens[0] in (("word", "AND"), ("word", "OR")):
            word = self._next()[1]
            if joined not in ("", word):
                self.fail("AND and OR need parentheses")
            joined = word
            parts.append(self._term())
        if joined == "OR":
            return lambda attributes: any(part(attributes) for part in parts)
        return lambda attributes: all(part(attributes) for part in parts)

    def _term(self) -> Filter:
        if self._take("NOT") or self._take("-"):
            inner = self._term()
            return lambda attributes: not inner(attributes)
        if self._take("("):
            found = self._filter()
            self._expect(")")
            return found
        if self._take("hasPrefix"):
            self._expect("(")
            self._expect("attributes")
            self._expect(".")
            key = self._key()
            self._expect(",")
            prefix = self._string()
            self._expect(")")
            return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes
        self._expect("attributes")
        if self._take(":"):
            key = self._key()
            return lambda attributes: key in attributes
        self._expect(".")
        key = self._key()
        if self._take("!="):
            wanted = self._string()
            return lambda attributes: attributes.get(key) != wanted
        self._expect("=")
        wanted = self._string()
        return lambda attributes: attributes.get(key) == wanted

    def _key(self) -> str:
        kind, value = self._next()
        if kind == "word":
            return value
        if kind != "text":
            self.fail(f"{value!r} is no key")
        return unquoted(value)

    def _string(self) -> str:
        kind, value = self._next()
        if kind != "text":
            self.fail(f"{value!r} is no string")
        return unquoted(value)


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def parsed(text: str) -> Filter:
    """What tells whether attributes match. Raises NoFilter."""
    if len(text.encode()) > MOST_BYTES:
        raise NoFilter(f"A filter has at most {MOST_BYTES} bytes")
    return Parser(text).parse()
