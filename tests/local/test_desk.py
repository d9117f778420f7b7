"""The desk with a real store, loop and sockets; only the processes are played: a Fleet that starts none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socketpair
from typing import Any, cast

import pytest
from portable_local.desk import HELD, Desk
from portable_local.fleet import Child, Fleet
from portable_local.loop import Loop
from portable_local.store.engine import Engine
from portable_local.store.results import Result
from portable_local.translate import translate
from portable_local.transport import Channel, Peer

from portable import App
from portable.manifest import build_manifest

GUARD_SECONDS = 60.0
SECONDS = 60

app = App("desk")


@app.task(max_attempts=3, timeout=SECONDS)
def again(number: int) -> None: ...


@app.task(max_attempts=1, timeout=SECONDS)
def once(number: int) -> None: ...


class Roster:
    """Stands for the Fleet: who there is, and who was told to go."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.dismissed: list[int] = []

    def start(self, *_: object, **__: object) -> None:
        """Nobody is started: `Office.hire` says who is there."""

    def dismiss(self, child: Child, _: str) -> None:
        self.dismissed.append(child.number)

    def kill(self, child: Child) -> None:
        raise AssertionError(f"worker {child.number} was killed")


class Office:
    """A desk with workers that this test plays, and the supervisor's way to commit."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.engine = Engine(folder)
        self.loop = Loop()
        self.roster = Roster()
        self.pending: list[tuple[str, dict[str, Any], Callable[[Result], None] | None]] = []
        self.desk = Desk(self.loop, cast("Fleet", self.roster), self.submit, workers)
        self.channels: dict[int, Channel] = {}
        wiring = translate(build_manifest(app, with_grants=False).to_dict())
        self.do("bind", {"wiring": wiring})
        self.desk.open(1, wiring["handlers"])
        self.handlers = wiring["handlers"]
        for number in range(workers):
            ours, theirs = socketpair()
            theirs.settimeout(GUARD_SECONDS)
            child = Child(number, "worker", 1)
            child.peer = Peer(ours)
            self.roster.children[number] = child
            self.channels[number] = Channel(theirs)

    def close(self) -> None:
        for number, channel in self.channels.items():
            channel.close()
            peer = self.roster.children[number].peer
            assert peer is not None
            peer.close()
        self.loop.close()
        self.engine.close()

    def submit(self, operation: str, arguments: dict[str, Any], done: Callable[[Result], None] | None = None) -> None:
        self.pending.append((operation, arguments, done))

    def do(self, operation: str, arguments: dict[str, Any]) -> Any:
        return self.engine.execute([(operation, arguments)])[0].unwrap()

    def send(self, task: str, count: int) -> list[str]:
        now = self.engine.clock.now()
        ids = [f"{task}-{number:03}" for number in range(count)]
        for id in ids:
            common = {"enqueued_at": now, "due": now, "dedup": None, "traceparent": "", "body": "1"}
            self.do("queue.send", {"task": task, "id": id, **common})
        self.desk.look()
        return ids

    def commit(self) -> None:
        """As the supervisor does after each round of its loop."""
        while True:
            slots = self.desk.slots
            batch, self.pending = self.pending, []
            asks = slots > 0 and self.desk.is_due
            if not batch and not asks:
                return
            operations = [(operation, arguments) for operation, arguments, _ in batch]
            if asks:
                operations.append(self.desk.claim())
            results = self.engine.execute(operations)
            if asks:
                self.desk.claimed(results.pop(), slots, self.engine.clock.now())
            for (_, _, done), result in zip(batch, results, strict=True):
                if done is not None:
                    done(result)

    def free(self, number: int, outcome: dict[str, Any] | None = None) -> None:
        self.desk.free(self.roster.children[number], outcome)

    def given(self, number: int) -> dict[str, Any]:
        """The next delivery that a worker gets."""
        found = self.channels[number].receive()
        assert isinstance(found, dict)
        return found

    def attempts(self) -> dict[str, tuple[str, int]]:
        rows = self.engine._session.execute("SELECT id, state, attempts FROM deliveries ORDER BY id").fetchall()
        return {id: (state, attempts) for id, state, attempts in rows}

    def until(self, is_so: Callable[[], bool]) -> None:
        """Runs the loop until it is so."""

        def settle() -> None:
            self.commit()
            self.loop.done = is_so()

        def give_up() -> None:
            raise TimeoutError("it did not come")

        guard = self.loop.after(GUARD_SECONDS, give_up)
        self.loop.after(0.0, lambda: None)
        self.loop.run(settle)
        guard.cancel()


SUCCESS = {"status": "succeeded", "result": None, "error": None, "traceback": None, "retry_after": None}


@contextmanager
def opened(folder: Path, workers: int = 1) -> Iterator[Office]:
    office = Office(folder, workers)
    try:
        yield office
    finally:
        office.close()


def in_state(office: Office, state: str) -> set[str]:
    return {id for id, (found, _) in office.attempts().items() if found == state}


def test_while_runs_are_not_known_to_be_short_nothing_is_claimed_but_what_starts(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.send("again", 10)
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 1
        assert not office.desk.holds


def test_while_runs_are_short_some_are_held_and_start_without_another_claim(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 40)
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 1 + HELD
        started = [office.given(0)["id"]]
        for _ in range(HELD):
            office.free(0, SUCCESS)
            started.append(office.given(0)["id"])
        assert started == ids[: 1 + HELD], "in the order of their times, each once"
        assert not office.desk.holds
        # Nothing was written meanwhile: the outcomes are, all together, and the next claim rides along.
        office.free(0, SUCCESS)
        office.commit()
        assert in_state(office, "succeeded") == set(started)
        assert {attempts for id, (_, attempts) in office.attempts().items() if id in started} == {1}


def test_what_is_held_gets_its_whole_time_when_it_starts(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("again", 2)
        office.free(0)
        office.commit()
        first = office.given(0)
        before = time.monotonic()
        office.desk._held_since = before - 20.0
        office.free(0, SUCCESS)
        second = office.given(0)
        assert 20.0 <= second["deadline"] - first["deadline"] <= 20.0 + time.monotonic() - before


def test_what_does_not_start_within_a_moment_is_put_back_as_if_it_had_not_been_claimed(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 5)
        office.free(0)
        office.commit()
        assert in_state(office, "running") == set(ids)
        office.until(lambda: not office.desk.holds)
        found = office.attempts()
        assert found.pop(ids[0]) == ("running", 1)
        assert set(found.values()) == {("queued", 0)}


def test_the_last_attempt_of_a_run_is_never_held(tmp_path: Path) -> None:
    """A crash of the supervisor would make it a dead letter that never ran."""
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("once", 5)
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 1
        assert not office.desk.holds
        office.given(0)
        office.free(0, SUCCESS)
        office.commit()
        assert office.given(0)["id"] == "once-001"


@pytest.mark.parametrize("ending", ["close", "reload"])
def test_nothing_is_held_over_the_end_or_a_reload(tmp_path: Path, ending: str) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 5)
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 5
        if ending == "close":
            office.desk.close()
        else:
            office.desk.open(2, office.handlers)
        assert not office.desk.holds
        office.commit()
        found = office.attempts()
        assert found.pop(ids[0]) == ("running", 1)
        assert set(found.values()) == {("queued", 0)}


def test_one_long_run_among_short_ones_ends_the_holding(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("again", 1)
        office.free(0)
        office.commit()
        run = office.desk._running[0]
        office.desk._running[0] = run._replace(began=run.began - 30.0)
        office.send("once", 1)
        office.free(0, SUCCESS)
        assert office.desk.claim()[1]["ahead"] == 0


def test_a_delivery_that_was_claimed_by_somebody_else_since_is_not_put_back(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.send("again", 1)
        claim = {"worker": "w", "slots": 1, "lease": 1e9}
        first = office.do("queue.claim", claim)[0]
        assert office.do("queue.put_back", {"leases": [[first["id"], first["fence"]]]}) == 1
        second = office.do("queue.claim", claim)[0]
        assert second["attempt"] == 1
        assert office.do("queue.put_back", {"leases": [[first["id"], first["fence"]]]}) == 0
        assert office.attempts() == {first["id"]: ("running", 1)}
