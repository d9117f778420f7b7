"""Signed URLs of Cloud Storage, version 4, with the key that Google keeps for the account this code runs as.

The account needs `iam.serviceAccounts.signBlob` for itself.
https://cloud.google.com/storage/docs/access-control/signing-urls-manually
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from portable.drivers import SignedRequest

if TYPE_CHECKING:
    from .clients import Clients

ALGORITHM = "GOOG4-RSA-SHA256"


def signed(
    clients: "Clients",
    bucket: str,
    key: str,
    method: Literal["GET", "PUT"],
    now: int,
    expires_in: int,
    content_type: str | None,
) -> SignedRequest:
    """A URL that is good for `expires_in` seconds from `now`, an epoch second. Raises what signBlob does."""
    place = clients.storage.endpoint.url
    account = clients.tokens.account()
    at = datetime.fromtimestamp(now, UTC)
    scope = f"{at:%Y%m%d}/auto/storage/goog4_request"
    headers = {"host": place.partition("://")[2].partition("/")[0]}
    if content_type is not None:
        headers["content-type"] = content_type
    names = ";".join(sorted(headers))
    query = canonical_query(
        {
            "X-Goog-Algorithm": ALGORITHM,
            "X-Goog-Credential": f"{account}/{scope}",
            "X-Goog-Date": f"{at:%Y%m%dT%H%M%SZ}",
            "X-Goog-Expires": str(expires_in),
            "X-Goog-SignedHeaders": names,
        }
    )
    path = f"/{bucket}/{quote(key, safe='/~')}"
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in sorted(headers.items()))
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    text = f"{ALGORITHM}\n{at:%Y%m%dT%H%M%SZ}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = sign_blob(clients, account, text.encode()).hex()
    del headers["host"]
    return SignedRequest(
        f"{place}{path}?{query}&X-Goog-Signature={signature}", method, headers, float(now + expires_in)
    )


def canonical_query(parameters: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(parameters.items()))


def sign_blob(clients: "Clients", account: str, data: bytes) -> bytes:
    """https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob"""
    path = f"/v1/projects/-/serviceAccounts/{quote(account, safe='@')}:signBlob"
    answer: Any = clients.iamcredentials.call("POST", path, body={"payload": b64encode(data).decode()}, is_read=True)
    return b64decode(answer["signedBlob"])
