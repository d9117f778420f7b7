"""Buckets, listings and notifications of the stack's Cloud Storage: what needs none of the emulator's code."""

import re
from typing import Any

from gcp_storage_emulator.handlers import buckets  # type: ignore[import-untyped]

from .discovery import Wrong
from .front import Refused
from .gcs_answers import failed
from .gcs_objects import StrictStorage, Unmet
from .server import Reply
from .times import timestamp


class Administration:
    """Answers by the names of methods: `do_buckets_insert` is storage.buckets.insert."""

    def __init__(self, store: StrictStorage) -> None:
        self._store = store

    def do_objects_list(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        """Pages, offsets and byte order. Offsets are about objects, before those with a delimiter become prefixes."""
        for unknown in ("matchGlob", "versions", "softDeleted", "filter"):
            if unknown in query:
                raise Wrong(f"{unknown} is not part of this stand-in")
        self._bucket(names["bucket"])
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        start, end = query.get("startOffset", "").encode(), query.get("endOffset", "").encode()
        found_entries: dict[str, dict[str, Any] | None] = {}
        for key, item in self._store.objects.get(names["bucket"], {}).items():
            if not key.startswith(prefix) or key.encode() < start or (end and key.encode() >= end):
                continue
            head, sign = key[len(prefix) :].partition(delimiter)[:2] if delimiter else (key, "")
            found_entries[f"{prefix}{head}{sign}" if sign else key] = None if sign else item
        after = query.get("pageToken", "").encode()
        ordered = sorted(found_entries.items(), key=lambda entry: entry[0].encode())
        entries = [(name, item) for name, item in ordered if name.encode() > after]
        most = min(int(query.get("maxResults", "1000")), 1000) or 1000
        page = entries[:most]
        found: dict[str, Any] = {"kind": "storage#objects"}
        if len(entries) > most:
            found["nextPageToken"] = page[-1][0]
        if any(item is None for _, item in page):
            found["prefixes"] = [name for name, item in page if item is None]
        if any(item is not None for _, item in page):
            found["items"] = [item for _, item in page if item is not None]
        return Reply(200, found)

    def do_buckets_insert(self, names: dict[str, str], query: dict[str, Any], body: dict[str, Any]) -> Reply:
        name, project = body.get("name", ""), query.get("project")
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", name, re.ASCII) or "google" in name:
            return failed(400, f"Invalid bucket name: '{name}'")
        if not project:
            return failed(400, "Required parameter: project")
        if name in self._store.buckets:
            return failed(409, "Your previous request to create the named bucket succeeded and you already own it.")
        bucket = buckets.create_bucket(name, self._store)
        bucket.update({field: value for field, value in body.items() if field != "name"})
        bucket["timeCreated"] = bucket["updated"] = timestamp(self._store.now_in(project))
        self._store.projects[name] = project
        return Reply(200, bucket)

    def do_buckets_list(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        found = [
            bucket
            for name, bucket in sorted(self._store.buckets.items())
            if self._store.projects.get(name) == query.get("project") and name.startswith(query.get("prefix", ""))
        ]
        return Reply(200, {"kind": "storage#buckets", "items": found})

    def do_buckets_get(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        return Reply(200, self._bucket(names["bucket"]))

    def do_buckets_patch(self, names: dict[str, str], query: dict[str, Any], body: dict[str, Any]) -> Reply:
        bucket = self._bucket(names["bucket"])
        wanted = query.get("ifMetagenerationMatch", bucket["metageneration"])
        if wanted != bucket["metageneration"]:
            raise Unmet("MetagenerationMatch")
        bucket.update(body)
        bucket["metageneration"] = str(int(bucket["metageneration"]) + 1)
        return Reply(200, bucket)

    def do_buckets_delete(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        bucket = names["bucket"]
        self._bucket(bucket)
        if self._store.objects.get(bucket):
            return failed(409, "The bucket you tried to delete is not empty.")
        self._store.resumable = {id: one for id, one in self._store.resumable.items() if one["bucket"] != bucket}
        self._store.delete_bucket(bucket)
        self._store.forget_bucket(bucket)
        return Reply(204)

    def _bucket(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._store.buckets.get(name)
        if found is None:
            raise Refused("NOT_FOUND", f"The specified bucket does not exist: {name}")
        return found

    # Notifications

    def do_notifications_insert(self, names: dict[str, str], query: dict[str, Any], body: dict[str, Any]) -> Reply:
        bucket = names["bucket"]
        self._bucket(bucket)
        topic = body.get("topic", "")
        if not re.fullmatch(r"//pubsub\.googleapis\.com/projects/[^/]+/topics/[^/]+", topic):
            return failed(400, f"Invalid Google Cloud Pub/Sub topic. {topic}")
        if body.get("payload_format") not in ("JSON_API_V1", "NONE"):
            return failed(400, "payload_format must be JSON_API_V1 or NONE.")
        known = self._store.notifications.setdefault(bucket, {})
        id = str(max(map(int, known), default=0) + 1)
        known[id] = {**body, "id": id, "kind": "storage#notification", "etag": id}
        return Reply(200, known[id])

    def do_notifications_list(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        self._bucket(names["bucket"])
        found = list(self._store.notifications.get(names["bucket"], {}).values())
        return Reply(200, {"kind": "storage#notifications", **({"items": found} if found else {})})

    def do_notifications_get(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        found = self._store.notifications.get(names["bucket"], {}).get(names["notification"])
        return failed(404, "The notification does not exist.") if found is None else Reply(200, found)

    def do_notifications_delete(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        known = self._store.notifications.get(names["bucket"], {})
        if known.pop(names["notification"], None) is None:
            return failed(404, "The notification does not exist.")
        return Reply(204)

    def do_projects_serviceAccount_get(self, names: dict[str, str], query: dict[str, Any], _: dict[str, Any]) -> Reply:
        address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
        return Reply(200, {"kind": "storage#serviceAccount", "email_address": address})
