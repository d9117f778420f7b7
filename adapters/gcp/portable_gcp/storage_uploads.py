"""Uploads to Cloud Storage: in one request, or piece by piece. Nothing is visible before an upload is whole.

https://cloud.google.com/storage/docs/uploads-downloads
https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from .errors import GoogleError

if TYPE_CHECKING:
    from .rest import Rest

PIECE = 8 * 1024 * 1024
"""A multiple of 256 KiB, as Cloud Storage wants it."""
SECONDS = 120
ATTEMPTS = 9
"""Of one write: about 15 seconds, since one name takes one write each second, and more for a moment.
https://cloud.google.com/storage/quotas#objects"""
TRIES = 6
"""Of one piece, each from where the last one ended."""
INCOMPLETE = 308
ENDED = (404, 410)


def pieces_of(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks joined into pieces. At least one, which may be empty; only the last one is smaller than a piece."""
    held = bytearray()
    is_first = True
    for chunk in chunks:
        held += chunk
        while len(held) >= PIECE:
            yield bytes(memoryview(held)[:PIECE])
            del held[:PIECE]
            is_first = False
    if held or is_first:
        yield bytes(held)


def upload_path(bucket: str) -> str:
    return f"/upload/storage/v1/b/{bucket}/o"


def multipart(
    storage: "Rest", bucket: str, resource: dict[str, Any], content: bytes, query: Mapping[str, str | int | bool]
) -> dict[str, Any]:
    """Uploads an object with its description in one request; its description as it is now."""
    boundary = os.urandom(16).hex()
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(resource)}\r\n"
        f"--{boundary}\r\nContent-Type: {resource['contentType']}\r\n\r\n"
    )
    answer = storage.open(
        "POST",
        upload_path(bucket),
        query={"uploadType": "multipart", **query},
        body=b"".join((head.encode(), content, f"\r\n--{boundary}--\r\n".encode())),
        headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        is_read=False,
        repeat=True,
        attempts=ATTEMPTS,
        timeout=SECONDS,
    )
    found: dict[str, Any] = json.loads(answer.read())
    return found


class Resumable:
    """One upload, piece by piece, as a context: it is cancelled unless it was finished.

    A piece whose answer was lost is no doubt: Cloud Storage tells how much it has, or that it has all.
    """

    def __init__(
        self, storage: "Rest", bucket: str, resource: dict[str, Any], query: Mapping[str, str | int | bool]
    ) -> None:
        self._storage = storage
        self._begin = (upload_path(bucket), {"uploadType": "resumable", **query}, resource)
        self._session = ""
        self._sent = 0
        self._done = False

    def __enter__(self) -> Self:
        path, query, resource = self._begin
        answer = self._storage.open(
            "POST",
            path,
            query=query,
            body=json.dumps(resource).encode(),
            headers={
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Type": resource["contentType"],
            },
            # One that was begun twice ends by itself within a week.
            is_read=False,
            repeat=True,
        )
        answer.read()
        parts = urlsplit(answer.headers["Location"])
        self._session = f"{parts.path.removeprefix(self._storage.endpoint.prefix)}?{parts.query}"
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._done:
            return
        try:
            # 499 is what Cloud Storage answers to a cancelled upload.
            self._storage.open(
                "DELETE", self._session, headers={"Content-Length": "0"}, is_read=True, accepted=(499, *ENDED)
            ).read()
        except GoogleError as failure:
            # It ends by itself within a week; what was raised before is what matters.
            if error is not None:
                error.add_note(f"the upload that it ended could not be cancelled: {failure}")

    def add(self, piece: bytes) -> None:
        """Uploads a piece that is not the last one."""
        self._put(piece, None)

    def finish(self, piece: bytes) -> dict[str, Any]:
        """Uploads the last piece, which makes it all the object; its description."""
        found = self._put(piece, self._sent + len(piece))
        assert found is not None
        self._done = True
        return found

    def _put(self, piece: bytes, total: int | None) -> dict[str, Any] | None:
        """The description, if the upload is whole now."""
        start, end = self._sent, self._sent + len(piece)
        failure: GoogleError | None = None
        for _ in range(TRIES):
            rest = piece[start - self._sent :]
            span = f"bytes {start}-{end - 1}/{'*' if total is None else total}" if rest else f"bytes */{total}"
            try:
                has, found = self._ask(span, rest)
            except GoogleError as error:
                if not error.in_doubt:
                    raise
                failure = error
                has, found = self._state(error)
            if found is not None:
                return found
            if has == end and total is None:
                self._sent = end
                return None
            if not start <= has <= end:
                raise GoogleError(0, "", f"Cloud Storage has {has:,} bytes of an upload that sent {start:,}-{end:,}")
            start = has
        raise failure or GoogleError(0, "", f"Cloud Storage does not take more than {start:,} bytes of an upload")

    def _ask(self, span: str, content: bytes, *, is_question: bool = False) -> tuple[int, dict[str, Any] | None]:
        """How many bytes Cloud Storage has, and the description if that is all."""
        answer = self._storage.open(
            "PUT",
            self._session,
            body=content,
            headers={"Content-Range": span},
            is_read=is_question,
            attempts=4 if is_question else 1,
            accepted=(INCOMPLETE,),
            timeout=SECONDS,
        )
        body = answer.read()
        if answer.status == INCOMPLETE:
            # "bytes=0-42"; nothing at all while it has nothing.
            return int(answer.headers.get("Range", "bytes=0--1").partition("-")[2]) + 1, None
        return 0, json.loads(body)

    def _state(self, failure: GoogleError) -> tuple[int, dict[str, Any] | None]:
        try:
            return self._ask("bytes */*", b"", is_question=True)
        except GoogleError as error:
            # Nobody knows then whether the piece was the one that made it whole.
            error.in_doubt = True
            error.add_note(f"it was asked for because of this: {failure}")
            raise
