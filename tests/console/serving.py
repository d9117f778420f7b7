"""A console in this process for a test: the real server on a port of its own, on a loop in a thread, over a sample."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from portable_local.console_server import Console

from portable.console.access import PROOF, new_key
from portable.console.store import Batch, Limits, Store
from portable.telemetry import Record

from .sample import FATFIRE, SampleBackend, Story, batch, batches, manifest

STOPS = 60.0


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running Console."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, key: str = "") -> None:
        self.key = key or new_key()
        self.backend = SampleBackend()
        self.folder = folder
        self._limits = limits
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.console: Console
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="console")
        self._thread.start()
        assert self._ready.wait(STOPS)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as failure:
            self._failure = failure
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.console = Console(self.folder, self.key, self.port, self.backend, root=FATFIRE, limits=self._limits)
        self.console.store.declare(manifest())
        await self.console.start([self._listener], None)
        self._ready.set()
        await self._stop.wait()
        await self.console.close()

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOPS)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    # Records

    def write(self, *batches: Batch) -> None:
        """Written, and told to whoever listens, when it returns."""

        def write(store: Store) -> Any:
            redaction = self.console.secrets.redaction()
            store.redaction = redaction or store.redaction
            return store.write(batches)

        self.console.hub.publish(self.console.write(write))

    def record(self, *records: Record) -> None:
        self.write(batch(list(records)))

    # Requests

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def request(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        """Exactly these headers and a Host; `_` in names stands for `-`, and None is not sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STOPS)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            given = {"host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
            for name, value in given.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            if answer.getheader("content-type", "").startswith("text/event-stream"):
                return Answer(answer.status, lowered(answer), b"")
            return Answer(answer.status, lowered(answer), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", f"/api/v1/{path}", None, authorization=f"Bearer {self.key}", **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A change as a program makes it."""
        given = {
            "authorization": f"Bearer {self.key}",
            "origin": self.origin,
            "content-type": "application/json",
            PROOF: "1",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.request(method, f"/api/v1/{path}", json.dumps(body or {}).encode(), **given)

    @cached_property
    def kept_cookie(self) -> str:
        return self.cookie()

    def cookie(self) -> str:
        """What a page gets for the code of a link."""
        answer = self.request(
            "POST",
            "/api/v1/session",
            json.dumps({"key": self.console.access.new_code()}).encode(),
            **{"origin": self.origin, "content-type": "application/json", PROOF: "1"},
        )
        assert answer.status == 200, answer
        return answer.headers["set-cookie"].partition(";")[0]


def lowered(answer: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.getheaders()}


@contextmanager
def served(folder: Path, *, count: int = 0, seed: int = 7, limits: Limits | None = None) -> Iterator[Served]:
    """One with `count` made-up transactions."""
    running = Served(folder, limits=limits)
    try:
        if count:
            running.write(*batches(Story(seed), time.time(), count))
        yield running
    finally:
        running.close()
