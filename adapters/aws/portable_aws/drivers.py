"""What an app's resources are in AWS: one driver for each, made when it is first used."""

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


class AwsDrivers:
    """The DriverFactory of one app and stage. Making a driver makes no client and no call."""

    def __init__(self, names: Names, clients: "Clients", clock: "Clock", heard: frozenset[str] = frozenset()) -> None:
        self.names = names
        self.clients = clients
        self.clock = clock
        self.heard = heard
        """The tables to whose changes handlers listen."""

    def _qualified(self, spec: TableSpec | BucketSpec | TaskSpec | TopicSpec | ParamSpec | SecretSpec) -> str:
        return spec.name if spec.service == self.names.app else f"{spec.service}.{spec.name}"

    def table(self, spec: TableSpec) -> "TableDriver":
        from .dynamodb import DynamoTable

        return DynamoTable(
            self.clients,
            self.names.table(self._qualified(spec)),
            self.clock,
            indexes=spec.indexes,
            expires=spec.ttl is not None,
            state=self.names.state_table(),
            is_heard=self._qualified(spec) in self.heard,
        )

    def state(self) -> "TableDriver":
        from .dynamodb import DynamoTable

        return DynamoTable(self.clients, self.names.state_table(), self.clock)

    def bucket(self, spec: BucketSpec) -> "BucketDriver":
        from .s3 import S3Bucket

        return S3Bucket(self.clients, self.names.bucket(self._qualified(spec)), self.clock)

    def task(self, spec: TaskSpec) -> "TaskDriver":
        from .sqs import SqsTask

        return SqsTask(self.names, self.clients, self.state(), self.clock, self._qualified(spec))

    def topic(self, spec: TopicSpec) -> "TopicDriver":
        from .sns import SnsTopic

        return SnsTopic(self.names, self.clients, self._qualified(spec))

    def dead_letters(self, handler: str) -> "DeadLetterDriver":
        from .dead_queues import SqsDeadLetters

        return SqsDeadLetters(self.names, self.clients, self.state(), self.clock, handler)

    def param(self, spec: ParamSpec) -> "ValueDriver":
        from .values import SsmValue

        return SsmValue(self.clients, self.names.parameter(self._qualified(spec)))

    def secret(self, spec: SecretSpec) -> "ValueDriver":
        from .values import SecretsManagerValue

        return SecretsManagerValue(self.clients, self.names.secret(self._qualified(spec)))
