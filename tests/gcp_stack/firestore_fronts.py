"""How Firestore's stand-in is reached: REST for our drivers, gRPC for Google's own clients, a control for tests."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, unquote

import grpc
from google.events.cloud.firestore import DocumentEventData
from google.protobuf.json_format import ParseError

from .firestore_indexes import Indexes
from .firestore_json import answered, parsed
from .firestore_protos import REQUESTS, STREAMS, Refused
from .firestore_service import Service
from .server import Reply, Request

CONTROL = "/_portable/"
VERSION = "/v1/"
VERBS = {
    "batchGet": "BatchGetDocuments",
    "batchWrite": "BatchWrite",
    "beginTransaction": "BeginTransaction",
    "commit": "Commit",
    "listCollectionIds": "ListCollectionIds",
    "rollback": "Rollback",
    "runQuery": "RunQuery",
}
"""https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents"""
DOCUMENT = {"BatchGetDocuments": "found", "RunQuery": "document"}
"""Which field of an answer has a document."""
OF_PARENT = frozenset({"listCollectionIds", "runQuery"})
WORKERS = 16
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
Event: Any = type(DocumentEventData.pb(DocumentEventData()))


class RestFront:
    """Answers what `server.Server` hears."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._actions: dict[str, Callable[..., dict[str, Any]]] = {
            "changes": self._changes,
            "forget": self._forget,
            "indexes": self._indexes,
        }

    def answer(self, request: Request) -> Reply:
        if request.path.startswith(CONTROL):
            return self._control(request)
        try:
            method, message = self._parsed(request)
            answers = self._service.call(method, message)
        except Refused as error:
            found: Any = {"error": {"code": error.http_status, "message": error.message, "status": error.status}}
            is_stream = request.path.endswith((":batchGet", ":runQuery"))
            return Reply(error.http_status, [found] if is_stream else found)
        plain = [answered(answer, DOCUMENT.get(method)) for answer in answers]
        return Reply(200, plain if method in STREAMS else plain[0])

    def _parsed(self, request: Request) -> tuple[str, Any]:
        """The method that a path means, and its message. As in Google's, a path is split at its last colon."""
        path = unquote(request.path)
        if not path.startswith(VERSION):
            raise Refused("NOT_FOUND", f"there is no {path}")
        if request.verb == "GET":
            return "GetDocument", REQUESTS["GetDocument"](name=path.removeprefix(VERSION))
        place, _, verb = path.removeprefix(VERSION).rpartition(":")
        method = VERBS.get(verb)
        if method is None or request.verb != "POST":
            raise Refused("NOT_FOUND", f"there is no {request.verb} {path}")
        if verb in OF_PARENT:
            given = {"parent": place}
        elif place.endswith("/documents"):
            given = {"database": place.removesuffix("/documents")}
        else:
            raise Refused("INVALID_ARGUMENT", f"{place} has no documents")
        try:
            return method, parsed({**request.json(), **given}, REQUESTS[method]())
        except (ParseError, ValueError) as error:
            raise Refused("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error

    # The control

    def _control(self, request: Request) -> Reply:
        action = self._actions.get(request.path.removeprefix(CONTROL))
        if action is None or request.verb != "POST":
            return Reply(404, {"error": f"there is no action {request.verb} {request.path}"})
        try:
            return Reply(200, action(**request.json()))
        except (Refused, LookupError, TypeError, ValueError) as error:
            return Reply(200, {"error": f"{type(error).__name__}: {error}"})

    def _indexes(self, project: str, database: str, document: dict[str, Any]) -> dict[str, Any]:
        """Declares what `firestore.indexes.json` would; without it no query has more than automatic indexes."""
        found = Indexes(document)
        with self._service.lock:
            self._service.database(f"projects/{project}/databases/{database}").indexes = found
        return {}

    def _changes(self, project: str, database: str, after: int = 0, most: int = 100) -> dict[str, Any]:
        """What Eventarc would tell a trigger of all writes, as requests: the oldest first, past the number `after`."""
        with self._service.lock:
            changes = self._service.database(f"projects/{project}/databases/{database}").changes
            found = [change for change in changes if change.number > after][:most]
        return {"changes": [event_of(change, project, database) for change in found]}

    def _forget(self, project: str) -> dict[str, Any]:
        self._service.forget(project)
        return {}


def event_of(change: Any, project: str, database: str) -> dict[str, Any]:
    """A CloudEvent in binary form. https://cloud.google.com/eventarc/docs/run/route-trigger-cloud-firestore"""
    event = Event()
    if change.after is not None:
        event.value.ParseFromString(change.after.SerializeToString())
    if change.before is not None:
        event.old_value.ParseFromString(change.before.SerializeToString())
    if change.before is not None and change.after is not None:
        names = {*change.before.fields, *change.after.fields}
        event.update_mask.field_paths.extend(
            sorted(name for name in names if change.before.fields.get(name) != change.after.fields.get(name))
        )
    document = change.name.split("/documents/", 1)[1]
    headers = {
        "ce-id": f"{project}-{database}-{change.number}",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-source": f"//firestore.googleapis.com/projects/{project}/databases/{database}",
        "ce-subject": in_header(f"documents/{document}"),
        "ce-specversion": "1.0",
        "ce-time": change.time.ToJsonString(),
        "ce-project": project,
        "ce-database": database,
        "ce-document": in_header(document),
        "ce-namespace": "(default)",
        "ce-location": "eur3",
        "ce-dataschema": "https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/firestore/v1/data.proto",
        "content-type": "application/protobuf",
    }
    return {
        "number": change.number,
        "document": document,
        "headers": [list(pair) for pair in headers.items()],
        "body": base64.b64encode(event.SerializeToString()).decode(),
    }


def in_header(text: str) -> str:
    """As CloudEvents go in headers: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md"""
    return quote(text, safe=PRINTABLE)


class GrpcFront:
    """google.firestore.v1.Firestore on a port of loopback."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS, thread_name_prefix="firestore"),
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        handlers = {method: self._handler(method) for method in service.methods}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", handlers),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        self._server.stop(None)

    def _handler(self, method: str) -> Any:
        def many(request: Any, context: Any) -> Any:
            try:
                yield from self._service.call(method, request)
            except Refused as error:
                context.abort(CODES[error.grpc_code], error.message)

        def one(request: Any, context: Any) -> Any:
            return next(many(request, context))

        options = {
            "request_deserializer": REQUESTS[method].FromString,
            "response_serializer": lambda answer: answer.SerializeToString(),
        }
        if method in STREAMS:
            return grpc.unary_stream_rpc_method_handler(many, **options)
        return grpc.unary_unary_rpc_method_handler(one, **options)


CODES = {code.value[0]: code for code in grpc.StatusCode}
