"""The drivers of tasks and of dead letters."""

from portable.drivers import DeadLetter, DeadLetterPage, RunRecord, TaskMessage

from .store.access import Store
from .tables import classify_store


class LocalTask:
    """One task's queue; `name` is the task's qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    classify = staticmethod(classify_store)

    def send(self, message: TaskMessage) -> str:
        id: str = self._store.call("queue.send", {**message._asdict(), "task": self.name})
        return id

    def run(self, id: str) -> RunRecord | None:
        rows = self._store.read(
            "SELECT id, handler, state, attempts, enqueued_at, updated_at, result, error, progress, note "
            "FROM deliveries WHERE id = ? AND handler = ? AND kind = 'task'",
            (id, self.name),
        )
        return RunRecord(*rows[0]) if rows else None

    def report(self, id: str, progress: float, note: str | None) -> None:
        self._store.call("queue.report", {"id": id, "progress": progress, "note": note})


class LocalDeadLetters:
    """The dead letters of the handler `handler`, oldest delivery first."""

    def __init__(self, store: Store, handler: str) -> None:
        self._store = store
        self.handler = handler

    classify = staticmethod(classify_store)

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        after = int(cursor) if cursor is not None and cursor.isdecimal() else 0
        rows = self._store.read(
            "SELECT n, id, handler, body, attempts, error, enqueued_at, updated_at, traceparent FROM deliveries "
            "WHERE handler = ? AND state = 'dead' AND n > ? ORDER BY n LIMIT ?",
            (self.handler, after, limit + 1),
        )
        letters = [DeadLetter(*row[1:]) for row in rows[:limit]]
        return DeadLetterPage(letters, str(rows[limit - 1][0]) if len(rows) > limit else None)

    def redrive(self, id: str) -> bool:
        return bool(self._store.call("queue.redrive", {"handler": self.handler, "id": id}))

    def discard(self, id: str) -> bool:
        return bool(self._store.call("queue.discard", {"handler": self.handler, "id": id}))
