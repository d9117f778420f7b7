"""Taking one argument out of a request: the functions that a plan calls, each with all that it needs closed over.

All are called alike, `extract(request, context, form)`, and raise InvalidArgument with the problems of their one
argument. parameters.py decides which function fills which parameter; this module never looks at a signature.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from .codec import Codec, I, N, check_constants, invalid
from .context import Context
from .errors import HTTPError, InvalidArgument, Problem
from .http import GivenHeaders, Request, UploadFile
from .scalars import collection, without_metadata, without_none
from .signatures import ABSENT


class FormData(NamedTuple):
    """A form body, taken apart: every value in order."""

    fields: dict[str, list[str]]
    files: dict[str, list[UploadFile]]


EMPTY_FORM = FormData({}, {})


Extract = Callable[[Request, Context, FormData], Any]
"""Takes one argument out of a call. Raises InvalidArgument with its problems under `where`."""


def fresh(default: Any) -> Any:
    """A default as each call gets it: what one handler changes is not what the next one finds."""
    if default is None or isinstance(default, (str, int, float, bytes)):
        return default
    from copy import deepcopy

    return deepcopy(default)


def problem(where: str, source: str, message: str, kind: str) -> InvalidArgument:
    return InvalidArgument(f"{where}.{source}: {message}", problems=(Problem((where, source), message, kind),))


def take_request(request: Request, context: Context, form: FormData) -> Any:
    return request


def take_context(request: Request, context: Context, form: FormData) -> Any:
    return context


def take_raw(request: Request, context: Context, form: FormData) -> Any:
    return request.body


def path_value(source: str, convert: Callable[[str], Any]) -> Extract:
    if convert.__name__ == "text":
        return lambda request, context, form: request.params[source]

    def extract(request: Request, context: Context, form: FormData) -> Any:
        try:
            return convert(request.params[source])
        except InvalidArgument as error:
            raise invalid(error, ("path", source)) from None
        except ValueError as error:
            raise problem("path", source, str(error), "invalid") from None

    return extract


def texts(request: Request, form: FormData, where: str, source: str) -> list[str] | None:
    """Every value sent under a name, or None."""
    if where == "query":
        return request.query.get(source)
    if where == "header":
        value = request.headers.get(source)
    elif where == "cookie":
        value = request.cookies.get(source)
    elif where == "form":
        return form.fields.get(source)
    else:
        value = request.params[source]
    return None if value is None else [value]


def single(where: str, source: str, convert: Callable[[str], Any], default: Any) -> Extract:
    def extract(request: Request, context: Context, form: FormData) -> Any:
        found = texts(request, form, where, source)
        if found is None:
            if default is ABSENT:
                raise problem(where, source, "missing", "missing")
            return default
        if len(found) > 1:
            raise problem(where, source, f"given {len(found)} times, wanted once", "repeated")
        try:
            return convert(found[0])
        except InvalidArgument as error:
            raise invalid(error, (where, source)) from None
        except (ValueError, ArithmeticError) as error:
            raise problem(where, source, str(error), "invalid") from None

    return extract


def split_header(where: str, found: list[str]) -> list[str]:
    """A header's list is one value with commas."""
    if where != "header":
        return found
    return [part.strip() for value in found for part in value.split(",") if part.strip()]


def repeats(
    where: str, source: str, convert: Callable[[str], Any], make: Callable[[list[Any]], Any], default: Any
) -> Extract:
    def extract(request: Request, context: Context, form: FormData) -> Any:
        found = texts(request, form, where, source)
        if found is None:
            return make([]) if default is ABSENT else fresh(default)
        values: list[Any] = []
        problems: list[Problem] = []
        for index, value in enumerate(split_header(where, found)):
            try:
                values.append(convert(value))
            except (ValueError, ArithmeticError) as error:
                problems.append(Problem((where, source, index), str(error)))
        if problems:
            raise InvalidArgument(f"{where}.{source}: {problems[0].message}", problems=tuple(problems))
        return make(values)

    return extract


def repeats_decoded(where: str, source: str, codec: Codec[Any], default: Any) -> Extract:
    def extract(request: Request, context: Context, form: FormData) -> Any:
        found = texts(request, form, where, source)
        if found is None and default is not ABSENT:
            return fresh(default)
        try:
            return codec.decode(split_header(where, found or []))
        except InvalidArgument as error:
            raise invalid(error, (where, source)) from None

    return extract


def json_body(codec: Codec[Any], default: Any) -> Extract:
    annotation = codec.annotation
    # A model's validator exists already; another's is built on the first call, as a cold start may not need it.
    validate: Callable[[bytes | str], Any]
    validate = codec.validate_json if hasattr(annotation, "__pydantic_validator__") else codec.decode_json

    def extract(request: Request, context: Context, form: FormData) -> Any:
        raw = request.body
        if raw:
            headers = request.headers
            # What `_last` does, without its call.
            kind = (
                headers._given.get("content-type") if type(headers) is GivenHeaders else headers._last("content-type")
            )
            if kind != "application/json":
                check_content_type(request)
            try:
                value = validate(raw)
                if N in raw or I in raw:
                    check_constants(raw)
                return value
            except (ValueError, RecursionError, InvalidArgument) as error:
                raise invalid(error, ("body",)) from None
        if default is not ABSENT:
            return fresh(default)
        fault = Problem(("body",), "missing: a JSON body is wanted", "missing")
        raise InvalidArgument("body: missing", problems=(fault,))

    return extract


def whole_model(where: str, codec: Codec[Any]) -> Extract:
    """A model that takes all of a form or a query, or its own fields of the headers or cookies."""
    bare = without_metadata(codec.annotation)[0]
    declared = resolved_fields(bare)
    many = {name for name, inner in declared.items() if collection(without_none(without_metadata(inner)[0])[0])}
    all_many = any(collection(part) is not None for part in get_args(bare))

    def extract(request: Request, context: Context, form: FormData) -> Any:
        found: dict[str, list[str]] = {}
        if where == "form":
            found = form.fields
        elif where == "query":
            found = request.query
        else:
            for name in declared:
                value = texts(request, form, where, name.replace("_", "-") if where == "header" else name)
                if value is not None:
                    found[name] = split_header(where, value) if name in many else value
        fields = {
            name: values if all_many or name in many or len(values) > 1 else values[0] for name, values in found.items()
        }
        try:
            return codec.decode(fields)
        except InvalidArgument as error:
            raise invalid(error, (where,)) from None

    return extract


def resolved_fields(annotation: Any) -> dict[str, Any]:
    """Field name -> type of a model, dataclass or TypedDict, as far as they resolve; a dict has none."""
    if isinstance(get_origin(annotation), type):
        annotation = get_origin(annotation)
    fields = getattr(annotation, "model_fields", None)
    if fields is not None:
        return {field.alias or name: field.annotation for name, field in fields.items()}
    try:
        return get_type_hints(annotation)
    except NameError:
        return dict(getattr(annotation, "__annotations__", {}))


def uploaded(source: str, as_bytes: bool, make: Callable[[list[Any]], Any] | None, default: Any) -> Extract:
    def extract(request: Request, context: Context, form: FormData) -> Any:
        # A browser sends a part without name and data for a field in which no file was chosen.
        found = [file for file in form.files.get(source, ()) if file.filename or file.data]
        if not found:
            if default is not ABSENT:
                return fresh(default)
            if make is not None:
                return make([])
            raise problem("form", source, "missing: a file is wanted", "missing")
        values: list[Any] = [file.data for file in found] if as_bytes else list(found)
        if make is not None:
            return make(values)
        if len(values) > 1:
            raise problem("form", source, f"given {len(values)} times, wanted once", "repeated")
        return values[0]

    return extract


# Bodies


def check_content_type(request: Request) -> None:
    """Raises HTTPError 415 if a JSON body says that it is something else; a missing content type is let pass."""
    content_type = request.headers._last("content-type")
    if content_type == "application/json" or content_type is None:
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    raise HTTPError(415, f"the JSON body came as {kind or 'nothing'!r}; send application/json")


def check_content_coding(request: Request) -> None:
    """Raises HTTPError 415 (RFC 9110, section 15.5.16) for a compressed body: what may be a bomb is not unpacked."""
    coding = request.headers.get("content-encoding") or "identity"
    if coding.strip().lower() != "identity":
        raise HTTPError(
            415, f"the body came as {coding[:40]!r}; send it uncompressed", headers={"accept-encoding": "identity"}
        )


def parse_form(request: Request) -> FormData:
    """A form body. Raises HTTPError 415 for another content type, InvalidArgument (400) for a broken one."""
    if not request.body and "content-type" not in request.headers:
        return EMPTY_FORM
    from .forms import parse_form as parse

    return parse(request)
