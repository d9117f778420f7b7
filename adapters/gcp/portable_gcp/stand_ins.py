"""A project of a test stack of Google Cloud: its time, what is due in it, and the refusal to touch Google itself.

The stack says where it is controlled: PORTABLE_GCP_CONTROL for all services but Firestore, which has a control of its
own beside its emulator's endpoint. The protocol is that of tests/gcp_stack/README.md.
"""

import json
import os
import secrets
from base64 import b64decode
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portable.errors import ConfigurationError, InvalidArgument

from .endpoints import LOOPBACK, endpoint

CONTROL = "PORTABLE_GCP_CONTROL"
FIRESTORE_CONTROL = "/_portable"
LOCATION, NUMBER = "europe-west1", "123456789012"
SERVICES = ("firestore", "storage", "cloudtasks", "pubsub", "cloudscheduler", "secretmanager", "iamcredentials")
TIMEOUT = 120.0
MOST_DUE = 100

Document = dict[str, Any]


class Delivery(NamedTuple):
    """What a service sends to a function now; `id` is by which its answer is told, "" for a change."""

    id: str
    resource: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def new_project() -> str:
    """The id of a project that nobody else has: test stacks make projects as they are named."""
    return f"t-{secrets.token_hex(12)}"


def check_stack() -> None:
    """Raises ConfigurationError where a service would be Google itself, or no stack is controlled."""
    for service in SERVICES:
        host = endpoint(service).host
        if host not in LOOPBACK:
            raise ConfigurationError(
                f"{service} is at {host}, and tests do not run in Google Cloud itself",
                hint="start a test stack, and say where its services are: portable_gcp/endpoints.py has the variables",
            )
    if not os.environ.get(CONTROL):
        raise ConfigurationError(
            "the services of this test stack have no time that can be moved", hint=f"{CONTROL} names where that is done"
        )


class ProjectClock:
    """Implements portable.binding.Clock: stands still until it is advanced, and the project's services with it."""

    def __init__(self, project: str, start: float) -> None:
        self._project = project
        self._now = start
        ask_services("clock", {"project": project, "now": start})

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves on; schedules on the way become due. Raises InvalidArgument for a step back."""
        if not seconds >= 0:
            raise InvalidArgument(f"time is not advanced by {seconds} seconds")
        ask_services("clock", {"project": self._project, "now": self._now + seconds})
        self._now += seconds


class Deliverer:
    """What a project's services have for its functions."""

    def __init__(self, project: str, database: str) -> None:
        self._project = project
        self._database = database
        self._seen = 0

    def due(self) -> list[Delivery]:
        """What Cloud Tasks, Pub/Sub and Scheduler send now."""
        answer = ask_services("due", {"project": self._project, "most": MOST_DUE})
        return [
            Delivery(
                one["id"],
                one["resource"],
                one["method"],
                urlsplit(str(one["url"])).path or "/",
                tuple((name, value) for name, value in one["headers"]),
                b64decode(one["body"]),
            )
            for one in answer["deliveries"]
        ]

    def answered(self, delivery: Delivery, status: int) -> None:
        ask_services("answer", {"project": self._project, "id": delivery.id, "status": status})

    def changes(self) -> list[Delivery]:
        """What Eventarc tells of documents that were written since it was asked last; `resource` is the document."""
        about = {"project": self._project, "database": self._database, "after": self._seen, "most": MOST_DUE}
        found = ask_firestore("changes", about)["changes"]
        if found:
            self._seen = found[-1]["number"]
        return [
            Delivery(
                "",
                one["document"],
                "POST",
                "/",
                tuple((name, value) for name, value in one["headers"]),
                b64decode(one["body"]),
            )
            for one in found
        ]


def declare_indexes(project: str, database: str, document: Document) -> None:
    """The composite indexes that there are, in the form of firestore.indexes.json."""
    ask_firestore("indexes", {"project": project, "database": database, "document": document})


def forget(project: str) -> None:
    """Everything of the project is gone."""
    ask_services("forget", {"project": project})
    ask_firestore("forget", {"project": project})


def ask_services(action: str, body: Document) -> Document:
    return ask(os.environ.get(CONTROL, ""), action, body)


def ask_firestore(action: str, body: Document) -> Document:
    return ask(endpoint("firestore").url + FIRESTORE_CONTROL, action, body)


def ask(control: str, action: str, body: Document) -> Document:
    """Raises ConfigurationError where nothing answers like a control, InvalidArgument for what it refuses."""
    parts = urlsplit(control)
    if parts.scheme != "http" or parts.hostname is None:
        raise ConfigurationError(f"{CONTROL} is {control!r}, and no http URL")
    connection = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", f"{parts.path}/{action}", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise ConfigurationError(f"{control}: {action} answered {response.status}: {text[:500]!r}")
    answer: Document = json.loads(text)
    if "error" in answer:
        raise InvalidArgument(answer["error"], hint=answer.get("hint"))
    return answer
