"""Annotations <-> JSON: the only module of the runtime half that knows pydantic, and only inside functions.

A Codec is planned once, when a handler or a resource is declared or first used, and is cheap from then on. pydantic is
imported only for annotations that need it (models, dataclasses, containers of typed things); scalars have converters
of their own.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from .errors import InvalidArgument, Problem

T = TypeVar("T")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=lambda value: jsonable(value)).encode


def jsonable(value: object) -> object:
    """What `json` cannot write by itself: models, dataclasses, UUIDs, dates, enums, Decimals, bytes (base64), sets.

    Raises TypeError for anything else, with the type's name.
    """
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if "pydantic_core" not in sys.modules:
        import pydantic_core  # noqa: F401
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def to_json(value: object) -> str:
    """Compact JSON of anything that a handler may return or send. Raises InvalidArgument with the place of the fault."""
    dump = getattr(value, "model_dump_json", None)
    try:
        if dump is not None:
            return cast(str, dump())
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"{type(value).__name__} does not fit into JSON: {error}",
            hint="return models, dataclasses, dicts, lists, strings, numbers, dates, UUIDs or None",
        ) from error


class Codec(Generic[T]):
    """How values of one annotation cross JSON and documents.

    `decode_json(raw)` and `decode(plain)` raise InvalidArgument whose `problems` list every fault with its path;
    `encode_json(value)` gives compact JSON; `plain(value)` gives dicts, lists and scalars (UUID, Decimal, datetime kept);
    `schema()` is the annotation's JSON Schema.
    """

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._adapter: Any = None

    @property
    def adapter(self) -> Any:
        """pydantic's TypeAdapter, made on first use."""
        if self._adapter is None:
            from pydantic import TypeAdapter

            self._adapter = TypeAdapter(self.annotation)
        return self._adapter

    def decode_json(self, raw: bytes | str) -> T:
        try:
            return cast(T, self.adapter.validate_json(raw))
        except ValueError as error:
            raise invalid(error) from None

    def decode(self, value: object) -> T:
        try:
            return cast(T, self.adapter.validate_python(value))
        except ValueError as error:
            raise invalid(error) from None

    def encode_json(self, value: T) -> str:
        return cast(bytes, self.adapter.dump_json(value)).decode()

    def plain(self, value: T) -> Any:
        return self.adapter.dump_python(value)

    def schema(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.adapter.json_schema())


def invalid(error: ValueError, prefix: tuple[str | int, ...] = ()) -> InvalidArgument:
    """An InvalidArgument from a pydantic ValidationError (or any ValueError), every fault listed."""
    faults: Callable[..., list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if faults is None:
        return InvalidArgument(str(error), problems=(Problem(prefix, str(error)),))
    problems = tuple(
        Problem((*prefix, *fault["loc"]), fault["msg"], fault["type"]) for fault in faults(include_url=False, include_context=False, include_input=False)
    )
    text = "; ".join(f"{'.'.join(map(str, problem.where)) or 'value'}: {problem.message}" for problem in problems)
    return InvalidArgument(text, problems=problems)
