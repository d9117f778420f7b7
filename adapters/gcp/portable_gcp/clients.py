"""The services of Google Cloud that drivers use: each a `Rest` made at first use, all with the same tokens."""

from _thread import allocate_lock
from typing import TYPE_CHECKING

from .endpoints import endpoint
from .tokens import Tokens

if TYPE_CHECKING:
    from .rest import Rest


class Clients:
    """Services as attributes; one object serves all threads of a process. Making it makes no call.

    Where a service answers is read from the environment when it is first used.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.tokens = Tokens()
        self._lock = allocate_lock()
        self._made: dict[str, Rest] = {}

    def service(self, name: str) -> "Rest":
        """Any service by its host's first part: `logging`."""
        found = self._made.get(name)
        if found is not None:
            return found
        from .rest import Rest

        with self._lock:
            found = self._made.get(name)
            if found is None:
                found = self._made[name] = Rest(endpoint(name), self.tokens)
        return found

    def close(self) -> None:
        """Closes idle connections; the services can be used again."""
        for made in list(self._made.values()):
            made.close()

    @property
    def firestore(self) -> "Rest":
        return self._made.get("firestore") or self.service("firestore")

    @property
    def storage(self) -> "Rest":
        return self._made.get("storage") or self.service("storage")

    @property
    def tasks(self) -> "Rest":
        return self._made.get("cloudtasks") or self.service("cloudtasks")

    @property
    def pubsub(self) -> "Rest":
        return self._made.get("pubsub") or self.service("pubsub")

    @property
    def secrets(self) -> "Rest":
        return self._made.get("secretmanager") or self.service("secretmanager")

    @property
    def iamcredentials(self) -> "Rest":
        return self._made.get("iamcredentials") or self.service("iamcredentials")
