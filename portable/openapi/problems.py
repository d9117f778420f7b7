"""How an OpenAPI document describes errors: the problem documents (RFC 9457) that answers.py writes."""

from http import HTTPStatus
from typing import Any

from portable.answers import PROBLEM_TYPE
from portable.errors import HTTPError, InvalidArgument, LimitExceeded, PortableError
from portable.parameters import Marker, Plan
from portable.scalars import without_metadata

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "The kind of problem: `urn:portable:error:` and its code.",
        },
        "title": {"type": "string", "description": "The kind of problem, for people."},
        "status": {"type": "integer", "minimum": 200, "maximum": 599, "description": "The HTTP status."},
        "code": {
            "type": "string",
            "pattern": "^P[0-9]{4}$",
            "description": "The code that `portable explain` explains.",
        },
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "hint": {"type": "string", "description": "What to try."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path of the request."},
        "request_id": {"type": "string", "description": "What the logs know this request by."},
        "errors": {
            "type": "array",
            "description": "Everything that is wrong with the input.",
            "items": {
                "type": "object",
                "properties": {
                    "where": {
                        "type": "array",
                        "items": {"type": ["string", "integer"]},
                        "description": 'The place: `["query", "limit"]`, `["body", "lines", 0, "quantity"]`.',
                    },
                    "message": {"type": "string"},
                    "kind": {"type": "string", "description": "For programs: `missing`, `int_parsing`."},
                },
                "required": ["where", "message", "kind"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "instance", "request_id"],
}

REQUEST_ID = "req-8c1c5ac63d0c4d3e"


def problem_example(
    error: type[PortableError], status: int, detail: str, errors: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """A problem document as answers.py writes it."""
    title = error.title if error is not PortableError else "Internal error"
    document: dict[str, Any] = {
        "type": f"urn:portable:error:{error.code}",
        "title": HTTPStatus(status).phrase if error is HTTPError else title,
        "status": status,
        "code": error.code,
    }
    if detail:
        document["detail"] = detail
    document.update({"instance": "/path", "request_id": REQUEST_ID})
    if errors:
        document["errors"] = errors
    return document


PROBLEMS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: (
        "Malformed",
        "The request cannot be read: its path, its query, or a body that is no JSON.",
        problem_example(
            InvalidArgument,
            400,
            "body: not JSON",
            [{"where": ["body"], "message": "not JSON", "kind": "json_invalid"}],
        ),
    ),
    413: (
        "TooLarge",
        "The body is larger than every provider takes.",
        problem_example(LimitExceeded, 413, "the request body has more bytes than are taken"),
    ),
    414: (
        "UrlTooLong",
        "The URL is longer than every provider takes.",
        problem_example(LimitExceeded, 414, "the URL has more bytes than are taken"),
    ),
    415: (
        "OtherMediaType",
        "The body is of another media type, or compressed.",
        problem_example(HTTPError, 415, "the JSON body came as 'text/plain'; send application/json"),
    ),
    422: (
        "Invalid",
        "The input is readable and not valid; `errors` lists all that is wrong.",
        problem_example(
            InvalidArgument,
            422,
            "query.limit: not an integer",
            [{"where": ["query", "limit"], "message": "not an integer", "kind": "invalid"}],
        ),
    ),
    500: ("Failed", "The app failed; its log has the request's id.", problem_example(PortableError, 500, "")),
}
OTHER = (
    "Problem",
    "Any other problem: what the handler raises, a request that came too often or took too long.",
    problem_example(HTTPError, 409, "the version has changed"),
)


def problem_responses(reference: str) -> dict[str, dict[str, Any]]:
    """The responses that operations share, for `components.responses`; `reference` leads to the schema."""
    return {
        name: {
            "description": description,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": reference}, "example": shown}},
        }
        for name, description, shown in (*PROBLEMS.values(), OTHER)
    }


def problems_of(plan: Plan) -> dict[str, dict[str, str]]:
    """Which of them an operation with these parameters can answer."""
    statuses = [400, 414, 500]
    if plan.body is not None:
        statuses.append(413)
    if plan.body in ("json", "form"):
        statuses.append(415)
    if any(can_be_invalid(parameter.where, parameter.annotation) for parameter in plan.parameters):
        statuses.append(422)
    found = {str(status): {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"} for status in sorted(statuses)}
    found["default"] = {"$ref": f"#/components/responses/{OTHER[0]}"}
    return found


def can_be_invalid(where: str, annotation: Any) -> bool:
    """Whether a request can have something wrong in this place."""
    bare, metadata = without_metadata(annotation)
    if where in ("request", "context") or (where == "body" and bare is bytes):
        return False
    return where != "path" or bare is not str or not all(isinstance(item, Marker) for item in metadata)
