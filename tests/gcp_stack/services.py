"""Stand-in, ours: Tasks, Pub/Sub, Scheduler, Secret Manager, iamcredentials and the metadata server in one server.

    services = Services()
    services.endpoint     "http://127.0.0.1:41234": of each of the services
    services.close()

It runs in threads of the process that makes it. `control` is `{endpoint}/_portable`, see README.md.
"""

import base64
from collections.abc import Callable

from .clocks import Clocks
from .cloud_tasks import CloudTasks
from .control import PREFIX, Control
from .deliveries import Deliveries
from .discovery import document
from .front import Call, Front, error
from .identity import METADATA, Keys, Metadata
from .pubsub import PubSub
from .scheduler import Scheduler
from .secret_manager import SecretManager
from .server import Reply, Request, Stand

DOCUMENTS = ("cloudtasks.v2", "pubsub.v1", "cloudscheduler.v1", "secretmanager.v1", "iamcredentials.v1")
PROJECT = "portable-test"
ACCOUNT = "runner@portable-test.iam.gserviceaccount.com"
"""As whom the code on "this instance" runs, says the metadata server."""


class Services:
    """All of them, with one lock: each call is as if it were alone."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.keys = Keys()
        self.deliveries = Deliveries(self.clocks)
        self.tasks = CloudTasks(self.deliveries, self.keys)
        self.pubsub = PubSub(self.deliveries, self.keys)
        self.scheduler = Scheduler(self.deliveries, self.keys)
        self.secrets = SecretManager(self.clocks)
        self.forgets: list[Callable[[str], None]] = [
            self.tasks.forget, self.pubsub.forget, self.scheduler.forget, self.secrets.forget
        ]  # fmt: skip
        self._control = Control(self.clocks, self.deliveries, self.pubsub, self.forgets)
        self._metadata = Metadata(self.keys, self.clocks, PROJECT, ACCOUNT)
        self._front = Front(
            [document(name) for name in DOCUMENTS],
            {
                **self.tasks.answers(),
                **self.pubsub.answers(),
                **self.scheduler.answers(),
                **self.secrets.answers(),
                "iamcredentials.projects.serviceAccounts.signBlob": self._sign_blob,
            },
        )
        self._stand = Stand(self.answer, "google-services")
        self.endpoint = self._stand.endpoint
        self.control = self.endpoint + PREFIX.rstrip("/")

    def close(self) -> None:
        self._control.close()
        self._stand.close()

    def answer(self, request: Request) -> Reply:
        """Also of a request that came another way."""
        if request.path.startswith(PREFIX):
            return self._control.answer(request)
        if request.path == "/" or request.path.startswith(METADATA):
            return self._metadata.answer(request)
        with self.deliveries.changed:
            found = self._front.answer(request)
        if found is None:
            return error("NOT_FOUND", f"{request.path} is of no service")
        return found

    def _sign_blob(self, call: Call) -> dict[str, str]:
        account = call.names["serviceAccountsId"]
        signature = self.keys.sign(account, base64.b64decode(call.body["payload"]))
        return {"keyId": account, "signedBlob": base64.b64encode(signature).decode()}
