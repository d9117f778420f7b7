"""What an app is bound to on this machine: drivers that speak to the store of a data folder."""

from functools import partial

from portable.app import App
from portable.binding import Binding
from portable.capabilities import Profile, strictest
from portable.drivers import BucketDriver, DeadLetterDriver, TableDriver, TaskDriver, TopicDriver, ValueDriver
from portable.permissions import Table, authorizer, permissions
from portable.specs import BucketSpec, ParamSpec, SecretSpec, TableSpec, TaskSpec, TopicSpec
from portable.telemetry import Recorder

from .buckets import LocalBucket
from .queues import LocalDeadLetters, LocalTask
from .store.access import Store
from .tables import LocalTable
from .topics import LocalTopic
from .translate import STATE_TABLE
from .values import LocalValue

ADAPTER = "local"
STAGE = "dev"

Named = TableSpec | BucketSpec | TaskSpec | TopicSpec | ParamSpec | SecretSpec


class LocalDrivers:
    """The DriverFactory of an app called `app`; `store` is where it all is."""

    def __init__(self, store: Store, app: str) -> None:
        self.store = store
        self._app = app

    def _qualified(self, spec: Named) -> str:
        return spec.name if spec.service == self._app else f"{spec.service}.{spec.name}"

    def table(self, spec: TableSpec) -> TableDriver:
        return LocalTable(self.store, self._qualified(spec))

    def bucket(self, spec: BucketSpec) -> BucketDriver:
        return LocalBucket(self.store, self._qualified(spec))

    def task(self, spec: TaskSpec) -> TaskDriver:
        return LocalTask(self.store, self._qualified(spec))

    def topic(self, spec: TopicSpec) -> TopicDriver:
        return LocalTopic(self.store, self._qualified(spec))

    def dead_letters(self, handler: str) -> DeadLetterDriver:
        return LocalDeadLetters(self.store, handler)

    def param(self, spec: ParamSpec) -> ValueDriver:
        return LocalValue(self.store.folder, "param", self._qualified(spec))

    def secret(self, spec: SecretSpec) -> ValueDriver:
        return LocalValue(self.store.folder, "secret", self._qualified(spec))

    def state(self) -> TableDriver:
        return LocalTable(self.store, STATE_TABLE)


def table_of(app: App) -> Table:
    """The grants of an app, derived from its code when a handler first uses something."""
    from portable.grants import derive

    return permissions(derive(app).grants)


def bind(
    app: App,
    store: Store,
    profile: Profile | None = None,
    *,
    stage: str = STAGE,
    recorder: Recorder | None = None,
) -> Binding:
    """Attaches `app` to a data folder, with the limits of `profile` (by default its targets') in force."""
    binding = Binding(
        app=app.name,
        stage=stage,
        adapter=ADAPTER,
        drivers=LocalDrivers(store, app.name),
        profile=profile or strictest(app.targets),
        clock=store.clock,
        authorize=authorizer(app, partial(table_of, app)),
        recorder=recorder,
    )
    app.bind(binding)
    return binding
