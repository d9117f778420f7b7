"""Tasks, topics, dead letters and values."""

from typing import Literal

from portable.drivers import DeadLetter, DeadLetterPage, EventMessage, RunRecord, TaskMessage
from portable.errors import PortableError
from portable.specs import Delivery as DeliveryTrigger

from .store import Store

DEDUP_SECONDS = 300


class Quiet:
    """Nothing here raises errors of its own."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    def classify(self, error: Exception) -> type[PortableError] | None:
        return None


class MemoryTask(Quiet):
    """One task's queue."""

    def send(self, message: TaskMessage) -> str:
        store = self._store
        with store.lock:
            if message.dedup is not None:
                now = store.clock.now()
                until, id = store.dedups.get((self._name, message.dedup), (0.0, ""))
                if until > now:
                    return id
                store.dedups[self._name, message.dedup] = (now + DEDUP_SECONDS, message.id)
            store.deliver(
                self._name,
                "task",
                message.body,
                id=message.id,
                at=message.enqueued_at,
                due=message.due,
                traceparent=message.traceparent,
            )
            return message.id

    def run(self, id: str) -> RunRecord | None:
        self._store.forget()
        found = self._store.deliveries.get((id, self._name))
        if found is None:
            return None
        return RunRecord(
            id,
            self._name,
            found.state,
            found.attempts,
            found.enqueued_at,
            found.updated_at,
            found.result,
            found.error,
            found.progress,
            found.note,
        )

    def report(self, id: str, progress: float, note: str | None) -> None:
        with self._store.lock:
            found = self._store.deliveries.get((id, self._name))
            if found is not None and found.state == "running":
                found.progress, found.note, found.updated_at = progress, note, self._store.clock.now()


class MemoryTopic(Quiet):
    """One topic."""

    def publish(self, events: list[EventMessage]) -> None:
        with self._store.lock:
            for event in events:
                for name, trigger in self._store.triggers.items():
                    if (
                        isinstance(trigger, DeliveryTrigger)
                        and (trigger.kind, trigger.source) == ("topic", self._name)
                        and all(event.attributes.get(key) == value for key, value in trigger.filter)
                    ):
                        self._store.deliver(
                            name,
                            "topic",
                            event.data,
                            id=event.id,
                            at=event.time,
                            traceparent=event.traceparent,
                            attributes=event.attributes,
                        )


class MemoryDeadLetters(Quiet):
    """The dead letters of one handler, in the order in which they were sent."""

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        self._store.forget()
        after = int(cursor) if cursor is not None and cursor.isdecimal() else 0
        with self._store.lock:
            found = sorted(
                (one.number, one)
                for one in self._store.deliveries.values()
                if one.handler == self._name and one.state == "dead" and one.number > after
            )
        letters = [
            DeadLetter(
                one.id,
                one.handler,
                one.body,
                one.attempts,
                one.error or "",
                one.enqueued_at,
                one.updated_at,
                one.traceparent,
            )
            for _, one in found[:limit]
        ]
        return DeadLetterPage(letters, str(found[limit - 1][0]) if len(found) > limit else None)

    def redrive(self, id: str) -> bool:
        return self._end(id, redrive=True)

    def discard(self, id: str) -> bool:
        return self._end(id, redrive=False)

    def _end(self, id: str, *, redrive: bool) -> bool:
        now = self._store.clock.now()
        with self._store.lock:
            found = self._store.deliveries.get((id, self._name))
            if found is None or found.state != "dead":
                return False
            found.updated_at = now
            if redrive:
                found.state, found.attempts, found.due = "queued", 0, now
            elif found.kind == "task":
                # Its run can still be asked for.
                found.state = "discarded"
            else:
                del self._store.deliveries[id, self._name]
            return True


class MemoryValue(Quiet):
    """One param or secret."""

    def __init__(self, store: Store, kind: Literal["param", "secret"], name: str) -> None:
        super().__init__(store, name)
        self._kind = kind

    def read(self) -> str | None:
        return self._store.values.get((self._kind, self._name))
