"""Params and secrets, both in Secret Manager: a function may read its own ones, each by its name.

Secret Manager takes no empty payload: an empty text, and what looks as if it were written by these rules, is stored
behind a mark. The Resource keeps what it read for five minutes; nothing is kept here.
https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from base64 import b64decode
from typing import TYPE_CHECKING, Literal

from .errors import GoogleError, classify

if TYPE_CHECKING:
    from .clients import Clients

Kind = Literal["param", "secret"]
MARK = "portable:"
EMPTY = "portable:empty"
QUOTED = "portable:quoted:"


def to_store(value: str) -> bytes:
    """A value as it is stored."""
    if not value:
        return EMPTY.encode()
    return (QUOTED + value if value.startswith(MARK) else value).encode()


def from_store(stored: bytes) -> str:
    """The value that was stored so."""
    text = stored.decode()
    return "" if text == EMPTY else text.removeprefix(QUOTED)


class SecretManagerValue:
    """A param or secret, by its physical name."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    classify = staticmethod(classify)

    def read(self) -> str | None:
        path = f"{secret_path(self._clients, self._name)}/versions/latest:access"
        try:
            answer = self._clients.secrets.call("GET", path, is_read=True)
        except GoogleError as error:
            # The newest version of one that was removed is disabled or destroyed.
            if error.status == 404 or error.reason == "FAILED_PRECONDITION":
                return None
            raise
        return from_store(b64decode(answer["payload"]["data"]))


def secret_path(clients: "Clients", name: str) -> str:
    return f"/v1/projects/{clients.project}/secrets/{name}"
