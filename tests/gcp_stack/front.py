"""What all stand-ins for services of Google share: requests are held to discovery documents, errors are Google's."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .discovery import ALIASES, Document, Method, Wrong
from .server import Reply, Request

CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
"""https://cloud.google.com/apis/design/errors#handling_errors"""


class Refused(Exception):
    """An answer that is an error, by its canonical code."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Call(NamedTuple):
    """A checked call. `names` are those in the path, `query` has each parameter once, or as a list where it repeats."""

    names: dict[str, str]
    query: dict[str, Any]
    body: dict[str, Any]

    @property
    def project(self) -> str:
        return self.names["projectsId"]


Answers = Mapping[str, Callable[[Call], Any]]
"""By the id of a method: `pubsub.projects.topics.publish`."""


def not_found(what: str) -> Refused:
    return Refused("NOT_FOUND", f"Resource not found: {what}")


def error(status: str, message: str) -> Reply:
    code = CODES[status]
    return Reply(code, {"error": {"code": code, "message": message, "status": status}})


class Front:
    """The REST face of some services: their documents, and what answers each method."""

    def __init__(self, documents: list[Document], answers: Answers) -> None:
        self._documents = documents
        known = {method.id for one in documents for method in one.methods}
        unknown = set(answers) - known
        if unknown:
            raise ValueError(f"no discovery document has {', '.join(sorted(unknown))}")
        self._answers = answers

    def answer(self, request: Request) -> Reply | None:
        """None: it is for none of these services."""
        for one in self._documents:
            found = one.find(request.verb, request.path)
            if found is not None:
                return self._call(found.method, found.names, request)
        return None

    def _call(self, method: Method, names: dict[str, str], request: Request) -> Reply:
        act = self._answers.get(method.id)
        if act is None:
            return error("UNIMPLEMENTED", f"{method.id} is not part of this stand-in")
        try:
            query = query_of(method, request.query)
            body = {}
            if method.request is not None:
                try:
                    body = method.document.check(method.request, request.json())
                except Wrong:
                    raise
                except ValueError as fault:
                    raise Wrong(f"Invalid JSON payload received. {fault}") from fault
            elif request.body:
                raise Wrong(f"{method.id} takes no body")
            found = act(Call(names, query, body))
        except Wrong as fault:
            return error("INVALID_ARGUMENT", str(fault))
        except Refused as refused:
            return error(refused.status, str(refused))
        if method.response is not None:
            # A stand-in whose answers are not Google's fails here, and not where a client is more lenient than others.
            found = method.document.check(method.response, found)
        return Reply(200, found)


def query_of(method: Method, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        described = method.parameters.get(name)
        if described is None or described.get("location") == "path":
            if name in ALIASES:
                continue
            raise Wrong(f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.')
        if described["type"] == "integer":
            try:
                int(value)
            except ValueError:
                raise Wrong(f"{name} is no integer: {value!r:.80}") from None
        if described.get("repeated"):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def page_of(items: list[Any], query: dict[str, Any], field: str, most: int = 1000) -> dict[str, Any]:
    """A page of a list whose order does not change; tokens are positions."""
    size = int(query.get("pageSize", 0)) or most
    token = query.get("pageToken") or "0"
    if not token.isdigit():
        raise Refused("INVALID_ARGUMENT", "The page token is invalid.")
    start = int(token)
    end = start + min(size, most)
    found: dict[str, Any] = {field: items[start:end]}
    if end < len(items):
        found["nextPageToken"] = str(end)
    return found


def updated(known: dict[str, Any], given: dict[str, Any], mask: str) -> dict[str, Any]:
    """A resource with the fields of a mask replaced. Raises Refused for a mask that names none."""
    paths = [path for path in mask.split(",") if path]
    if not paths:
        raise Refused("INVALID_ARGUMENT", "An update mask is required.")
    found = dict(known)
    for path in paths:
        first, *rest = [camel(part) for part in path.split(".")]
        if not rest:
            found.pop(first, None)
            if first in given:
                found[first] = given[first]
        else:
            inner = dict(found.get(first, {}))
            found[first] = updated(inner, given.get(first, {}), ".".join(rest))
    return found


def camel(name: str) -> str:
    """`retry_config` or `retryConfig`, as JSON has it."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
