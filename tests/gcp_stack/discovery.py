"""Google's discovery documents, as google-api-python-client has them: which methods there are, and what they take.

What a stand-in is asked is held to them: an unknown method, parameter or field is refused, as Google refuses it, and so
is a value of another type. What it answers is too.
"""

import base64
import binascii
import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from googleapiclient import discovery_cache  # type: ignore[import-untyped]

DOCUMENTS = Path(discovery_cache.__file__).parent / "documents"
ALIASES = frozenset(
    {"$alt", "alt", "key", "fields", "prettyPrint", "quotaUser", "$.xgafv", "userProject", "$httpMethod"}
)
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
INTEGERS = {"int32": 2**31, "uint32": 2**32, "int64": 2**63, "uint64": 2**64}


class Wrong(ValueError):
    """What does not fit a document; it says where and why."""


class Method(NamedTuple):
    """One method of a service, such as `cloudtasks.projects.locations.queues.create`."""

    id: str
    verb: str
    pattern: re.Pattern[str]
    parameters: dict[str, Any]
    request: str | None
    response: str | None
    document: "Document"


class Found(NamedTuple):
    """A method, and the names in the path: `projectsId`, `queuesId`."""

    method: Method
    names: dict[str, str]


class Document:
    """The description of one version of one service."""

    def __init__(self, name: str) -> None:
        self.description: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
        self.schemas: dict[str, Any] = self.description["schemas"]
        methods = [self._method(found) for found in methods_of(self.description)]
        # `x:verb` before `x`, whose name could be taken to end in `:verb`.
        self.methods = sorted(methods, key=lambda method: ":" not in method.pattern.pattern.rpartition("/")[2])

    def _method(self, found: dict[str, Any]) -> Method:
        path = self.description["servicePath"] + found.get("flatPath", found["path"])
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+?)", re.escape("/" + path))
        return Method(
            found["id"],
            found["httpMethod"],
            re.compile(pattern),
            {**self.description.get("parameters", {}), **found.get("parameters", {})},
            found.get("request", {}).get("$ref"),
            found.get("response", {}).get("$ref"),
            self,
        )

    def find(self, verb: str, path: str) -> Found | None:
        """The method that a request line means; `path` is as it was sent."""
        for method in self.methods:
            match = method.pattern.fullmatch(path) if method.verb == verb else None
            if match is not None:
                return Found(method, {name: unquote(value) for name, value in match.groupdict().items()})
        return None

    def check(self, schema: str, value: Any) -> Any:
        """A value of a schema, with enums by name, no matter how they were sent. Raises Wrong."""
        return self._object(self.schemas[schema], value, schema)

    def _object(self, schema: dict[str, Any], value: Any, at: str) -> Any:
        if schema.get("type") == "any":
            return value
        if not isinstance(value, dict):
            raise Wrong(f"{at} is no object: {value!r:.80}")
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties")
        found = {}
        for name, one in value.items():
            if one is None:
                continue
            if name in properties:
                found[name] = self._value(properties[name], one, f"{at}.{name}")
            elif more is not None:
                found[name] = self._value(more, one, f"{at}.{name}")
            else:
                raise Wrong(f'Invalid JSON payload received. Unknown name "{name}" at "{at}": Cannot find field.')
        return found

    def _value(self, schema: dict[str, Any], value: Any, at: str) -> Any:
        if "$ref" in schema:
            return self._object(self.schemas[schema["$ref"]], value, at)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, value, at)
        if kind == "array":
            if not isinstance(value, list):
                raise Wrong(f"{at} is no array: {value!r:.80}")
            return [self._value(schema["items"], one, f"{at}[{index}]") for index, one in enumerate(value)]
        if "enum" in schema:
            return enum(schema["enum"], value, at)
        if kind == "string":
            check_text(schema.get("format", ""), value, at)
        elif kind == "boolean":
            if not isinstance(value, bool):
                raise Wrong(f"{at} is no boolean: {value!r:.80}")
        elif kind == "integer":
            check_integer(schema.get("format", "int32"), value, at)
        elif kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Wrong(f"{at} is no number: {value!r:.80}")
        return value


def methods_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    here = list(found.get("methods", {}).values())
    for inner in found.get("resources", {}).values():
        here += methods_of(inner)
    return here


def enum(names: list[str], value: Any, at: str) -> str:
    """Google's own clients send numbers, which count the names in their order."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, str) and value in names:
        return value
    raise Wrong(f"{at} is {value!r:.80}, none of {', '.join(names)}")


def check_text(format: str, value: Any, at: str) -> None:
    if format in ("int64", "uint64"):
        check_integer(format, value, at)
        return
    if not isinstance(value, str):
        raise Wrong(f"{at} is no string: {value!r:.80}")
    if format == "byte":
        try:
            base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        except binascii.Error as error:
            raise Wrong(f"{at} is no base64: {error}") from error
    elif format == "google-duration" and not DURATION.fullmatch(value):
        raise Wrong(f"{at} is no duration: {value!r}")
    elif format in ("google-datetime", "date-time"):
        if not TIME.fullmatch(value):
            raise Wrong(f"{at} is no time: {value!r}")
        parsed_time(value)


def check_integer(format: str, value: Any, at: str) -> None:
    number = value
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value, re.ASCII):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not -INTEGERS[format] <= number < INTEGERS[format]:
        raise Wrong(f"{at} is no {format}: {value!r:.80}")


def parsed_time(text: str) -> float:
    """Epoch seconds. Raises Wrong for a time that cannot be."""
    # To the microsecond, which is what Google keeps.
    short = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.fromisoformat(short).timestamp()
    except ValueError as error:
        raise Wrong(f"{text!r} is no time: {error}") from error


def seconds_of(duration: str) -> float:
    """Of a duration that was checked."""
    return float(duration.removesuffix("s"))


@cache
def document(name: str) -> Document:
    """`cloudtasks.v2`, read once."""
    return Document(name)
