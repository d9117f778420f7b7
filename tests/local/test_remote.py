"""Writes of one process, by many threads over one channel: each has its own answer, or is told that nobody knows.

The owner of the data folder is played: it notes what it is asked, and answers what the test wants.
"""

import linecache
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from portable_local import remote
from portable_local.remote import MANY, RemoteStore
from portable_local.store.results import Result
from portable_local.supervisor import operations_of
from portable_local.transport import Channel

from portable.errors import Conflict, InvalidArgument, Unavailable, Unknown

GUARD_SECONDS = 60.0

Operation = tuple[str, dict[str, Any]]


def echo(operation: Operation) -> Result:
    name, arguments = operation
    if name == "refuse":
        return Result(None, "conflict", f"not {arguments['number']}")
    return Result([name, arguments])


class Owner:
    """Answers frames, each connection in a thread; `before` is called with each frame's operations."""

    def __init__(self, path: Path, before: Callable[[list[Operation]], object] = lambda _: None) -> None:
        self.path = str(path)
        self.before = before
        self.frames: list[list[Operation]] = []
        self.connections: list[Channel] = []
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
            channel = Channel(connected)
            self.connections.append(channel)
            thread = threading.Thread(target=self._serve, args=(channel,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, channel: Channel) -> None:
        while True:
            try:
                message = channel.receive()
            except OSError:
                return
            if message is None:
                return
            assert message[0] == "many"
            operations = operations_of(message[1:])
            assert operations is not None
            self.frames.append(operations)
            self.before(operations)
            try:
                channel.send([echo(operation).to_json() for operation in operations])
            except OSError:
                continue  # whoever asked was interrupted

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(GUARD_SECONDS)
        for channel in self.connections:
            try:
                channel.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed
        for thread in self._threads:
            thread.join(GUARD_SECONDS)
            assert not thread.is_alive()
        for channel in self.connections:
            channel.close()

    @property
    def asked(self) -> Counter[int]:
        return Counter(arguments["number"] for frame in self.frames for _, arguments in frame)


@contextmanager
def owner(folder: Path, before: Callable[[list[Operation]], object] = lambda _: None) -> Iterator[Owner]:
    made = Owner(folder / "run.sock", before)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def opened(made: Owner, folder: Path) -> Iterator[RemoteStore]:
    store = RemoteStore(folder, made.path, "http://localhost")
    try:
        yield store
    finally:
        store.close()


class Caller(threading.Thread):
    """One call in a thread of its own; `result` is its value, or what it raised."""

    def __init__(self, store: RemoteStore, operation: str, number: int) -> None:
        super().__init__()
        self.store = store
        self.operation = operation
        self.number = number
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.store.call(self.operation, {"number": self.number})
        except BaseException as error:
            self.result = error

    def ended(self) -> Any:
        self.join(GUARD_SECONDS)
        assert not self.is_alive(), f"call {self.number} was never answered"
        return self.result


def until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(int(GUARD_SECONDS / 0.005)):
        if condition():
            return
        waited.wait(0.005)
    raise AssertionError("it never came to that")


@contextmanager
def handling(number: int, handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


class Interrupted(BaseException):
    pass


def interrupt(_: int, __: FrameType | None) -> None:
    raise Interrupted


def test_threads_that_write_at_once_share_frames_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    gate = threading.Event()
    with owner(tmp_path, lambda _: gate.wait(GUARD_SECONDS)) as made, opened(made, tmp_path) as store:
        first = Caller(store, "first", -1)
        until(lambda: bool(made.frames))
        callers = [Caller(store, "refuse" if number % 3 == 0 else "write", number) for number in range(40)]
        until(lambda: len(store._waiting) == 40)
        gate.set()
        assert first.ended() == ["first", {"number": -1}]
        for number, caller in enumerate(callers):
            found = caller.ended()
            if number % 3 == 0:
                assert isinstance(found, Conflict)
                assert found.message == f"not {number}"
            else:
                assert found == ["write", {"number": number}]
        assert [len(frame) for frame in made.frames] == [1, 40]
        assert len(made.connections) == 1


def test_every_write_of_many_threads_is_asked_once_and_answered_rightly(tmp_path: Path) -> None:
    with owner(tmp_path) as made, opened(made, tmp_path) as store:
        wrong: list[Any] = []

        def write(thread: int) -> None:
            for turn in range(100):
                found = store.call("write", {"number": thread * 1000 + turn})
                if found != ["write", {"number": thread * 1000 + turn}]:
                    wrong.append(found)

        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GUARD_SECONDS)
            assert not thread.is_alive()
        assert wrong == []
        assert made.asked == Counter({thread * 1000 + turn: 1 for thread in range(16) for turn in range(100)})
        assert len(made.connections) == 1


def test_a_frame_has_no_more_operations_than_it_may_and_a_long_one_goes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MANY", 5)
    monkeypatch.setattr(remote, "MANY_CHARACTERS", 10_000)
    gate = threading.Event()
    with owner(tmp_path, lambda _: gate.wait(GUARD_SECONDS)) as made, opened(made, tmp_path) as store:
        first = Caller(store, "first", -1)
        until(lambda: bool(made.frames))
        callers: list[Caller] = []
        for number in range(12):
            callers.append(Caller(store, "write" if number != 3 else "x" * 20_000, number))
            until(lambda: len(store._waiting) == len(callers))
        gate.set()
        first.ended()
        assert all(caller.ended()[1] == {"number": caller.number} for caller in callers)
        assert [len(frame) for frame in made.frames] == [1, 3, 1, 5, 3]
        assert MANY > 5


@pytest.mark.parametrize("text", ['{"a":1}', "", "é😀", "a\0b", "lone \ud800", '"' * 1000])
def test_a_document_arrives_as_it_was_whatever_way_it_travels(text: str, tmp_path: Path) -> None:
    with owner(tmp_path) as made, opened(made, tmp_path) as store:
        wanted = {"pk": "a", "encoded": text, "number": 1}
        assert store.call("table.put", dict(wanted)) == ["table.put", wanted]
        assert store.call("write", dict(wanted)) == ["write", wanted]


def test_an_operation_that_fits_into_no_frame_is_refused_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portable_local.transport.FRAME_BYTES", 5000)
    with owner(tmp_path) as made, opened(made, tmp_path) as store:
        with pytest.raises(InvalidArgument, match="does not fit"):
            store.call("write", {"number": "x" * 6000})
        assert store.call("write", {"number": 1}) == ["write", {"number": 1}]


def test_without_an_owner_a_write_is_unavailable_and_goes_on_once_there_is_one(tmp_path: Path) -> None:
    store = RemoteStore(tmp_path, str(tmp_path / "run.sock"), "http://localhost")
    with pytest.raises(Unavailable):
        store.call("write", {"number": 1})
    with owner(tmp_path) as made, opened(made, tmp_path) as other:
        assert other.call("write", {"number": 3}) == ["write", {"number": 3}]
        assert store.call("write", {"number": 2}) == ["write", {"number": 2}]
        assert made.asked == Counter([2, 3])
        store.close()


def test_an_owner_that_goes_away_leaves_all_of_the_frame_unknown_and_the_rest_unavailable(tmp_path: Path) -> None:
    gate, hang_up = threading.Event(), threading.Event()

    def before(operations: list[Operation]) -> None:
        gate.wait(GUARD_SECONDS)
        if hang_up.is_set():
            made.connections[0].socket.shutdown(socket.SHUT_RDWR)

    with owner(tmp_path, before) as made, opened(made, tmp_path) as store:
        first = Caller(store, "first", -1)
        until(lambda: bool(made.frames))
        callers = [Caller(store, "write", number) for number in range(10)]
        until(lambda: len(store._waiting) == 10)
        hang_up.set()
        os.unlink(made.path)
        gate.set()
        assert isinstance(first.ended(), Unknown)
        assert all(isinstance(caller.ended(), Unavailable) for caller in callers)
        assert made.asked == Counter({-1: 1})


def test_an_interrupt_between_question_and_answer_leaves_each_write_of_the_frame_unknown(tmp_path: Path) -> None:
    gate = threading.Event()
    main = threading.get_ident()
    others = range(1, 9)

    def before(operations: list[Operation]) -> None:
        gate.wait(GUARD_SECONDS)
        if any(arguments["number"] == 0 for _, arguments in operations):
            signal.pthread_kill(main, signal.SIGUSR1)

    with owner(tmp_path, before) as made, opened(made, tmp_path) as store, handling(signal.SIGUSR1, interrupt):
        first = Caller(store, "first", -1)
        until(lambda: bool(made.frames))
        callers: list[Caller] = []

        def join() -> None:
            until(lambda: len(store._waiting) == 1)
            callers.extend(Caller(store, "write", number) for number in others)
            until(lambda: len(store._waiting) == 1 + len(others))
            gate.set()

        joining = threading.Thread(target=join)
        joining.start()
        with pytest.raises(Interrupted):
            store.call("write", {"number": 0})
        joining.join(GUARD_SECONDS)
        assert first.ended() == ["first", {"number": -1}]
        for caller in callers:
            assert isinstance(caller.ended(), Unknown)
        assert store.call("write", {"number": 100}) == ["write", {"number": 100}]
        assert made.asked == Counter([-1, 0, *others, 100])
        assert len(made.connections) == 2


def test_wherever_an_interrupt_comes_nobody_hangs_or_gets_another_answer_and_nothing_is_asked_twice(
    tmp_path: Path,
) -> None:
    source = random.Random(seed := random.randrange(2**32))
    print("seed", seed)
    interrupted = 0
    with owner(tmp_path) as made, opened(made, tmp_path) as store:
        for at in range(90):
            left = at

            def trace(frame: FrameType, event: str, _: object) -> Any:
                nonlocal left
                if frame.f_code.co_filename != remote.__file__:
                    return None
                # Python never interrupts between the end of a `with` and the release of its lock.
                if event == "line" and not linecache.getline(remote.__file__, frame.f_lineno).lstrip().startswith(
                    "with"
                ):
                    left -= 1
                    if left < 0:
                        raise Interrupted
                return trace

            base = 1000 * (at + 1)
            callers = [Caller(store, "write", base + number) for number in range(1, 1 + source.randrange(4))]
            was_interrupted = False
            value = None
            sys.settrace(trace)
            try:
                value = store.call("write", {"number": base})
            except Interrupted:
                was_interrupted = True
            finally:
                sys.settrace(None)
            assert was_interrupted or value == ["write", {"number": base}]
            for caller in callers:
                found = caller.ended()
                assert isinstance(found, Unknown) or found == ["write", {"number": caller.number}]
            # What an interrupted leader left is ended by the next one, which is answered itself.
            assert store.call("write", {"number": base + 999}) == ["write", {"number": base + 999}]
            assert store._asked == []
            assert max(made.asked.values()) == 1
            interrupted += was_interrupted
        assert interrupted > 20


def test_a_signal_handler_that_writes_in_the_midst_of_a_write_gets_its_own_answer(tmp_path: Path) -> None:
    inner: list[Any] = []
    main = threading.get_ident()

    def before(operations: list[Operation]) -> None:
        if operations[0][1]["number"] == 1:
            signal.pthread_kill(main, signal.SIGUSR1)
            until(lambda: bool(inner))

    with owner(tmp_path, before) as made, opened(made, tmp_path) as store:

        def write(_: int, __: FrameType | None) -> None:
            inner.append(store.call("write", {"number": 2}))

        with handling(signal.SIGUSR1, write), pytest.raises(Unknown):
            store.call("write", {"number": 1})
        assert inner == [["write", {"number": 2}]]
        assert store.call("write", {"number": 3}) == ["write", {"number": 3}]
        assert made.asked == Counter({1: 1, 2: 1, 3: 1})


FORKING = """
import os, sys, threading
from pathlib import Path
from portable_local.remote import RemoteStore
store = RemoteStore(Path(sys.argv[1]), sys.argv[2], "http://localhost")
assert store.call("write", {"number": 1}) == ["write", {"number": 1}]
store._turn.acquire()  # as if another thread were at it
pid = os.fork()
if pid == 0:
    os._exit(0 if store.call("write", {"number": 2}) == ["write", {"number": 2}] else 1)
store._turn.release()
_, status = os.waitpid(pid, 0)
assert status == 0, status
assert store.call("write", {"number": 3}) == ["write", {"number": 3}]
"""


def test_a_process_that_a_handler_forks_writes_over_a_channel_of_its_own(tmp_path: Path) -> None:
    with owner(tmp_path) as made:
        command = [sys.executable, "-c", FORKING, str(tmp_path), made.path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        assert made.asked == Counter({1: 1, 2: 1, 3: 1})
        assert len(made.connections) == 2
