"""The console on an event loop: records come in at a Unix socket, one thread writes them, pages are served over TCP.

Whoever runs it brings the sockets and the backend: the process that `portable dev` starts, or a test.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

from portable import __version__
from portable.console.access import Access
from portable.console.api import Api
from portable.console.backend import Backend
from portable.console.events import Hub
from portable.console.files import packaged_files
from portable.console.reading import Reading
from portable.console.site import ConsoleSite, Stream
from portable.console.store import Batch, Event, Limits, Store, batch_of
from portable.http import Response

from .secret_values import Secrets
from .server import Bounds, Exchange, Site, StreamedResponse
from .transport import BrokenFrame, FrameReader

LOG = logging.getLogger("portable.console")
WAITING = 64
"""Batches that wait to be written; then whoever sends waits, drops, and counts what it drops."""
READ_BYTES = 256 * 1024
PRUNE_SECONDS = 600.0
FULL_WAIT = 1.0
BOUNDS = Bounds(
    body=8 * 1024 * 1024,
    bodies=64 * 1024 * 1024,
    connections=500,
    body_of="objects larger than 5 MB are for the app to upload",
)


class Console:
    """Store, API and connections of one console."""

    def __init__(
        self,
        folder: Path,
        key: str,
        port: int,
        backend: Backend,
        *,
        root: Path | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = Store(folder, limits, clock=clock)
        self.secrets = Secrets(folder)
        self.reading = Reading(self.store.path, backend.described, root)
        self.access = Access(key, port)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.hub = Hub(self.reading, lambda: self.api.status(), clock)
        self.api = Api(
            self.reading,
            backend,
            self.access,
            self.write,
            self.hub.publish,
            version=__version__,
            clock=clock,
        )
        self.site = ConsoleSite(self.access, self.api, self.hub, packaged_files())
        self.http = Site(self._respond, BOUNDS)
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(WAITING)
        self._tasks: list[asyncio.Task[Any]] = []
        self._servers: list[asyncio.Server] = []
        self._is_failing = False
        self._lost: dict[str, Batch] = {}
        """What could not be written, by role: how much it was, to be told as soon as something can be."""

    async def _respond(self, exchange: Exchange) -> Response:
        response = await self.site.respond(exchange.request)
        if not isinstance(response, Stream):
            return response
        streamed = StreamedResponse(response.chunks, media_type="")
        streamed.headers = response.headers
        return streamed

    # Writing

    def write(self, function: Callable[[Store], Any]) -> Any:
        """Runs something on the one thread that writes, for a thread that waits for it."""
        return self._writer.submit(function, self.store).result()

    async def announce(self, function: Callable[[Store], list[Event]]) -> None:
        """The same for the loop; readers are told what came of it."""
        events = await asyncio.get_running_loop().run_in_executor(self._writer, function, self.store)
        self.hub.publish(events)

    async def take(self, batch: Batch) -> None:
        """Waits while too much waits already."""
        await self._waiting.put(batch)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batches = [await self._waiting.get()]
            while not self._waiting.empty():
                batches.append(self._waiting.get_nowait())
            events = await loop.run_in_executor(self._writer, self._write_some, batches)
            self.hub.publish(events)
            if self._is_failing:
                await asyncio.sleep(FULL_WAIT)

    def _write_some(self, batches: Sequence[Batch]) -> list[Event]:
        redaction = self.secrets.redaction()
        if redaction is not None:
            self.store.redaction = redaction
        try:
            events = self.store.write([*self._lost.values(), *batches])
        except Exception:
            # A full disk, mostly: the app goes on, and so does the console, with what it has.
            if not self._is_failing:
                LOG.exception("records cannot be written; they are dropped until they can")
            self._is_failing = True
            for batch in batches:
                self._lost[batch.role] = batch.counted_only(self._lost.get(batch.role))
            return []
        self._is_failing = False
        self._lost.clear()
        return events

    async def _prune(self) -> None:
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._writer, self.store.prune)
            except Exception:
                LOG.exception("old records cannot be deleted")
            await asyncio.sleep(PRUNE_SECONDS)

    # Connections

    async def start(self, listeners: Sequence[socket.socket], records: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        self.hub.attach(loop)
        self._tell_time()
        self._tasks = [loop.create_task(self._write_all()), loop.create_task(self._prune())]
        for listener in listeners:
            self._servers.append(await loop.create_server(self.http.protocol, sock=listener, backlog=128))
        if records is not None:
            self._servers.append(await loop.create_server(self._sender, sock=records))

    def _tell_time(self) -> None:
        self.http.date(formatdate(usegmt=True).encode())
        asyncio.get_running_loop().call_later(1.0, self._tell_time)

    def _sender(self) -> asyncio.StreamReaderProtocol:
        # Not asyncio.start_unix_server: that would unlink a socket which is not this process's.
        loop = asyncio.get_running_loop()
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(READ_BYTES, loop), self._listen, loop)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One process that sends records."""
        frames = FrameReader()
        try:
            while data := await reader.read(READ_BYTES):
                for frame in frames.feed(data):
                    batch = batch_of(frame)
                    if batch is None:
                        raise BrokenFrame("no records")
                    await self.take(batch)
        except BrokenFrame as error:
            LOG.warning("somebody sends what are no records: %s", error)
        except ConnectionError:
            return  # it was killed; what it sent is taken
        finally:
            writer.close()

    async def close(self) -> None:
        """Writes what has arrived, and ends."""
        for server in self._servers:
            server.close()
        for _ in range(100):
            if self._waiting.empty():
                break
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.shutdown(wait=True)
        self.site.close()
        self.reading.close()
        self.store.close()
