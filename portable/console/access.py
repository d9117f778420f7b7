"""Who may speak to the console: its own pages in a browser, and programs that know its key. Nobody else's page.

A page from elsewhere can make a browser send requests to any port of this machine. So every request must name this
console as its Host (a name that was bound to 127.0.0.1 a moment ago does not), what a browser says about where it comes
from must be this console, and a change needs what a form or a plain `fetch` cannot send: JSON, and a header of its own.
A link has a code in its fragment, which no browser sends; the page swaps it, once, for a cookie that no script can see.
Programs send the key itself.

`check` is asked about every request, also about one that wants to become something else: there is no other way in.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from portable.console import COOKIES
from portable.http import Request

KEY_BYTES = 32
COOKIE_SECONDS = 7 * 86400
LINK_SECONDS = 86400
"""For which a link is good that was not used."""
PROOF = "x-portable-console"
"""The header that only a page of the same origin, or a program, can send without being asked first."""
READS = ("GET", "HEAD")
CHANGES = ("POST", "PUT", "DELETE")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Of every answer."""


class Refusal(NamedTuple):
    """Why a request is not let in."""

    status: int
    detail: str


def new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


class Access:
    """The rules of one console; `port` is where it listens."""

    def __init__(self, key: str, port: int, *, clock: Callable[[], float] = time.time) -> None:
        if len(key) < 22:
            raise ValueError("a key has at least 128 bits")
        self._key = key.encode()
        self._clock = clock
        self.port = port
        self.hosts: frozenset[str] = frozenset(f"{name}:{port}" for name in LOOPBACK)
        self.origins: frozenset[str] = frozenset(f"http://{host}" for host in self.hosts)
        # Cookies know no ports: two consoles on one host must not take each other's.
        self.cookie: str = f"{COOKIES}{port}"

    # Requests

    def check(self, request: Request, *, is_page: bool = False, is_open: bool = False) -> Refusal | None:
        """Why this request is refused, or None.

        `is_page`: a packaged file, which tells nothing and may be opened from anywhere. `is_open`: no cookie needed.
        """
        return (
            self._check_host(request.headers.get("host"))
            or self._check_upgrade(request)
            or self._check_origin(request, is_page=is_page)
            or self._check_change(request)
            or (None if is_page or is_open else self._check_key(request))
        )

    def _check_host(self, host: str | None) -> Refusal | None:
        if host is None or host.lower() not in self.hosts:
            return Refusal(403, "This host is not the console.")
        return None

    def _check_upgrade(self, request: Request) -> Refusal | None:
        for name in request.headers:
            if name == "upgrade" or name.startswith("sec-websocket-"):
                return Refusal(403, "No other protocol is spoken here.")
        return None

    def _check_origin(self, request: Request, *, is_page: bool) -> Refusal | None:
        origin = request.headers.get("origin")
        is_change = request.method not in READS
        if origin is None:
            if is_change:
                return Refusal(403, "A change must say where it comes from.")
        elif origin not in self.origins or origin != f"http://{(request.headers.get('host') or '').lower()}":
            return Refusal(403, "This origin is not the console.")
        site = request.headers.get("sec-fetch-site")
        if site is None or site == "same-origin" or (site == "none" and not is_change):
            return None
        if is_page and not is_change and request.headers.get("sec-fetch-mode") == "navigate":
            # Somebody follows a link. It may not be framed: see frame-ancestors.
            return None
        return Refusal(403, "This page is not the console.")

    def _check_change(self, request: Request) -> Refusal | None:
        if request.method in READS:
            return None
        if request.method not in CHANGES:
            return Refusal(405, "GET, POST, PUT and DELETE are known here.")
        if request.headers.get(PROOF) != "1":
            return Refusal(403, f"A change needs the header {PROOF}: 1.")
        if not is_json(request.headers.get("content-type")):
            return Refusal(415, "A change is JSON: content-type: application/json.")
        return None

    def _check_key(self, request: Request) -> Refusal | None:
        scheme, _, given = (request.headers.get("authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and self.is_key(given.strip()):
            return None
        if self.is_session(request.cookies.get(self.cookie, "")):
            return None
        return Refusal(401, "Open the console by a new link: `portable status` prints one.")

    # Keys and cookies

    def is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._key)

    def new_code(self) -> str:
        """What a link has in its fragment. Whoever has the key makes one; which were used, the console remembers."""
        return self._sealed(b"link")

    def link_of(self, code: str) -> str | None:
        """What a code is remembered by once it was used; None for one that is none of ours, or too old."""
        return self._opened(b"link", code, LINK_SECONDS)

    def new_session(self) -> str:
        """What a code is swapped for. It says when it was made; nothing of it need be kept."""
        return self._sealed(b"session")

    def is_session(self, given: str) -> bool:
        return self._opened(b"session", given, COOKIE_SECONDS) is not None

    def _sealed(self, purpose: bytes) -> str:
        text = f"{int(self._clock())}.{secrets.token_urlsafe(16)}"
        return f"{text}.{self._seal(purpose, text)}"

    def _opened(self, purpose: bytes, given: str, seconds: float) -> str | None:
        """The text below our seal, if it is ours, for this, and not older than that."""
        text, _, seal = given.rpartition(".")
        if not hmac.compare_digest(seal.encode("utf-8", "surrogatepass"), self._seal(purpose, text).encode()):
            return None
        made = int(text.partition(".")[0])
        return text if 0 <= self._clock() - made + 60 <= seconds + 60 else None

    def _seal(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._key, purpose + b"\0" + text.encode("utf-8", "surrogatepass"), sha256).hexdigest()


class Senders:
    """Who may send spans to the port of the app, `port`: its own pages, and programs of this machine.

    Nothing is given for them, so there is no key. A page from elsewhere must not be able to write either: a browser
    asks first before it sends JSON to another origin, and is never told that it may.
    """

    def __init__(self, port: int) -> None:
        self.hosts: frozenset[str] = frozenset(f"{name}:{port}" for name in LOOPBACK)

    def check(self, request: Request) -> Refusal | None:
        """Why this request is refused, or None. A program says nothing of where it comes from, a browser always."""
        host = (request.headers.get("host") or "").lower()
        if host not in self.hosts:
            return Refusal(403, "This host is not the app on this machine.")
        for name in request.headers:
            if name == "upgrade" or name.startswith("sec-websocket-"):
                return Refusal(403, "No other protocol is spoken here.")
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return Refusal(403, "This origin is not the app.")
        if request.headers.get("sec-fetch-site") not in (None, "same-origin"):
            return Refusal(403, "This page is not one of the app's.")
        if request.method != "POST":
            return Refusal(405, "It takes POST.")
        if not is_json(request.headers.get("content-type")):
            return Refusal(415, "OTLP's JSON is taken here: OTEL_EXPORTER_OTLP_PROTOCOL=http/json.")
        return None


def is_json(content_type: str | None) -> bool:
    """`application/json`, perhaps with `charset=utf-8`: nothing that a page may send without being asked."""
    kind, *parameters = [part.strip().lower() for part in (content_type or "").split(";")]
    return kind == "application/json" and parameters in ([], ["charset=utf-8"], ['charset="utf-8"'])


def link(url: str, code: str) -> str:
    """Where a person opens the console, once."""
    return f"{url}/#key={code}"
