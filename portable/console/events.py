"""What happens, as it happens: server-sent events, numbered, from any number on.

A reader is nothing but a place in the order of events. What is sent next is read from the database when the reader has
taken what was sent before: a slow reader costs no memory, and one that was away misses nothing.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from portable.errors import Unavailable

from .reading import LOG, SUMMARY, Item, Reading, Row, log, mark
from .store import Event

KINDS = ("invocation", "log", "status", "issue", "mark", "span")
CHUNK = 400
CHUNK_BYTES = 512 * 1024
QUIET_SECONDS = 10.0
"""After so long without an event a comment is sent, so that a dead connection is noticed."""
PAUSE_SECONDS = 0.05
"""Between two looks, so that a burst of records is a few large writes."""
AGAIN_SECONDS = 0.5
"""Until a database that was deleted is looked for again."""
READERS = 32


class Chunk(NamedTuple):
    """What follows an event: its text, and the last number that is in it or before it."""

    text: str
    last: int
    has_more: bool


class Hub:
    """Tells readers that there is something new. `publish` may be called by any thread."""

    def __init__(self, reading: Reading, status: Callable[[], Item], clock: Callable[[], float]) -> None:
        self._reading = reading
        self._status = status
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._lock = threading.Lock()
        self.readers: int = 0
        self.last: int = self._newest()

    def _newest(self) -> int:
        rows = self._reading.rows("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(rows[0][0]) if rows else 0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def publish(self, events: Sequence[Event]) -> None:
        if not events:
            return
        with self._lock:
            self.last = max(self.last, events[-1].seq)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def stream(
        self, after: int | None, kinds: Iterable[str], in_thread: Callable[..., Any]
    ) -> AsyncGenerator[bytes]:
        """Frames from `after` on (None: from now on), without end."""
        wanted = frozenset(kinds)
        self.readers += 1
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            yield b"retry: 1000\n\n"
            async for comment in self._until_there_is_one(in_thread):
                yield comment
            oldest, position = await in_thread(self._begin)
            if after is None or after < oldest - 1 or after > position:
                # Where it was is not known any more, or never was.
                if after is not None:
                    yield frame(position, "reset", {"oldest": oldest, "newest": position})
            else:
                position = after
            if "status" in wanted:
                yield frame(position, "status", await in_thread(self._status))
            while True:
                news.clear()
                try:
                    chunk: Chunk = await in_thread(self.read, position, wanted)
                except Unavailable:
                    async for comment in self._until_there_is_one(in_thread):
                        yield comment
                    continue
                moved = chunk.last > position
                position = chunk.last
                if chunk.text:
                    yield chunk.text.encode("utf-8", "backslashreplace")
                elif moved:
                    # Nothing of what it wants; it need not look through that again.
                    yield f"id: {position}\n\n".encode()
                if chunk.has_more:
                    continue
                if position < self.last:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(QUIET_SECONDS):
                        await news.wait()
                except TimeoutError:
                    yield b": nothing new\n\n"
                else:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._waiting.discard(news)
            self.readers -= 1

    async def _until_there_is_one(self, in_thread: Callable[..., Any]) -> AsyncGenerator[bytes]:
        """Comments, while there is no database: it may be deleted at any time, and comes again with the next record."""
        while True:
            try:
                await in_thread(self._begin)
            except Unavailable:
                yield b": nothing new\n\n"
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    def _begin(self) -> tuple[int, int]:
        """The oldest event that there is, and the newest."""
        rows = self._reading.rows("SELECT min(seq), max(seq) FROM events")
        newest = self._newest()
        return (rows[0][0] or newest + 1), newest

    def read(self, after: int, wanted: frozenset[str] = frozenset(KINDS)) -> Chunk:
        """The events after a number, as many as one write shall have."""
        rows = self._reading.rows(
            "SELECT seq, kind, ref FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, CHUNK)
        )
        if not rows:
            return Chunk("", after, has_more=False)
        mine = [row for row in rows if row[1] in wanted]
        found = self._documents(mine)
        parts: list[str] = []
        size = 0
        for seq, kind, ref in mine:
            document = found.get((kind, ref))
            if document is None:
                continue  # deleted meanwhile, as too old
            text = frame_text(seq, kind, document)
            parts.append(text)
            size += len(text)
            if size > CHUNK_BYTES:
                return Chunk("".join(parts), seq, has_more=True)
        return Chunk("".join(parts), rows[-1][0], has_more=len(rows) == CHUNK)

    def _documents(self, rows: Sequence[Row]) -> dict[tuple[str, str], Item]:
        found: dict[tuple[str, str], Item] = {}
        reading = self._reading
        for kind in {row[1] for row in rows}:
            refs = list(dict.fromkeys(row[2] for row in rows if row[1] == kind))
            marks = ",".join("?" * len(refs))
            if kind == "invocation":
                sql = f"SELECT {SUMMARY} FROM invocations i WHERE i.span IN ({marks})"  # noqa: S608
                found |= {(kind, row[1]): reading.summary(row) for row in reading.rows(sql, refs)}
            elif kind == "log":
                sql = f"SELECT {LOG} FROM logs WHERE n IN ({marks})"  # noqa: S608
                found |= {(kind, str(row[0])): log(row) for row in reading.rows(sql, refs)}
            elif kind == "mark":
                sql = f"SELECT n, kind, at, text, seconds FROM marks WHERE n IN ({marks})"  # noqa: S608
                found |= {(kind, str(row[0])): mark(row) for row in reading.rows(sql, refs)}
            elif kind == "issue":
                now = self._clock()
                for ref in refs:
                    issue = reading.issue(ref, now=now)
                    if issue is not None:
                        issue.pop("invocations")
                        found[kind, ref] = issue
            elif kind == "span":
                found |= {(kind, ref): {"trace_id": ref} for ref in refs}
            elif kind == "status":
                status = self._status()
                found |= {(kind, ref): status for ref in refs}
        return found


def frame_text(seq: int, kind: str, document: Item) -> str:
    return f"id: {seq}\nevent: {kind}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n"


def frame(seq: int, kind: str, document: Item) -> bytes:
    return frame_text(seq, kind, document).encode("utf-8", "backslashreplace")


def position_of(text: str | None) -> int | None:
    """What `Last-Event-ID` says; None for what is no number of ours."""
    return int(text) if text is not None and text.isdecimal() and len(text) <= 18 else None
