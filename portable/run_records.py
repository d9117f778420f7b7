"""Runs of tasks: what is known of each, kept until 7 days after its end.

For adapters whose queues remember nothing. A record is written when its message is sent, when an attempt starts and
when it ends; who writes each of them knows all of it, so that nothing is read first but for progress.
"""

from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from .drivers import Condition, Document, NewItem, RunRecord, RunState, TableDriver, TaskMessage
from .state_items import ABSENT, DAY, changed, fields_of, put_unless, state_item, text

if TYPE_CHECKING:
    from .binding import Clock
    from .invocation import Outcome

PARTITION = "run"
SORT_KEY = "run"
KEPT = 7 * DAY
UNFINISHED = 45 * DAY
"""Longer than a delay, a queue and all attempts together can take: a record must not be gone before its run."""
ENDED: tuple[RunState, ...] = ("succeeded", "dead", "discarded")
STATES: tuple[str, ...] = get_args(RunState)
LARGEST = 200 * 1024
"""Characters of a result or an error, so that the record fits into an item anywhere."""


class StartedRun(NamedTuple):
    """A run whose attempt has started: what its end needs."""

    record: RunRecord
    version: str


class RunRecords:
    """The runs of all tasks of an app; `state` is the framework's table."""

    def __init__(self, state: TableDriver, clock: "Clock") -> None:
        self._state = state
        self._now = clock.now

    def find(self, task: str, id: str) -> RunRecord | None:
        stored = self._state.get(key(task, id), SORT_KEY)
        return None if stored is None else record_of(task, id, fields_of(stored))

    def queued(self, message: TaskMessage) -> None:
        """Before its message is sent, so that whoever gets it finds the record. One that is there stays."""
        record = RunRecord(
            message.id, message.task, "queued", 0, message.enqueued_at, message.enqueued_at, None, None, None, None
        )
        put_unless(self._state, item_of(record), ABSENT)

    def requeued(self, task: str, id: str) -> None:
        """A dead letter is sent again: its count starts anew."""

        def change(found: Document | None) -> NewItem | None:
            if found is None:
                return None
            record = record_of(task, id, found)
            return item_of(record._replace(state="queued", attempts=0, updated_at=self._now()))

        changed(self._state, key(task, id), SORT_KEY, change)

    def started(self, task: str, id: str, attempt: int, enqueued_at: float) -> StartedRun:
        """An attempt begins. Without a word about what was there: a record may be gone, and its message not."""
        record = RunRecord(id, task, "running", attempt, enqueued_at, self._now(), None, None, None, None)
        return StartedRun(record, self._state.put(item_of(record), Condition()))

    def ended(self, run: StartedRun, outcome: "Outcome") -> RunRecord:
        """An attempt has ended: as `succeeded`, `failed` (there is another one) or `dead`."""
        record = run.record._replace(
            state=cast("RunState", outcome.status), updated_at=self._now(), result=outcome.result, error=outcome.error
        )
        if put_unless(self._state, item_of(record), Condition(version=run.version)) is not None:
            return record
        task, id = record.task, record.id
        kept: list[RunRecord] = []

        def change(found: Document | None) -> NewItem | None:
            known = None if found is None else record_of(task, id, found)
            kept[:] = [record]
            if known is not None:
                if known.attempts > record.attempts:
                    # A later attempt has started: it has the last word.
                    return None
                kept[:] = [record._replace(progress=known.progress, note=known.note)]
            return item_of(kept[0])

        changed(self._state, key(task, id), SORT_KEY, change)
        return kept[0]

    def reported(self, task: str, id: str, progress: float, note: str | None) -> None:
        """The progress of a run, as long as it is running."""

        def change(found: Document | None) -> NewItem | None:
            known = None if found is None else record_of(task, id, found)
            if known is None or known.state != "running":
                return None
            return item_of(known._replace(progress=progress, note=note, updated_at=self._now()))

        changed(self._state, key(task, id), SORT_KEY, change)

    def died(self, task: str, id: str, attempts: int, enqueued_at: float, error: str) -> None:
        """A delivery became a dead letter without an attempt of ours: the last one crashed, or never ran our code."""

        def change(found: Document | None) -> NewItem | None:
            known = None if found is None else record_of(task, id, found)
            if known is None:
                known = RunRecord(id, task, "dead", attempts, enqueued_at, 0.0, None, None, None, None)
            if known.state in ("succeeded", "discarded"):
                return None
            return item_of(known._replace(state="dead", attempts=attempts, updated_at=self._now(), error=error))

        changed(self._state, key(task, id), SORT_KEY, change)

    def discarded(self, task: str, id: str) -> None:
        """The dead letter of a run was dropped."""

        def change(found: Document | None) -> NewItem | None:
            if found is None:
                return None
            return item_of(record_of(task, id, found)._replace(state="discarded", updated_at=self._now()))

        changed(self._state, key(task, id), SORT_KEY, change)


def key(task: str, id: str) -> str:
    return f"{PARTITION}#{task}#{id}"


def item_of(record: RunRecord) -> NewItem:
    """The item of a record, without what says nothing."""
    fields: Document = {
        "state": record.state,
        "attempts": record.attempts,
        "enqueued_at": record.enqueued_at,
        "updated_at": record.updated_at,
    }
    for name in ("result", "error", "note"):
        value = getattr(record, name)
        if value is not None:
            fields[name] = value
    if record.progress is not None:
        fields["progress"] = record.progress
    if record.result is not None and len(record.result) > LARGEST:
        del fields["result"]
        fields["error"] = f"the result has {len(record.result):,} characters, of which at most {LARGEST:,} can be kept"
    if record.error is not None and len(record.error) > LARGEST:
        fields["error"] = record.error[:LARGEST]
    ends = record.updated_at + (KEPT if record.state in ENDED else UNFINISHED)
    return state_item(key(record.task, record.id), SORT_KEY, fields, ends)


def record_of(task: str, id: str, fields: Document) -> RunRecord:
    state = text(fields.get("state"))
    return RunRecord(
        id,
        task,
        cast("RunState", state) if state in STATES else "queued",
        int(fields.get("attempts") or 0),
        float(fields.get("enqueued_at") or 0),
        float(fields.get("updated_at") or 0),
        fields.get("result"),
        fields.get("error"),
        None if fields.get("progress") is None else float(fields["progress"]),
        fields.get("note"),
    )
