"""The desk with a real store, loop and sockets; only the processes are played: a Fleet that starts none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socketpair
from typing import Any, cast

import pytest
from portable_local import desk
from portable_local.desk import HELD, Desk
from portable_local.fleet import Child, Fleet
from portable_local.loop import Loop
from portable_local.pool import key_of, take
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
        self.killed: list[int] = []

    def start(self, *_: object, **__: object) -> None:
        """Nobody is started: `Office.hire` says who is there."""

    def dismiss(self, child: Child, _: str) -> None:
        self.dismissed.append(child.number)

    def kill(self, child: Child) -> None:
        self.killed.append(child.number)


class Office:
    """A desk with workers that this test plays, and the supervisor's way to commit."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.engine = Engine(folder)
        self.loop = Loop()
        self.roster = Roster()
        self.pending: list[tuple[str, dict[str, Any], Callable[[Result], None] | None]] = []
        self.desk = Desk(self.loop, cast("Fleet", self.roster), self.submit, workers)
        self.channels: dict[int, Channel] = {}
        self.peers: dict[int, Peer] = {}
        self.expected_kills: list[int] = []
        wiring = translate(build_manifest(app, with_grants=False).to_dict())
        self.do("bind", {"wiring": wiring})
        self.desk.open(1, wiring["handlers"])
        self.handlers = wiring["handlers"]
        for number in range(workers):
            ours, theirs = socketpair()
            theirs.settimeout(GUARD_SECONDS)
            child = Child(number, "worker", 1)
            child.peer = self.peers[number] = Peer(ours)
            self.roster.children[number] = child
            self.channels[number] = Channel(theirs)

    def close(self) -> None:
        for number, channel in self.channels.items():
            channel.close()
            self.peers[number].close()
        self.desk.shut()
        self.loop.close()
        self.engine.close()
        assert self.roster.killed == self.expected_kills

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
            batch, self.pending = self.pending, []
            asks = self.desk.asks
            if not batch and not asks:
                return
            operations = [(operation, arguments) for operation, arguments, _ in batch]
            if asks:
                operations.append(self.desk.claim())
            results = self.engine.execute(operations)
            if asks:
                self.desk.claimed(results.pop(), self.engine.clock.now())
            for (_, _, done), result in zip(batch, results, strict=True):
                if done is not None:
                    done(result)

    def free(self, number: int, outcome: dict[str, Any] | None = None) -> None:
        self.desk.free(self.roster.children[number], outcome)

    def take(self) -> dict[str, Any] | None:
        """What a worker finds in the pool."""
        return take(self.desk._pool.workers)

    def go_on(self, number: int, outcome: dict[str, Any], seconds: float = 0.0005) -> dict[str, Any] | None:
        """A worker has run something, looks into the pool, and says what it has found."""
        taken = self.take()
        key = None if taken is None else key_of(taken)
        self.desk.free(self.roster.children[number], outcome, seconds, key)
        return taken

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
        ids = office.send("again", HELD + 10)
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 1 + HELD
        started = [office.given(0)["id"]]
        for _ in range(HELD):
            taken = office.go_on(0, SUCCESS)
            assert taken is not None
            started.append(taken["id"])
        assert started == ids[: 1 + HELD], "in the order of their times, each once"
        assert not office.desk.holds
        # Nothing was written meanwhile: the outcomes are, all together, and the next claim rides along.
        assert office.go_on(0, SUCCESS) is None
        office.commit()
        assert in_state(office, "succeeded") == set(started)
        assert {attempts for id, (_, attempts) in office.attempts().items() if id in started} == {1}


def test_the_pool_is_filled_again_before_it_is_empty(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("again", 3 * HELD)
        office.free(0)
        office.commit()
        office.given(0)
        for _ in range(HELD // 2 + 1):
            assert office.go_on(0, SUCCESS) is not None
        office.commit()
        assert len(in_state(office, "running")) > HELD
        for _ in range(2 * HELD):
            if office.go_on(0, SUCCESS) is None:
                break
            office.commit()
        assert len(in_state(office, "succeeded")) >= 2 * HELD


def test_a_slow_run_holds_up_nothing_that_is_behind_it(tmp_path: Path) -> None:
    with opened(tmp_path, workers=2) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 10)
        office.free(0)
        office.free(1)
        office.commit()
        first, second = office.given(0)["id"], office.given(1)["id"]
        assert [first, second] == ids[:2]
        # Worker 0 is at it for long; the other one finds all that is held.
        found = [office.go_on(1, SUCCESS) for _ in range(8)]
        assert [taken["id"] for taken in found if taken is not None] == ids[2:]


def test_a_worker_that_looked_too_soon_is_given_what_is_held(tmp_path: Path) -> None:
    with opened(tmp_path, workers=2) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 4)
        office.free(0)
        office.commit()
        assert office.given(0)["id"] == ids[0]
        office.free(1)
        assert office.given(1)["id"] == ids[1]
        office.free(0, SUCCESS)
        assert office.given(0)["id"] == ids[2]


def test_what_is_too_large_for_the_pool_starts_all_the_same(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        now = office.engine.clock.now()
        for number in range(8):
            body = f'"{"x" * (100_000 if number % 3 == 1 else 40_000)}"'
            common = {"enqueued_at": now, "due": now, "dedup": None, "traceparent": "", "body": body}
            office.do("queue.send", {"task": "again", "id": f"again-{number}", **common})
        office.desk.look()
        office.free(0)
        office.commit()
        assert len(in_state(office, "running")) == 8
        started = [office.given(0)["id"]]
        while len(started) < 8:
            taken = office.go_on(0, SUCCESS)
            started.append(office.given(0)["id"] if taken is None else taken["id"])
        assert sorted(started) == [f"again-{number}" for number in range(8)]
        assert not office.desk.holds


def test_a_worker_that_ends_fails_what_it_was_at_and_the_held_ones_run_elsewhere(tmp_path: Path) -> None:
    with opened(tmp_path, workers=2) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 6)
        office.free(0)
        office.commit()
        office.given(0)
        taken = office.go_on(0, SUCCESS)
        assert taken is not None
        office.desk.ended(office.roster.children.pop(0), 9)
        office.commit()
        found = office.attempts()
        assert found[ids[0]] == ("succeeded", 1)
        assert found[taken["id"]] == ("failed", 1)
        assert {found[id] for id in ids[2:]} == {("running", 1)}
        office.free(1)
        started = [office.given(1)["id"]]
        while (held := office.go_on(1, SUCCESS)) is not None:
            started.append(held["id"])
        assert started == ids[2:]


def test_what_a_worker_took_and_died_with_before_it_said_so_fails_once_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "TELL_SECONDS", 0.02)
    with opened(tmp_path, workers=2) as office:
        office.desk._pace = 0.0005
        ids = office.send("again", 6)
        office.free(0)
        office.free(1)
        office.commit()
        office.given(0)
        office.given(1)
        lost, silent = office.take(), office.take()
        assert lost is not None
        assert silent is not None
        office.desk.ended(office.roster.children.pop(0), 9)
        # The other one was between taking and saying so at this very moment.
        office.desk.free(office.roster.children[1], SUCCESS, 0.0005, key_of(silent))
        office.until(lambda: office.attempts()[lost["id"]][0] == "failed")
        found = office.attempts()
        assert found[ids[0]] == ("failed", 1), "it ran on the worker that ended"
        assert found[lost["id"]] == ("failed", 1)
        assert found[ids[1]] == ("succeeded", 1)
        assert found[silent["id"]] == ("running", 1)
        after = office.go_on(1, SUCCESS)
        assert after is not None
        assert after["id"] == ids[4]


def test_a_worker_that_speaks_of_what_was_given_up_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "TELL_SECONDS", 0.02)
    with opened(tmp_path, workers=2) as office:
        office.desk._pace = 0.0005
        office.send("again", 6)
        office.free(0)
        office.free(1)
        office.commit()
        office.given(0)
        office.given(1)
        frozen = office.take()
        assert frozen is not None
        office.desk.ended(office.roster.children.pop(0), 9)
        office.until(lambda: office.attempts()[frozen["id"]][0] == "failed")
        office.desk.free(office.roster.children[1], SUCCESS, 0.0005, key_of(frozen))
        office.expected_kills = [1]
        office.desk.ended(office.roster.children[1], 9)
        office.commit()
        assert office.attempts()[frozen["id"]] == ("failed", 1), "counted once"


def test_by_hand_somebody_is_served_though_there_is_more_than_enough_to_do(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("again", 3 * HELD)
        office.free(0)
        office.commit()
        office.given(0)
        ours, theirs = socketpair()
        theirs.settimeout(GUARD_SECONDS)
        asker, answers = Peer(ours), Channel(theirs)
        office.loop.add(asker, lambda: None)
        office.desk.invoke(asker, "again", "7", office.engine.clock.now())
        for _ in range(2 * HELD):
            if office.go_on(0, SUCCESS) is None:
                break
            office.commit()
        assert office.given(0)["body"] == "7"
        office.free(0, SUCCESS)
        answer: Any = answers.receive()
        assert answer["status"] == "succeeded"
        office.loop.remove(asker)
        asker.close()
        answers.close()


def test_what_is_held_gets_its_whole_time_when_it_starts(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.desk._pace = 0.0005
        office.send("again", 3)
        office.free(0)
        office.commit()
        first = office.given(0)
        before = time.monotonic()
        taken = office.go_on(0, SUCCESS)
        assert taken is not None
        assert first["deadline"] < taken["deadline"] <= first["deadline"] + time.monotonic() - before + GUARD_SECONDS
        office.free(0, SUCCESS)
        handed = office.given(0)
        assert taken["deadline"] < handed["deadline"] <= taken["deadline"] + GUARD_SECONDS


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
        office.send("once", 1)
        office.desk.free(office.roster.children[0], SUCCESS, 30.0, None)
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
