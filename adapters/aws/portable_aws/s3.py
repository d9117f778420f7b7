"""The bucket driver over S3, in a bucket with versioning.

An object's version is S3's version id: it changes with every write, also of the same bytes, and the notification of a
write has it. The conditions of S3 compare ETags, which tell bytes apart and not writes. So the current version is asked
for first, and a conditional write of the very bytes that are there is stored as an upload of parts, whose ETag differs:
of two writers that replace one version, the second one fails in any case (see s3_uploads.py).

What stays open: between the question and the answer an *unconditional* write of the same bytes goes unnoticed. It is
overwritten as if it had come before.
"""

from collections.abc import Iterator
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from portable.drivers import Condition, ListedRecord, ObjectPage, ObjectRecord, SignedRequest
from portable.errors import Conflict, Throttled, Unknown

from .errors import classify, error_code, is_in_doubt, status_of
from .s3_uploads import PART_BYTES, Upload, pieces_of

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

CHUNK = 256 * 1024
TRIES = 12
LARGEST_COPY = 5 * 1024**3
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
LONGEST_SIGNED = 7 * 24 * 3600
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
UNVERSIONED = "null"
RACES = ("ConditionalRequestConflict", "OperationAborted")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
ABSENT = ("NoSuchKey", "404", "NotFound", "NoSuchVersion")


class Found(NamedTuple):
    """An object as it was described, with the ETag that conditions are about."""

    record: ObjectRecord
    etag: str


class S3Bucket:
    """One bucket, by its physical name."""

    def __init__(self, clients: "Clients", bucket: str, clock: "Clock") -> None:
        self._clients = clients
        self._now = clock.now
        self.bucket = bucket

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """botocore's client."""
        return self._clients.s3

    # Reading

    def head(self, key: str) -> ObjectRecord | None:
        found = self._find(key)
        return None if found is None else found.record

    def _find(self, key: str, version: str | None = None) -> Found | None:
        arguments = {} if version is None else {"VersionId": version}
        try:
            answer = self._clients.s3.head_object(Bucket=self.bucket, Key=key, **arguments)
        except Exception as error:
            if error_code(error) in ABSENT:
                return None
            raise
        return Found(record_of(key, answer, answer["ContentLength"]), answer["ETag"])

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        if end is not None and end <= start:
            return self._nothing_of(key)
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        if start or end is not None:
            arguments["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            answer = self._clients.s3.get_object(**arguments)
        except Exception as error:
            code = error_code(error)
            if code in ABSENT:
                return None
            if code == "InvalidRange":
                return self._nothing_of(key)
            raise
        span: str = answer.get("ContentRange", "")
        size = int(span.rpartition("/")[2]) if span else answer["ContentLength"]
        return record_of(key, answer, size), Chunks(answer["Body"])

    def _nothing_of(self, key: str) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        """An object and none of its bytes: what a range past the end gives."""
        record = self.head(key)
        return None if record is None else (record, iter(()))

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage:
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix, "MaxKeys": limit}
        if delimiter is not None:
            arguments["Delimiter"] = delimiter
        if start_after is not None:
            arguments["StartAfter"] = start_after
        answer = self._clients.s3.list_objects_v2(**arguments)
        objects = [
            ListedRecord(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"].timestamp())
            for entry in answer.get("Contents", ())
        ]
        prefixes: list[str] = [entry["Prefix"] for entry in answer.get("CommonPrefixes", ())]
        ends = [record.key for record in objects[-1:]] + prefixes[-1:]
        return ObjectPage(objects, prefixes, max(ends, default="") if answer.get("IsTruncated") else None)

    # Writing

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        described = {"Bucket": self.bucket, "Key": key, "ContentType": content_type, "Metadata": metadata}
        expected = self._expected(key, condition)
        pieces = pieces_of(chunks)
        first = next(pieces)
        if len(first) < PART_BYTES:
            version = self._write_small(described, first, condition, expected)
        else:
            with Upload(self._clients.s3, described) as upload:
                upload.add(first)
                for piece in pieces:
                    upload.add(piece)
                version = self._finish(upload, condition, expected)
        return self._written(key, version)

    def _written(self, key: str, version: str | None) -> ObjectRecord:
        """The record of what was just written: S3 tells only its version."""
        found = self._find(key, version)
        if found is None:
            raise Unknown(f"{key!r} was written, and erased before it could be described")
        return found.record

    def _expected(self, key: str, condition: Condition) -> str | None:
        """The ETag of the version that a condition is about. Raises Conflict if it is not the current one."""
        if condition.version is None and not condition.present:
            return None
        found = self._find(key)
        if found is None:
            raise Conflict("it is not there")
        if condition.version is not None and found.record.version != condition.version:
            raise Conflict("it has another version")
        return found.etag

    def _write_small(
        self, described: dict[str, Any], body: bytes, condition: Condition, expected: str | None
    ) -> str | None:
        for attempt in range(TRIES):
            if expected is not None and expected.strip('"') == md5(body):
                with Upload(self._clients.s3, described) as upload:
                    upload.add(body)
                    return self._finish(upload, condition, expected)
            try:
                answer = self._clients.s3.put_object(**described, **headers_of(condition, expected), Body=body)
            except Exception as error:
                if error_code(error) not in RACES or is_in_doubt(error):
                    raise self._refused(error, condition) from error
                pause(attempt)
                expected = self._expected(described["Key"], condition)
            else:
                return version_id(answer)
        raise Throttled(f"{described['Key']!r} was written by others at the same time, {TRIES} times")

    def _finish(self, upload: Upload, condition: Condition, expected: str | None) -> str | None:
        """Makes an upload the object. A race that ended the upload cannot be tried again: its bytes are gone."""
        for attempt in range(TRIES):
            try:
                return version_id(upload.complete(headers_of(condition, expected)))
            except Exception as error:
                if error_code(error) not in RACES or is_in_doubt(error):
                    raise self._refused(error, condition) from error
                pause(attempt)
                # What is known by now may end it: the other one has written.
                expected = self._expected(upload.key, condition)
                if condition.absent and self._find(upload.key) is not None:
                    raise Conflict("it exists already") from error
        raise Throttled(f"{upload.key!r} was written by others at the same time, {TRIES} times")

    def _refused(self, error: Exception, condition: Condition) -> Exception:
        """What S3's refusal of a condition means; any other error as it is."""
        code = error_code(error)
        if code == "NoSuchUpload":
            # It is over: completed by an attempt whose answer was lost, or ended by somebody else's write.
            if is_in_doubt(error):
                return Unknown("an answer was lost when the upload was completed")
            return Throttled("another write came in between and ended the upload; nothing was written")
        failed = code == "PreconditionFailed" or status_of(error) == 412
        gone = code in ABSENT and (condition.version is not None or condition.present)
        if not failed and not gone:
            return error
        if is_in_doubt(error):
            return Unknown("an answer was lost, and the condition held no more: the first attempt may have been it")
        return Conflict(
            "it exists already" if condition.absent else "it is not there" if gone else "it has another version"
        )

    def delete(self, key: str, condition: Condition) -> None:
        for attempt in range(TRIES):
            # Deleting what is not there would leave a mark of a deletion, and tell of one.
            found = self._find(key)
            fault = fault_of(condition, found)
            if fault is not None:
                raise Conflict(fault)
            if found is None:
                return
            arguments: dict[str, Any] = {} if condition.version is None else {"IfMatch": found.etag}
            try:
                self._clients.s3.delete_object(Bucket=self.bucket, Key=key, **arguments)
            except Exception as error:
                if error_code(error) not in RACES or is_in_doubt(error):
                    raise self._refused(error, condition) from error
                pause(attempt)
            else:
                return
        raise Throttled(f"{key!r} was written by others at the same time, {TRIES} times")

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        found = self._find(source)
        if found is None:
            return None
        origin = copy_source(self.bucket, source, found.record.version)
        if found.record.size > LARGEST_COPY:
            return self._written(target, self._copy_large(found.record, origin, target, condition))
        expected = self._expected(target, condition)
        for attempt in range(TRIES):
            headers = headers_of(condition, expected)
            try:
                answer = self._clients.s3.copy_object(Bucket=self.bucket, Key=target, CopySource=origin, **headers)
            except Exception as error:
                if error_code(error) in ABSENT and self._find(source, found.record.version) is None:
                    return None
                if error_code(error) not in RACES or is_in_doubt(error):
                    raise self._refused(error, condition) from error
                pause(attempt)
                expected = self._expected(target, condition)
            else:
                return self._written(target, version_id(answer))
        raise Throttled(f"{target!r} was written by others at the same time, {TRIES} times")

    def _copy_large(
        self, record: ObjectRecord, origin: dict[str, str], target: str, condition: Condition
    ) -> str | None:
        described = {
            "Bucket": self.bucket,
            "Key": target,
            "ContentType": record.content_type,
            "Metadata": record.metadata,
        }
        expected = self._expected(target, condition)
        with Upload(self._clients.s3, described) as upload:
            upload.add_copies(origin, record.size)
            return self._finish(upload, condition, expected)

    # Rights for others

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        """Made here, without a call. It dies with the session of the function's role, should that end before."""
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        headers: dict[str, str] = {}
        if content_type is not None:
            arguments["ContentType"] = headers["content-type"] = content_type
        operation = "get_object" if method == "GET" else "put_object"
        ends = int(self._now()) + expires_in
        # It is signed by the machine's clock, and ends by the app's: two in a test that moves time.
        seconds = min(max(ceil(ends - time()), 1), LONGEST_SIGNED)
        url: str = self._clients.s3.generate_presigned_url(
            operation, Params=arguments, ExpiresIn=seconds, HttpMethod=method
        )
        return SignedRequest(url, method, headers, float(ends))


def record_of(key: str, answer: dict[str, Any], size: int) -> ObjectRecord:
    """What a HEAD or GET says of an object."""
    return ObjectRecord(
        key,
        size,
        version_id(answer) or answer["ETag"].strip('"'),
        answer.get("ContentType", ""),
        answer.get("Metadata", {}),
        answer["LastModified"].timestamp(),
    )


def version_id(answer: dict[str, Any]) -> str | None:
    """The version id, or None in a bucket without versioning."""
    found: str | None = answer.get("VersionId")
    return None if found == UNVERSIONED else found


def fault_of(condition: Condition, found: Found | None) -> str | None:
    """Why a condition does not hold, or None."""
    if condition.absent:
        return None if found is None else "it exists already"
    if condition.version is None and not condition.present:
        return None
    if found is None:
        return "it is not there"
    if condition.version is not None and found.record.version != condition.version:
        return "it has another version"
    return None


def headers_of(condition: Condition, expected: str | None) -> dict[str, str]:
    """The condition of a write as S3 takes it."""
    if condition.absent:
        return {"IfNoneMatch": "*"}
    return {} if expected is None else {"IfMatch": expected}


class Chunks:
    """The bytes of an answer; its connection is given back at the end, or when this is closed."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = self._body.read(CHUNK)
        except Exception as error:
            self.close()
            # botocore does not say of what it was a part.
            vars(error).setdefault("operation_name", "GetObject")
            raise
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._body.close()


def copy_source(bucket: str, key: str, version: str | None) -> dict[str, str]:
    """One version of an object, as botocore takes it: it does the quoting."""
    return {"Bucket": bucket, "Key": key, **({} if version is None else {"VersionId": version})}


def md5(body: bytes) -> str:
    """The ETag of an object that was written at once."""
    from hashlib import md5 as hashed

    return hashed(body, usedforsecurity=False).hexdigest()


def pause(attempt: int) -> None:
    from random import random
    from time import sleep

    sleep(min(1.0, 0.02 * 2.0**attempt) * (0.5 + random() / 2))  # noqa: S311 - jitter
