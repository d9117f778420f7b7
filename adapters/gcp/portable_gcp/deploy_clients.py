"""Google's own clients, which only the command line uses, and what their errors mean to a person who deploys.

No function ships this module: clients.py has what the runtime half needs. All of them speak REST, so that the variables
by which gcloud is told where a service answers hold for them too (endpoints.py). Over a connection without TLS, which
can only lead to this machine, no credentials are sent.
"""

import threading
import weakref
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from portable.errors import (
    ConfigurationError,
    DeployFailed,
    PermissionDenied,
    PortableError,
    ProjectConflict,
    Throttled,
    Unavailable,
    Unknown,
)

from .accounts import SCOPE, Place, project_named, region_named, who
from .endpoints import endpoint
from .google_errors import code_of, exceptions, library, switched_off

AGAIN = "run it again: it goes on from where Google is"
RIGHTS = "`portable doctor --target gcp --policy` prints the rights that a deploy needs"
SECONDS = 60.0
LIBRARIES: dict[str, tuple[str, str]] = {
    "cloudfunctions": ("google.cloud.functions_v2", "FunctionServiceClient"),
    "cloudresourcemanager": ("google.cloud.resourcemanager_v3", "ProjectsClient"),
    "cloudscheduler": ("google.cloud.scheduler_v1", "CloudSchedulerClient"),
    "cloudtasks": ("google.cloud.tasks_v2", "CloudTasksClient"),
    "eventarc": ("google.cloud.eventarc_v1", "EventarcClient"),
    "firestore": ("google.cloud.firestore_admin_v1.services.firestore_admin", "FirestoreAdminClient"),
    "publisher": ("google.pubsub_v1", "PublisherClient"),
    "subscriber": ("google.pubsub_v1", "SubscriberClient"),
    "secretmanager": ("google.cloud.secretmanager_v1", "SecretManagerServiceClient"),
    "serviceusage": ("google.cloud.service_usage_v1", "ServiceUsageClient"),
}
"""The client of each service: its module and class."""
HOSTS = {"publisher": "pubsub", "subscriber": "pubsub"}
"""Two clients of one service."""


def close_all(made: dict[str, Any]) -> None:
    """Closes the connections of Google's clients and sessions; a client of theirs that speaks REST has them inside."""
    while made:
        _, one = made.popitem()
        transport = getattr(one, "transport", one)
        transport.close()
        # It asks about operations by a session of its own, made when first asked for, that no public name closes.
        operations = getattr(transport, "_operations_client", None)
        if operations is not None:
            operations.transport._session.close()


class DeployClients:
    """Clients made when first used, for all threads of a process. Their connections are closed with `close`, and when
    nobody has this object any more: a command ends with the process, a program that deploys may not."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self._found: tuple[Any, str | None] | None = None
        self.close = weakref.finalize(self, close_all, self._made)

    def library(self, name: str) -> Any:
        """One of LIBRARIES."""
        with self._lock:
            if name not in self._made:
                module, kind = LIBRARIES[name]
                service = HOSTS.get(name, name)
                place = endpoint(service)
                self._made[name] = getattr(library(module), kind)(
                    credentials=self.credentials(service),
                    transport="rest",
                    client_options=None if place.is_secure else {"api_endpoint": place.url},
                )
            return self._made[name]

    @property
    def storage(self) -> Any:
        """Google's client of Cloud Storage."""
        with self._lock:
            if "storage" not in self._made:
                place = endpoint("storage")
                self._made["storage"] = library("google.cloud.storage").Client(
                    project=project_named(None if not place.is_secure else self._default()[1]),
                    credentials=self.credentials("storage"),
                    client_options={"api_endpoint": place.url},
                )
            return self._made["storage"]

    @property
    def logging(self) -> Any:
        """Google's client of Cloud Logging, by JSON over HTTP."""
        with self._lock:
            if "logging" not in self._made:
                place = endpoint("logging")
                self._made["logging"] = library("google.cloud.logging").Client(
                    project=project_named(None if not place.is_secure else self._default()[1]),
                    credentials=self.credentials("logging"),
                    client_options={"api_endpoint": place.url},
                    _use_grpc=False,
                )
            return self._made["logging"]

    def call(
        self,
        service: str,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        seconds: float = SECONDS,
    ) -> Any:
        """One call of an interface for which there is no client of Google's that speaks REST, by its own session.

        Raises google.api_core's exceptions.
        """
        answer = self.session(service).request(
            verb,
            f"{endpoint(service).url}/{path}",
            json=None if body is None else dict(body),
            params=dict(query or {}),
            timeout=seconds,
        )
        if answer.status_code >= 400:
            raise exceptions().from_http_response(answer)
        return answer.json() if answer.content else {}

    def session(self, service: str) -> Any:
        """Google's own session of HTTP for a service: with tokens, and tried again when a token was too old."""
        key = f"session:{service}"
        with self._lock:
            if key not in self._made:
                session = library("google.auth.transport.requests").AuthorizedSession
                self._made[key] = session(self.credentials(service))
            return self._made[key]

    def function_session(self, url: str) -> Any:
        """A session for a function, with an identity token in the name of whoever deploys. The caller closes it.

        https://cloud.google.com/run/docs/authenticating/developers
        """
        session = library("requests").Session()
        if url.startswith("https://"):
            session.headers["Authorization"] = f"Bearer {self._identity_token(url)}"
        return session

    def _identity_token(self, audience: str) -> str:
        request, found = library("google.auth.transport.requests").Request(), self._default()[0]
        if hasattr(found, "id_token"):
            # A person's: gcloud's own token, which Cloud Run takes for all services.
            found.refresh(request)
            if not found.id_token:
                raise PermissionDenied(
                    "Google gives no identity token for these credentials",
                    hint="`gcloud auth application-default login` once more, or the key of a service account",
                )
            return str(found.id_token)
        return str(library("google.oauth2.id_token").fetch_id_token(request, audience))

    def credentials(self, service: str) -> Any:
        """What requests to a service are signed with: nothing where they would go unencrypted."""
        if not endpoint(service).is_secure:
            return library("google.auth.credentials").AnonymousCredentials()
        return self._default()[0]

    def _default(self) -> tuple[Any, str | None]:
        """https://cloud.google.com/docs/authentication/application-default-credentials"""
        with self._lock:
            found = self._found
            if found is None:
                found = self._found = library("google.auth").default(scopes=[SCOPE])
            return found

    def default_project(self) -> str | None:
        """The project that comes with the credentials. Raises google.auth's exceptions."""
        project: str | None = self._default()[1]
        return project

    def place(self) -> Place:
        """Asks Google for the project that is configured."""
        is_secure = endpoint("cloudresourcemanager").is_secure
        project, location = project_named(self._default()[1] if is_secure else None), region_named()
        found = self.library("cloudresourcemanager").get_project(name=f"projects/{project}")
        return Place(project, str(found.name).partition("/")[2], location, who(self._default()[0]) if is_secure else "")


@contextmanager
def told(doing: str) -> Generator[None]:
    """What Google's libraries raise meanwhile comes out as one of portable's errors, which says what was being done."""
    try:
        yield
    except PortableError:
        raise
    except Exception as error:
        found = meaning(error, doing)
        if found is None:
            raise
        raise found from error


def meaning(error: Exception, doing: str) -> PortableError | None:
    """An error of Google's libraries as a person is told it; None for what is none of theirs."""
    family = type(error).__module__.partition(".")[0]
    if family == "requests":
        return Unknown(f"{doing}: the answer was lost: {error}", hint=AGAIN)
    if family != "google":
        return None
    name = type(error).__name__
    if name in ("DefaultCredentialsError", "RefreshError", "ReauthFailError"):
        return PermissionDenied(
            f"{doing}: Google needs credentials, and there are none that work: {error}",
            hint="as for every tool of Google's: `gcloud auth application-default login`, or the variable "
            "GOOGLE_APPLICATION_CREDENTIALS",
        )
    if type(error).__module__.startswith("google.auth"):
        return Unavailable(f"{doing}: {error}", hint=AGAIN)
    status = code_of(error)
    if status in (401, 403):
        off = switched_off(error)
        if off is not None:
            return ConfigurationError(f"{doing}: {error}", hint=f"gcloud services enable {off}")
        return PermissionDenied(f"{doing}: {error}", hint=RIGHTS)
    if status == 429:
        return Throttled(f"{doing}: {error}", hint=AGAIN)
    if status in (409, 412):
        return ProjectConflict(f"{doing}: {error}", hint="somebody else changes it; try again in a minute")
    if status >= 500:
        return Unavailable(f"{doing}: {error}", hint=AGAIN)
    return DeployFailed(f"{doing}: {error}")
