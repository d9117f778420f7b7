"""Params and secrets of a deployed stage: what `portable config` and `portable secret` write with --stage."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from portable.errors import ConfigurationError, PermissionDenied

from .accounts import project_named
from .clients import Clients
from .deploy_clients import RIGHTS, DeployClients, told
from .endpoints import endpoint
from .errors import GoogleError, classify
from .names import Names
from .values import Kind, SecretManagerValue, secret_path
from .written_values import write_value

PAGE = 1000


class GcpValues:
    """Implements portable.adapter.Values. No value is ever in a message.

    `project` None: the one that gcloud is set to.
    """

    def __init__(self, app: str, stage: str, project: str | None = None) -> None:
        self._app = app
        self._stage = stage
        self._project = project

    def names(self, kind: Kind) -> list[str]:
        """Those that have a value: a deploy makes the place of one before there is any."""
        with self._asking(f"list the {kind}s") as clients:
            found = [one for one in self._secrets(clients, kind) if is_set(clients, name_of(one))]
            return sorted(self._qualified(clients, kind, one) for one in found)

    def read_param(self, name: str) -> str | None:
        with self._asking(f"read the param {name}") as clients:
            return SecretManagerValue(clients, self._names(clients).value("param", name)).read()

    def write(self, kind: Kind, name: str, value: str | None) -> None:
        """What is removed is disabled, and can be enabled again where Google shows it; functions do not see it."""
        with self._asking(f"{'write' if value is not None else 'remove'} the {kind} {name}") as clients:
            self._check_owner(clients, kind, name)
            if value is not None:
                write_value(clients, self._names(clients), kind, name, value)
            else:
                disable(clients, self._names(clients).value(kind, name))

    @contextmanager
    def _asking(self, doing: str) -> Generator[Clients]:
        """What Google answers meanwhile comes out as one of portable's errors, which says what was being done."""
        with told(doing):
            default = DeployClients().default_project() if endpoint("secretmanager").is_secure else None
            clients = Clients(self._project or project_named(default))
        try:
            yield clients
        except GoogleError as error:
            kind = classify(error)
            if kind is None:
                raise
            raise kind(f"{doing}: {error}", hint=RIGHTS if kind is PermissionDenied else None) from error
        finally:
            clients.close()

    def _names(self, clients: Clients) -> Names:
        return Names(self._app, self._stage, clients.project, "")

    def _secrets(self, clients: Clients, kind: Kind) -> Iterator[dict[str, Any]]:
        """This stage's own: by their labels, and what has none, since a person made it, by its name."""
        start = self._names(clients).value(kind, "x")[:-1]
        query: dict[str, str | int] = {"filter": f"name:{start}", "pageSize": PAGE}
        while True:
            path = f"/v1/projects/{clients.project}/secrets"
            answer: dict[str, Any] = clients.secrets.call("GET", path, query=query, is_read=True) or {}
            for one in answer.get("secrets", ()):
                # No name in an app begins with a hyphen, which begins what is not a secret's.
                rest = name_of(one).removeprefix(start)
                if rest != name_of(one) and not rest.startswith("-") and owner_of(one) in (None, self._owner(kind)):
                    yield one
            if not answer.get("nextPageToken"):
                return
            query["pageToken"] = str(answer["nextPageToken"])

    def _owner(self, kind: Kind) -> tuple[str, str, str]:
        return self._app, self._stage, kind

    def _check_owner(self, clients: Clients, kind: Kind, name: str) -> None:
        """Raises ConfigurationError for what another app's name has led to: `shop-dev` in prod, and `shop` in dev."""
        physical = self._names(clients).value(kind, name)
        try:
            found = clients.secrets.call("GET", secret_path(clients, physical), is_read=True)
        except GoogleError as error:
            if error.status == 404:
                return
            raise
        owner = owner_of(found)
        if owner not in (None, self._owner(kind)):
            app, stage, other = owner
            ours = f"the {kind} {name} of {self._app} in {self._stage}"
            raise ConfigurationError(
                f"{physical} is a {other} of {app} in {stage}, and not {ours}",
                hint="their names are one in Secret Manager: call one of them otherwise",
            )

    def _qualified(self, clients: Clients, kind: Kind, secret: dict[str, Any]) -> str:
        """What the app calls it: the name of a service stands before a dot, and in its label."""
        name = name_of(secret)[len(self._names(clients).value(kind, "x")) - 1 :]
        service = str(secret.get("labels", {}).get("service", self._app))
        return name if service == self._app else f"{service}.{name[len(service) + 1 :]}"


def owner_of(secret: dict[str, Any]) -> tuple[str, str, str] | None:
    """Whose it is, by its labels: app, stage and kind."""
    labels: dict[str, str] = secret.get("labels", {})
    if not all(name in labels for name in ("app", "stage", "kind")):
        return None
    return labels["app"], labels["stage"], labels["kind"]


def name_of(secret: dict[str, Any]) -> str:
    return str(secret["name"]).rpartition("/")[2]


def is_set(clients: Clients, name: str) -> bool:
    """Whether the newest version can be read."""
    path = f"{secret_path(clients, name)}/versions/latest"
    try:
        answer = clients.secrets.call("GET", path, is_read=True)
    except GoogleError as error:
        if error.status == 404:
            return False
        raise
    return bool(answer["state"] == "ENABLED")


def disable(clients: Clients, name: str) -> None:
    """Disables all versions: else the second newest could become the value by a hand that removes the newest."""
    query: dict[str, str | int] = {"filter": "state:ENABLED", "pageSize": PAGE}
    try:
        path = f"{secret_path(clients, name)}/versions"
        answer: dict[str, Any] = clients.secrets.call("GET", path, query=query, is_read=True)
    except GoogleError as error:
        if error.status == 404:
            return
        raise
    for version in answer.get("versions", ()):
        clients.secrets.call("POST", f"/v1/{version['name']}:disable", body={}, is_read=False, repeat=True)
