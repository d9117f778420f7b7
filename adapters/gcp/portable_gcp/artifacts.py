"""The buckets of deploys: one for a project and region, in which deployed code, releases and records lie; and one for
the project with its locks, so that a stage is changed by one at a time, whichever region each of them has set.

Zips lie by what is in them, so they are written once and never change; the rest is written on condition of its
generation. The name can be guessed by others, so it is looked whose the bucket is before anything is put there.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from portable.deploy.lock import Stored, Taken
from portable.errors import ConfigurationError, PermissionDenied

from .accounts import Place
from .deploy_clients import SECONDS, DeployClients
from .endpoints import endpoint
from .google_errors import code_of, exceptions, is_absent, is_refused
from .names import RELEASES, Names

LABELS = {"portable": "artifacts-1"}
PRIVATE = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
FORBIDDEN = 403
NO_GENERATION = 0
"""The generation of an object that is not there: https://cloud.google.com/storage/docs/request-preconditions"""


def bucket_of(place: Place) -> str:
    return Names("", "", place.project, place.location, place.number).release_bucket()


def lock_bucket_of(place: Place) -> str:
    return Names("", "", place.project, place.location, place.number).lock_bucket()


class Artifacts:
    """Objects in the bucket, by key. Implements the Shelf of portable.deploy.lock and of portable.deploy.releases."""

    def __init__(self, clients: DeployClients, place: Place, bucket: str = "") -> None:
        self._clients = clients
        self._place = place
        self.bucket = bucket or bucket_of(place)

    @property
    def _bucket(self) -> Any:
        return self._clients.storage.bucket(self.bucket)

    def prepare(self) -> bool:
        """Makes the bucket where it is missing; whether it had to. Raises ConfigurationError, PermissionDenied."""
        try:
            found = self._clients.call("storage", "GET", f"storage/v1/b/{self.bucket}")
        except Exception as error:
            if code_of(error) == FORBIDDEN:
                raise PermissionDenied(
                    f"the bucket {self.bucket} may not be used: {error}",
                    hint="it belongs to another project, or your rights do not reach: "
                    "`portable doctor --target gcp --policy` prints them",
                ) from error
            if not is_absent(error):
                raise
            body = {
                "name": self.bucket,
                "location": self._place.location.upper(),
                "iamConfiguration": PRIVATE,
                "labels": LABELS,
            }
            try:
                self._clients.call("storage", "POST", "storage/v1/b", body, {"project": self._place.project})
            except Exception as taken:
                if not is_refused(taken):
                    raise
                # Made by another deploy meanwhile, or by an attempt of ours whose answer was lost.
                found = self._clients.call("storage", "GET", f"storage/v1/b/{self.bucket}")
            else:
                return True
        if str(found.get("projectNumber")) != self._place.number:
            raise ConfigurationError(
                f"the bucket {self.bucket} belongs to another project of Google Cloud",
                hint="nothing was put there; its owner took a name that only your project should have: tell Google",
            )
        return False

    def elsewhere(self) -> dict[str, "Artifacts"]:
        """Those of the project in other regions, by region."""
        found: dict[str, Artifacts] = {}
        query = {"project": self._place.project, "prefix": RELEASES}
        while True:
            answer = self._clients.call("storage", "GET", "storage/v1/b", query=query)
            for one in answer.get("items", ()):
                place = self._place._replace(location=str(one.get("location", "")).lower())
                if one["name"] == bucket_of(place) != self.bucket:
                    found[place.location] = Artifacts(self._clients, place)
            if not answer.get("nextPageToken"):
                return found
            query["pageToken"] = answer["nextPageToken"]

    def is_there(self) -> bool:
        try:
            found = self._clients.call("storage", "GET", f"storage/v1/b/{self.bucket}")
        except Exception as error:
            if is_absent(error):
                return False
            raise
        return str(found.get("projectNumber")) == self._place.number

    # Objects

    def keep(self, files: Mapping[str, bytes]) -> int:
        """Puts files there whose names say what is in them; those that are there are not sent. How many were."""
        sent = 0
        for key, data in sorted(files.items()):
            if not self.has(key):
                try:
                    self.put(key, data, None)
                except Taken:
                    # Another deploy of the same, or an attempt of ours whose answer was lost.
                    continue
                sent += 1
        return sent

    def has(self, key: str) -> bool:
        return bool(self._bucket.blob(key).exists())

    def read(self, key: str) -> bytes | None:
        try:
            return bytes(self._bucket.blob(key).download_as_bytes())
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def look(self, key: str) -> Stored | None:
        while True:
            # Google's client keeps the time of an answer to itself, and the lease is counted by it.
            url = f"{endpoint('storage').url}/storage/v1/b/{self.bucket}/o/{quote(key, safe='')}"
            answer = self._clients.session("storage").get(url, timeout=SECONDS)
            if answer.status_code == 404:
                return None
            if answer.status_code >= 400:
                raise exceptions().from_http_response(answer)
            about = answer.json()
            generation = int(about["generation"])
            try:
                data = bytes(self._bucket.blob(key, generation=generation).download_as_bytes())
            except Exception as error:
                if is_absent(error):
                    # Replaced in between.
                    continue
                raise
            date = answer.headers.get("Date")
            now = parsedate_to_datetime(date) if date else datetime.now(UTC)
            written = datetime.fromisoformat(about["updated"])
            return Stored(data, str(generation), written.timestamp(), now.timestamp())

    def put(self, key: str, data: bytes, version: str | None) -> str:
        """Writes on condition of the generation (None: that there is none); the new one. Raises Taken."""
        blob = self._bucket.blob(key)
        wanted = NO_GENERATION if version is None else int(version)
        try:
            blob.upload_from_string(data, content_type="application/octet-stream", if_generation_match=wanted)
        except Exception as error:
            if is_refused(error):
                raise Taken(key) from error
            raise
        return str(blob.generation)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so, sorted."""
        return sorted(str(one.name) for one in self._clients.storage.list_blobs(self.bucket, prefix=prefix))
