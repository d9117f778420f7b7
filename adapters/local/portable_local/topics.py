"""The topic driver."""

from portable.drivers import EventMessage

from .store.access import Store
from .tables import classify_store


class LocalTopic:
    """One topic; `name` is its qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    classify = staticmethod(classify_store)

    def publish(self, events: list[EventMessage]) -> None:
        self._store.call("topic.publish", {"topic": self.name, "events": [event._asdict() for event in events]})
