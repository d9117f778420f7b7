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

from portable.drivers import ALWAYS, SignedRequest
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
OWN = "-"


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
        return download(driver, key) if request.method == "GET" else upload(driver, key, request.body, kind)
    except PortableError as error:
        return refusal(error.status, error.message)


def download(driver: "LocalBucket", key: str) -> Response:
    found = driver.read(key, 0, None)
    if found is None:
        return refusal(404, "there is no such object")
    record, chunks = found
    if record.size > MOST_BYTES:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
        return refusal(413, f"the object has {record.size:,} bytes; a local URL gives at most {MOST_BYTES:,}")
    # An object may hold anything, and shares its origin with the app: it is not to run there.
    headers = {
        "content-type": record.content_type,
        "etag": f'"{record.version}"',
        "cache-control": "private, no-store",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
    return Response(b"".join(chunks), headers=headers)


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
