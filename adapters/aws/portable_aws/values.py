"""Params in SSM's Parameter Store, secrets in Secrets Manager.

Both take no empty text, and Parameter Store none with `{{`: such values, and those that look as if they were written
by these rules, are stored behind a mark. The Resource keeps what it read for five minutes; nothing is kept here.
"""

from typing import TYPE_CHECKING

from .errors import classify, error_code

if TYPE_CHECKING:
    from .clients import Clients

MARK = "portable:"
EMPTY = "portable:empty"
QUOTED = "portable:quoted:"
ABSENT = ("ParameterNotFound", "ResourceNotFoundException")


def to_store(value: str) -> str:
    """A value as it is stored."""
    if not value:
        return EMPTY
    if "{{" in value or value.startswith(MARK):
        return QUOTED + value.replace("%", "%25").replace("{", "%7B")
    return value


def from_store(stored: str) -> str:
    """The value that was stored so."""
    if stored == EMPTY:
        return ""
    if stored.startswith(QUOTED):
        return stored[len(QUOTED) :].replace("%7B", "{").replace("%25", "%")
    return stored


class SsmValue:
    """A param, by its physical name."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    classify = staticmethod(classify)

    def read(self) -> str | None:
        try:
            answer = self._clients.ssm.get_parameter(Name=self._name, WithDecryption=True)
        except Exception as error:
            if error_code(error) in ABSENT:
                return None
            raise
        return from_store(answer["Parameter"]["Value"])


class SecretsManagerValue:
    """A secret, by its physical name."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    classify = staticmethod(classify)

    def read(self) -> str | None:
        try:
            answer = self._clients.secretsmanager.get_secret_value(SecretId=self._name)
        except Exception as error:
            # One that is marked for deletion is none any more.
            if error_code(error) in ABSENT or "marked for deletion" in str(error):
                return None
            raise
        text: str | None = answer.get("SecretString")
        return None if text is None else from_store(text)
