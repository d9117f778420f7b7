"""Annotations <-> JSON: the only module of the runtime half that knows pydantic, and only inside functions.

A Codec is planned once, when a handler or a resource is declared or first used, and is cheap from then on. pydantic is
imported only for annotations that need it (models, dataclasses, containers of typed things); plain dicts, lists and
scalars go through the standard library.
"""

import json
import sys
from collections.abc import Callable, Iterable
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, cast

from .errors import InvalidArgument, Problem

T = TypeVar("T")

PLAIN_TYPES: dict[Any, tuple[type[Any], str]] = {
    dict: (dict, "an object"),
    dict[str, Any]: (dict, "an object"),
    list: (list, "an array"),
    list[Any]: (list, "an array"),
    Any: (object, "any JSON"),
    object: (object, "any JSON"),
}
"""Annotations that need nothing but `json`."""


def jsonable(value: object) -> object:
    """What `json` cannot write by itself: models, dataclasses, UUIDs, dates, enums, Decimals, bytes (base64), sets.

    Raises TypeError or ValueError for anything else, with the type's name.
    """
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json", by_alias=True)
    try:
        from pydantic_core import to_jsonable_python
    except ModuleNotFoundError:
        return written(value)
    return to_jsonable_python(value, bytes_mode="base64")


def written(value: object) -> object:
    """The same where pydantic is not: a bundle leaves it out if the app asks for none of what it reads or imports.

    What a resource gave may be bytes or a moment all the same, and a set needs no import.
    """
    if isinstance(value, bytes | bytearray):
        from base64 import urlsafe_b64encode

        return urlsafe_b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return list(cast("set[object]", value))
    module = type(value).__module__
    if module in ("decimal", "uuid"):
        return str(value)
    isoformat = getattr(value, "isoformat", None) if module == "datetime" else None
    if isoformat is None:
        raise TypeError(f"Unable to serialize unknown type: {type(value)}")
    text: str = isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=jsonable).encode
_fast_encode: Callable[..., bytes] | None = None


def to_json(value: object) -> str:
    """Compact JSON of anything that a handler may return or send. Raises InvalidArgument with the fault's place."""
    return to_json_bytes(value).decode()


N, I = b"NI"  # noqa: E741 - they are these letters
"""What NaN and Infinity begin with: one byte is looked for in a tenth of the time that several take."""


def to_json_bytes(value: object) -> bytes:
    """`to_json` as UTF-8: fields of models under their aliases, as requests have them, wherever a model stands.

    NaN and infinities are refused except in models, which say themselves (null by default).
    """
    try:
        kind = type(value)
        if kind is not dict and kind is not list:
            serializer = getattr(kind, "__pydantic_serializer__", None)
            if serializer is not None:
                return cast("bytes", serializer.to_json(value, by_alias=True))
        encode = _fast_encode or _native_encoder()
        if encode is not None:
            try:
                text = encode(value, bytes_mode="base64")
            except ValueError:
                return _encode(value).encode()
            # pydantic writes NaN and infinity as they are; a text that merely holds the word takes the strict way too.
            if (N not in text and I not in text) or (b"NaN" not in text and b"Infinity" not in text):
                return text
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"{type(value).__name__} does not fit into JSON: {error}",
            hint="return models, dataclasses, dicts, lists, strings, numbers, dates, UUIDs or None",
        ) from error


def kept_json(value: object) -> str:
    """JSON for ourselves, which an annotation reads back: fields under their names, none that is computed.

    Raises InvalidArgument as `to_json` does.
    """
    core = sys.modules.get("pydantic_core")
    if core is None:
        return to_json(value)
    try:
        text: str = core.to_json(value, bytes_mode="base64", by_alias=False, round_trip=True).decode()
    except (ValueError, RecursionError):
        return to_json(value)
    return text if "NaN" not in text and "Infinity" not in text else _strict(core, value)


def _strict(core: Any, value: object) -> str:
    try:
        plain = core.to_jsonable_python(value, bytes_mode="base64", by_alias=False, round_trip=True)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{type(value).__name__} does not fit into JSON: {error}") from error


def _native_encoder() -> Callable[..., bytes] | None:
    """pydantic's encoder if the app has loaded it anyway: a quarter of the standard library's cost."""
    global _fast_encode
    core = sys.modules.get("pydantic_core")
    encode = getattr(core, "to_json", None)
    if encode is not None:
        _fast_encode = encode
    return _fast_encode


class Codec(Generic[T]):
    """How values of one annotation cross JSON and documents.

    `decode_json(raw)` and `decode(plain)` raise InvalidArgument whose `problems` list every fault with its path; its
    `status` is 400 where the text is no JSON at all and 422 otherwise. `encode_json(value)` gives compact JSON;
    `plain(value)` gives dicts, lists and scalars (UUID, Decimal, datetime kept); `schema()` is the annotation's JSON
    Schema.
    """

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._adapter: Any = None
        self._validator: Any = getattr(annotation, "__pydantic_validator__", None)
        try:
            self._plain = PLAIN_TYPES.get(annotation)
        except TypeError:
            self._plain = None

    @property
    def adapter(self) -> Any:
        """pydantic's TypeAdapter, made on first use."""
        if self._adapter is None:
            from pydantic import TypeAdapter

            annotation = self.annotation if sys.version_info >= (3, 12) else with_typed_dicts(self.annotation, ())
            if hasattr(annotation, "__metadata__"):
                import warnings

                with warnings.catch_warnings():
                    # pydantic means that it has no effect outside of a model; for a parameter the document shows it.
                    warnings.filterwarnings("ignore", "The 'deprecated' attribute", UserWarning)
                    self._adapter = TypeAdapter(annotation)
            else:
                self._adapter = TypeAdapter(annotation)
        return self._adapter

    @property
    def validate_json(self) -> Callable[[bytes | str], T]:
        """The bare validator, without our errors: what a planned route calls. Raises ValueError or RecursionError."""
        if self._plain is not None:
            return self._decode_plain
        validator = self._validator if self._validator is not None else self.adapter
        return cast("Callable[[bytes | str], T]", validator.validate_json)

    def _decode_plain(self, raw: bytes | str) -> T:
        value = parse_json(raw)
        kind, name = self._plain or (object, "")
        if not isinstance(value, kind):
            message = f"Input should be {name}"
            raise InvalidArgument(message, problems=(Problem((), message, f"{kind.__name__}_type"),))
        return cast("T", value)

    def decode_json(self, raw: bytes | str) -> T:
        try:
            return self.validate_json(raw)
        except (ValueError, RecursionError) as error:
            raise invalid(error) from None

    def decode(self, value: object) -> T:
        try:
            return cast("T", self.adapter.validate_python(value))
        except (ValueError, RecursionError) as error:
            raise invalid(error) from None

    def encode_json(self, value: T) -> str:
        if self._plain is not None:
            return to_json(value)
        return cast("bytes", self.adapter.dump_json(value)).decode()

    def plain(self, value: T) -> Any:
        return self.adapter.dump_python(value)

    def schema(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.adapter.json_schema())


SchemaMode = Literal["validation", "serialization"]
"""What JSON is taken, and what JSON is given: they differ by aliases, computed fields, defaults."""


def json_schemas(
    codecs: Iterable[tuple[int, SchemaMode, Codec[Any]]], template: str
) -> tuple[dict[int, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The JSON Schemas (draft 2020-12) of several annotations, by number, and the definitions that they share, by name.

    `template` is how one is referred to: "#/$defs/{model}". Where JSON Schema has no words for a part of an annotation,
    the schema takes anything there. An annotation that pydantic can make nothing of is left out.
    """
    from pydantic.json_schema import GenerateJsonSchema

    class Tolerant(GenerateJsonSchema):
        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:  # noqa: ARG002
            return {}

        def emit_warning(self, kind: Any, detail: str) -> None:
            """A default that JSON cannot show is left out, as it should be."""

    inputs: list[tuple[int, SchemaMode, Any]] = []
    for number, mode, codec in codecs:
        try:
            inputs.append((number, mode, codec.adapter))
        except Exception as error:
            # Whatever the user's own class raises when it is asked for its schema; the caller sees that it is missing.
            import logging

            logging.getLogger("portable.openapi").debug("%r has no schema: %r", codec.annotation, error)
    from pydantic import TypeAdapter

    found, shared = TypeAdapter.json_schemas(inputs, ref_template=template, schema_generator=Tolerant)
    definitions = cast("dict[str, dict[str, Any]]", shared.get("$defs", {}))
    return {number: schema for (number, _), schema in found.items()}, definitions


CONVERTED: dict[Any, Any] = {}
"""TypedDict of typing -> its counterpart: one each, so that schemas know it for the same wherever it stands."""


def with_typed_dicts(annotation: Any, inside: tuple[Any, ...]) -> Any:
    """`annotation` with each typing.TypedDict as one of typing_extensions: before Python 3.12 pydantic takes no other.

    One that contains itself stays as it is. `inside` is what the call is about.
    """
    from typing import Annotated, Union, get_args, get_origin, get_type_hints, is_typeddict

    if is_typeddict(annotation) and type(annotation).__module__ == "typing" and annotation not in inside:
        if annotation in CONVERTED:
            return CONVERTED[annotation]
        import typing_extensions

        fields: dict[str, Any] = {}
        for name, hint in get_type_hints(annotation, include_extras=True).items():
            if get_origin(hint) in (typing_extensions.Required, typing_extensions.NotRequired):
                (hint,) = get_args(hint)
            wrapper: Any = typing_extensions.NotRequired
            if name in annotation.__required_keys__:
                wrapper = typing_extensions.Required
            fields[name] = wrapper[with_typed_dicts(hint, (*inside, annotation))]
        make: Any = typing_extensions.TypedDict
        made = make(annotation.__name__, fields)
        made.__module__, made.__qualname__, made.__doc__ = (
            annotation.__module__,
            annotation.__qualname__,
            annotation.__doc__,
        )
        return CONVERTED.setdefault(annotation, made)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        return annotation
    if origin is Annotated:
        first, *metadata = arguments
        inner = with_typed_dicts(first, inside)
        return annotation if inner is first else Annotated[(inner, *metadata)]
    changed = tuple(with_typed_dicts(argument, inside) for argument in arguments)
    if all(new is old for new, old in zip(changed, arguments, strict=True)):
        return annotation
    return (Union if origin is UnionType else origin)[changed]


DEEPEST = 200
"""Arrays and objects inside one another; pydantic's parser has the same, so models and dicts take the same texts."""

MOST_PROBLEMS = 1000


def lost_fields(value: object, model: Any) -> list[str]:
    """Fields of `value`'s class that `model`, a class above it, has not: they would not be written."""
    kind: Any = type(value)
    if kind is model or not isinstance(model, type) or not isinstance(value, model):
        return []
    for declared in ("__pydantic_fields__", "__dataclass_fields__"):
        known: Any = getattr(model, declared, None)
        if known is not None:
            return [name for name in getattr(kind, declared, ()) if name not in known]
    return []


def parse_json(raw: bytes | str) -> Any:
    """JSON by RFC 8259: UTF-8 only, no NaN, no lone surrogates, at most 200 deep, no float out of range.

    Raises InvalidArgument with status 400 on anything else. Of a repeated key the last value counts.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            _encode(value).encode()
    except UnicodeEncodeError:
        raise malformed("a string has half of a surrogate pair") from None
    except RecursionError:
        raise malformed(f"it is more than {DEEPEST} deep") from None
    except ValueError as error:
        raise malformed(str(error)) from None
    if text.count("[") + text.count("{") > DEEPEST and is_deeper(value, DEEPEST):
        raise malformed(f"it is more than {DEEPEST} deep")
    return value


def check_constants(raw: bytes) -> None:
    """Refuses what pydantic's parser takes though it is no JSON: NaN and Infinity. Raises as `parse_json` does."""
    if b"NaN" in raw or b"Infinity" in raw:
        parse_json(raw)


def is_deeper(value: Any, most: int) -> bool:
    """Whether more than `most` lists and dicts are inside one another."""
    level: list[Any] = [[value]]
    for _ in range(most + 1):
        inside: list[Any] = []
        for outer in level:
            inside.extend(cast("dict[str, Any]", outer).values() if isinstance(outer, dict) else outer)
        level = [inner for inner in inside if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    """Refuses numbers such as 1e999: what they would become could not be written as JSON again."""
    value = float(digits)
    if value - value != 0:
        raise ValueError(f"{digits[:40]} is larger than any float")
    return value


def malformed(detail: str) -> InvalidArgument:
    """A text that is no JSON at all: status 400."""
    error = InvalidArgument(f"not JSON: {detail}", problems=(Problem((), detail, "json_invalid"),))
    error.status = 400
    return error


def invalid(error: Exception, prefix: tuple[str | int, ...] = ()) -> InvalidArgument:
    """An InvalidArgument from a pydantic ValidationError (or any other), every fault listed under `prefix`."""
    status = 422
    if isinstance(error, InvalidArgument):
        problems = tuple(
            Problem((*prefix, *problem.where), problem.message, problem.kind) for problem in error.problems
        ) or (Problem(prefix, error.message),)
        status = error.status
    else:
        faults: Callable[..., list[dict[str, Any]]] | None = getattr(error, "errors", None)
        count: Callable[[], int] | None = getattr(error, "error_count", None)
        if faults is None:
            problems = (Problem(prefix, str(error)),)
        elif count is not None and count() > MOST_PROBLEMS:
            # Listing them would take more memory than the body, many times over.
            problems = (Problem(prefix, f"{count():,} faults, more than can be listed", "too_many"),)
        else:
            problems = tuple(
                Problem((*prefix, *fault["loc"]), fault["msg"], fault["type"])
                for fault in faults(include_url=False, include_context=False, include_input=False)
            )
            if any(problem.kind == "json_invalid" for problem in problems):
                status = 400
    text = "; ".join(f"{'.'.join(map(str, problem.where)) or 'value'}: {problem.message}" for problem in problems)
    found = InvalidArgument(text, problems=problems)
    found.status = status
    return found


def lenient_schema(annotation: Any) -> Any:
    """pydantic's core schema of an annotation; classes in it that pydantic knows nothing of are left as they are."""
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True)).core_schema
