"""Firestore's methods over the store: a request of Google's own protocol buffers in, answers out."""

import threading
from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from .firestore_protos import (
    BatchGetAnswer,
    BatchWriteAnswer,
    BeginAnswer,
    CollectionIds,
    CommitAnswer,
    Document,
    DocumentList,
    QueryAnswer,
    Refused,
)
from .firestore_queries import projected, selected
from .firestore_store import Clock, Database
from .firestore_values import name_order

PAGE = 300


class Service:
    """All databases of all projects: each exists as soon as it is named. One call at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._clock = Clock()
        self._databases: dict[str, Database] = {}
        self.methods: dict[str, Callable[[Any], list[Any]]] = {
            "BatchGetDocuments": self._batch_get,
            "BatchWrite": self._batch_write,
            "BeginTransaction": self._begin,
            "Commit": self._commit,
            "GetDocument": self._get,
            "ListCollectionIds": self._list_ids,
            "ListDocuments": self._list,
            "Rollback": self._rollback,
            "RunQuery": self._run_query,
        }

    def call(self, method: str, request: Any) -> list[Any]:
        """The answers, one unless it streams. Raises Refused."""
        with self.lock:
            return self.methods[method](request)

    def database(self, path: str) -> Database:
        """By any path in it: projects/p/databases/d/..."""
        parts = path.split("/")
        if len(parts) < 4 or parts[0] != "projects" or parts[2] != "databases" or not parts[1] or not parts[3]:
            raise Refused("INVALID_ARGUMENT", f"{path!r} is in no database")
        documents = "/".join([*parts[:4], "documents"])
        found = self._databases.get(documents)
        if found is None:
            found = self._databases[documents] = Database(documents, self._clock)
        return found

    def forget(self, project: str) -> None:
        with self.lock:
            for path in [path for path in self._databases if path.startswith(f"projects/{project}/")]:
                del self._databases[path]

    def _transaction(self, database: Database, request: Any) -> tuple[bytes, bytes]:
        """The transaction of a read, and its id if it begins here."""
        kind = request.WhichOneof("consistency_selector")
        if kind == "read_time":
            raise Refused("UNIMPLEMENTED", "this stand-in reads the present alone")
        if kind == "new_transaction":
            id = database.begin(is_read_only=request.new_transaction.HasField("read_only"))
            return id, id
        return (request.transaction if kind == "transaction" else b""), b""

    def _commit(self, request: Any) -> list[Any]:
        results, now = self.database(request.database).commit(request.writes, request.transaction)
        return [CommitAnswer(write_results=results, commit_time=now)]

    def _batch_write(self, request: Any) -> list[Any]:
        results = self.database(request.database).write_each(request.writes)
        return [
            BatchWriteAnswer(
                write_results=[result for result, _ in results], status=[status_of(error) for _, error in results]
            )
        ]

    def _begin(self, request: Any) -> list[Any]:
        id = self.database(request.database).begin(is_read_only=request.options.HasField("read_only"))
        return [BeginAnswer(transaction=id)]

    def _rollback(self, request: Any) -> list[Any]:
        self.database(request.database).rollback(request.transaction)
        return [Empty()]

    def _get(self, request: Any) -> list[Any]:
        found = self.database(request.name).read(request.name, b"")
        if found is None:
            raise Refused("NOT_FOUND", f'Document "{request.name}" not found.')
        return [masked(found, request)]

    def _batch_get(self, request: Any) -> list[Any]:
        database = self.database(request.database)
        transaction, begun = self._transaction(database, request)
        found = [(name, database.read(name, transaction)) for name in dict.fromkeys(request.documents)]
        now = database.now()
        answers = [BatchGetAnswer(transaction=begun)] if begun else []
        return answers + [
            BatchGetAnswer(missing=name, read_time=now)
            if one is None
            else BatchGetAnswer(found=masked(one, request), read_time=now)
            for name, one in found
        ]

    def _run_query(self, request: Any) -> list[Any]:
        database = self.database(request.parent)
        transaction, begun = self._transaction(database, request)
        found = database.query(request.parent, request.structured_query, transaction)
        now = database.now()
        answers = [QueryAnswer(transaction=begun, read_time=now)] if begun or not found else []
        return answers + [QueryAnswer(document=selected(one, request.structured_query), read_time=now) for one in found]

    def _list(self, request: Any) -> list[Any]:
        database = self.database(request.parent)
        path = f"{request.parent}/{request.collection_id}"
        names = set(database.collection(path))
        if request.show_missing:
            names |= {
                "/".join(other.split("/")[: path.count("/") + 2])
                for other in database.collection_paths()
                if other.startswith(f"{path}/")
            }
        order = sorted(names, key=name_order)
        start, size = int(request.page_token or 0), request.page_size or PAGE
        return [
            DocumentList(
                documents=[database.find(name) or Document(name=name) for name in order[start : start + size]],
                next_page_token=str(start + size) if start + size < len(order) else "",
            )
        ]

    def _list_ids(self, request: Any) -> list[Any]:
        start = f"{request.parent}/"
        paths = self.database(request.parent).collection_paths()
        below = {path.removeprefix(start).split("/")[0] for path in paths if path.startswith(start)}
        return [CollectionIds(collection_ids=sorted(below))]


def masked(document: Any, request: Any) -> Any:
    """The document with the fields that a read asks for."""
    return projected(document, request.mask.field_paths) if request.HasField("mask") else document


def status_of(error: Refused | None) -> Any:
    return Status() if error is None else Status(code=error.grpc_code, message=error.message)
