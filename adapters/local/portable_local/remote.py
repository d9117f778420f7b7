"""The store as a child sees it: reads on connections of its own, writes through the owner of the data folder.

Threads that write at the same time share a frame: whoever has the channel takes along what the others have handed in
meanwhile, and the owner answers all of it after one sync. The others wait to be told, each at a gate of its own: if
they waited for the lock of the channel, those with an answer would queue for it behind those without.
"""

import os
import threading
import weakref
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from portable.binding import Clock, SystemClock
from portable.errors import PortableError, Unavailable, Unknown

from .store.access import Reader
from .store.results import Result
from .transport import SEPARATOR, BrokenFrame, Channel, framed, is_list, to_json

MANY = 256
"""Operations of one frame, at most."""
MANY_CHARACTERS = 1024 * 1024
"""So much in one frame, at most, unless it is one operation."""
TEXTS = {"table.put": "encoded", "queue.send": "body"}
"""The argument that is a long text of JSON, by operation: it travels as it is, beside the JSON of the frame."""
PATIENCE = 0.1
"""Seconds after which one that waits looks whether whoever should have told it was interrupted instead."""
LOST = Result(None, "unknown", "the write was interrupted before the local runtime had answered")


class Call:
    """One operation that waits for its turn; `result` once it is known what became of it."""

    __slots__ = ("gate", "head", "result", "text")

    def __init__(self, head: str, text: str | None) -> None:
        self.head = head
        self.text = text
        self.result: Result | None = None
        self.gate: SimpleQueue[None] = SimpleQueue()
        """Something is put into it when there is the result, or when it is this one's turn to ask."""

    @property
    def size(self) -> int:
        return len(self.head) + len(self.text or "")


class RemoteStore:
    """Implements `store.access.Store`. Made after the fork, never before. Thread-safe: one channel for all threads,
    as many read-only connections as threads read at once. A process that a handler forks gets a channel of its own.
    """

    durable = True

    def __init__(self, folder: Path, socket_path: str, base_url: str, clock: Clock | None = None) -> None:
        self.folder = folder
        self.base_url = base_url
        self.clock: Clock = clock or SystemClock()
        self._socket_path = socket_path
        self.read = Reader(folder).read
        """All rows of a SELECT. Sees every write that was acknowledged before it began, to anybody."""
        self.begin()
        _stores.add(self)

    def begin(self) -> None:
        """As new: no write is under way, and no channel shared with the process that this one was forked from."""
        # One that a thread can take twice: a signal handler may write in the midst of a write.
        self._turn = threading.RLock()
        self._waiting: deque[Call] = deque()
        self._asked: list[Call] = []
        """What the frame holds whose answer is awaited."""
        self._channel: Channel | None = None

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """One operation, durable when it returns. Raises what the Engine says, Unavailable, or Unknown."""
        mine = call_of(operation, arguments)
        self._waiting.append(mine)
        try:
            is_overdue = False
            while mine.result is None:
                if self._asked and not is_overdue:
                    is_overdue = not wait(mine.gate)
                    continue
                with self._turn:
                    if mine.result is None:
                        self._lead(mine)
                self._hand_over()
                is_overdue = False
        except BaseException:
            mine.result = mine.result or LOST  # nobody waits for it any more, so that nobody asks for it
            raise
        return mine.result.unwrap()

    def _hand_over(self) -> None:
        """Wakes one that waits, so that it asks for all that do."""
        for call in self._waiting.copy() if self._waiting else ():
            if call.result is None:
                call.gate.put(None)
                return

    def _lead(self, mine: Call) -> None:
        """Asks for what waits, and hands out the answers.

        An interrupt may come anywhere in here, and leaves `_asked` as it is: whoever leads next ends that as lost,
        with its channel, so that no answer goes to another question, and nobody waits for one that was thrown away.
        """
        asked = self._asked
        if asked:
            self._lose()
            return
        take(self._waiting, asked)
        if not asked:
            return
        channel: Channel | None = None
        try:
            data = frame_of(asked)
            channel = self._channel = self._channel or self._connect()
            results = results_of(channel.call_framed(data), len(asked))
        except BrokenFrame as error:
            results = [Result(None, "invalid", str(error))] * len(asked)
        except PortableError as error:
            code = "unavailable" if isinstance(error, Unavailable) else "unknown"
            results = [Result(None, code, error.message, error.hint)] * len(asked)
            self._drop(channel)
        for call, result in zip(asked, results, strict=True):
            if call.result is None:
                call.result = result
                if call is not mine:
                    call.gate.put(None)
        if self._asked is asked:
            self._asked = []

    def _lose(self) -> None:
        """Ends what was asked when whoever asked was interrupted; its answer may still be on the way."""
        self._drop(self._channel)
        for call in self._asked:
            call.result = call.result or LOST
            call.gate.put(None)
        self._asked = []

    def _drop(self, channel: Channel | None) -> None:
        if channel is not None:
            if self._channel is channel:
                self._channel = None
            channel.close()

    def close(self) -> None:
        """Ends the channel; what is written afterwards opens another."""
        self._drop(self._channel)

    def _connect(self) -> Channel:
        try:
            return Channel.connect(self._socket_path)
        except OSError as error:
            raise Unavailable(f"the local runtime is gone: {error}", hint="start `portable dev` again") from error


def wait(gate: "SimpleQueue[None]") -> bool:
    """Until it is told something; False if nobody has for long."""
    try:
        gate.get(timeout=PATIENCE)
    except Empty:
        return False
    return True


_stores: "weakref.WeakSet[RemoteStore]" = weakref.WeakSet()


def forked() -> None:
    """In a process that a handler forked: the channel is the parent's, and a lock may be held by a thread of it."""
    for store in list(_stores):
        store.begin()


os.register_at_fork(after_in_child=forked)


def call_of(operation: str, arguments: dict[str, Any]) -> Call:
    """An operation as it waits: made into JSON by its own thread, so that what is wrong with it is that one's fault."""
    field = TEXTS.get(operation)
    text = arguments.get(field) if field is not None else None
    if not isinstance(text, str) or SEPARATOR in text:
        return Call(to_json([operation, arguments]), None)
    return Call(to_json([operation, {**arguments, field: None}, field]), text)


def take(waiting: deque[Call], asked: list[Call]) -> None:
    """Moves what fits into a frame from `waiting` to `asked`; an interrupt in between leaves none in neither."""
    size = 0
    while waiting and len(asked) < MANY:
        call = waiting[0]
        if call.result is None:
            size += call.size
            if size > MANY_CHARACTERS and asked:
                return
            asked.append(call)
        waiting.popleft()


def frame_of(calls: list[Call]) -> bytes:
    """`["many", [operation, ...]]`, and behind it their texts. Raises BrokenFrame."""
    heads = ",".join([call.head for call in calls])
    texts = [call.text for call in calls if call.text is not None]
    return framed(SEPARATOR.join([f'["many",[{heads}]]', *texts]))


def results_of(answers: object, count: int) -> list[Result]:
    """What the answer to a frame says of each of its operations. Raises Unknown for one that is none."""
    if not is_list(answers) or len(answers) != count:
        raise Unknown("the local runtime gave no answer to what it was asked")
    return [Result.from_json(answer) for answer in answers]
