"""The cookies of one client, kept and sent back as a browser does (RFC 6265), by the clock of the test."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import NamedTuple

from portable.errors import InvalidArgument

LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Hosts that browsers trust with Secure cookies without https."""


class Kept(NamedTuple):
    """One cookie. `domain` is a host, or with `is_wide` all hosts below it too; `expires` an epoch time or None."""

    name: str
    value: str
    domain: str
    is_wide: bool
    path: str
    is_secure: bool
    expires: float | None


class Cookies(MutableMapping[str, str]):
    """What the client would send, by name: `client.cookies["session"]`.

    Setting one by hand is as if the app had set it for its whole site; deleting one deletes all of that name.
    """

    def __init__(self, now: Callable[[], float], host: str) -> None:
        self._now = now
        self._host = host
        self._kept: dict[tuple[str, str, str], Kept] = {}

    def __repr__(self) -> str:
        return f"Cookies({dict(self)!r})"

    def __getitem__(self, name: str) -> str:
        # The one with the longest path is the one that is sent first.
        found = [cookie for cookie in self._live() if cookie.name == name]
        if not found:
            raise KeyError(name)
        return max(found, key=lambda cookie: len(cookie.path)).value

    def __setitem__(self, name: str, value: str) -> None:
        if not name or not f"{name}{value}".isascii() or any(mark in f"{name}{value}" for mark in ';, "\r\n\t'):
            raise InvalidArgument(f"{name}={value!r:.100} cannot be a cookie", hint="encode it, for instance as base64")
        self._keep(Kept(name, value, self._host, False, "/", False, None))

    def __delitem__(self, name: str) -> None:
        keys = [key for key, cookie in self._kept.items() if cookie.name == name]
        if not keys:
            raise KeyError(name)
        for key in keys:
            del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self._live()))

    def __len__(self) -> int:
        return len(set(self))

    def _live(self) -> list[Kept]:
        now = self._now()
        return [cookie for cookie in self._kept.values() if cookie.expires is None or cookie.expires > now]

    def _keep(self, cookie: Kept) -> None:
        self._kept[cookie.domain, cookie.path, cookie.name] = cookie

    def header(self, scheme: str, host: str, path: str) -> str:
        """The Cookie header of a request: those with longer paths first, then in the order in which they were set."""
        is_trusted = scheme == "https" or host in LOCAL or host.endswith(".localhost")
        sent = [
            cookie
            for cookie in self._live()
            if (host == cookie.domain or (cookie.is_wide and host.endswith(f".{cookie.domain}")))
            and path_matches(path, cookie.path)
            and (is_trusted or not cookie.is_secure)
        ]
        sent.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent)

    def take(self, line: str, scheme: str, host: str, path: str) -> None:
        """Keeps what a Set-Cookie header says; what a browser would refuse is left out without a word."""
        pair, *rest = line.split(";")
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name:
            return
        attributes: dict[str, str] = {}
        for part in rest:
            key, _, text = part.partition("=")
            attributes[key.strip().lower()] = text.strip()
        domain = attributes.get("domain", "").lower().removeprefix(".")
        if domain and domain != host and (not host.endswith(f".{domain}") or "." not in domain):
            return
        place = attributes.get("path", "")
        place = place if place.startswith("/") else default_path(path)
        is_secure = "secure" in attributes
        if is_secure and scheme != "https" and host not in LOCAL and not host.endswith(".localhost"):
            return
        if name.startswith(("__Secure-", "__Host-")) and not is_secure:
            return
        if name.startswith("__Host-") and (domain or attributes.get("path") != "/"):
            return
        expires = self._expires(attributes)
        cookie = Kept(name, value, domain or host, bool(domain), place, is_secure, expires)
        # Also when it is over already: that is how a cookie is deleted.
        self._keep(cookie)
        if expires is not None and expires <= self._now():
            del self._kept[cookie.domain, cookie.path, cookie.name]

    def _expires(self, attributes: dict[str, str]) -> float | None:
        """When a cookie is over: Max-Age counts before Expires, and what is neither is left out."""
        age = attributes.get("max-age", "")
        if age.removeprefix("-").isdecimal():
            return self._now() + int(age) if int(age) > 0 else 0.0
        if "expires" not in attributes:
            return None
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(attributes["expires"]).timestamp()
        except (ValueError, OverflowError):
            return None


def default_path(path: str) -> str:
    """The folder of a request's path (RFC 6265, section 5.1.4)."""
    return path.rpartition("/")[0] or "/"


def path_matches(path: str, wanted: str) -> bool:
    """Whether a cookie's path has the request's path below it (RFC 6265, section 5.1.4)."""
    return path == wanted or (path.startswith(wanted) and (wanted.endswith("/") or path[len(wanted)] == "/"))
