"""The lock of a stage in the bucket of artefacts, by conditional writes of S3; portable/deploy/lock.py has the rest.

A version is the object's ETag. Times are S3's own: when the object was written, and the date of the answer.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portable.deploy import lock
from portable.deploy.lock import LEASE, Stored, Taken

from .artifacts import Artifacts, is_taken

__all__ = ["LEASE", "Lock"]


class Shelf:
    """Implements portable.deploy.lock.Shelf."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def look(self, key: str) -> Stored | None:
        answer = self._artifacts.answer(key)
        return None if answer is None else stored_of(answer)

    def put(self, key: str, data: bytes, version: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            return self._artifacts.write(key, data, **condition)
        except Exception as error:
            if is_taken(error):
                raise Taken(key) from error
            raise


def stored_of(answer: Any) -> Stored:
    """Of an answer of GetObject."""
    date = str(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", ""))
    written: datetime = answer["LastModified"]
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    return Stored(answer["Body"].read(), str(answer["ETag"]), written.timestamp(), now.timestamp())


class Lock(lock.Lock):
    """The lock of one app in one stage; `with lock.held("deploy", caller):`."""

    def __init__(self, artifacts: Artifacts, app: str, stage: str, *, lease: float = LEASE) -> None:
        super().__init__(Shelf(artifacts), app, stage, lease=lease, is_providers=is_botocores)


def is_botocores(error: Exception) -> bool:
    return type(error).__module__.startswith("botocore.")
