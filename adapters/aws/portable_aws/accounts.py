"""An account of a test stack: clients with credentials of its own, its time, and the refusal to touch AWS itself."""

import json
import os
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from portable.errors import ConfigurationError, InvalidArgument

from .clients import Clients

CONTROL = "PORTABLE_AWS_CONTROL"
"""URL below which the test stack lets time be moved: tests/aws_stack/host/control.py."""
REGION = "eu-central-1"
OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn", ".amazonaws.eu", ".on.aws")
TIMEOUT = 120.0
KEPT_BY_KEY = frozenset(("dynamodb", "dynamodbstreams"))
SECRET = "test"  # noqa: S105 - LocalStack signs with it for every account

_lock = threading.Lock()
_idle: "dict[tuple[tuple[str, str], ...], list[AccountClients]]" = {}
"""Clients that no app has now, by the endpoints that they were made for."""


def new_account() -> str:
    """Twelve digits: test stacks keep apart the data of different access keys, and take such a one for the account."""
    return str(secrets.randbelow(9 * 10**11) + 10**11)


class AccountClients(Clients):
    """Clients of one account of a test stack. Making one that would speak to AWS raises ConfigurationError.

    They are used by one running app after another, each with an account of its own: making them takes longer than what
    most tests do. Only to DynamoDB all of these are one, since DynamoDB Local keeps a database with threads of its own
    for each access key, for ever; an app's tables are removed when it ends.
    """

    def __init__(self, region: str) -> None:
        super().__init__(region)
        import botocore.session
        from botocore.credentials import Credentials

        self._credentials: Any = Credentials("none", SECRET)
        self._data_credentials: Any = Credentials(new_account(), SECRET)
        self._session: Any = botocore.session.Session()
        self._session._credentials = self._credentials

    def act_for(self, account: str) -> None:
        """The next requests are this account's. Signers take the credentials of each request anew."""
        self._credentials.access_key = account

    def _make(self, service: str, attempts: int, options: dict[str, Any]) -> Any:
        # The lock of `_client` is held.
        self._session._credentials = self._data_credentials if service in KEPT_BY_KEY else self._credentials
        client = super()._make(service, attempts, options)
        host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
        if host.endswith(OF_AWS):
            client.close()
            raise ConfigurationError(
                f"{service} is at {host}, and tests do not run in AWS itself",
                hint="set AWS_ENDPOINT_URL to where your test stack listens",
            )
        return client

    @property
    def dynamodbstreams(self) -> Any:
        return self._client("dynamodbstreams", "dynamodbstreams")


def endpoints() -> tuple[tuple[str, str], ...]:
    """What decides where clients speak to, as long as nothing else of the environment changes."""
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")))


@contextmanager
def clients_of(account: str, region: str) -> Generator[AccountClients]:
    """Clients for one account, which nobody else has until the block ends."""
    idle = _idle.setdefault((("region", region), *endpoints()), [])
    with _lock:
        found = idle.pop() if idle else None
    clients = found or AccountClients(region)
    clients.act_for(account)
    yield clients
    # Not after a failure, which may have left something behind.
    clients.act_for("none")
    with _lock:
        idle.append(clients)


class AccountClock:
    """Implements portable.binding.Clock: stands still until it is advanced, and the account's services with it."""

    def __init__(self, account: str, start: float) -> None:
        self.account = account
        self._now = start
        self._control = os.environ.get(CONTROL)
        self._tell(start)

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves on; schedules on the way fire. Raises InvalidArgument, ConfigurationError without a control."""
        if not seconds >= 0:
            raise InvalidArgument(f"time is not advanced by {seconds} seconds")
        if self._control is None:
            raise ConfigurationError(
                "the services of this test stack have no time that can be moved",
                hint=f"{CONTROL} names where that is done",
            )
        self._tell(self._now + seconds)
        self._now += seconds

    def settle(self) -> None:
        """Waits until the services have delivered what they had accepted."""
        self._ask("settle", {})

    def close(self) -> None:
        self._ask("forget", {"account": self.account})

    def _tell(self, now: float) -> None:
        self._ask("clock", {"account": self.account, "now": now})

    def _ask(self, action: str, body: dict[str, Any]) -> None:
        if self._control is None:
            return
        parts = urlsplit(self._control)
        if parts.scheme != "http" or parts.hostname is None:
            raise ConfigurationError(f"{CONTROL} is {self._control!r}, and no http URL")
        connection = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        try:
            connection.request("POST", f"{parts.path}/{action}", json.dumps(body), {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ConfigurationError(f"{CONTROL}: {action} answered {response.status}: {text[:500]!r}")
        answer = json.loads(text)
        if "error" in answer:
            raise InvalidArgument(answer["error"], hint=answer.get("hint"))
