"""An app as an OpenAPI 3.1 document: what a client can send, what comes back, what can go wrong.

Pure: from declarations alone, by the same plans that fill the handlers' parameters, so that the two cannot disagree.
What the code does not say is left open, not guessed.
"""

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from portable.answers import JSON_TYPE
from portable.errors import Location
from portable.manifest import full_path, project_root
from portable.parameters import Parameter, Plan, is_document
from portable.project_file import PROJECT_FILE
from portable.scalars import collection, without_metadata, without_none
from portable.signatures import ABSENT, plain_function

from .answers import Stated
from .examples import example
from .fitting import PREFIX, Definitions, Schema, target
from .operations import Operation, names_in, operations_of
from .problems import problem_responses, problems_of
from .schemas import Schemas, with_default, without_null

if TYPE_CHECKING:
    from portable.app import App

OPENAPI = "3.1.1"
NO_VERSION = "0.0.0"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
"""Those that a path can have, in the order in which they are written."""
REFERENCE = re.compile(f'"{PREFIX}([^"]+)"')
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def openapi_document(app: "App") -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`, as JSON-able values; the same app gives the same document.

    The version is that of the project's pyproject.toml, descriptions are the docstrings. Mounted applications and
    static folders are named in the description, not described. Raises DeclarationError for routes that cannot be.
    """
    operations = list(operations_of(app))
    schemas = Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = described(operation, schemas)
    document: dict[str, Any] = {
        "openapi": OPENAPI,
        "info": {"title": app.name, "version": project_version(app)},
        "servers": [{"url": "/"}],
        "tags": list(tags(app, {operation.tag for operation in operations})),
        "paths": {
            path: {method: paths[path][method] for method in METHODS if method in paths[path]} for path in sorted(paths)
        },
        "components": {
            "schemas": used(schemas.definitions, paths, schemas.problem),
            "responses": problem_responses(f"{PREFIX}{schemas.problem}"),
        },
    }
    description = "\n\n".join(text for text in (module_docstring(app.location.file), *left_out(app)) if text)
    if description:
        document["info"]["description"] = description
    return document


def used(definitions: Definitions, paths: dict[str, Any], problem: str) -> Definitions:
    """Those of the definitions that something refers to: a model whose fields became parameters needs none."""
    found: set[str] = set()
    looking: list[object] = [paths, {"$ref": f"{PREFIX}{problem}"}]
    while looking:
        for name in REFERENCE.findall(json.dumps(looking.pop())):
            if name in definitions and name not in found:
                found.add(name)
                looking.append(definitions[name])
    return {name: definitions[name] for name in sorted(found)}


# Operations


def described(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """The Operation Object."""
    summary, description = docstring(operation.function)
    found: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": summary or in_words(operation.name),
    }
    if description:
        found["description"] = description
    if getattr(operation.function, "__deprecated__", None) is not None:
        found["deprecated"] = True
    parameters = [
        item for parameter in operation.plan.parameters for item in parameter_objects(parameter, operation, schemas)
    ]
    taken = {item["name"] for item in parameters if item["in"] == "path"}
    # Those that nothing but the Request takes.
    parameters.extend(
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": "string"}
        for name in names_in(operation.path)
        if name not in taken
    )
    if parameters:
        found["parameters"] = list({(item["in"], item["name"]): item for item in parameters}.values())
    body = request_body(operation.plan, schemas)
    if body is not None:
        found["requestBody"] = body
    found["responses"] = {
        **problems_of(operation.plan),
        **responses(operation.answers, schemas),
    }
    found["responses"] = {status: found["responses"][status] for status in sorted(found["responses"])}
    return found


def docstring(function: Callable[..., Any]) -> tuple[str, str]:
    """The first line (without its full stop) and what follows; the whole, if the line is half a sentence."""
    location = Location("", 0)
    text = getattr(function, "__doc__", None)
    if not isinstance(function, type(docstring)) and not hasattr(function, "__wrapped__"):
        # An object that is called, or a method of one.
        text = getattr(plain_function(function, location)[0], "__doc__", None) or text
    if not isinstance(text, str):
        return "", ""
    whole = inspect.cleandoc(text)
    first, _, rest = whole.partition("\n")
    more = rest.strip() if not rest or rest.startswith("\n") else whole
    return first.strip().removesuffix("."), more


def in_words(name: str) -> str:
    words = name.rpartition(".")[2].replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def parameter_objects(parameter: Parameter, operation: Operation, schemas: Schemas) -> Iterator[dict[str, Any]]:
    """The Parameter Objects of one parameter: a model has as many as fields."""
    where = parameter.where
    if where not in ("path", "query", "header", "cookie"):
        return
    schema = without_null(schemas.of(parameter.annotation, "validation") or {})
    inner = without_none(without_metadata(parameter.annotation)[0])[0]
    if not is_document(inner):
        name = operation.renamed[parameter.source] if where == "path" else parameter.source
        yield parameter_object(
            name, where, with_default(schema, parameter.default), is_required(parameter, schema), schemas
        )
        return
    whole = target(schema, schemas.definitions)
    if not whole.get("properties"):
        # A dict takes whatever comes.
        yield {"name": parameter.name, "in": where, "style": "form", "explode": True, "schema": schema}
        return
    needed = whole.get("required", ())
    for field, part in whole["properties"].items():
        name = field.replace("_", "-") if where == "header" else field
        untitled = {key: value for key, value in part.items() if key != "title"}
        yield parameter_object(name, where, with_default(without_null(untitled), ABSENT), field in needed, schemas)


def is_required(parameter: Parameter, schema: Schema) -> bool:
    if parameter.default is not ABSENT:
        return False
    if parameter.where != "path" and collection(without_none(without_metadata(parameter.annotation)[0])[0]) is not None:
        # None of a list is an empty list.
        return bool(schema.get("minItems"))
    return True


def parameter_object(name: str, where: str, schema: Schema, required: bool, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "in": where}
    description = schema.pop("description", None) if "$ref" not in schema else schema.get("description")
    if description:
        found["description"] = description
    if schema.pop("deprecated", False):
        found["deprecated"] = True
    if required:
        found["required"] = True
    found["schema"] = schema
    shown = example(schema, schemas.definitions)
    if shown is not None:
        found["example"] = shown[0]
    return found


# Bodies


def request_body(plan: Plan, schemas: Schemas) -> dict[str, Any] | None:
    """The Request Body Object."""
    if plan.body == "form":
        return form_body([parameter for parameter in plan.parameters if parameter.where in ("form", "file")], schemas)
    for parameter in plan.parameters:
        if parameter.where == "body" and plan.body == "raw":
            return {"description": "Any bytes.", "content": {"application/octet-stream": {}}}
        if parameter.where == "body":
            schema = schemas.of(parameter.annotation, "validation") or {}
            content = media(with_default(schema, parameter.default), schemas)
            if "example" in content and not schemas.accepts(parameter.annotation, content["example"]):
                del content["example"]
            required = {"required": True} if parameter.default is ABSENT else {}
            return {**required, "content": {JSON_TYPE: content}}
    return None


def media(schema: Schema, schemas: Schemas) -> dict[str, Any]:
    """A Media Type Object with an example, if there is one."""
    shown = example(schema, schemas.definitions)
    return {"schema": schema} if shown is None else {"schema": schema, "example": shown[0]}


def form_body(parameters: list[Parameter], schemas: Schemas) -> dict[str, Any]:
    """The fields of a form, be they parameters, fields of a model or files."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    open_ended: Schema | None = None
    alone: Schema | None = None
    for parameter in parameters:
        inner = without_none(without_metadata(parameter.annotation)[0])[0]
        if parameter.where == "file":
            many = collection(inner) is not None
            properties[parameter.source] = {"type": "array", "items": file_schema()} if many else file_schema()
            if parameter.default is ABSENT and not many:
                required.append(parameter.source)
            continue
        stated = without_null(schemas.of(parameter.annotation, "validation") or {})
        if is_document(inner):
            whole = target(stated, schemas.definitions)
            alone = stated
            open_ended = whole.get("additionalProperties", open_ended)
            properties.update(whole.get("properties", {}))
            required.extend(whole.get("required", ()))
            continue
        properties[parameter.source] = with_default(stated, parameter.default)
        if is_required(parameter, stated):
            required.append(parameter.source)
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(dict.fromkeys(required))
    if len(parameters) == 1 and alone is not None:
        schema = alone
    elif isinstance(open_ended, dict):
        schema["additionalProperties"] = open_ended
    kinds = FORM_TYPES[1:] if any(parameter.where == "file" for parameter in parameters) else FORM_TYPES
    content = media(schema, schemas)
    whole_form = len(parameters) == 1 and alone is not None
    if whole_form and "example" in content and not schemas.accepts(parameters[0].annotation, content["example"]):
        del content["example"]
    return {**({"required": True} if required else {}), "content": dict.fromkeys(kinds, content)}


def file_schema() -> Schema:
    """A file of a multipart form, as OpenAPI 3.1 has it (section 4.8.14.2 on binary content)."""
    shown = "The content of the file"
    return {"type": "string", "contentMediaType": "application/octet-stream", "examples": [shown]}


# Answers


def responses(answers: tuple[Stated, ...], schemas: Schemas) -> dict[str, dict[str, Any]]:
    """The Responses of what a handler says that it returns, by status."""
    found: dict[str, dict[str, Any]] = {}
    for stated in answers:
        entry = found.setdefault(stated.status, {"description": stated.description or phrase(stated.status)})
        if stated.media is None:
            continue
        content: dict[str, Any] = {}
        if stated.annotation is not None:
            schema = schemas.of(stated.annotation, "serialization")
            if schema is not None:
                content = media(schema, schemas)
        entry.setdefault("content", {})[stated.media] = content
    return found


def phrase(status: str) -> str:
    """The standard words for a status."""
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return "An answer"


# The app


def project_version(app: "App") -> str:
    """The version in the project's pyproject.toml, else a null one."""
    file = Path(project_root(app.location.file), PROJECT_FILE)
    try:
        project: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        # Whoever loads the app says what is wrong with that file; an app without one is a good app too.
        return NO_VERSION
    version: Any = cast("dict[str, Any]", project).get("version") if isinstance(project, dict) else None
    return version if isinstance(version, str) and version else NO_VERSION


def module_docstring(file: str) -> str:
    """What the imported module of a file says about itself."""
    for module in list(sys.modules.values()):
        names: dict[str, Any] = getattr(module, "__dict__", {})
        if names.get("__file__") == file and isinstance(names.get("__doc__"), str):
            return inspect.cleandoc(names["__doc__"])
    return ""


def tags(app: "App", used: set[str]) -> Iterator[dict[str, str]]:
    """A tag for each part that has routes."""
    for part in app.parts():
        if part.name in used:
            said = module_docstring(part.location.file) if part.location.file != app.location.file else ""
            yield {"name": part.name, "description": said} if said else {"name": part.name}


def left_out(app: "App") -> Iterator[str]:
    """What answers without being described."""
    for part in app.parts():
        for spec, _ in part.mounts:
            kind = "an ASGI" if spec.interface == "asgi" else "a WSGI"
            yield f"Not described here: {kind} application below `{full_path(part, spec.path)}`."
        for folder in part.statics:
            yield f"Not described here: the files below `{full_path(part, folder.path)}`."
