"""The supervisor's view of its processes: the zygote, and the children that it starts, watches and ends."""

import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from .loop import Loop
from .processes import kill_group
from .transport import Peer

Role = Literal["http", "worker"]
LOG = logging.getLogger("portable.local")
KILL_AFTER = 40.0
"""Seconds that a draining child gets; more than it gives itself."""


class Child:
    """One process of user code. `peer` is its channel, once it has said hello; `pid` is known once it runs."""

    def __init__(self, number: int, role: Role, generation: int) -> None:
        self.number = number
        self.role: Role = role
        self.generation = generation
        self.started_at = time.monotonic()
        self.pid: int | None = None
        self.peer: Peer | None = None
        self.is_ready = False
        self.is_held_up = False
        """It waits for the user at a breakpoint: no time limit counts."""
        self.is_leaving = False
        """It was told to stop, drain or die: its end is no news."""
        self.has_ended = False
        self.failure: dict[str, Any] | None = None


class Fleet:
    """Starts and ends processes. `on_end(child, status)` is called once for each child that has ended."""

    def __init__(self, loop: Loop, settings: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        self.children: dict[int, Child] = {}
        self.on_end: Callable[[Child, int], None] = ignore_end
        self.on_zygote_end: Callable[[], None] = nothing
        self._loop = loop
        self._settings = settings
        self._descriptors = descriptors
        self._number = 0
        self._modules: list[str] = []
        self.sources: dict[str, str] = {}
        """The modules of the version that is served, by file: what they were when they were imported."""
        self._is_closing = False
        self._process: subprocess.Popen[bytes]
        self._control: Peer
        self._start_zygote()

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        settings = {"control": theirs.fileno(), "debug": self._settings["debug"]}
        with theirs:
            # A process group of its own: Ctrl-C is for the supervisor, who ends the others in order.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "portable_local.zygote", json.dumps(settings)],
                pass_fds=(theirs.fileno(), *self._descriptors),
                stdin=subprocess.DEVNULL,
                # What user code prints is talk; stdout is for the addresses.
                stdout=2,
                process_group=0,
            )
        self._control = Peer(ours)
        self._loop.add(self._control, self._heard)

    @property
    def zygote_pid(self) -> int:
        return self._process.pid

    def start(self, role: Role, generation: int, *, as_served: bool) -> Child:
        """Starts a child, which says hello by itself; `as_served`: with the code that is served, whatever is saved."""
        self._number += 1
        child = self.children[self._number] = Child(self._number, role, generation)
        sources = self.sources if as_served else {}
        settings = {**self._settings, "child": child.number, "role": role, "sources": sources}
        self._command({"do": "start", "child": child.number, "settings": settings})
        return child

    def kill(self, child: Child) -> None:
        """SIGKILL for the child and what it started."""
        self._command({"do": "signal", "child": child.number, "signal": signal.SIGKILL})

    def dismiss(self, child: Child, message: str) -> None:
        """Tells a child to "stop" or to "drain", and sees to it that it does."""
        child.is_leaving = True
        if child.peer is None:
            self.kill(child)
            return
        self._loop.send(child.peer, message)
        self._loop.after(KILL_AFTER, lambda: self._kill_late(child))

    def _kill_late(self, child: Child) -> None:
        if self._settings["debug"] or child.is_held_up:
            # Somebody may be looking at it; it ends when they let it go on, or with `portable dev`.
            self._loop.after(KILL_AFTER, lambda: self._kill_late(child))
        elif child.number in self.children:
            self.kill(child)

    def preload(self, modules: list[str]) -> None:
        """Has the zygote import what the app imports from installed packages: the next children find it there."""
        new = [name for name in modules if name not in self._modules]
        if new:
            self._modules.extend(new)
            self._command({"do": "preload", "modules": new})

    def _command(self, message: dict[str, Any]) -> None:
        self._loop.send(self._control, message)

    def _heard(self) -> None:
        messages = self._control.read()
        if messages is None:
            self._lost()
            return
        for message in messages:
            child = self.children.get(message["child"])
            if child is None:
                continue
            if message["event"] == "started":
                child.pid = message["pid"]
            else:
                del self.children[child.number]
                self.on_end(child, message["status"])

    def _lost(self) -> None:
        """The zygote has ended, and its children with it."""
        self._loop.remove(self._control)
        self._control.close()
        self._process.wait()
        ended, self.children = self.children, {}
        if self._is_closing:
            return
        LOG.error("the parent of all processes ended (%s); a new one is started", self._process.returncode)
        for child in ended.values():
            if child.pid is not None:
                kill_group(child.pid, signal.SIGKILL)  # what it started has no parent now that would end it
        self._modules.clear()
        self._start_zygote()
        for child in ended.values():
            self.on_end(child, signal.SIGKILL)
        self.on_zygote_end()

    def close(self) -> None:
        """Ends all that is left, and waits for it."""
        self._is_closing = True
        for child in self.children.values():
            self.kill(child)
        self._control.flush()
        if not self._control.closed:
            # Its end ends the zygote, which ends its children.
            self._control.socket.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()


def ignore_end(child: Child, status: int) -> None:
    """Until somebody wants to know."""


def nothing() -> None:
    """Until somebody wants to know."""
