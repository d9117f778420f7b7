"""Writing params and secrets: for the command line and tests. No function ships this module.

https://cloud.google.com/secret-manager/docs/add-secret-version
"""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from .errors import GoogleError
from .names import Names
from .values import Kind, secret_path, to_store

if TYPE_CHECKING:
    from .clients import Clients

KEPT_VERSIONS = 5
"""Versions of a value that are kept beside the newest one; older ones are destroyed, since each costs something."""


def write_value(clients: "Clients", names: Names, kind: Kind, qualified: str, value: str) -> None:
    """Sets a param or secret, which is made if it is not there: whoever reads `latest` sees it. Nothing shows it."""
    name = names.value(kind, qualified)
    try:
        add_version(clients, name, value)
    except GoogleError as error:
        if error.status != 404:
            raise
        make_secret(clients, names, kind, qualified)
        add_version(clients, name, value)
    destroy_old(clients, name)


def add_version(clients: "Clients", name: str, value: str) -> None:
    payload = {"data": b64encode(to_store(value)).decode()}
    path = f"{secret_path(clients, name)}:addVersion"
    # A version that is added twice is the newest one both times.
    clients.secrets.call("POST", path, body={"payload": payload}, is_read=False, repeat=True)


def make_secret(clients: "Clients", names: Names, kind: Kind, qualified: str) -> None:
    """As a deploy makes it, whichever comes first."""
    service = qualified.rpartition(".")[0] or names.app
    body: dict[str, Any] = {
        "replication": {"automatic": {}},
        "labels": {"app": names.app, "stage": names.stage, "service": service, "kind": kind},
    }
    name, path = names.value(kind, qualified), f"/v1/projects/{clients.project}/secrets"
    try:
        clients.secrets.call("POST", path, query={"secretId": name}, body=body, is_read=False, repeat=True)
    except GoogleError as error:
        # Made meanwhile: by somebody else, or by an attempt whose answer was lost.
        if error.status != 409:
            raise


def destroy_old(clients: "Clients", name: str) -> None:
    """Destroys all but the newest versions: those with the highest numbers."""
    query: dict[str, str | int] = {"filter": "state:ENABLED", "pageSize": 100}
    path = f"{secret_path(clients, name)}/versions"
    answer: dict[str, Any] = clients.secrets.call("GET", path, query=query, is_read=True)
    names = sorted((str(one["name"]) for one in answer.get("versions", ())), key=number_of, reverse=True)
    for name in names[KEPT_VERSIONS + 1 :]:
        clients.secrets.call("POST", f"/v1/{name}:destroy", body={}, is_read=False, repeat=True)


def number_of(version: str) -> int:
    return int(version.rpartition("/")[2])
