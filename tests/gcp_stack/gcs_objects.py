"""The objects of gcp-storage-emulator, with what it leaves out: preconditions, generations, times, notifications.

All of its writes come by here, whatever form of upload or copy they began with.
"""

import base64
import json
from typing import Any
from urllib.parse import quote

from gcp_storage_emulator.exceptions import NotFound  # type: ignore[import-untyped]
from gcp_storage_emulator.storage import Storage  # type: ignore[import-untyped]

from .clocks import Clocks
from .pubsub import PubSub
from .times import timestamp

PROJECT_NUMBER = "123456789012"
"""Of every project."""
TOPIC = "//pubsub.googleapis.com/"


class Unmet(Exception):
    """A precondition that does not hold. `is_read`: of a GET whose object has not changed."""

    def __init__(self, name: str, *, is_read: bool = False) -> None:
        super().__init__(f"At least one of the pre-conditions you specified did not hold: {name}")
        self.name = name
        self.is_read = is_read


class Conditions:
    """Preconditions of one request: https://cloud.google.com/storage/docs/request-preconditions"""

    def __init__(self, query: dict[str, str], prefix: str = "if") -> None:
        names = ("GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch")
        self._wanted = {name: int(query[prefix + name]) for name in names if prefix + name in query}

    def check(self, found: dict[str, Any] | None, *, is_read: bool = False) -> None:
        """Raises Unmet. An object that is not there has generation 0, and no metageneration."""
        generation = int(found["generation"]) if found else 0
        metageneration = int(found["metageneration"]) if found else None
        for name, wanted in self._wanted.items():
            have = metageneration if name.startswith("Meta") else generation
            # "If no live object exists, the precondition fails."
            if (have == wanted or not found) if name.endswith("NotMatch") else have != wanted:
                raise Unmet(name, is_read=is_read and name.endswith("NotMatch"))


NONE = Conditions({})


class StrictStorage(Storage):  # type: ignore[misc]
    """The emulator's store. `conditions` are those of the request that is being answered."""

    def __init__(self, clocks: Clocks, pubsub: PubSub) -> None:
        super().__init__(use_memory_fs=True, data_dir="/", project_number=PROJECT_NUMBER)
        self._clocks = clocks
        self._pubsub = pubsub
        self._generation = 1_700_000_000_000_000
        self.conditions = NONE
        self.projects: dict[str, str] = {}
        self.notifications: dict[str, dict[str, dict[str, Any]]] = {}
        self.resumable: dict[str, dict[str, Any]] = {}
        self.pending: dict[str, Conditions] = {}
        self.finished: dict[str, dict[str, Any]] = {}
        """Uploads in pieces that are whole, by their ids."""

    def _write_config_to_file(self) -> None:
        """Nothing is kept: it would be all of the objects' descriptions, at every write."""

    def now(self, bucket: str) -> float:
        return self.now_in(self.projects.get(bucket, ""))

    def now_in(self, project: str) -> float:
        return self._clocks.now(project)

    def found(self, bucket: str, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.objects.get(bucket, {}).get(name)
        return found

    def content(self, bucket: str, name: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        if self.found(bucket, name) is None:
            return None
        content: bytes = self.get_file(bucket, name)
        return content

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, Any], file_id: str | None = None
    ) -> None:
        if bucket_name not in self.buckets:
            raise NotFound
        before = self.found(bucket_name, file_name)
        conditions = self.conditions if file_id is None else self.pending[file_id]
        conditions.check(before)
        self._generation += 1
        generation, now = str(self._generation), timestamp(self.now(bucket_name))
        file_obj.update(
            generation=generation,
            metageneration="1",
            id=f"{bucket_name}/{file_name}/{generation}",
            etag=base64.b64encode(generation.encode()).decode(),
            size=str(len(content)),
            timeCreated=now,
            updated=now,
            timeStorageClassUpdated=now,
            timeFinalized=now,
        )
        place = file_obj["mediaLink"].partition("/download/")[0]
        path = f"/download/storage/v1/b/{bucket_name}/o/{quote(file_name, safe='')}"
        file_obj["mediaLink"] = f"{place}{path}?generation={generation}&alt=media"
        super().create_file(bucket_name, file_name, content, file_obj, file_id)
        if file_id is not None:
            del self.pending[file_id]
            self.finished[file_id] = file_obj
        overwrote = {"overwroteGeneration": before["generation"]} if before else {}
        self.notify("OBJECT_FINALIZE", bucket_name, file_obj, overwrote)
        if before:
            # A bucket without versions tells of this too.
            self.notify("OBJECT_DELETE", bucket_name, before, {"overwrittenByGeneration": generation})

    def delete_file(self, bucket_name: str, file_name: str) -> None:
        before = self.found(bucket_name, file_name)
        if before is None:
            raise NotFound
        self.conditions.check(before)
        super().delete_file(bucket_name, file_name)
        self.notify("OBJECT_DELETE", bucket_name, before, {})

    def patch_object(self, bucket_name: str, file_name: str, file_obj: dict[str, Any]) -> None:
        self.conditions.check(self.found(bucket_name, file_name))
        file_obj["updated"] = timestamp(self.now(bucket_name))
        super().patch_object(bucket_name, file_name, file_obj)
        self.notify("OBJECT_METADATA_UPDATE", bucket_name, file_obj, {})

    def notify(self, kind: str, bucket: str, resource: dict[str, Any], more: dict[str, str]) -> None:
        """Tells the topics that the bucket's notifications name.

        https://cloud.google.com/storage/docs/pubsub-notifications
        """
        for id, config in self.notifications.get(bucket, {}).items():
            if kind not in config.get("event_types", [kind]):
                continue
            if not resource["name"].startswith(config.get("object_name_prefix", "")):
                continue
            attributes = {
                **config.get("custom_attributes", {}),
                "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/{id}",
                "eventType": kind,
                "payloadFormat": config["payload_format"],
                "bucketId": bucket,
                "objectId": resource["name"],
                "objectGeneration": resource["generation"],
                "eventTime": timestamp(self.now(bucket)),
                **more,
            }
            message: dict[str, Any] = {"attributes": attributes}
            if config["payload_format"] == "JSON_API_V1":
                shown = {name: value for name, value in resource.items() if name != "acl"}
                message["data"] = base64.b64encode(json.dumps(shown).encode()).decode()
            topic = config["topic"].removeprefix(TOPIC)
            self._pubsub.send(topic.split("/")[1], topic, message)

    def forget(self, project: str) -> None:
        """Everything of a project's buckets is gone."""
        for bucket in [name for name, owner in self.projects.items() if owner == project]:
            self.forget_bucket(bucket)
            self.buckets.pop(bucket, None)
            self.objects.pop(bucket, None)
            self.soft_deleted.pop(bucket, None)
            self.resumable = {id: found for id, found in self.resumable.items() if found["bucket"] != bucket}
            self._delete_dir(bucket)
            self._delete_dir(f"_softdelete/{bucket}")

    def forget_bucket(self, bucket: str) -> None:
        """What is known of it beside the emulator's own."""
        self.projects.pop(bucket, None)
        self.notifications.pop(bucket, None)
