"""How an HTTP handler's parameters are filled: planned once per route from its annotations, cheap on every call.

A name in the path template is a path parameter; Request and Context are handed in; models, dataclasses, dicts and
TypedDicts are the JSON body; scalars and lists of them are query parameters; UploadFile is a file of a form. Markers
say otherwise: `Annotated[str, Header("x-name")]` or `= Header("x-name")`.
"""

from collections.abc import Callable
from functools import partial
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from .codec import Codec
from .context import Context
from .errors import DeclarationError, InvalidArgument, Location, Problem
from .extractors import (
    EMPTY_FORM,
    Extract,
    FormData,
    check_content_coding,
    json_body,
    parse_form,
    path_value,
    repeats,
    repeats_decoded,
    resolved_fields,
    single,
    take_context,
    take_raw,
    take_request,
    uploaded,
    whole_model,
)
from .http import Request, UploadFile
from .scalars import collection, scalar_converter, without_metadata, without_none
from .signatures import ABSENT, Declared, declared_parameters
from .specs import Route


class Marker:
    """Where a parameter comes from; made by Path, Query, Header, Cookie, Body, Form and File."""

    __slots__ = ("default", "name", "where")

    def __init__(self, where: str, name: str | None, default: Any) -> None:
        self.where: str = where
        self.name: str | None = name
        self.default: Any = default

    def __repr__(self) -> str:
        return f"{self.where.title()}({self.name!r})"


# Functions, so that `= Header(...)` type-checks as the default of a parameter of any type.


def Path(name: str | None = None) -> Any:  # noqa: N802
    """The path parameter called `name` (default: as the parameter)."""
    return Marker("path", name, ABSENT)


def Query(name: str | None = None, *, default: Any = ABSENT) -> Any:  # noqa: N802
    """The query parameter called `name` (default: as the parameter); a list takes its repeats, a model all."""
    return Marker("query", name, default)


def Header(name: str | None = None, *, default: Any = ABSENT) -> Any:  # noqa: N802
    """The header called `name` (default: as the parameter, with hyphens); a list is split at commas."""
    return Marker("header", name, default)


def Cookie(name: str | None = None, *, default: Any = ABSENT) -> Any:  # noqa: N802
    """The cookie called `name` (default: as the parameter)."""
    return Marker("cookie", name, default)


def Body(*, default: Any = ABSENT) -> Any:  # noqa: N802
    """The body: JSON for any annotation, raw for bytes."""
    return Marker("body", None, default)


def Form(name: str | None = None, *, default: Any = ABSENT) -> Any:  # noqa: N802
    """A field of a form (URL-encoded or multipart); with a model, the whole form."""
    return Marker("form", name, default)


def File(name: str | None = None, *, default: Any = ABSENT) -> Any:  # noqa: N802
    """An uploaded file (UploadFile or bytes) of a multipart form, or a list of them."""
    return Marker("file", name, default)


MARKERS = (Path, Query, Header, Cookie, Body, Form, File)


class Parameter(NamedTuple):
    """One parameter as planned: where it comes from, under which name; `keyword` if it cannot be positional.

    `annotation` and `default` (ABSENT: none) are for what describes the route; no call needs them.
    """

    name: str
    where: str
    source: str
    keyword: bool
    extract: Extract
    annotation: Any = Any
    default: Any = ABSENT


Call = Callable[[Request, Context], Any]


class Plan:
    """A route's parameters. `body` is "json", "raw", "form" or None. `simple` is true if none is keyword-only."""

    __slots__ = ("body", "extracts", "parameters", "simple")

    def __init__(self, parameters: tuple[Parameter, ...], body: str | None) -> None:
        self.parameters: tuple[Parameter, ...] = parameters
        self.extracts: tuple[Extract, ...] = tuple(parameter.extract for parameter in parameters)
        self.body: str | None = body
        self.simple: bool = not any(parameter.keyword for parameter in parameters)

    def apply(self, function: Callable[..., Any], values: list[Any]) -> Any:
        """Calls `function` with its extracted values."""
        if self.simple:
            return function(*values)
        positional = [value for value, known in zip(values, self.parameters, strict=True) if not known.keyword]
        named = {known.name: value for value, known in zip(values, self.parameters, strict=True) if known.keyword}
        return function(*positional, **named)

    def caller(self, function: Callable[..., Any]) -> "Call":
        """`function` as one of a request and its context, which raises InvalidArgument with all that is wrong with it.

        Every request comes through here: plans of few arguments have no loop.
        """
        if self.body == "form" or not self.simple or len(self.extracts) > 2:
            return partial(self._call, function)
        if not self.extracts:
            return lambda request, context: function()  # noqa: ARG005 - all are called alike
        if len(self.extracts) == 1:
            return self._call_with_one(function)
        first = self.parameters[0]
        if first.where == "path" and first.annotation is str:
            return self._call_with_text(function, first.source)
        return self._call_with_two(function)

    def _call(self, function: Callable[..., Any], request: Request, context: Context) -> Any:
        form = parse_form(request) if self.body == "form" else EMPTY_FORM
        try:
            values = [extract(request, context, form) for extract in self.extracts]
        except InvalidArgument as first:
            raise self.faults(request, context, form, first) from None
        return self.apply(function, values)

    def _call_with_one(self, function: Callable[..., Any]) -> "Call":
        [extract] = self.extracts

        def call(request: Request, context: Context) -> Any:
            try:
                value = extract(request, context, EMPTY_FORM)
            except InvalidArgument as first:
                raise self.faults(request, context, EMPTY_FORM, first) from None
            return function(value)

        return call

    def _call_with_two(self, function: Callable[..., Any]) -> "Call":
        extract, extract_other = self.extracts

        def call(request: Request, context: Context) -> Any:
            try:
                value = extract(request, context, EMPTY_FORM)
                other = extract_other(request, context, EMPTY_FORM)
            except InvalidArgument as first:
                raise self.faults(request, context, EMPTY_FORM, first) from None
            return function(value, other)

        return call

    def _call_with_text(self, function: Callable[..., Any], source: str) -> "Call":
        """`_call_with_two` for a text of the path, which is there as it is, and something else."""
        extract = self.extracts[1]

        def call(request: Request, context: Context) -> Any:
            try:
                value = extract(request, context, EMPTY_FORM)
            except InvalidArgument as first:
                raise self.faults(request, context, EMPTY_FORM, first) from None
            return function(request.params[source], value)

        return call

    def faults(self, request: Request, context: Context, form: FormData, first: InvalidArgument) -> InvalidArgument:
        """Everything that is wrong with a request whose first fault is `first`."""
        if self.body is not None:
            check_content_coding(request)
        if first.status == 400:
            return first
        problems: list[Problem] = []
        for extract in self.extracts:
            try:
                extract(request, context, form)
            except InvalidArgument as error:
                if error.status == 400:
                    return error
                problems.extend(error.problems)
        listed = "; ".join(f"{'.'.join(map(str, problem.where))}: {problem.message}" for problem in problems)
        return InvalidArgument(listed or first.message, problems=tuple(problems) or first.problems)


def plan_route(function: Callable[..., Any], route: Route, prefix: str, location: Location) -> Plan:
    """Plans the parameters of `function` as the handler of `route` below `prefix`. Raises DeclarationError."""
    return planner_of(function, route, prefix, location).plan()


def check_route(function: Callable[..., Any], route: Route, prefix: str, location: Location) -> None:
    """`plan_route`, and that pydantic knows the types of bodies: too slow for a cold start, in time for a deploy."""
    planner = planner_of(function, route, prefix, location)
    planner.plan()
    for name, codec in planner.codecs:
        planner.check_codec(name, codec)


def planner_of(function: Callable[..., Any], route: Route, prefix: str, location: Location) -> "Planner":
    names = {segment[1:-1] for segment in f"{prefix}{route.path}".split("/") if segment.startswith("{")}
    return Planner(function, names, route.methods, location)


def is_document(annotation: Any) -> bool:
    """Whether an annotation is something that JSON objects become: a model, dataclass, dict, TypedDict, NamedTuple."""
    if isinstance(get_origin(annotation), type):
        return is_document(get_origin(annotation))
    if not isinstance(annotation, type):
        return False
    kind: Any = annotation
    return (
        hasattr(kind, "__pydantic_validator__")
        or hasattr(kind, "__dataclass_fields__")
        or issubclass(kind, dict)
        or (kind is not UploadFile and hasattr(kind, "_fields") and issubclass(kind, tuple))
        or (kind.__module__ == "collections.abc" and kind.__name__ in ("Mapping", "MutableMapping"))
    )


def union_parts(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, without their metadata; of anything else only itself."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(without_metadata(part)[0] for part in get_args(annotation))
    return (annotation,)


def is_scalar(annotation: Any) -> bool:
    return scalar_converter(annotation) is not None


class Planner:
    """Plans one function: each parameter by the rules above, at most one body."""

    def __init__(
        self, function: Callable[..., Any], names: set[str], methods: tuple[str, ...], location: Location
    ) -> None:
        self.function = function
        self.names = names
        self.methods = methods
        self.location = location
        self.name: str = getattr(function, "__name__", type(function).__name__)
        self.bodies: dict[str, str] = {}
        self.codecs: list[tuple[str, Codec[Any]]] = []
        """Made, and not looked at yet."""

    def fault(self, message: str, hint: str | None = None) -> DeclarationError:
        return DeclarationError(f"{self.name}: {message}", hint=hint, location=self.location)

    def plan(self) -> Plan:
        declared = declared_parameters(self.function, self.location)
        parameters = tuple(self._parameter(found) for found in declared)
        taken = {parameter.source for parameter in parameters if parameter.where == "path"}
        missing = self.names - taken
        if missing and not any(parameter.where == "request" for parameter in parameters):
            raise self.fault(
                f"the path has {{{min(missing)}}} but no parameter takes it",
                hint=f"add a parameter: def {self.name}({min(missing)}: str, ...)",
            )
        kinds = set(self.bodies.values())
        if len(kinds) > 1 or (kinds and kinds != {"form"} and len(self.bodies) > 1):
            raise self.fault(
                f"the body is taken by more than one of {', '.join(self.bodies)}",
                hint="one model for the JSON body, or form fields and files only",
            )
        if kinds and all(method in ("GET", "HEAD", "OPTIONS") for method in self.methods):
            raise self.fault(
                f"parameter {next(iter(self.bodies))!r} is a body, and {self.methods[0]} has none on every provider",
                hint="use POST, PUT or PATCH, or mark the parameter Query() or Header()",
            )
        return Plan(parameters, next(iter(kinds), None))

    def _parameter(self, declared: Declared) -> Parameter:
        name, default = declared.name, declared.default
        annotation, marker, constrained = self._marker(declared)
        if isinstance(default, Marker):
            default = default.default
        elif marker is not None and marker.default is not ABSENT:
            default = marker.default
        if annotation is ABSENT:
            if name in ("self", "cls"):
                raise self.fault(
                    f"the function of a class takes {name!r}, which nothing can fill",
                    hint='decorate functions; an object\'s method is registered by app.get("/path")(thing.method)',
                )
            if name not in self.names and marker is None:
                raise self.fault(
                    f"parameter {name!r} has no annotation", hint=f"say what it is: {name}: str, or a model"
                )
            annotation = str
        inner, optional = without_none(annotation)
        if optional and default is ABSENT:
            default = None
        if inner is Request or inner is Context:
            take: Extract = take_request if inner is Request else take_context
            return Parameter(name, "request" if inner is Request else "context", name, declared.keyword, take)
        where = marker.where if marker is not None else self._where(name, inner)
        source = (marker.name if marker is not None else None) or name
        if where == "header":
            source = source if marker is not None and marker.name is not None else name.replace("_", "-")
            if source.lower().startswith("x-portable-"):
                raise self.fault(
                    f"parameter {name!r}: {source!r} is a header of portable's own, which no client can send",
                    hint="give it another name",
                )
        if where == "body" and optional and inner is not bytes:
            # So that `null` is what it says.
            constrained = declared.annotation if constrained is not ABSENT else annotation
        extract = self._extract(where, source, name, inner, constrained, default, marker)
        stated = str if declared.annotation is ABSENT else declared.annotation
        return Parameter(name, where, source, declared.keyword, extract, stated, default)

    def _marker(self, declared: Declared) -> tuple[Any, Marker | None, Any]:
        """(bare annotation, marker, annotation with foreign constraints such as pydantic's Field, or ABSENT)."""
        annotation, metadata = without_metadata(declared.annotation)
        if any(item in MARKERS for item in (*metadata, declared.default) if callable(item)):
            raise self.fault(f"parameter {declared.name!r}: a marker is not called", hint="write Header(), not Header")
        markers = [item for item in metadata if isinstance(item, Marker)]
        if isinstance(declared.default, Marker):
            markers.append(declared.default)
        if len(markers) > 1:
            raise self.fault(f"parameter {declared.name!r} has more than one marker", hint="keep one of them")
        foreign = [item for item in metadata if not isinstance(item, Marker)]
        constrained = declared.annotation if foreign else ABSENT
        return annotation, (markers[0] if markers else None), constrained

    def _where(self, name: str, inner: Any) -> str:
        if name in self.names:
            return "path"
        element = collection(inner)
        if inner is UploadFile or (element is not None and element[0] is UploadFile):
            return "file"
        if is_document(inner) or inner is Any or inner is object:
            return "body"
        if element is not None:
            bare, _ = without_none(without_metadata(element[0])[0])
            return "query" if all(is_scalar(part) for part in union_parts(bare)) else "body"
        if inner is bytes:
            raise self.fault(
                f"parameter {name!r} is bytes, and nothing says of what",
                hint=f"{name}: Annotated[bytes, Body()] is the raw body, File() an upload",
            )
        if any(is_document(part) for part in union_parts(inner)):
            return "body"
        return "query"

    def _extract(
        self, where: str, source: str, name: str, inner: Any, constrained: Any, default: Any, marker: Marker | None
    ) -> Extract:
        if where == "path":
            if source not in self.names:
                raise self.fault(
                    f"parameter {name!r} is Path({source!r}), which is not in the path",
                    hint=f"the path has {', '.join(sorted(self.names)) or 'no parameters'}",
                )
            return self._scalar(where, source, name, inner, constrained, ABSENT)
        if where == "body":
            self.bodies[name] = "raw" if inner is bytes else "json"
            if inner is bytes:
                return take_raw
            return json_body(self._codec(name, inner if constrained is ABSENT else constrained), default)
        if where == "file":
            self.bodies[name] = "form"
            return self._file(source, name, inner, default)
        if where == "form":
            self.bodies[name] = "form"
        if where in ("form", "query", "header", "cookie") and is_document(inner):
            if marker is not None and marker.name is not None:
                raise self.fault(
                    f"parameter {name!r}: a model takes the whole {where}, not one field of it",
                    hint=f"{marker.where.title()}(), without a name",
                )
            if where in ("header", "cookie") and not resolved_fields(inner):
                raise self.fault(
                    f"parameter {name!r}: which {where}s {inner!r} takes is not known", hint="a model with fields"
                )
            return whole_model(where, self._codec(name, inner if constrained is ABSENT else constrained))
        if where == "query" and source in self.names:
            raise self.fault(f"parameter {name!r} is in the path and in the query", hint="give one another name")
        return self._scalar(where, source, name, inner, constrained, default)

    def _scalar(self, where: str, source: str, name: str, inner: Any, constrained: Any, default: Any) -> Extract:
        many = collection(inner)
        bare, optional = without_none(without_metadata(many[0])[0]) if many is not None else (inner, False)
        convert = scalar_converter(bare) if constrained is ABSENT and not optional else None
        make: Callable[[list[Any]], Any] | None = many[1] if many is not None else None
        if many is not None and without_metadata(many[0])[1]:
            convert = None
        if many is not None and where in ("path", "cookie"):
            raise self.fault(
                f"parameter {name!r}: a {where} parameter has one value, not a list",
                hint="take a str and split it, or the repeats of a Query()",
            )
        if convert is None:
            codec = self._foreign_codec(name, constrained if constrained is not ABSENT else inner)
            convert, make = codec.decode, None
            if many is not None:
                return repeats_decoded(where, source, codec, default)
        if make is not None:
            return repeats(where, source, convert, make, default)
        if where == "path":
            return path_value(source, convert)
        return single(where, source, convert, default)

    def _foreign_codec(self, name: str, annotation: Any) -> Codec[Any]:
        """For annotations that only pydantic knows: constraints, unions, types of its own."""
        codec: Codec[Any] = Codec(annotation)
        self.check_codec(name, codec)
        return codec

    def _codec(self, name: str, annotation: Any) -> Codec[Any]:
        """For bodies and whole models."""
        codec: Codec[Any] = Codec(annotation)
        self.codecs.append((name, codec))
        return codec

    def check_codec(self, name: str, codec: Codec[Any]) -> None:
        """That pydantic can make something of an annotation. Raises DeclarationError."""
        if codec._plain is not None:
            # It is not asked: it may not be there, and an app that has no need of it shall not be given it.
            return
        try:
            codec.adapter  # noqa: B018
        except Exception as error:
            raise self.fault(
                f"parameter {name!r}: {codec.annotation!r} is no type that a request can fill: "
                + str(error).partition("\n")[0],
                hint="use str, int, float, bool, UUID, date, datetime, Decimal, an Enum, a Literal or lists of them; "
                "for a body a pydantic model or a dataclass",
            ) from error

    def _file(self, source: str, name: str, inner: Any, default: Any) -> Extract:
        many = collection(inner)
        kind = many[0] if many is not None else inner
        if kind is not UploadFile and kind is not bytes:
            raise self.fault(
                f"parameter {name!r}: a file is UploadFile or bytes, not {kind!r}", hint=f"{name}: UploadFile"
            )
        return uploaded(source, kind is bytes, many[1] if many is not None else None, default)
