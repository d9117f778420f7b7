"""The JSON Schemas of all annotations of an app, made at once, so that they share their definitions."""

import json
from collections.abc import Iterable
from typing import Any

from portable.codec import Codec, SchemaMode, json_schemas, to_json
from portable.errors import PortableError
from portable.parameters import Parameter
from portable.scalars import without_metadata, without_none
from portable.signatures import ABSENT

from .fitting import PREFIX, Schema
from .operations import Operation, unique
from .problems import PROBLEM_SCHEMA


class Schemas:
    """The schemas of all annotations of an app, made at once, so that they share their definitions."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._numbers: dict[tuple[int, SchemaMode], int] = {}
        self.codecs: list[tuple[int, SchemaMode, Codec[Any]]] = []
        for operation in operations:
            for parameter in operation.plan.parameters:
                if parameter.where not in ("request", "context", "file") and not is_raw(parameter):
                    self._add(parameter.annotation, "validation")
            for stated in operation.answers:
                if stated.media is not None and stated.annotation is not None:
                    self._add(stated.annotation, "serialization")
        self.definitions: dict[str, dict[str, Any]]
        self._schemas, self.definitions = json_schemas(self.codecs, f"{PREFIX}{{model}}")
        self.problem: str = unique("Problem", set(self.definitions))
        self.definitions[self.problem] = PROBLEM_SCHEMA

    def _add(self, annotation: Any, mode: SchemaMode) -> None:
        # By identity: what stands in Annotated need not be hashable. The operations keep the annotations alive.
        number = self._numbers.setdefault((id(annotation), mode), len(self.codecs))
        if number == len(self.codecs):
            self.codecs.append((number, mode, Codec(annotation)))

    def of(self, annotation: Any, mode: SchemaMode) -> Schema | None:
        """A schema of one's own to change; None if the annotation has none."""
        found = self._schemas.get(self._numbers[id(annotation), mode])
        return None if found is None else dict(found)

    def accepts(self, annotation: Any, value: Any) -> bool:
        """Whether the app would take an example as a body; a validator of the user's may know more than the schema."""
        codec = self.codecs[self._numbers[id(annotation), "validation"]][2]
        try:
            codec.decode_json(to_json(value))
        except Exception:
            # Not only PortableError: a validator may look at what is not there while nothing runs.
            return False
        return True


def is_raw(parameter: Parameter) -> bool:
    return parameter.where == "body" and without_none(without_metadata(parameter.annotation)[0])[0] is bytes


def without_null(schema: Schema) -> Schema:
    """A schema of what is a text of a request or missing, and so never null."""
    options: list[Schema] = schema.get("anyOf", [])
    left = [option for option in options if option.get("type") != "null"]
    if len(left) == len(options) or not left:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest}


def with_default(schema: Schema, default: Any) -> Schema:
    """`schema` with a parameter's default, as far as JSON can show it."""
    if default is ABSENT or default is None:
        return {key: value for key, value in schema.items() if key != "default" or value is not None}
    try:
        return {**schema, "default": json.loads(to_json(default))}
    except PortableError:
        return schema
