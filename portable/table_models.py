"""How a table's model becomes plain values and back, and what its fields may be used for.

Planned once per table at declaration; pydantic itself is met only through the model or codec.Codec.
"""

import sys
import types
import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from .codec import Codec, invalid, lost_fields
from .errors import DeclarationError, InvalidArgument, Location
from .specs import FieldType

T = TypeVar("T")


class ItemModel(Generic[T]):
    """The model of a table's items: a pydantic model, a dataclass, a TypedDict, or None for plain dicts.

    `plain(item)` raises InvalidArgument for an item of another type or with fields of wrong types; `load(document)`
    raises InvalidArgument when the document does not fit.
    """

    def __init__(self, model: Any, table: str, location: Location) -> None:
        self.model: Any = None if model is dict else model
        self.table = table
        self.location = location
        self._fields: dict[str, Any] | None = None
        self._validate: Callable[..., Any] | None = None
        self._serialize: Callable[..., Any] | None = None
        self._class: type | None = None
        self._set_later: dict[str, Codec[Any]] = {}
        if self.model is not None:
            self._fields = self._annotations()
            self._class = None if _is_typeddict(self.model) else self.model

    @property
    def name(self) -> str | None:
        """`module:QualifiedName`, or None for plain dicts."""
        return None if self.model is None else f"{self.model.__module__}:{self.model.__qualname__}"

    def _annotations(self) -> dict[str, Any]:
        model = self.model
        if not isinstance(model, type):
            raise self._declaration(
                f"model {model!r} is not a class", "use a pydantic model, a dataclass or None for plain dicts"
            )
        if hasattr(model, "__pydantic_fields__") and hasattr(model, "model_dump"):
            pydantic_model = cast("Any", model)
            if not pydantic_model.__pydantic_complete__:
                pydantic_model.model_rebuild(raise_errors=False)
            fields: dict[str, Any] = pydantic_model.__pydantic_fields__
            return {name: field.annotation for name, field in fields.items()}
        if _is_typeddict(model) and sys.version_info < (3, 12) and type(model).__module__ == "typing":
            raise self._declaration(
                f"model {model.__name__} is a typing.TypedDict, which Python 3.11 does not describe fully",
                "take TypedDict from typing_extensions, or Python 3.12",
            )
        if not hasattr(model, "__dataclass_fields__") and not _is_typeddict(model):
            raise self._declaration(
                f"model {model.__name__} is neither a pydantic model nor a dataclass",
                "add @dataclass, or derive it from pydantic.BaseModel",
            )
        try:
            hints = typing.get_type_hints(model)
        except NameError as error:
            raise self._declaration(
                f"an annotation of {model.__name__} cannot be resolved: {error}",
                "declare the model at module level, below the types that it names",
            ) from error
        known = getattr(model, "__dataclass_fields__", hints)
        return {name: hint for name, hint in hints.items() if name in known}

    def _declaration(self, message: str, hint: str) -> DeclarationError:
        return DeclarationError(f"table {self.table!r}: {message}", hint=hint, location=self.location)

    # What fields may be

    def check_key(self, field: str) -> None:
        """Raises DeclarationError unless `field` can be a part of the key."""
        if self._fields is None:
            return
        type_, optional = self._field_type(field, "key")
        if optional or type_ != "str":
            raise self._declaration(
                f"key field {field!r} is {self._shown(field)}",
                "a key field is str, UUID, date or an Enum of str, and not Optional",
            )

    def check_index(self, field: str) -> FieldType:
        """The type of an index field. Raises DeclarationError unless it is int or str (or stored as str)."""
        if self._fields is None:
            return "str"
        type_, _ = self._field_type(field, "index")
        if type_ is None:
            raise self._declaration(
                f"index field {field!r} is {self._shown(field)}",
                "an index field is int, str, UUID, date or an Enum of these, or Optional of one; "
                "a moment as int of epoch seconds",
            )
        return type_

    def check_ttl(self, field: str) -> None:
        """Raises DeclarationError unless `field` is an aware datetime or an int of epoch seconds, or Optional."""
        if self._fields is None:
            return
        members, _ = _members(self._annotation(field, "ttl"))
        if not members or not all(_is_moment(member) for member in members):
            raise self._declaration(
                f"ttl field {field!r} is {self._shown(field)}",
                "a ttl field is a datetime with a zone or an int of epoch seconds, or Optional of one",
            )

    def check_counter(self, field: str) -> bool:
        """Whether `field` is an int as far as the model says."""
        if self._fields is None:
            return True
        if field not in self._fields:
            return False
        members, _ = _members(self._fields[field])
        return members == [int]

    def _annotation(self, field: str, role: str) -> Any:
        assert self._fields is not None
        if field not in self._fields:
            raise self._declaration(
                f"{role} field {field!r} is no field of {self.model.__name__}",
                f"its fields are {', '.join(self._fields)}",
            )
        return self._fields[field]

    def _field_type(self, field: str, role: str) -> tuple[FieldType | None, bool]:
        members, optional = _members(self._annotation(field, role))
        found: set[FieldType | None] = {_stored_type(member) for member in members}
        return (found.pop() if len(found) == 1 else None), optional

    def _shown(self, field: str) -> str:
        assert self._fields is not None
        annotation = self._fields[field]
        return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")

    # Items

    def plain(self, item: T) -> object:
        """The item's fields as plain Python values, for documents.py to check. Raises InvalidArgument."""
        if self.model is None:
            return item
        if self._class is not None and not isinstance(item, self._class):
            raise InvalidArgument(
                f"table {self.table!r} takes {self.model.__name__}, not {type(item).__name__}",
                hint=f"make one first: {self.model.__name__}(...)",
            )
        if self._serialize is None:
            self._plan()
        assert self._serialize is not None
        if type(item) is not self.model and self._class is not None:
            lost = lost_fields(item, self.model)
            if lost:
                raise InvalidArgument(
                    f"table {self.table!r} takes {self.model.__name__}, not {type(item).__name__}: "
                    f"{', '.join(lost)} would be lost",
                    hint=f"declare the table with {type(item).__name__}, or put a {self.model.__name__}",
                )
        try:
            # round_trip leaves out computed fields; a warning is a field that does not hold what the model says.
            return self._serialize(item, round_trip=True, by_alias=False, warnings="error")
        except ValueError as error:
            raise InvalidArgument(
                f"table {self.table!r}: {self.model.__name__} holds what its annotations forbid: {error}",
                hint="assignments to fields are not checked unless the model has validate_assignment",
            ) from error

    def load(self, document: Any) -> T:
        """The item of a stored document. Raises InvalidArgument, listing every fault."""
        if self.model is None:
            return cast("T", document)
        if self._validate is None:
            self._plan()
        assert self._validate is not None
        try:
            item = cast("T", self._validate(document, by_alias=False, by_name=True))
            for name, codec in self._set_later.items():
                # Not a parameter of the class, so that the validator leaves it out.
                if name in document:
                    object.__setattr__(item, name, codec.decode(document[name]))
            return item
        except ValueError as error:
            raise invalid(error) from None

    def _plan(self) -> None:
        validator = getattr(self.model, "__pydantic_validator__", None)
        serializer = getattr(self.model, "__pydantic_serializer__", None)
        if validator is None or serializer is None:
            adapter = Codec[T](self.model).adapter
            validator, serializer = adapter.validator, adapter.serializer
            declared: dict[str, Any] = getattr(self.model, "__dataclass_fields__", {})
            for name, field in declared.items():
                if not field.init and self._fields is not None and name in self._fields:
                    self._set_later[name] = Codec(self._fields[name])
        self._validate, self._serialize = validator.validate_python, serializer.to_python


def _is_typeddict(model: Any) -> bool:
    # typing.is_typeddict does not know those of typing_extensions.
    return isinstance(model, type) and dict in model.__mro__ and hasattr(model, "__required_keys__")


def _members(annotation: Any) -> tuple[list[Any], bool]:
    """The members of an annotation without Annotated, NewType, aliases and Optional; whether None was one."""
    while True:
        if hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            break
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        found: list[Any] = []
        optional = False
        for member in typing.get_args(annotation):
            if member is type(None):
                optional = True
                continue
            inner, none_inside = _members(member)
            found += inner
            optional = optional or none_inside
        return found, optional
    return [annotation], False


def _stored_type(member: Any) -> FieldType | None:
    """str or int if values of `member` are stored as one, else None."""
    if typing.get_origin(member) is typing.Literal:
        return _common_type(typing.get_args(member))
    if not isinstance(member, type):
        return None
    modules: dict[str, Any] = sys.modules
    enum, uuid, datetime = modules.get("enum"), modules.get("uuid"), modules.get("datetime")
    if enum is not None and issubclass(member, enum.Enum):
        return _common_type([choice.value for choice in cast("Any", member)])
    if issubclass(member, str) or (uuid is not None and issubclass(member, uuid.UUID)):
        return "str"
    if datetime is not None and issubclass(member, datetime.date) and not issubclass(member, datetime.datetime):
        return "str"
    return "int" if issubclass(member, int) and member is not bool else None


def _common_type(values: Any) -> FieldType | None:
    kinds: set[FieldType | None] = {_stored_type(type(value)) for value in values}
    return kinds.pop() if len(kinds) == 1 else None


def _is_moment(member: Any) -> bool:
    if not isinstance(member, type) or member is bool:
        return False
    if member.__module__ == "pydantic.types" and member.__name__ in (
        "AwareDatetime",
        "FutureDatetime",
        "PastDatetime",
    ):
        return True
    datetime = sys.modules.get("datetime")
    return issubclass(member, int) or (datetime is not None and issubclass(member, datetime.datetime))
