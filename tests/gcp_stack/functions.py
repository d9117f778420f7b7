"""Functions: each has an address, lets in whom its policy does, as Cloud Run, and runs once it is called.

One instance of each, with one request at a time: what Cloud Run gives as many instances to waits here.
"""

import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from .clocks import Clocks
from .function_instances import Instance, NotReady, Revision
from .function_logs import Lines, Logs
from .identity import Keys, Metadata
from .server import Reply, Request, Stand

INVOKER = "roles/run.invoker"
EVERYBODY = "allUsers"
Policy = Callable[[], Mapping[str, Any]]


class Function:
    """`host` is its name in the world, `endpoint` where it is in truth: there, whoever deploys needs no token.

    A request that came by the name must have a token of an account that may invoke it, or everybody may.
    """

    def __init__(
        self, name: str, host: str, keys: Keys, clocks: Clocks, policy: Policy, logs: Logs, more: Mapping[str, str]
    ) -> None:
        self.name = name
        self.host = host
        self._keys = keys
        self._clocks = clocks
        self._policy = policy
        self._logs = logs
        self._more = more
        self._numbers = count(1)
        self._turn = threading.Lock()
        self._revision: Revision | None = None
        self._instance: Instance | None = None
        self._metadata: Stand | None = None
        self._front = Stand(self._answer, f"function-{self.short}")
        self.endpoint = self._front.endpoint

    @property
    def short(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def project(self) -> str:
        return self.name.split("/")[1]

    def next_revision(self) -> str:
        return f"{self.short}-{next(self._numbers):05}-por"

    # Revisions

    def begun(self, revision: Revision) -> Instance:
        """An instance that listens. Raises NotReady."""
        said = Lines(self.name, revision.name, self._logs)
        found = Instance(revision, {**self._more, **self._identity(revision)}, said.say)
        found.wait()
        return found

    def _identity(self, revision: Revision) -> dict[str, str]:
        """Its own metadata server: each function has an account of its own."""
        if self._metadata is None:
            found = Metadata(self._keys, self._clocks, self.project, revision.account)
            self._metadata = Stand(found.answer, f"metadata-{self.short}")
        place = self._metadata.endpoint.removeprefix("http://")
        return {"GCE_METADATA_HOST": place, "GCE_METADATA_ROOT": place, "GCE_METADATA_IP": place}

    def switch(self, revision: Revision, instance: Instance | None) -> None:
        """From now on it is this revision that answers, when what is under way has been answered."""
        with self._turn:
            before, self._revision, self._instance = self._instance, revision, instance
        if before is not None:
            before.close()

    def close(self) -> None:
        with self._turn:
            before, self._revision, self._instance = self._instance, None, None
        for one in (self._front, self._metadata, before):
            if one is not None:
                one.close()

    # Requests

    def _answer(self, request: Request) -> Reply:
        refused = self._refused(request)
        if refused is not None:
            return refused
        with self._turn:
            if self._revision is None:
                return Reply(404, b"Page not found")
            if self._instance is not None and not self._instance.is_alive():
                self._instance.close()
                self._instance = None
            if self._instance is None:
                try:
                    self._instance = self.begun(self._revision)
                except NotReady as error:
                    return Reply(503, str(error).encode())
            return self._instance.ask(request)

    def _refused(self, request: Request) -> Reply | None:
        """https://cloud.google.com/run/docs/authenticating/service-to-service"""
        if request.headers.get("host") == self.endpoint.removeprefix("http://"):
            return None
        bindings = self._policy().get("bindings", ())
        invokers = {one for binding in bindings if binding["role"] == INVOKER for one in binding["members"]}
        if EVERYBODY in invokers:
            return None
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._keys.claims(token) if kind == "Bearer" else None
        if claims is None or claims["aud"] != f"https://{self.host}":
            return Reply(401, b"The access token could not be verified")
        if f"serviceAccount:{claims['email']}" not in invokers:
            return Reply(403, b"The request was not authorized to invoke this service.")
        return None
