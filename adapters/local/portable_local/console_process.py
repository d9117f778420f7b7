"""The console's process: started by the supervisor, ends with it. It may be slow, or fall over, and the app goes on.

Its one argument is the descriptor of a socket, over which the supervisor says what it needs to know, the key included:
arguments can be seen by everybody on this machine.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from portable.adapter import Project
from portable.console.store import Batch

from .console_backend import LocalBackend
from .console_server import READ_BYTES, Console
from .processes import die_with_parent
from .transport import FrameReader, Message

LOG = logging.getLogger("portable.console")
PRIORITY = 5
"""So much nicer than the app, which goes first where there are not processors enough for both."""


class Process:
    """One life of it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        data, root = Path(settings["data"]), Path(settings["root"])
        project = Project(root, settings["module"], settings["attribute"])
        self.backend = LocalBackend(
            project,
            data,
            settings["socket"],
            settings["api_url"],
            settings["pid"],
            settings["started_at"],
            has_limits=not settings["debug"],
        )
        self.console = Console(data, settings["key"], settings["port"], self.backend, root=root)
        self.listeners = [socket.socket(fileno=number) for number in settings["listeners"]]
        self.records = socket.socket(fileno=settings["records"])
        for listener in (*self.listeners, self.records):
            listener.setblocking(False)

    async def run(self, control: socket.socket, frames: FrameReader, waiting: list[Message]) -> None:
        """Until the supervisor is gone, or says so by closing its end."""
        loop = asyncio.get_running_loop()
        control.setblocking(False)
        # What runs comes first, and is known before anybody is answered that there is no such handler.
        while not waiting and (data := await loop.sock_recv(control, READ_BYTES)):
            waiting = frames.feed(data)
        if waiting:
            await self.hear(waiting[0])
        await self.console.start(self.listeners, self.records)
        for message in waiting[1:]:
            await self.hear(message)
        while data := await loop.sock_recv(control, READ_BYTES):
            for message in frames.feed(data):
                await self.hear(message)
        await self.console.close()

    async def hear(self, message: Message) -> None:
        """What the supervisor tells: "serves", "failed", or records of its own."""
        match message:
            case ["serves", dict() as manifest, dict() as told]:  # pyright: ignore[reportUnknownVariableType]
                self.backend.serves(manifest, told)  # pyright: ignore[reportUnknownArgumentType]
                await self.console.announce(lambda store: [*store.declare(manifest), *store.say_status()])  # pyright: ignore[reportUnknownArgumentType]
            case ["failed", dict() as error]:  # pyright: ignore[reportUnknownVariableType]
                self.backend.failed(error)  # pyright: ignore[reportUnknownArgumentType]
                await self.console.announce(lambda store: store.say_status())
            case ["records", list() as records]:  # pyright: ignore[reportUnknownVariableType]
                await self.console.take(Batch(os.getppid(), "supervisor", {}, records))  # pyright: ignore[reportUnknownArgumentType]
            case _:
                LOG.error("the supervisor says what is not understood")


def first_message(control: socket.socket) -> tuple[dict[str, Any], FrameReader, list[Message]]:
    """The settings, and what came with them."""
    frames = FrameReader()
    while True:
        data = control.recv(READ_BYTES)
        if not data:
            sys.exit(0)
        messages = frames.feed(data)
        if messages:
            settings: dict[str, Any] = messages[0]
            return settings, frames, messages[1:]


def main() -> None:
    die_with_parent(os.getppid())
    os.nice(PRIORITY)
    # Ctrl-C is for the supervisor, who closes its end of the socket at last.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="console: %(message)s", stream=sys.stderr)
    control = socket.socket(fileno=int(sys.argv[1]))
    settings, frames, waiting = first_message(control)
    started = time.monotonic()
    process = Process(settings)
    LOG.debug("ready after %.3f s", time.monotonic() - started)
    asyncio.run(process.run(control, frames, waiting))
    # Requests that wait for an app that has gone must not hold it up.
    os._exit(0)


if __name__ == "__main__":
    main()
