"""Signed URLs: a request to one of them stands for a read or a write of one object, without the app.

`/_portable/buckets/{service}/{bucket}/{key}?expires=...&signature=...`; the service of the app's own buckets is `-`.
The signature is an HMAC-SHA256 (RFC 2104), with a key of the data folder, over method, bucket, key, expiry and content
type.
"""

import hmac
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from portable.drivers import ALWAYS, ObjectRecord, SignedRequest
from portable.errors import PortableError
from portable.http import Request, Response

from .store.access import Store

if TYPE_CHECKING:
    from .buckets import LocalBucket

SIGNED_PREFIX = "/_portable/buckets/"
MOST_BYTES = 100 * 1024 * 1024
"""Larger than any request to the app, since buckets take large objects; it is held in memory."""

PATH = re.compile(r"/_portable/buckets/(-|[a-z][a-z0-9-]*)/([a-z][a-z0-9-]*)/([A-Za-z0-9._=+@!~,()/-]{1,900})")
QUERY = re.compile(r"expires=([1-9][0-9]{0,11})&signature=([0-9a-f]{64})")
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
OWN = "-"
TRIES = 20


def sign_url(
    store: Store,
    bucket: str,
    key: str,
    method: Literal["GET", "PUT"],
    *,
    expires_in: int,
    content_type: str | None,
) -> SignedRequest:
    """The URL of one object for `expires_in` seconds, and the headers that belong to it."""
    expires = int(store.clock.now()) + expires_in
    service, _, name = bucket.rpartition(".")
    kind = content_type or ""
    signature = sign(store, method, bucket, key, expires, kind)
    url = f"{store.base_url}{SIGNED_PREFIX}{service or OWN}/{name}/{key}?expires={expires}&signature={signature}"
    return SignedRequest(url, method, {"content-type": kind} if kind else {}, float(expires))


def sign(store: Store, method: str, bucket: str, key: str, expires: int, content_type: str) -> str:
    """The signature. None of the parts can hold the line break that separates them."""
    [(secret,)] = store.read("SELECT value FROM meta WHERE name = 'signing_key'")
    text = "\n".join(("portable-1", method, bucket, key, str(expires), content_type))
    return hmac.new(secret, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def signed_request(store: Store, request: Request) -> Response | None:
    """Answers a request to a signed URL; None if it is not one. Call it before the Dispatcher."""
    if not request.path.startswith(SIGNED_PREFIX):
        return None
    path, query = PATH.fullmatch(request.path), QUERY.fullmatch(request.query_string)
    if path is None or query is None:
        return refusal(403, "this is not a signed URL")
    service, name, key = path.groups()
    bucket = name if service == OWN else f"{service}.{name}"
    expires = int(query[1])
    kind = (request.headers.get("content-type") or "") if request.method == "PUT" else ""
    if not hmac.compare_digest(sign(store, request.method, bucket, key, expires, kind), query[2]):
        return refusal(403, "the signature does not fit the method, the URL and the headers")
    if store.clock.now() >= expires:
        return refusal(403, "the URL has expired")
    from .buckets import LocalBucket

    driver = LocalBucket(store, bucket)
    try:
        return download(driver, key, request) if request.method == "GET" else upload(driver, key, request.body, kind)
    except PortableError as error:
        return refusal(error.status, error.message)


def download(driver: "LocalBucket", key: str, request: Request) -> Response:
    for _ in range(TRIES):
        head = driver.head(key)
        if head is None:
            return refusal(404, "there is no such object")
        span = wanted_range(request, head)
        start, end = span or (0, head.size)
        if span is not None and start >= end:
            answer = refusal(416, f"the object has {head.size:,} bytes")
            answer.headers["content-range"] = f"bytes */{head.size}"
            return answer
        if end - start > MOST_BYTES:
            what = f"these are {end - start:,} bytes; a local URL gives at most {MOST_BYTES:,} at once"
            return refusal(413, f"{what}: ask for ranges")
        found = driver.read(key, start, end)
        if found is not None:
            record, chunks = found
            body = b"".join(chunks)
            if record.version == head.version:
                return part(record, body, span)
        # It was replaced or deleted in between: what is there now?
    return refusal(503, "the object is being replaced again and again")


def part(record: ObjectRecord, body: bytes, span: tuple[int, int] | None) -> Response:
    # An object may hold anything, and shares its origin with the app: it is not to run there.
    headers = {
        "content-type": record.content_type,
        "etag": f'"{record.version}"',
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
    if span is None:
        return Response(body, headers=headers)
    headers["content-range"] = f"bytes {span[0]}-{span[1] - 1}/{record.size}"
    return Response(body, 206, headers=headers)


def wanted_range(request: Request, record: ObjectRecord) -> tuple[int, int] | None:
    """The bytes that a request asks for, as (start, end); None: all of them. Nothing between the two: 416.

    Several ranges, other units and what is no range are ignored (RFC 9110, section 14.2).
    """
    asked = RANGE.fullmatch(request.headers.get("range") or "")
    if asked is None or asked.groups() == ("", ""):
        return None
    if request.headers.get("if-range") not in (None, f'"{record.version}"'):
        return None
    first, last = asked.groups()
    if not first:
        return max(0, record.size - int(last)), record.size
    if last and int(last) < int(first):
        return None
    return int(first), min(record.size, int(last) + 1) if last else record.size


def upload(driver: "LocalBucket", key: str, body: bytes, content_type: str) -> Response:
    if len(body) > MOST_BYTES:
        return refusal(413, f"the body has {len(body):,} bytes; a local URL takes at most {MOST_BYTES:,}")
    record = driver.write(key, pieces(body), content_type=content_type, metadata={}, condition=ALWAYS)
    return Response(b"", 200, headers={"etag": f'"{record.version}"'})


def pieces(body: bytes) -> Iterator[bytes]:
    if body:
        yield body


def refusal(status: int, detail: str) -> Response:
    """A problem document (RFC 9457)."""
    document = {"type": "about:blank", "title": "Signed URL refused", "status": status, "detail": detail}
    return Response(json.dumps(document).encode(), status, headers={"content-type": "application/problem+json"})
