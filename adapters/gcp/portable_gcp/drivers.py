"""What an app's resources are in Google Cloud: one driver for each, made when it is first used."""

from typing import TYPE_CHECKING

from portable.specs import BucketSpec, ParamSpec, SecretSpec, TableSpec, TaskSpec, TopicSpec

from .names import Names

if TYPE_CHECKING:
    from portable.binding import Clock
    from portable.drivers import (
        BucketDriver,
        DeadLetterDriver,
        TableDriver,
        TaskDriver,
        TopicDriver,
        ValueDriver,
    )

    from .clients import Clients


class GcpDrivers:
    """The DriverFactory of one app and stage. Making a driver makes no client and no call."""

    def __init__(
        self,
        names: Names,
        clients: "Clients",
        clock: "Clock",
        heard: frozenset[str] = frozenset(),
        pushed: frozenset[str] = frozenset(),
    ) -> None:
        self.names = names
        self.clients = clients
        self.clock = clock
        self.heard = heard
        """The tables to whose changes handlers listen."""
        self.pushed = pushed
        """The handlers that Pub/Sub calls, which have a dead-letter topic."""

    def _qualified(self, spec: TableSpec | BucketSpec | TaskSpec | TopicSpec | ParamSpec | SecretSpec) -> str:
        return spec.name if spec.service == self.names.app else f"{spec.service}.{spec.name}"

    def table(self, spec: TableSpec) -> "TableDriver":
        from .firestore import FirestoreTable

        return FirestoreTable(
            self.clients,
            self.names.database(),
            self.names.collection(self._qualified(spec)),
            self.clock,
            indexes=spec.indexes,
            expires=spec.ttl is not None,
            is_heard=self._qualified(spec) in self.heard,
        )

    def state(self) -> "TableDriver":
        from .firestore import FirestoreTable

        return FirestoreTable(self.clients, self.names.database(), self.names.state_collection(), self.clock)

    def bucket(self, spec: BucketSpec) -> "BucketDriver":
        from .storage import StorageBucket

        return StorageBucket(self.clients, self.names.bucket(self._qualified(spec)), self.clock)

    def task(self, spec: TaskSpec) -> "TaskDriver":
        from .cloud_tasks import QueuedTask

        return QueuedTask(
            self.names, self.clients, self.state(), self.clock, self._qualified(spec), timeout=spec.timeout
        )

    def topic(self, spec: TopicSpec) -> "TopicDriver":
        from .pubsub import PubSubTopic

        return PubSubTopic(self.names, self.clients, self._qualified(spec))

    def dead_letters(self, handler: str) -> "DeadLetterDriver":
        from .dead_letters import QueuedDeadLetters

        return QueuedDeadLetters(
            self.names, self.clients, self.state(), self.clock, handler, is_pushed=handler in self.pushed
        )

    def param(self, spec: ParamSpec) -> "ValueDriver":
        from .values import SecretManagerValue

        return SecretManagerValue(self.clients, self.names.value("param", self._qualified(spec)))

    def secret(self, spec: SecretSpec) -> "ValueDriver":
        from .values import SecretManagerValue

        return SecretManagerValue(self.clients, self.names.value("secret", self._qualified(spec)))
