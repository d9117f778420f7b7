"""A queue and its model: for each run its attempts, its state, and from when on it must have been tried again."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portable.adapter import Running
from portable.app import App
from portable.errors import Conflict, NotFound, TaskFailed
from portable.tasks import TaskRun

from .harness import Harness

MOST = 3
WAIT = 10.0
"""After a failure the next attempt is due within so many seconds; time moves by more, or not at all."""


@dataclass
class Kept:
    """A run as it must be found. `due`: from when on a delivery must try it, and before which it must not."""

    run: TaskRun[int]
    number: int
    failures: int
    due: float
    state: str = "queued"
    attempts: int = 0
    starts: int = 0


class TaskMachine(RuleBasedStateMachine):
    """Sends, deliveries, failures, dead letters; a handler fails as often as its payload says."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        app = App("conformance")
        self.starts: Counter[int] = Counter()
        self.failing: dict[int, int] = {}

        @app.task(max_attempts=MOST, min_backoff=WAIT, max_backoff=WAIT)
        def work(number: int) -> int:
            self.starts[number] += 1
            if self.failing[number] > 0:
                self.failing[number] -= 1
                raise ValueError(f"number {number} fails")
            return number * 2

        self.task = work
        self.open: ExitStack = ExitStack()
        self.running: Running = self.open.enter_context(self.harness.running(app))
        self.model: list[Kept] = []

    def teardown(self) -> None:
        self.open.close()

    def ended(self, *states: str) -> list[Kept]:
        return [kept for kept in self.model if kept.state in states]

    @rule(failures=st.sampled_from((0, 1, 2, 3, 4, 7)), delay=st.sampled_from((None, 0, 15, 100)))
    def send(self, failures: int, delay: int | None) -> None:
        number = len(self.model)
        self.failing[number] = failures
        run = self.task.send(number, delay=delay)
        self.model.append(Kept(run, number, failures, self.running.now() + (delay or 0)))

    @rule()
    def deliver_as_often_as_any_run_may_start(self) -> None:
        for _ in range(MOST):
            self.deliver()
            self.pass_time(20)

    @rule()
    def deliver(self) -> None:
        now = self.running.now()
        self.running.drain()
        for kept in self.ended("queued", "failed"):
            if kept.due > now:
                continue
            kept.attempts += 1
            kept.starts += 1
            if kept.failures > 0:
                kept.failures -= 1
                kept.state = "dead" if kept.attempts == MOST else "failed"
                kept.due = now + WAIT
            else:
                kept.state = "succeeded"

    @rule(seconds=st.sampled_from((20, 60, 3600)))
    def pass_time(self, seconds: float) -> None:
        self.running.advance(seconds)

    @precondition(lambda self: self.ended("dead"))
    @rule(data=st.data(), is_discarded=st.booleans())
    def end_a_letter(self, data: st.DataObject, is_discarded: bool) -> None:
        kept = data.draw(st.sampled_from(self.ended("dead")))
        if is_discarded:
            self.task.discard(kept.run.id)
            kept.state = "discarded"
        else:
            self.task.redrive(kept.run.id)
            kept.state, kept.attempts, kept.due = "queued", 0, self.running.now()

    @precondition(lambda self: self.ended("queued", "failed", "succeeded", "discarded"))
    @rule(data=st.data())
    def what_is_no_letter_cannot_be_ended_as_one(self, data: st.DataObject) -> None:
        kept = data.draw(st.sampled_from(self.ended("queued", "failed", "succeeded", "discarded")))
        for verb in (self.task.redrive, self.task.discard):
            with pytest.raises(NotFound):
                verb(kept.run.id)

    @invariant()
    def every_run_is_that_of_the_model(self) -> None:
        for kept in self.model:
            record = kept.run.record()
            assert (record.state, record.attempts) == (kept.state, kept.attempts), f"run number {kept.number}"
            assert self.starts[kept.number] == kept.starts
            if kept.state == "succeeded":
                assert kept.run.result() == kept.number * 2
            else:
                with pytest.raises(TaskFailed if kept.state in ("dead", "discarded") else Conflict):
                    kept.run.result()
        letters = [letter.id for letter in self.task.dead_letters(limit=1000).letters]
        assert sorted(letters) == sorted(kept.run.id for kept in self.ended("dead"))
