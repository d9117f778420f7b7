"""The child's side of telemetry: a bounded queue, a thread that sends, and nothing that holds up who records.

The console's process is played: it notes the frames that it is sent, or does not listen at all.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from portable_local.recording import Allowance, QueueRecorder, recorder_of
from portable_local.transport import FrameReader

from portable.records import AnyRecord, record_of
from portable.telemetry import CallRecord, InvocationRecord, LogRecord, Payload

GUARD_SECONDS = 60.0


class Console:
    """Takes frames from whoever connects. Without `reads`, it accepts and takes nothing."""

    def __init__(self, path: Path, *, reads: bool = True) -> None:
        self.path = str(path)
        self.frames: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        self._reads = reads
        self._connections: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connected)
            if self._reads:
                self._threads.append(threading.Thread(target=self._listen, args=(connected,)))
                self._threads[-1].start()

    def _listen(self, connected: socket.socket) -> None:
        reader = FrameReader()
        while True:
            try:
                data = connected.recv(65536)
            except OSError:
                data = b""
            if not data:
                return
            for what, frame in reader.feed(data):
                assert what == "records"
                with self.arrived:
                    self.frames.append(frame)
                    self.arrived.notify_all()

    @property
    def records(self) -> list[AnyRecord]:
        return [record_of(letter, fields) for frame in self.frames for letter, fields in frame["records"]]

    def dropped(self) -> dict[str, int]:
        return {kind: sum(frame["dropped"][kind] for frame in self.frames) for kind in ("invocation", "call", "log")}

    def unkept(self) -> dict[tuple[str, str, int], list[float]]:
        """Number, failed and seconds, by kind, handler and minute."""
        found: dict[tuple[str, str, int], list[float]] = {}
        for frame in self.frames:
            for kind, handler, minute, *counts in frame["unkept"]:
                before = found.get((kind, handler, minute), [0, 0, 0.0])
                found[kind, handler, minute] = [one + more for one, more in zip(before, counts, strict=True)]
        return found

    def wait(self, count: int) -> list[AnyRecord]:
        """Until so many records have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.records) >= count, GUARD_SECONDS), self.frames
            return self.records

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connected in self._connections:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                assert connected.fileno() != -1  # the other side was first
            connected.close()
        for thread in self._threads:
            thread.join(GUARD_SECONDS)
            assert not thread.is_alive()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path / "telemetry.sock")
    try:
        yield made
    finally:
        made.close()


def invocation(number: int = 0, body: str = "") -> InvocationRecord:
    request = Payload(body, len(body), "text/plain", headers=(("a", "b"), ("a", "c")), target="POST /x")
    return InvocationRecord(
        "a" * 32, f"{number:016x}", "", "http", "create", "id", 1, 1.5, 0.25, "POST /x", "failed", 500, "no\ud800",
        "Traceback", ("app.py", 3, "create"), request, None, 0.0, True, 2,
    )  # fmt: skip


def call() -> CallRecord:
    return CallRecord("a" * 32, "b" * 16, "c" * 16, "table:items", "get", "1", 1.5, 0.25, None, '{"items": []}')


def log(message: str = "hello") -> LogRecord:
    return LogRecord("a" * 32, "b" * 16, "id", "create", 1.5, "INFO", "app", message, {"n": 1}, "logging", None)


def test_what_is_recorded_arrives_as_it_was(console: Console) -> None:
    recorder = QueueRecorder(console.path, "worker")
    sent: list[AnyRecord] = [invocation(), call(), log()]
    recorder.invocation(invocation())
    recorder.call(call())
    recorder.log(log())
    assert console.wait(3) == sent
    assert {(frame["process"], frame["role"]) for frame in console.frames} == {(os.getpid(), "worker")}
    assert console.dropped() == {"invocation": 0, "call": 0, "log": 0}
    recorder.close()


def test_the_end_sends_what_is_left(console: Console) -> None:
    recorder = QueueRecorder(console.path, "http")
    for number in range(500):
        recorder.invocation(invocation(number))
    recorder.close()
    assert [record[1] for record in console.wait(500)] == [f"{number:016x}" for number in range(500)]


def test_of_a_load_test_a_part_is_recorded_and_the_rest_counted_but_for_what_fails(console: Console) -> None:
    recorder = QueueRecorder(console.path, "http")
    count = 0
    while recorder.payloads:
        recorder.invocation(invocation(count)._replace(outcome="succeeded"))
        count += 1
    assert 500 <= count <= 1000
    kept = count
    for _ in range(20_000):
        if not recorder.skips("http", "create", 90.0, 0.5):
            recorder.invocation(invocation(count)._replace(outcome="succeeded"))
        recorder.call(call())
        count += 1
    recorder.invocation(invocation(count)._replace(name="POST /failed"))
    recorder.close()

    def told_of() -> int:
        return sum(console.dropped().values()) + sum(len(frame["records"]) for frame in console.frames)

    with console.arrived:
        assert console.arrived.wait_for(lambda: told_of() == kept + 40_001, GUARD_SECONDS), told_of()
    assert console.dropped()["invocation"] > 10_000
    # Of each of them it is known when it was, and how long it took.
    skipped = console.unkept()["http", "create", 1]
    assert sum(counts[0] for counts in console.unkept().values()) == console.dropped()["invocation"]
    assert skipped[2] == skipped[0] / 2
    assert [one.name for one in console.records if isinstance(one, InvocationRecord)][-1] == "POST /failed"


def test_while_nobody_listens_records_wait_and_what_is_too_much_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sock"
    recorder = QueueRecorder(str(path), "http", most=10)
    for number in range(25):
        recorder.invocation(invocation(number))
    for _ in range(3):
        recorder.log(log())
    console = Console(path)
    try:
        # The oldest are kept: they say how it began.
        assert [record[1] for record in console.wait(10)] == [f"{number:016x}" for number in range(10)]
        assert console.dropped() == {"invocation": 15, "call": 0, "log": 3}
        recorder.log(log("later"))
        assert console.wait(11)[10] == log("later")
        assert console.dropped() == {"invocation": 15, "call": 0, "log": 3}
        recorder.close()
    finally:
        console.close()


def test_what_is_only_counted_is_told_without_waiting_for_a_record(console: Console) -> None:
    recorder = QueueRecorder(console.path, "http")
    while recorder.payloads:
        recorder.invocation(invocation()._replace(outcome="succeeded"))
    recorder._invocations._rate = 0.0
    assert all(recorder.skips("task", f"h{number % 2}", 60.0 * number, 0.25) for number in range(4))
    for _ in range(600):
        recorder.invocation(invocation()._replace(handler="late", started_at=3600.0, seconds=2.0))
    with console.arrived:
        told = console.arrived.wait_for(lambda: ("http", "late", 60) in console.unkept(), GUARD_SECONDS)
        assert told
        assert console.arrived.wait_for(
            lambda: console.dropped()["invocation"] == sum(one[0] for one in console.unkept().values()), GUARD_SECONDS
        )
    found = console.unkept()
    assert {key: counts for key, counts in found.items() if key[0] == "task"} == {
        ("task", f"h{number % 2}", number): [1, 0, 0.25] for number in range(4)
    }
    number, failed, seconds = found["http", "late", 60]
    assert (failed, seconds) == (number, 2.0 * number)
    recorder.close()


class Asked(QueueRecorder):
    """Counts how often it was looked at what is left of the allowance."""

    times = 0

    @property
    def payloads(self) -> bool:
        self.times += 1
        return super().payloads


def spent(console: Console) -> Asked:
    """A recorder whose allowance is spent for good, and of which a record has arrived."""
    recorder = Asked(console.path, "http")
    recorder.log(log())
    console.wait(1)
    recorder._invocations = Allowance(0, 0.0)
    recorder.times = 0
    return recorder


def test_of_a_flood_hardly_any_is_looked_at_and_each_is_counted_in_its_minute(console: Console) -> None:
    """By several threads, while others send; nobody wakes the sender at the end."""
    recorder = spent(console)
    threads, number = 4, 5000

    def flood(which: int) -> None:
        for one in range(number):
            # In a minute of its own, of which the others know nothing, and in one that all have.
            minute = which if one % 10 == 0 else 9
            assert recorder.skips("http", f"h{one % 2}", 60.0 * minute + 1.0, 0.25)

    running = [threading.Thread(target=flood, args=(which,)) for which in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(GUARD_SECONDS)
        assert not thread.is_alive()
    total = threads * number
    with console.arrived:
        assert console.arrived.wait_for(lambda: console.dropped()["invocation"] == total, GUARD_SECONDS)
    found: dict[int, list[float]] = {}
    for (kind, _, minute), (count, failed, seconds) in console.unkept().items():
        assert (kind, failed) == ("http", 0)
        before = found.get(minute, [0, 0.0])
        found[minute] = [before[0] + count, before[1] + seconds]
    own = number // 10
    shared = total - threads * own
    assert found == {**{which: [own, own * 0.25] for which in range(threads)}, 9: [shared, shared * 0.25]}
    assert recorder.times < total / 2
    recorder.close()


def test_a_flood_of_one_handler_is_looked_at_once_for_each_frame(console: Console) -> None:
    recorder = spent(console)
    number = 20_000
    for _ in range(number):
        assert recorder.skips("http", "create", 90.0, 0.5)
    with console.arrived:
        assert console.arrived.wait_for(lambda: console.dropped()["invocation"] == number, GUARD_SECONDS)
    assert recorder.times <= sum(bool(frame["unkept"]) for frame in console.frames)
    recorder.close()


@pytest.mark.parametrize(
    ("started_at", "seconds"),
    [(3000.0, 0.1), (3601.0, 3.0), (3661.0, 0.1)],
    ids=["the clock was set back", "it took long", "the next minute"],
)
def test_in_a_flood_what_is_not_like_the_others_is_looked_at(
    console: Console, started_at: float, seconds: float
) -> None:
    recorder = spent(console)
    assert recorder.skips("http", "create", 3603.0, 0.1)
    assert recorder.skips("http", "create", 3603.2, 0.1)
    assert recorder.times == 1
    recorder._invocations = Allowance(1, 0.0)
    assert recorder.skips("http", "create", 3603.2, 0.1)
    assert not recorder.skips("http", "create", started_at, seconds)
    recorder.close()


def test_an_allowance_that_is_spent_comes_back_for_several_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("portable_local.recording.time.monotonic", lambda: now)
    allowance = Allowance(2, 8.0, 2)
    taken: list[int] = []
    for tick in range(11):
        now = 100.0 + tick / 16
        assert (allowance.seconds_spent <= 0) is allowance.is_left
        while allowance.is_left:
            allowance.take()
            taken.append(tick)
        assert allowance.seconds_spent == 0.25 - (tick % 4) / 16
    assert taken == [0, 0, 4, 4, 8, 8]


def test_bodies_are_bounded_together(tmp_path: Path) -> None:
    recorder = QueueRecorder(str(tmp_path / "none.sock"), "http", most_bytes=100_000)
    for number in range(1000):
        recorder.invocation(invocation(number, "x" * 10_000))
    assert 10 <= len(recorder._queue) <= 12
    assert dropped_so_far(recorder) == 1000 - len(recorder._queue)
    recorder.close()


def test_a_console_that_takes_nothing_holds_up_nobody(tmp_path: Path) -> None:
    """Were one of the records waited for, this would never end: nothing is ever read."""
    console = Console(tmp_path / "telemetry.sock", reads=False)
    try:
        recorder = QueueRecorder(console.path, "http", most=50)
        for number in range(5000):
            recorder.invocation(invocation(number, "x" * 20_000))
        assert len(recorder._queue) <= 51
        until = time.monotonic() + GUARD_SECONDS
        while dropped_so_far(recorder) <= 4000 and time.monotonic() < until:
            recorder._ending.wait(0.01)  # the thread is just putting its frame together
        assert dropped_so_far(recorder) > 4000
    finally:
        console.close()
    recorder.close()


def dropped_so_far(recorder: QueueRecorder) -> int:
    """Invocations, also those that the frame tells of which nobody takes."""
    frames = FrameReader().feed(recorder._unsent or b"")
    counted = sum(int(number) for number, _, _ in recorder._unkept.values())
    return counted + sum(int(frame["dropped"]["invocation"]) for _, frame in frames)


def test_a_console_that_goes_and_comes_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sock"
    first = Console(path)
    recorder = QueueRecorder(str(path), "http")
    recorder.log(log("first"))
    first.wait(1)
    first.close()
    path.unlink()
    second = Console(path)
    try:
        until = time.monotonic() + GUARD_SECONDS
        count = 0
        while not second.frames and time.monotonic() < until:
            count += 1
            recorder.log(log(f"again {count}"))
            recorder._ending.wait(0.05)
        recorder.close()
        got = [record for record in second.records if isinstance(record, LogRecord)]
        # What the first one had been given and did not read any more is lost with it; from then on nothing is.
        numbers = [int(record.message.removeprefix("again ")) for record in got]
        assert numbers == list(range(count - len(numbers) + 1, count + 1))
        assert numbers
    finally:
        second.close()


def test_a_record_that_is_no_json_is_counted_and_the_others_go_on(console: Console) -> None:
    recorder = QueueRecorder(console.path, "http")
    recorder.log(log()._replace(fields={"x": object()}))  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    recorder.log(log("fine"))
    assert console.wait(1) == [log("fine")]
    recorder.close()
    assert console.dropped()["log"] == 1


def test_a_process_that_was_forked_sends_for_itself(console: Console) -> None:
    recorder = QueueRecorder(console.path, "worker")
    recorder.log(log("parent"))
    console.wait(1)
    pid = os.fork()
    if pid == 0:
        recorder.log(log("child"))
        recorder.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    console.wait(2)
    recorder.log(log("parent again"))
    messages = [(record.message, frame["process"]) for frame in console.frames for record in of(frame)]
    recorder.close()
    console.wait(3)
    messages = [(record.message, frame["process"]) for frame in console.frames for record in of(frame)]
    assert messages == [("parent", os.getpid()), ("child", pid), ("parent again", os.getpid())]


def of(frame: dict[str, Any]) -> list[LogRecord]:
    found = [record_of(letter, fields) for letter, fields in frame["records"]]
    assert all(isinstance(record, LogRecord) for record in found)
    return [record for record in found if isinstance(record, LogRecord)]


CHILD = """
import json, logging, sys
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
from portable.binding import current_context
from portable.context import Context
from portable_local.recording import recorder_of

recorder = recorder_of(json.loads(sys.argv[1]))
context = Context(
    id="delivery-1", kind="task", handler="work", app="a", stage="dev", attempt=1, deadline=1.0,
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)
current_context.set(context)
print("printed", "in", "pieces")
print("to stderr", file=sys.stderr)
logging.getLogger("shop").warning("%d left", 3, extra={"item": "tea", "price": 1.5, "tags": ["a"]})
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("it failed")
"""


def in_a_child(settings: dict[str, Any], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(settings)],
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        env={**os.environ, **environment},
        check=True,
    )


def test_logs_and_prints_are_recorded_with_their_invocation_and_still_shown(console: Console) -> None:
    ran = in_a_child({"telemetry": console.path, "role": "worker"}, {})
    assert ran.stdout == "printed in pieces\n"
    assert ran.stderr.startswith("to stderr\nWARNING 3 left\nERROR it failed\nTraceback")
    records = [record for record in console.wait(4) if isinstance(record, LogRecord)]
    assert [(one.source, one.level, one.logger, one.message) for one in records] == [
        ("stdout", "INFO", "", "printed in pieces"),
        ("stderr", "ERROR", "", "to stderr"),
        ("logging", "WARNING", "shop", "3 left"),
        ("logging", "ERROR", "root", "it failed"),
    ]
    assert {(one.trace_id, one.span_id, one.invocation_id, one.handler) for one in records} == {
        ("a" * 32, "b" * 16, "delivery-1", "work")
    }
    assert records[2].fields == {"item": "tea", "price": 1.5, "tags": "['a']"}
    assert "ZeroDivisionError" in (records[3].traceback or "")
    assert [record.traceback for record in records[:3]] == [None] * 3


@pytest.mark.parametrize("settings", [{"role": "http"}, {"role": "http", "telemetry": ""}], ids=["none", "empty"])
def test_without_a_socket_nothing_is_recorded(settings: dict[str, Any]) -> None:
    before = sys.stdout, sys.stderr, list(logging.getLogger().handlers)
    assert recorder_of(settings) is None
    assert (sys.stdout, sys.stderr, list(logging.getLogger().handlers)) == before


def test_telemetry_is_switched_off_by_the_environment(console: Console) -> None:
    ran = in_a_child({"telemetry": console.path, "role": "worker"}, {"PORTABLE_TELEMETRY": "off"})
    assert ran.stdout == "printed in pieces\n"
    assert console.frames == []


def test_counts_that_come_while_one_frame_is_sent_wait_for_the_next_turn(tmp_path: Path) -> None:
    """Under load there are always some: the thread would send without a pause, beside what answers requests."""
    console = Console(tmp_path / "sock")
    turns = 5

    class Counted(QueueRecorder):
        sent = 0
        gathered = 0

        def _send_some(self) -> bool:
            is_sent = super()._send_some()
            self.sent += 1
            if self.sent < turns:
                self._count("http", "busy", 0.0, 0.1, 0)
            else:
                self._ending.set()
            return is_sent

    class Noticed(threading.Event):
        def clear(self) -> None:
            recorder.gathered += 1
            super().clear()

    recorder = Counted(console.path, "http")
    recorder._wake = Noticed()
    try:
        recorder._start()
        recorder._count("http", "busy", 0.0, 0.1, 0)
        assert recorder._thread is not None
        recorder._thread.join(GUARD_SECONDS)
        assert (recorder.sent, recorder.gathered) == (turns, turns)
    finally:
        recorder.close()
        console.close()
