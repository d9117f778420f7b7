"""Requests made of nothing but a document's examples, as a client would make them, and answers held against it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator

from portable import Request, Response

PREFIX = "#/components/"
BOUNDARY = "a-boundary"

Document = dict[str, Any]


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of all of them."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def resolved(document: Document, value: dict[str, Any]) -> dict[str, Any]:
    """What a Reference Object refers to."""
    found: Any = document
    if "$ref" not in value:
        return value
    assert value["$ref"].startswith(PREFIX)
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def request_of(document: Document, method: str, path: str, operation: dict[str, Any]) -> Request:
    """The request that the examples show. Raises KeyError if one that is needed is missing."""
    query: list[tuple[str, str]] = []
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for parameter in operation.get("parameters", ()):
        if "example" not in parameter and not parameter.get("required"):
            continue
        example = parameter["example"]
        if parameter.get("explode") and isinstance(example, dict):
            query.extend((name, text(value)) for name, value in example.items())
            continue
        values = [text(value) for value in (example if isinstance(example, list) else [example])]
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(values[0], safe=""))
        elif parameter["in"] == "query":
            query.extend((parameter["name"], value) for value in values)
        elif parameter["in"] == "header":
            headers.append((parameter["name"], ", ".join(values)))
        else:
            cookies.append(f"{parameter['name']}={values[0]}")
    if cookies:
        headers.append(("cookie", "; ".join(cookies)))
    body = b""
    if "requestBody" in operation:
        kind, content = next(iter(operation["requestBody"]["content"].items()))
        body, sent = body_of(document, kind, content)
        headers.append(("content-type", sent))
    return Request(method.upper(), path, query_string=urlencode(query), headers=headers, body=body)


def body_of(document: Document, kind: str, content: dict[str, Any]) -> tuple[bytes, str]:
    """A body and its content type."""
    if kind == "application/octet-stream":
        return b"\x00\xff", kind
    example = content["example"]
    if kind == "application/json":
        return json.dumps(example).encode(), kind
    pairs = [
        (name, value) for name, found in example.items() for value in (found if isinstance(found, list) else [found])
    ]
    if kind == "application/x-www-form-urlencoded":
        return urlencode([(name, text(value)) for name, value in pairs]).encode(), kind
    assert kind == "multipart/form-data"
    properties = resolved(document, content["schema"])["properties"]
    parts: list[str] = []
    for name, value in pairs:
        part = properties[name]
        file = "contentMediaType" in part or "contentMediaType" in part.get("items", {})
        named = f'; filename="{name}.bin"' if file else ""
        parts.append(f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"{named}\r\n\r\n{text(value)}\r\n')
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode(), f"{kind}; boundary={BOUNDARY}"


def check(document: Document, schema: dict[str, Any], value: Any) -> None:
    """Raises ValidationError if a value does not fit a schema of the document."""
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def check_answer(document: Document, operation: dict[str, Any], response: Response) -> str:
    """Holds an answer against what the operation says; returns under which status it is described."""
    listed = operation["responses"]
    found = next(key for key in (str(response.status), f"{response.status // 100}XX", "default") if key in listed)
    described = resolved(document, listed[found])
    kind = (response.headers.get("content-type") or "").partition(";")[0]
    if not response.body:
        assert "content" not in described or response.status >= 400, f"{found}: a body is described, none came"
        return found
    if "content" not in described:
        assert found.endswith("XX"), f"{found}: no body is described, one of {kind} came"
        return found
    assert kind in described["content"], f"{found}: {kind} is not described"
    schema = described["content"][kind].get("schema")
    if schema is not None:
        check(document, schema, json.loads(response.body) if kind.endswith("json") else bytes(response.body).decode())
    return found
