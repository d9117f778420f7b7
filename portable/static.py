"""Folders of files behind a path. The files are listed once, at start: what is not listed is not served."""

import os
from typing import NamedTuple

from .errors import DeclarationError
from .http import Request, Response
from .specs import StaticSpec

CONTENT_TYPES = {
    ".avif": "image/avif",
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
"""By extension, the same on every machine (the standard library's table reads the system's files)."""

INDEX = "index.html"


class File(NamedTuple):
    """One file as it was last read."""

    stamp: tuple[int, int]
    etag: str
    content: bytes


class StaticFolder:
    """The files below `spec.directory` that may be served: no dot files, no links that lead out of the folder.

    Raises DeclarationError for a file over `limit` bytes; `whose` says which limit that is.
    """

    def __init__(self, spec: StaticSpec, limit: int, whose: str = "http_response_bytes") -> None:
        self.spec = spec
        self.root: str = os.path.realpath(spec.directory)
        self._paths: dict[str, str] = {}
        self._read: dict[str, File] = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(folder, name)
                real = os.path.realpath(path)
                if name.startswith(".") or os.path.commonpath((real, self.root)) != self.root:
                    continue
                if any(part.startswith(".") for part in os.path.relpath(real, self.root).split(os.sep)):
                    continue
                if not os.path.isfile(real):
                    continue
                size = os.path.getsize(real)
                if size > limit:
                    raise DeclarationError(
                        f"static file {name!r} has {size:,} bytes, over the limit of {limit:,} ({whose})",
                        hint="keep large files in a bucket and link to a signed URL",
                        location=spec.location,
                    )
                relative = os.path.relpath(path, self.root).replace(os.sep, "/")
                self._paths[relative] = path
                if name == INDEX:
                    self._paths[relative[: -len(INDEX)].rstrip("/")] = path

    def holds(self, relative: list[str]) -> bool:
        """Whether the decoded path below the folder is a file here."""
        return "/".join(relative) in self._paths

    def respond(self, request: Request, relative: list[str]) -> Response:
        """The file as 200, or 304 when the client has it (RFC 9110, If-None-Match). The caller has asked `holds`."""
        path = self._paths["/".join(relative)]
        try:
            file = self._load(path)
        except OSError:
            from .errors import NotFound

            raise NotFound(f"nothing answers {request.path}") from None
        headers = [
            ("etag", file.etag),
            ("cache-control", "public, max-age=0, must-revalidate"),
            ("x-content-type-options", "nosniff"),
        ]
        if matches(request.headers.get("if-none-match"), file.etag):
            return Response(b"", 304, headers=headers)
        extension = os.path.splitext(path)[1].lower()
        headers.append(("content-type", CONTENT_TYPES.get(extension, "application/octet-stream")))
        return Response(file.content, 200, headers=headers)

    def _load(self, path: str) -> File:
        real = os.path.realpath(path)
        if os.path.commonpath((real, self.root)) != self.root:
            raise FileNotFoundError(f"{path} has become a link that leads out of the folder")
        with open(real, "rb") as stream:
            state = os.fstat(stream.fileno())
            stamp = (state.st_mtime_ns, state.st_size)
            file = self._read.get(path)
            if file is None or file.stamp != stamp:
                from hashlib import sha256

                content = stream.read()
                # Of the content, so that all instances of a deployed function agree.
                file = self._read[path] = File(stamp, f'"{sha256(content).hexdigest()[:32]}"', content)
        return file


def matches(condition: str | None, etag: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110, section 13.1.2)."""
    if condition is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in condition.split(",")]
    return "*" in tags or etag in tags
