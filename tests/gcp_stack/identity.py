"""Stand-in, ours: service accounts with real keys, signatures by iamcredentials, tokens, and the metadata server."""

import base64
import json
import threading
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .clocks import Clocks
from .server import Reply, Request

ISSUER = "https://accounts.google.com"
GOOGLE = "google"
"""Whose key tokens are signed with: Google's, not their account's."""
TOKEN_SECONDS = 3600
METADATA = "/computeMetadata/v1"
FLAVOR = ("Metadata-Flavor", "Google")
ACCESS = "ya29.stand-in."
"""How access tokens begin; after it stands whose they are."""


class Keys:
    """One RSA key for each service account, made when it is first asked for."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._lock = threading.Lock()

    def _key(self, account: str) -> rsa.RSAPrivateKey:
        with self._lock:
            if account not in self._keys:
                self._keys[account] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._keys[account]

    def sign(self, account: str, data: bytes) -> bytes:
        """RSA, PKCS #1 1.5 with SHA-256: what signBlob does."""
        return self._key(account).sign(data, padding.PKCS1v15(), hashes.SHA256())

    def is_signed(self, account: str, data: bytes, signature: bytes) -> bool:
        """Whether this account has signed this."""
        with self._lock:
            key = self._keys.get(account)
        if key is None:
            return False
        try:
            key.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def token(self, account: str, audience: str, now: float) -> str:
        """An OIDC token as Google's services attach it: https://cloud.google.com/docs/authentication/token-types#id"""
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "azp": account,
            "email": account,
            "email_verified": True,
            "sub": str(int.from_bytes(account.encode()[:8], "big")),
            "iat": int(now),
            "exp": int(now) + TOKEN_SECONDS,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": GOOGLE}
        signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
        return f"{signed}.{part(self.sign(GOOGLE, signed.encode()))}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """What a token says; None if it was not made here."""
        signed, _, signature = token.rpartition(".")
        try:
            valid = self.is_signed(GOOGLE, signed.encode(), raw(signature))
            found: dict[str, Any] = json.loads(raw(signed.partition(".")[2]))
        except ValueError:
            return None
        return found if valid else None


def account_of(authorization: str) -> str | None:
    """Whose access token a header has, of those that metadata servers of the stack gave."""
    kind, _, token = authorization.partition(" ")
    return token.removeprefix(ACCESS) if kind == "Bearer" and token.startswith(ACCESS) else None


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Metadata:
    """The metadata server of one instance: https://cloud.google.com/run/docs/container-contract#metadata-server"""

    def __init__(self, keys: Keys, clocks: Clocks, project: str, account: str) -> None:
        self._keys = keys
        self._clocks = clocks
        self._project = project
        self._account = account

    def answer(self, request: Request) -> Reply:
        if request.headers.get("metadata-flavor") != "Google":
            return Reply(403, b"Missing Metadata-Flavor:Google header.", (FLAVOR,))
        path = request.path.removeprefix(METADATA)
        default = "/instance/service-accounts/default"
        # Google's libraries ask for it by its address too.
        path = path.replace(f"/instance/service-accounts/{self._account}", default)
        texts = {
            "/project/project-id": self._project,
            "/project/numeric-project-id": "123456789012",
            "/instance/region": "projects/123456789012/regions/europe-west1",
            "/instance/id": "1",
            f"{default}/email": self._account,
            f"{default}/scopes": "https://www.googleapis.com/auth/cloud-platform",
        }
        if path in texts:
            return Reply(200, texts[path].encode(), (FLAVOR, ("Content-Type", "application/text")))
        if path == f"{default}/token":
            found = {"access_token": ACCESS + self._account, "expires_in": 3599, "token_type": "Bearer"}
            return Reply(200, found, (FLAVOR,))
        if path == f"{default}/identity":
            audience = dict(request.query).get("audience")
            if not audience:
                return Reply(400, b"non-empty audience parameter required", (FLAVOR,))
            token = self._keys.token(self._account, audience, self._clocks.now(self._project))
            return Reply(200, token.encode(), (FLAVOR, ("Content-Type", "application/text")))
        if path in ("", "/"):
            return Reply(200, b"computeMetadata/\n", (FLAVOR,))
        if path in (f"{default}/", "/instance/service-accounts/"):
            return Reply(200, {"default": {"email": self._account}, "email": self._account, "scopes": []}, (FLAVOR,))
        return Reply(404, b"Not Found", (FLAVOR,))
