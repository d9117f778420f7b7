"""Stand-in, ours: Cloud Storage's check of V4 signatures of URLs, with the keys of the stack's service accounts.

https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from .identity import Keys
from .server import Request

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST = 7 * 86_400
SKEW = 900
"""A URL is good from 15 minutes before its date on."""
NEEDED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
SCOPE = re.compile(r"(?P<account>[^/]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/storage/goog4_request", re.ASCII)


class Invalid(Exception):
    """A URL that stands for no right. `code` is the one of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_signed(request: Request) -> bool:
    return any(name.lower() == "x-goog-signature" for name, _ in request.query)


def check(request: Request, keys: Keys, now: Callable[[], float]) -> str:
    """The account whose right the URL is. Raises Invalid."""
    query = dict(request.query)
    if len(query) != len(request.query):
        raise Invalid("InvalidArgument", "A query parameter comes twice.")
    given = {name: query.get(f"X-Goog-{name}", "") for name in NEEDED}
    if not all(given.values()):
        raise Invalid("MissingSecurityElement", "A query parameter of the signature is missing.")
    scope = SCOPE.fullmatch(given["Credential"])
    if given["Algorithm"] != ALGORITHM or scope is None:
        raise Invalid("InvalidArgument", "The algorithm or the credential is none.")
    try:
        signed_at = datetime.strptime(given["Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        seconds = int(given["Expires"])
        signature = bytes.fromhex(given["Signature"])
    except ValueError as error:
        raise Invalid("InvalidArgument", str(error)) from error
    if not given["Expires"].isdigit() or not 0 < seconds <= LONGEST or not given["Date"].startswith(scope["date"]):
        raise Invalid("InvalidArgument", "The expiry or the date is none.")
    if signature.hex() != given["Signature"]:
        raise Invalid("SignatureDoesNotMatch", "The signature is not in lower case.")
    headers = given["SignedHeaders"].split(";")
    if "host" not in headers or headers != sorted(set(headers)):
        raise Invalid("InvalidArgument", "The signed headers are not sorted, or host is not one of them.")
    unsigned = [name for name in request.headers if name.startswith("x-goog-") and name not in headers]
    if unsigned:
        raise Invalid("MalformedSecurityHeader", f"Header was included in the request but not signed: {unsigned[0]}")
    missing = [name for name in headers if name not in request.headers]
    if missing:
        raise Invalid("MalformedSecurityHeader", f"Header was included in signedheaders but not sent: {missing[0]}")
    account = scope["account"]
    if not keys.is_signed(account, string_to_sign(request, query, headers).encode(), signature):
        raise Invalid("SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if not signed_at - SKEW <= now() < signed_at + seconds:
        raise Invalid("ExpiredToken", "The provided token has expired, or is not good yet.")
    return account


def string_to_sign(request: Request, query: dict[str, str], headers: list[str]) -> str:
    pairs = sorted(
        (quote(name, safe="~"), quote(value, safe="~")) for name, value in query.items() if name != "X-Goog-Signature"
    )
    canonical = "\n".join(
        [
            request.verb,
            request.path,
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in headers),
            ";".join(headers),
            request.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    scope = query["X-Goog-Credential"].partition("/")[2]
    return "\n".join([ALGORITHM, query["X-Goog-Date"], scope, digest])
