"""Uploads in parts: for what does not fit into one request, and for what is to have another ETag than one.

Nothing is visible before an upload is completed, and one that is left is aborted: by us, or by the bucket's lifecycle
when the process has died.
"""

from collections.abc import Iterator
from typing import Any, Self

PART_BYTES = 8 * 1024 * 1024
SMALLEST_PART = 5 * 1024 * 1024
MOST_PARTS = 10_000
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
GROWS_AFTER = 1000
"""Parts double in size after so many: 10,000 of them hold 5 TiB and more, and small objects need little memory."""
COPY_BYTES = 1024**3


def part_size(number: int) -> int:
    """Of the part with this number, from 0."""
    return PART_BYTES << (number // GROWS_AFTER)


def pieces_of(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks joined into parts. At least one, which may be empty; only the last one is smaller than a part.

    The first part has some bytes more, by chance: so that the same bytes, uploaded again, get another ETag.
    """
    from random import randrange

    number = 0
    wanted = PART_BYTES + randrange(1024 * 1024)  # noqa: S311 - to tell uploads apart
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= wanted:
            yield bytes(memoryview(held)[:wanted])
            del held[:wanted]
            number += 1
            wanted = part_size(number)
    if held or not number:
        yield bytes(held)


class Upload:
    """One upload, as a context: it is aborted unless it was completed."""

    def __init__(self, client: Any, described: dict[str, Any]) -> None:
        self._client = client
        self._where = {"Bucket": described["Bucket"], "Key": described["Key"]}
        self._described = described
        self._parts: list[dict[str, Any]] = []
        self._done = False

    @property
    def key(self) -> str:
        return str(self._where["Key"])

    def __enter__(self) -> Self:
        answer = self._client.create_multipart_upload(**self._described)
        self._where["UploadId"] = answer["UploadId"]
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._done:
            return
        try:
            self._client.abort_multipart_upload(**self._where)
        except Exception as failure:
            # The bucket's lifecycle will; what was raised before is what matters.
            if error is None:
                raise
            error.add_note(f"the upload that it ended could not be aborted: {failure}")

    def add(self, body: bytes) -> None:
        number = len(self._parts) + 1
        answer = self._client.upload_part(**self._where, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def add_copies(self, source: dict[str, str], size: int) -> None:
        """Adds all bytes of another object, which S3 copies itself."""
        for start in range(0, size, COPY_BYTES):
            number = len(self._parts) + 1
            span = f"bytes={start}-{min(size, start + COPY_BYTES) - 1}"
            answer = self._client.upload_part_copy(
                **self._where, PartNumber=number, CopySource=source, CopySourceRange=span
            )
            self._parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})

    def complete(self, headers: dict[str, str]) -> dict[str, Any]:
        """Makes it the object, under a condition."""
        answer: dict[str, Any] = self._client.complete_multipart_upload(
            **self._where, MultipartUpload={"Parts": self._parts}, **headers
        )
        self._done = True
        return answer
