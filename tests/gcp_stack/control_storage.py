"""A fake of Cloud Storage as a deploy uses it: buckets, policies, notifications, small objects. Ours."""

import json
from email.message import Message
from email.parser import BytesParser
from time import time
from typing import Any
from urllib.parse import unquote

from .control_plane import NOW, NUMBER, ControlPlane, Project, set_policy
from .discovery import Wrong, document
from .front import Refused, error, query_of
from .server import Reply, Request

UPLOAD, DOWNLOAD = "/upload/storage/v1/b/", "/download/storage/v1/b/"


class Storage:
    """All buckets are the world's: each knows whose it is."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._document = document("storage.v1")

    def answer(self, request: Request) -> Reply:
        try:
            if request.path.startswith(UPLOAD):
                return self._upload(request)
            # Google's client downloads by another path than the rest.
            path = (
                request.path.replace(DOWNLOAD, "/storage/v1/b/", 1)
                if request.path.startswith(DOWNLOAD)
                else request.path
            )
            found = self._document.find(request.verb, path)
            if found is None:
                return error("NOT_FOUND", f"no method of Storage: {request.verb} {request.path}")
            query = query_of(found.method, [pair for pair in request.query if pair[0] not in ("alt", "prettyPrint")])
            body = {}
            if found.method.request is not None and request.body:
                body = found.method.document.check(found.method.request, request.json())
            act = getattr(self, found.method.id.replace("storage.", "").replace(".", "_"), None)
            if act is None:
                return error("UNIMPLEMENTED", f"{found.method.id} is not part of this stand-in")
            reply = act(found.names, query, body, dict(request.query))
        except Wrong as fault:
            return self._error(400, str(fault))
        except Refused as refused:
            return self._error(
                {"NOT_FOUND": 404, "ALREADY_EXISTS": 409, "ABORTED": 412}.get(refused.status, 400), str(refused)
            )
        if isinstance(reply, Reply):
            return reply
        checked = found.method.document.check(found.method.response, reply) if found.method.response else b""
        return Reply(200, checked)

    def _error(self, code: int, message: str) -> Reply:
        return Reply(
            code, {"error": {"code": code, "message": message, "errors": [{"reason": "error", "message": message}]}}
        )

    # Whose

    def _owner(self, bucket: str) -> Project:
        for project in self._plane.projects.values():
            if f"projects/_/buckets/{bucket}" in project.resources:
                return project
        raise Refused("NOT_FOUND", "The specified bucket does not exist.")

    def _bucket(self, name: str) -> tuple[Project, dict[str, Any]]:
        project = self._owner(name)
        return project, project.resources[f"projects/_/buckets/{name}"]

    def _key(self, names: dict[str, str]) -> str:
        return f"projects/_/buckets/{names['bucket']}/objects/{unquote(names['object'])}"

    # Buckets

    def buckets_insert(self, _: Any, query: dict[str, Any], body: dict[str, Any], __: Any) -> Any:
        project = self._plane.projects[query["project"]]
        name = body["name"]
        if not (3 <= len(name) <= 63 and name == name.lower() and "google" not in name and not name.startswith("goog")):
            raise Refused("INVALID_ARGUMENT", f"Invalid bucket name: '{name}'")
        if any(f"projects/_/buckets/{name}" in one.resources for one in self._plane.projects.values()):
            raise Refused("ALREADY_EXISTS", "The requested bucket name is not available.")
        made = {
            **body,
            "kind": "storage#bucket",
            "id": name,
            "projectNumber": NUMBER,
            "metageneration": "1",
            "timeCreated": NOW,
        }
        project.resources[f"projects/_/buckets/{name}"] = made
        return made

    def buckets_get(self, names: dict[str, str], *_: Any) -> Any:
        return self._bucket(names["bucket"])[1]

    def buckets_list(self, _: Any, query: dict[str, Any], *__: Any) -> Any:
        project = self._plane.projects[query["project"]]
        found = [
            one
            for name, one in sorted(project.resources.items())
            if name.startswith("projects/_/buckets/") and name.count("/") == 3
        ]
        start = int(query.get("pageToken", "0"))
        more = {"nextPageToken": str(start + 2)} if start + 2 < len(found) else {}
        return {"kind": "storage#buckets", "items": found[start : start + 2], **more}

    def buckets_patch(self, names: dict[str, str], _: Any, body: dict[str, Any], __: Any) -> Any:
        one = self._bucket(names["bucket"])[1]
        if "location" in body and body["location"] != one["location"]:
            raise Refused("INVALID_ARGUMENT", "the location of a bucket cannot be changed")
        one |= body
        return one

    def buckets_delete(self, names: dict[str, str], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        name = f"projects/_/buckets/{names['bucket']}"
        if any(key.startswith(f"{name}/objects/") for key in project.resources):
            raise Refused("ALREADY_EXISTS", "The bucket you tried to delete is not empty.")
        for key in [key for key in project.resources if key == name or key.startswith(f"{name}/")]:
            del project.resources[key]
        project.policies.pop(name, None)
        return Reply(204)

    def buckets_getIamPolicy(self, names: dict[str, str], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        policy = project.policies.get(f"projects/_/buckets/{names['bucket']}", {"version": 1, "etag": "MA=="})
        return {"kind": "storage#policy", **policy}

    def buckets_setIamPolicy(self, names: dict[str, str], _: Any, body: dict[str, Any], __: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        return set_policy(project, f"projects/_/buckets/{names['bucket']}", body)

    def projects_serviceAccount_get(self, names: dict[str, str], *_: Any) -> Any:
        return {
            "kind": "storage#serviceAccount",
            "email_address": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
        }

    # Notifications

    def notifications_insert(self, names: dict[str, str], _: Any, body: dict[str, Any], __: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        topic = body["topic"].removeprefix("//pubsub.googleapis.com/")
        project.must(topic)
        agent = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
        given = project.policies.get(topic, {}).get("bindings", ())
        if not any(one["role"] == "roles/pubsub.publisher" and agent in one["members"] for one in given):
            raise Refused(
                "INVALID_ARGUMENT", f"The service account {agent} does not have permission to publish to {topic}"
            )
        id = str(project.number())
        made = {**body, "id": id, "kind": "storage#notification"}
        project.resources[f"projects/_/buckets/{names['bucket']}/notificationConfigs/{id}"] = made
        return made

    def notifications_list(self, names: dict[str, str], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        start = f"projects/_/buckets/{names['bucket']}/notificationConfigs/"
        return {
            "kind": "storage#notifications",
            "items": [one for key, one in project.resources.items() if key.startswith(start)],
        }

    def notifications_delete(self, names: dict[str, str], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        key = f"projects/_/buckets/{names['bucket']}/notificationConfigs/{names['notification']}"
        project.must(key)
        del project.resources[key]
        return Reply(204)

    # Objects

    def _upload(self, request: Request) -> Reply:
        query = dict(request.query)
        bucket = request.path.removeprefix(UPLOAD).partition("/")[0]
        project, _ = self._bucket(bucket)
        if query.get("uploadType") != "multipart":
            return error("UNIMPLEMENTED", "only uploads in one request are part of this stand-in")
        parts = multipart(request)
        about = self._document.check("Object", json.loads(parts[0]))
        key = f"projects/_/buckets/{bucket}/objects/{about['name']}"
        there = project.resources.get(key)
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and int(wanted) != (0 if there is None else int(there["generation"])):
            return self._error(412, "At least one of the pre-conditions you specified did not hold.")
        made = {
            **about,
            "kind": "storage#object",
            "bucket": bucket,
            "generation": str(1000 + project.number()),
            "metageneration": "1",
            "size": str(len(parts[1])),
            "updated": f"{moment(time())}",
            "_data": parts[1],
        }
        project.resources[key] = made
        return Reply(200, shown(made))

    def objects_get(self, names: dict[str, str], query: dict[str, Any], _: Any, raw: dict[str, str]) -> Any:
        project = self._bucket(names["bucket"])[0]
        there = project.resources.get(self._key(names))
        if there is None or query.get("generation") not in (None, there["generation"]):
            raise Refused("NOT_FOUND", f"No such object: {names['bucket']}/{names['object']}")
        if raw.get("alt") == "media":
            headers = (("x-goog-generation", there["generation"]), ("Content-Type", "application/octet-stream"))
            return Reply(200, there["_data"], headers)
        return shown(there)

    def objects_list(self, names: dict[str, str], query: dict[str, Any], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        start = f"projects/_/buckets/{names['bucket']}/objects/"
        found = [
            shown(one)
            for key, one in sorted(project.resources.items())
            if key.startswith(start + query.get("prefix", ""))
        ]
        return {"kind": "storage#objects", "items": found}

    def objects_delete(self, names: dict[str, str], query: dict[str, Any], *_: Any) -> Any:
        project = self._bucket(names["bucket"])[0]
        there = project.must(self._key(names))
        wanted = query.get("ifGenerationMatch", there["generation"])
        if wanted != there["generation"]:
            raise Refused("ABORTED", "At least one of the pre-conditions you specified did not hold.")
        del project.resources[self._key(names)]
        return Reply(204)


def shown(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != "_data"}


def moment(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def multipart(request: Request) -> list[bytes]:
    """The two parts of an upload (multipart/related): what is said of it, and its bytes."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    found: list[Message] = BytesParser().parsebytes(head + request.body).get_payload()  # type: ignore[assignment]
    boundary = request.headers["content-type"].partition("boundary=")[2].strip("\"'").encode()
    # The parser takes bytes for text; they are cut out as they are.
    raw = request.body.split(b"--" + boundary)[2]
    data = raw.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    return [found[0].get_payload(decode=True) or b"", data]  # type: ignore[list-item]
