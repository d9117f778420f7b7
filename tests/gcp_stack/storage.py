"""Cloud Storage: gcp-storage-emulator, a third party's, behind a strict front that is ours.

    storage = StorageServer(services)
    storage.endpoint      "http://127.0.0.1:41235", as STORAGE_EMULATOR_HOST or as the endpoint of the service itself

The emulator parses and keeps uploads and copies. The front holds requests to the discovery document, adds what
gcs_objects.py and gcs_signatures.py are for, listings in pages, notifications, the errors that Google answers, and
refuses what the emulator would take for something else.
"""

import json
import re
from email.message import Message
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from gcp_storage_emulator import server as emulator  # type: ignore[import-untyped]
from gcp_storage_emulator.exceptions import NotFound  # type: ignore[import-untyped]

from . import gcs_signatures
from .discovery import Document, Found, Wrong, document
from .front import Refused, query_of
from .gcs_administration import Administration
from .gcs_answers import failed, http_time, refused
from .gcs_multipart import Malformed, parts_of
from .gcs_objects import NONE, Conditions, StrictStorage, Unmet
from .server import Reply, Request, Stand
from .services import Services

API = "/storage/v1/"
DOWNLOAD = "/download/storage/v1/"
UPLOAD = re.compile(r"/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o")
XML = re.compile(r"/(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?P<object>.+)", re.DOTALL)
LEAST_CHUNK = 256 * 1024
MOST_METADATA = 8 * 1024


class StorageServer:
    """All buckets of all projects, in memory."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.store = StrictStorage(services.clocks, services.pubsub)
        services.forgets.append(self.store.forget)
        self._administration = Administration(self.store)
        self._document: Document = document("storage.v1")
        self._stand = Stand(self.answer, "google-storage")
        self.endpoint = self._stand.endpoint

    def close(self) -> None:
        self._stand.close()

    def answer(self, request: Request) -> Reply:
        """Also of a request that came another way."""
        # The services' lock: a write tells topics what has happened.
        with self._services.deliveries.changed:
            self.store.conditions = NONE
            if request.path.startswith(DOWNLOAD):
                request = request._replace(path=request.path.removeprefix("/download"))
            upload = UPLOAD.fullmatch(request.path)
            is_api = upload is not None or request.path.startswith((API, "/batch/storage/v1"))
            try:
                if upload is not None:
                    return self._upload(request, unquote(upload["bucket"]))
                if is_api:
                    return self._call(request)
                return self._object(request)
            except Unmet as unmet:
                status = 304 if unmet.is_read else 412
                return failed(status, str(unmet)) if is_api else refused(status, "PreconditionFailed", str(unmet))
            except Refused as error:
                return failed(404 if error.status == "NOT_FOUND" else 400, str(error))
            except (Wrong, Malformed) as error:
                return failed(400, str(error))
            except NotFound as error:
                return failed(404, str(error) or "Not Found")

    # The JSON interface

    def _call(self, request: Request) -> Reply:
        if request.path.startswith("/batch/"):
            raise Wrong("batches are not part of this stand-in: the emulator knows no preconditions in them")
        found = self._document.find(request.verb, request.path)
        if found is None:
            return failed(404, f"{request.verb} {request.path} is no method of Cloud Storage")
        pairs = [pair for pair in request.query if pair != ("alt", "media")]
        query = query_of(found.method, pairs)
        body = {}
        if found.method.request is not None and request.body:
            body = self._document.check(found.method.request, request.json())
        own = getattr(self._administration, f"do_{found.method.id.removeprefix('storage.').replace('.', '_')}", None)
        if own is not None:
            reply: Reply = own(found.names, query, body)
            return reply
        if found.method.id not in BY_EMULATOR:
            return failed(501, f"{found.method.id} is not part of this stand-in")
        return self._object_call(request, found, query)

    def _object_call(self, request: Request, found: Found, query: dict[str, Any]) -> Reply:
        names, id = found.names, found.method.id.removeprefix("storage.objects.")
        if id in ("rewrite", "copy"):
            source = self.store.found(names["sourceBucket"], names["sourceObject"])
            if source is None or query.get("sourceGeneration", source["generation"]) != source["generation"]:
                return failed(404, f"No such object: {names['sourceBucket']}/{names['sourceObject']}")
            Conditions(query, "ifSource").check(source)
            check_name(names["destinationObject"])
        elif "object" in names:
            target = self.store.found(names["bucket"], names["object"])
            if target is None or query.get("generation", target["generation"]) != target["generation"]:
                return failed(404, f"No such object: {names['bucket']}/{names['object']}")
            if id == "get":
                Conditions(query).check(target, is_read=True)
        self.store.conditions = Conditions(query)
        if id == "get" and ("alt", "media") in request.query:
            assert target is not None
            return self._media(request, names["bucket"], target, with_metadata=False)
        reply = self._emulate(request)
        return Reply(204) if id == "delete" and reply.status == 200 else reply

    # Uploads

    def _upload(self, request: Request, bucket: str) -> Reply:
        query = dict(request.query)
        kind = query.get("uploadType", "")
        session = query.get("upload_id")
        if session is not None:
            return self._resume(request, session)
        if request.verb != "POST":
            return failed(405, f"{request.verb} is for an upload that was begun")
        if bucket not in self.store.buckets:
            raise Refused("NOT_FOUND", "The specified bucket does not exist.")
        described: dict[str, Any] = {}
        preset: Any = None
        if kind == "multipart":
            described, content, content_type = parts_of(request)
            preset = {"meta": described, "content": content, "content-type": content_type}
        elif kind == "resumable":
            described = request.json() if request.body else {}
        elif kind != "media":
            return failed(400, f"uploadType is {kind!r}")
        else:
            preset = request.body
        described = self._document.check("Object", described)
        method = next(one for one in self._document.methods if one.id == "storage.objects.insert")
        query_of(method, [pair for pair in request.query if pair[0] != "uploadType"])
        name = query.get("name") or described.get("name", "")
        check_name(name)
        metadata = described.get("metadata", {})
        if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > MOST_METADATA:
            return failed(400, "The metadata for your object is too large.")
        conditions = Conditions(query)
        conditions.check(self.store.found(bucket, name))
        self.store.conditions = conditions
        before = set(self.store.resumable)
        reply = self._emulate(request, preset)
        for id in set(self.store.resumable) - before:
            self.store.pending[id] = conditions
        return reply

    def _resume(self, request: Request, session: str) -> Reply:
        """One piece of an upload: https://cloud.google.com/storage/docs/performing-resumable-uploads"""
        if session in self.store.finished and request.verb == "PUT":
            # Whoever asks once more is told so.
            return Reply(200, self.store.finished[session])
        if session not in self.store.resumable:
            return failed(404, "No such upload.")
        if request.verb == "DELETE":
            del self.store.resumable[session]
            del self.store.pending[session]
            return Reply(499)
        span = request.headers.get("content-range", "")
        if span.endswith("/*") and not span.startswith("bytes *") and len(request.body) % LEAST_CHUNK:
            return failed(
                400, "The number of bytes uploaded must be a multiple of 262144, except for the final request."
            )
        reply = self._emulate(request, request.body)
        if reply.status == 308 and not self.store.get_resumable_byte_count(session):
            return Reply(308)
        return reply

    # The XML interface, which is that of signed URLs too

    def _object(self, request: Request) -> Reply:
        match = XML.fullmatch(request.path)
        bucket = unquote(match["bucket"]) if match else ""
        if gcs_signatures.is_signed(request):
            try:
                gcs_signatures.check(request, self._services.keys, lambda: self.store.now(bucket))
            except gcs_signatures.Invalid as invalid:
                status = 403 if invalid.code in ("SignatureDoesNotMatch", "MalformedSecurityHeader") else 400
                return refused(status, invalid.code, str(invalid))
        elif "authorization" not in request.headers:
            return refused(403, "AccessDenied", "Anonymous caller does not have access to the object.")
        if match is None:
            return refused(400, "InvalidURI", "It names no object.")
        if bucket not in self.store.buckets:
            return refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        name = unquote(match["object"])
        found = self.store.found(bucket, name)
        conditions = Conditions(
            {
                camel: request.headers[header]
                for header, camel in (
                    ("x-goog-if-generation-match", "ifGenerationMatch"),
                    ("x-goog-if-metageneration-match", "ifMetagenerationMatch"),
                )
                if header in request.headers
            }
        )
        if request.verb in ("GET", "HEAD"):
            if found is None or dict(request.query).get("generation", found["generation"]) != found["generation"]:
                return refused(404, "NoSuchKey", "The specified key does not exist.")
            conditions.check(found)
            return self._media(request, bucket, found, with_metadata=True)
        if request.verb != "PUT":
            return refused(405, "MethodNotAllowed", "The specified method is not part of this stand-in.")
        check_name(name)
        self.store.conditions = conditions
        metadata = {
            header.removeprefix("x-goog-meta-"): value
            for header, value in request.headers.items()
            if header.startswith("x-goog-meta-")
        }
        reply = self._emulate(request, request.body)
        written = self.store.found(bucket, name)
        assert written is not None
        if metadata:
            written["metadata"] = metadata
        etag = ("ETag", f'"{written["etag"]}"')
        return reply._replace(body=b"", headers=(etag, ("x-goog-generation", written["generation"])))

    def _media(self, request: Request, bucket: str, found: dict[str, Any], *, with_metadata: bool) -> Reply:
        """The bytes of an object, or a range of them, with its description as headers."""
        content: bytes = self.store.get_file(bucket, found["name"])
        headers = [
            ("Content-Type", found.get("contentType") or "application/octet-stream"),
            ("Last-Modified", http_time(found["updated"])),
            ("ETag", f'"{found["etag"]}"'),
            ("x-goog-generation", found["generation"]),
            ("x-goog-metageneration", found["metageneration"]),
            ("x-goog-stored-content-length", str(len(content))),
            ("x-goog-hash", f"crc32c={found['crc32c']}"),
            ("x-goog-hash", f"md5={found['md5Hash']}"),
            ("Accept-Ranges", "bytes"),
        ]
        if with_metadata:
            headers += [(f"x-goog-meta-{name}", value) for name, value in found.get("metadata", {}).items()]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if request.verb == "HEAD":
            return Reply(200, b"", (*headers, ("Content-Length", str(len(content)))))
        if span is None:
            return Reply(200, content, tuple(headers))
        start, end = int(span[1]), min(int(span[2] or len(content) - 1), len(content) - 1)
        if start >= len(content):
            return refused(416, "InvalidRange", "The requested range cannot be satisfied.")
        headers.append(("Content-Range", f"bytes {start}-{end}/{len(content)}"))
        return Reply(206, content[start : end + 1], tuple(headers))

    # The emulator

    def _emulate(self, request: Request, data: Any = None) -> Reply:
        """What its own handler answers; `data` is the body as it is to see it, if not as it was sent."""
        headers = Message()
        for name, value in request.headers.items():
            headers[name] = value
        target = request.path + (f"?{request.raw_query}" if request.raw_query else "")
        sent = SimpleNamespace(
            path=target.replace("/resumable/upload/", "/upload/"),
            headers=headers,
            rfile=BytesIO(request.body),
            server=SimpleNamespace(server_address=("127.0.0.1", 0)),
        )
        asked, answer = emulator.Request(sent, request.verb), emulator.Response(sent)
        if data is not None:
            asked._data = data
        for pattern, handlers in emulator.HANDLERS:
            match = re.fullmatch(pattern, asked.path)
            if match is not None:
                asked.set_match(match)
                handlers[request.verb](asked, answer, self.store)
                break
        else:
            raise Wrong(f"the emulator has no {request.verb} {request.path}")
        status = int(answer.status)
        content = answer._content
        body = content if isinstance(content, bytes) else content.encode()
        if status >= 400 and not body:
            return failed(status, HTTPStatus(status).phrase)
        if status >= 400:
            return failed(status, str(json.loads(body)["error"]["message"]))
        return Reply(status, body, tuple(answer._headers.items()))


BY_EMULATOR = frozenset(
    {
        "storage.objects.get",
        "storage.objects.delete",
        "storage.objects.patch",
        "storage.objects.rewrite",
        "storage.objects.copy",
        "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
        "storage.buckets.testIamPermissions",
    }
)


def check_name(name: str) -> None:
    """Names that Cloud Storage takes and the emulator would mistake for others are refused too."""
    if not name or len(name.encode()) > 1024 or "\r" in name or "\n" in name:
        raise Wrong(f"Invalid object name: {name!r:.80}")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise Wrong(f"{name!r:.80} is a name that this stand-in cannot keep: it has a segment that is empty or of dots")
