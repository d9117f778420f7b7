"""Google's own messages of Firestore (google.firestore.v1), as plain protobuf classes, and errors of the stand-in."""

from typing import Any

from google.cloud.firestore_v1.types import common, document, firestore, query, write


def plain(wrapped: Any) -> Any:
    """The protobuf class under one of proto-plus."""
    return type(wrapped.pb(wrapped()))


Document = plain(document.Document)
Value = plain(document.Value)
MapValue = plain(document.MapValue)
ArrayValue = plain(document.ArrayValue)
Write = plain(write.Write)
WriteResult = plain(write.WriteResult)
DocumentMask = plain(common.DocumentMask)
StructuredQuery = plain(query.StructuredQuery)
ASCENDING, DESCENDING = 1, 2

REQUESTS: dict[str, Any] = {
    "BatchGetDocuments": plain(firestore.BatchGetDocumentsRequest),
    "BatchWrite": plain(firestore.BatchWriteRequest),
    "BeginTransaction": plain(firestore.BeginTransactionRequest),
    "Commit": plain(firestore.CommitRequest),
    "GetDocument": plain(firestore.GetDocumentRequest),
    "ListCollectionIds": plain(firestore.ListCollectionIdsRequest),
    "ListDocuments": plain(firestore.ListDocumentsRequest),
    "Rollback": plain(firestore.RollbackRequest),
    "RunQuery": plain(firestore.RunQueryRequest),
}
STREAMS = frozenset({"BatchGetDocuments", "RunQuery"})
BatchGetAnswer = plain(firestore.BatchGetDocumentsResponse)
BatchWriteAnswer = plain(firestore.BatchWriteResponse)
BeginAnswer = plain(firestore.BeginTransactionResponse)
CommitAnswer = plain(firestore.CommitResponse)
CollectionIds = plain(firestore.ListCollectionIdsResponse)
DocumentList = plain(firestore.ListDocumentsResponse)
QueryAnswer = plain(firestore.RunQueryResponse)

CODES = {
    "INVALID_ARGUMENT": (3, 400),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "UNIMPLEMENTED": (12, 501),
}
"""Of gRPC, and of HTTP: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""


class Refused(Exception):
    """An answer that is an error, by its canonical code."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def grpc_code(self) -> int:
        return CODES[self.status][0]

    @property
    def http_status(self) -> int:
        return CODES[self.status][1]
