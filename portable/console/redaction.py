"""What must not reach the disk is taken out of records here, and nowhere else: by name, and by the values of secrets.

By name: headers, fields of JSON and of forms, parameters of queries, fields of log lines. By value: every secret, plain
or as base64 (at each of the three offsets that it can have there), hex, URL-quoted, escaped for JSON, for HTML or by
repr(), or reversed; each line of one that has several, likewise; and the part of one that a cut left.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote_plus

from portable.records import AnyRecord, SpanRecord
from portable.telemetry import (
    ERROR_CHARACTERS,
    FIELD_BYTES,
    KEY_CHARACTERS,
    MESSAGE_BYTES,
    TRACEBACK_CHARACTERS,
    CallRecord,
    InvocationRecord,
    LogRecord,
    Payload,
    Scalar,
)

from .plain import is_list, is_object

REDACTED = "[redacted]"
SHORTEST = 4
"""A shorter secret is looked for between other characters than letters and digits only: it is a part of many words."""

SHORTEST_ENCODED = 8
"""A shorter line of a secret is not looked for in base64, where it is a few characters, as in many a text."""

HEADERS = frozenset(
    (
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-csrf-token",
        "x-forwarded-authorization",
    )
)
ENDINGS = (
    "accesskey",
    "apikey",
    "authorization",
    "cardnumber",
    "clientsecret",
    "credential",
    "credentials",
    "cvv",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "sessionid",
    "signature",
    "token",
)
SUSPECTS = re.compile(
    r"access.?key|api.?key|authorization|card.?number|cookie|credential|cvv|pass.?phrase|passwd|password|private.?key|pwd"
    r"|secret|session.?id|signature|token",
    re.IGNORECASE,
)
"""What a body must have somewhere for a look at its names to be worth it."""
HINTS = (
    "authorization",
    "cookie",
    "credential",
    "cvv",
    "key",
    "number",
    "passwd",
    "password",
    "phrase",
    "pwd",
    "secret",
    "session",
    "signature",
    "token",
)
"""One of which is in whatever SUSPECTS finds: to look for them takes a fraction of the time."""
LOOSE_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,{}\[\]]+|[{\[].*)', re.DOTALL)
"""A member of JSON that does not parse, because it was cut; a value that is a list or an object goes to the end."""
PART = re.compile(r'(name="?([^"\r\n;]*)"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n)(.*?)(?=\r?\n--|\Z)', re.DOTALL)
"""A part of a multipart form."""
HEX = re.compile(r"(?:[0-9a-f]{2}){4,}")
ESCAPE = re.compile(r"%[0-9A-F]{2}")
SCHEME = re.compile(r"\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether what has this name is not for the disk."""
    lower = name.lower()
    return lower in HEADERS or re.sub(r"[^a-z0-9]", "", lower).endswith(ENDINGS)


def forms_of(value: str) -> set[str]:
    """How a secret may be written."""
    raw = value.encode("utf-8", "surrogatepass")
    found = written_forms(value) | encoded_forms(raw)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        # Printed, it comes as that many lines of the log.
        for line in lines:
            if len(line) >= SHORTEST:
                found |= written_forms(line)
            if len(line) >= SHORTEST_ENCODED:
                found |= encoded_forms(line.encode("utf-8", "surrogatepass"))
    return {form for form in found if form}


def encoded_forms(raw: bytes) -> set[str]:
    """Those from which it can be had back."""
    return {raw.hex()} | base64_forms(raw) | base64_forms(raw[::-1])


def written_forms(value: str) -> set[str]:
    """Those in which it can still be read."""
    raw = value.encode("utf-8", "surrogatepass")
    escaped = {
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(raw)[2:-1],
        html.escape(value),
        html.escape(value, quote=False),
        # As templates do it.
        html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    }
    # JSON within JSON, and what else is escaped once more on its way into JSON.
    twice = {json.dumps(form, ensure_ascii=is_ascii)[1:-1] for form in escaped for is_ascii in (True, False)}
    plain = {
        value,
        value[::-1],
        # An error is told in one line.
        " ".join(value.split()),
        # Bytes are looked at as if they were Latin-1.
        raw.decode("latin-1"),
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
    }
    found = escaped | twice | plain
    return found | {form.replace("/", "\\/") for form in found}


def pattern_of(form: str) -> str:
    """A form as it is looked for: hexadecimal digits may be written either way, also those of a URL's escapes."""
    if HEX.fullmatch(form):
        return f"(?i:{form})"
    return ESCAPE.sub(lambda found: f"(?i:{found[0]})", re.escape(form))


def beginnings_of(forms: set[str]) -> frozenset[str]:
    """The first characters of each form, as many as the shortest has or SHORTEST, in each case that it is found in."""
    width = min([SHORTEST, *(len(form) for form in forms)])
    found: set[str] = set()
    for form in forms:
        first = form[:width]
        # As pattern_of has it.
        is_either = HEX.fullmatch(form) is not None or ESCAPE.search(form) is not None
        cases = [{one, one.swapcase()} if is_either and one.isascii() else {one} for one in first]
        found |= {"".join(one) for one in product(*cases)}
    return frozenset(found)


def base64_forms(raw: bytes) -> set[str]:
    """What of a value is seen in base64 wherever it begins: the characters that depend on nothing beside it."""
    found: set[str] = set()
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw).decode()
        first = (0, 2, 3)[offset]
        last = len(text) if (offset + len(raw)) % 3 == 0 else len(text.rstrip("=")) - 1
        inner = text[first:last]
        if len(inner) >= SHORTEST:
            found |= {inner, inner.replace("+", "-").replace("/", "_"), quote(inner, safe="")}
    return found


class Redaction(NamedTuple):
    """With the secrets of an app. Immutable: a changed secret makes another one."""

    by_value: "re.Pattern[str] | None"
    forms: tuple[str, ...] = ()
    """Of which a part that a cut left is looked for too."""
    beginnings: frozenset[str] = frozenset()
    """How a form may begin, all of one length: a text without any of them is known at once to have no secret."""

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "Redaction":
        forms: set[str] = set()
        short: set[str] = set()
        for value in secrets:
            (forms if len(value) >= SHORTEST else short).update(forms_of(value) if value else ())
        parts = [pattern_of(form) for form in sorted(forms, key=lambda form: (-len(form), form))]
        parts += [rf"(?<![A-Za-z0-9]){pattern_of(form)}(?![A-Za-z0-9])" for form in sorted(short)]
        return cls(re.compile("|".join(parts)) if parts else None, tuple(forms), beginnings_of(forms | short))

    def by_values(self, text: str) -> str:
        """A text without secrets. Most texts have none, and hundreds of forms take long to look for."""
        if self.by_value is None:
            return text
        width = len(next(iter(self.beginnings)))
        if self.beginnings.isdisjoint(text[at : at + width] for at in range(len(text) - width + 1)):
            return text
        return self.by_value.sub(REDACTED, text)

    def text(self, text: str, *, is_cut: bool = False) -> str:
        """By value, and what follows `Bearer` or `Basic`. If it `is_cut`, its end may be the beginning of a secret."""
        if self.by_value is not None:
            text = self.by_values(text)
            if is_cut:
                text = self._without_begun(text)
        return SCHEME.sub(rf"\1 {REDACTED}", text) if " " in text else text

    def _without_begun(self, text: str) -> str:
        """A text without the beginning of a secret at its end."""
        most = max((begun(text, form) for form in self.forms), default=0)
        return text[: len(text) - most] + REDACTED if most else text

    def error(self, text: str | None) -> str | None:
        return None if text is None else self.text(text, is_cut=len(text) >= ERROR_CHARACTERS)

    def traceback(self, text: str | None) -> str | None:
        """Of a long one the end is kept, so that it is its beginning that may be the end of a secret."""
        if text is None:
            return None
        is_cut = len(text) >= TRACEBACK_CHARACTERS
        text = self.text(text)
        if is_cut:
            most = max((begun(text[::-1], form[::-1]) for form in self.forms), default=0)
            text = REDACTED + text[most:] if most else text
        return text

    def record(self, record: AnyRecord) -> AnyRecord:
        """A record as it may be kept."""
        if isinstance(record, InvocationRecord):
            return record._replace(
                name=self.text(record.name),
                error=self.error(record.error),
                traceback=self.traceback(record.traceback),
                request=self.payload(record.request),
                response=self.payload(record.response),
            )
        if isinstance(record, CallRecord):
            result = None if record.result is None else self.body(record.result, "application/json")
            key = record.key
            if key is not None:
                key = self.text(key, is_cut=len(key) >= KEY_CHARACTERS)
            return record._replace(key=key, error=self.error(record.error), result=result)
        return self.span(record) if isinstance(record, SpanRecord) else self.log(record)

    def span(self, record: SpanRecord) -> SpanRecord:
        return record._replace(
            service=self.text(record.service),
            name=self.text(record.name),
            error=self.error(record.error),
            attributes={self.text(name): self._attribute(name, value) for name, value in record.attributes.items()},
        )

    def _attribute(self, name: str, value: Scalar) -> Scalar:
        """As a field; URLs among attributes (`url.full`, `http.target`) have queries, and those have parameters."""
        if isinstance(value, str) and name.startswith(("url.", "http.")):
            before, question, query = value.rpartition("?")
            # `http.request.header.authorization` is called like the header.
            if is_secret_name(name.rpartition(".")[2]):
                return REDACTED
            value = f"{before}{question}{form(query)}"
        return self._field(name, value)

    def log(self, record: LogRecord) -> LogRecord:
        return record._replace(
            logger=self.text(record.logger),
            message=self.text(record.message, is_cut=reaches(record.message, MESSAGE_BYTES)),
            traceback=self.traceback(record.traceback),
            fields={self.text(name): self._field(name, value) for name, value in record.fields.items()},
        )

    def _field(self, name: str, value: Scalar) -> Scalar:
        if is_secret_name(name):
            return REDACTED
        if type(value) is int and self.by_value is not None and self.by_value.fullmatch(str(value)):
            return REDACTED
        return self.text(value, is_cut=reaches(value, FIELD_BYTES)) if isinstance(value, str) else value

    def payload(self, payload: Payload | None) -> Payload | None:
        """A body with its headers and its target."""
        if payload is None:
            return None
        target, _, query = payload.target.partition("?")
        return payload._replace(
            body=self.body(payload.body, payload.content_type, payload.encoding, is_cut=payload.is_cut),
            content_type=self.text(payload.content_type),
            headers=tuple(
                (self.text(name), REDACTED if is_secret_name(name) else self.text(value))
                for name, value in payload.headers
            ),
            target=self.text(f"{target}?{form(query)}" if query else target),
        )

    def body(self, body: str, content_type: str, encoding: str = "text", *, is_cut: bool = False) -> str:
        if encoding == "base64":
            return self._binary(body, is_cut)
        if "\\u" in body or "%" in body or is_suspect(body):
            kind = content_type.lower()
            if "form-urlencoded" in kind:
                body = form(body)
            elif "multipart/" in kind:
                body = PART.sub(lambda found: found[1] + (REDACTED if is_secret_name(found[2]) else found[3]), body)
            elif body.lstrip()[:1] in ("{", "[", '"'):
                body = members(body)
        return self.text(body, is_cut=is_cut)

    def _binary(self, body: str, is_cut: bool) -> str:
        """Bytes are looked at as they are, not as they are written."""
        if self.by_value is None:
            return body
        try:
            raw = base64.b64decode(body).decode("latin-1")
        except ValueError:
            return self.text(body)
        clean = self.by_values(raw)
        if is_cut:
            clean = self._without_begun(clean)
        return body if clean == raw else base64.b64encode(clean.encode("latin-1", "replace")).decode()


def is_suspect(body: str) -> bool:
    """Whether there may be names in it that are not for the disk."""
    lower = body.lower()
    return any(hint in lower for hint in HINTS) and SUSPECTS.search(body) is not None


def begun(text: str, form: str) -> int:
    """How many characters at the end of a text are the beginning of a form; 0 if fewer than SHORTEST."""
    end = text[1 - len(form) :] if len(form) > 1 else ""
    if HEX.fullmatch(form) or ESCAPE.search(form):
        end, form = end.lower(), form.lower()
    return next((size for size in range(len(end), SHORTEST - 1, -1) if end.endswith(form[:size])), 0)


def reaches(text: str, limit: int) -> bool:
    """Whether a text is as long as one that was cut at so many bytes, but for a character that did not fit."""
    if len(text) * 4 < limit - 3:
        return False
    return len(text.encode("utf-8", "backslashreplace")) >= limit - 3


def form(text: str) -> str:
    """A query, or the body of a form."""
    return "&".join(
        f"{name}={REDACTED}" if separator and is_secret_name(unquote_plus(name)) else f"{name}{separator}{value}"
        for name, separator, value in (pair.partition("=") for pair in text.split("&"))
    )


def members(text: str) -> str:
    """JSON, also such as was cut. What has no name to be redacted stays as it is written."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return LOOSE_FIELD.sub(loose, text)
    found: list[str] = []
    clean = walked(value, found.append)
    return json.dumps(clean, ensure_ascii=False) if found else text


def loose(found: "re.Match[str]") -> str:
    try:
        name: object = json.loads(f'"{found[1]}"')
    except ValueError:
        name = found[1]
    if is_secret_name(str(name)):
        return f'"{found[1]}"{found[2]}"{REDACTED}"'
    rest = found[3]
    # A list or an object may have such members further in.
    return f'"{found[1]}"{found[2]}' + (rest[0] + LOOSE_FIELD.sub(loose, rest[1:]) if rest[:1] in "{[" else rest)


def walked(value: Any, tell: Callable[[str], None]) -> Any:
    """The value without what its names forbid; each of them is told."""
    if is_object(value):
        clean: dict[str, Any] = {}
        for name, member in value.items():
            if is_secret_name(name) and member is not None:
                tell(name)
                clean[name] = REDACTED
            else:
                clean[name] = walked(member, tell)
        return clean
    if is_list(value):
        return [walked(member, tell) for member in value]
    return value
