"""The supervisor's small part in the console: its sockets, its key, its process, and what that process is told.

The sockets are the supervisor's, so that the address and what children send to outlive the console's process.
"""

import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from portable.adapter import ServeOptions
from portable.console.access import Access, link, new_key
from portable.identifiers import new_ids
from portable.records import payload_of
from portable.telemetry import InvocationRecord, Kind, begin_span

from .listening import is_loopback, listen_for_console, listen_locally, records_path, url_of
from .loop import Loop
from .pool import Delivery
from .processes import kill_group
from .transport import Peer

LOG = logging.getLogger("portable.local")
KEY_FILE = "console.key"
RESTART_WAITS = (0.0, 0.5, 2.0, 10.0)
LASTED_SECONDS = 30.0
END_SECONDS = 3.0
MOST_UNTOLD = 4 * 1024 * 1024
"""What waits to be read by a console that does not read; what comes then is not told."""
SOURCES = {"task": "source", "topic": "source", "bucket": "bucket", "table": "table"}


class ConsoleSide:
    """One `portable dev`'s console. Raises PortTaken for a port that was named and is busy."""

    def __init__(self, options: ServeOptions) -> None:
        self.listeners, self.has_moved = listen_for_console(options.console_port)
        self.path = records_path(options.data)
        try:
            self._records = listen_locally(self.path)
        except BaseException:
            for listener in self.listeners:
                listener.close()
            raise
        self.url = url_of(self.listeners[0])
        self._key = kept_key(options.data)
        self._access = Access(self._key, self.listeners[0].getsockname()[1])
        self._options = options
        self._settings: dict[str, Any] = {}
        self._loop: Loop | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._peer: Peer | None = None
        self._started = 0.0
        self._ends = 0
        self._served: list[Any] | None = None
        self._failed: list[Any] | None = None
        self._handlers: dict[str, dict[str, Any]] = {}
        self._is_closing = False

    @property
    def door(self) -> dict[str, str]:
        """Where a program speaks to it, and with which key."""
        return {"url": self.url, "key": self._key}

    def new_link(self) -> str:
        """Where a person opens it, once."""
        return link(self.url, self._access.new_code())

    # Its process

    def attach(self, loop: Loop, api_url: str, local: str) -> None:
        """Learns what the process will have to know; it is started by the first thing that there is to tell."""
        self._loop = loop
        project = self._options.project
        self._settings = {
            "root": str(project.root),
            "module": project.module,
            "attribute": project.attribute,
            "data": str(self._options.data),
            "socket": local,
            "api_url": api_url,
            "pid": os.getpid(),
            "started_at": time.time(),
            "key": self._key,
            "port": self._access.port,
            "listeners": [listener.fileno() for listener in self.listeners],
            "records": self._records.fileno(),
            "debug": self._options.debug,
        }

    def _start(self) -> None:
        if self._is_closing or self._process is not None or self._loop is None:
            return
        ours, theirs = socket.socketpair()
        shared = (*self._settings["listeners"], self._settings["records"])
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "portable_local.console_process", str(theirs.fileno())],
                pass_fds=(theirs.fileno(), *shared),
                stdin=subprocess.DEVNULL,
                # What it says is talk; stdout is for the addresses.
                stdout=2,
                # Ctrl-C is the supervisor's, as for the other processes.
                process_group=0,
            )
        self._started = time.monotonic()
        self._peer = Peer(ours)
        self._loop.add(self._peer, self._heard)
        self._send(self._settings)
        for message in (self._served, self._failed):
            if message is not None:
                self._send(message)

    def _heard(self) -> None:
        """It says nothing: what is heard is its end."""
        if self._peer is None or self._peer.read() is not None or self._loop is None:
            return
        self._loop.remove(self._peer)
        self._peer.close()
        self._peer = None
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None
        if self._is_closing:
            return
        self._ends = 0 if time.monotonic() - self._started > LASTED_SECONDS else self._ends + 1
        wait = RESTART_WAITS[min(max(self._ends - 1, 0), len(RESTART_WAITS) - 1)]
        LOG.warning("the console's process ended; it is started again")
        self._loop.after(wait, self._start)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """At the very end: it writes what it has, and ends."""
        if self._is_closing:
            return
        self._is_closing = True
        if self._process is not None and self._peer is not None:
            self._peer.flush()
            try:
                self._peer.socket.shutdown(socket.SHUT_WR)
            except OSError:
                # It has ended by itself.
                self._process.kill()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                kill_group(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._peer.close()
        for listening in (*self.listeners, self._records):
            listening.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return  # somebody has tidied up

    # What it is told

    def _send(self, message: Any) -> None:
        if self._peer is None or self._loop is None:
            return
        if self._peer.waiting > MOST_UNTOLD:
            return
        self._loop.send(self._peer, message)

    def serves(self, described: dict[str, Any], edited: list[str], seconds: float | None) -> None:
        """Another version of the app serves; `seconds` is None for the first one."""
        manifest: dict[str, Any] = described["manifest"]
        self._handlers = {handler["name"]: handler for handler in manifest["handlers"]}
        now = time.time()
        text = ", ".join(os.path.basename(name) for name in edited[:3])
        told: dict[str, Any] = {
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "watched_files": len(described["sources"]),
            "last_reload": None if seconds is None else {"at": now, "seconds": seconds, "text": text},
        }
        self._served, self._failed = ["serves", manifest, told], None
        self._start_or_send(self._served)
        kind = "started" if seconds is None else "reload"
        self._mark(kind, now, text, seconds)

    def failed(self, answer: dict[str, Any]) -> None:
        """What was saved does not import."""
        fault = answer["faults"][0]
        place: dict[str, Any] = fault["location"] or {}
        now = time.time()
        error: dict[str, Any] = {
            "at": now,
            "message": fault["message"],
            "hint": fault["hint"],
            "file": place.get("file"),
            "line": place.get("line"),
            "traceback": answer["trace"],
        }
        self._failed = ["failed", error]
        self._start_or_send(self._failed)
        self._mark("import_failed", now, fault["message"], None)

    def stopped(self, text: str) -> None:
        """A process of the app ended by itself."""
        self._mark("stopped", time.time(), text, None)

    def _start_or_send(self, message: list[Any]) -> None:
        if self._process is None:
            self._start()
        else:
            self._send(message)

    def _mark(self, kind: str, at: float, text: str, seconds: float | None) -> None:
        self._send(["records", [["m", {"kind": kind, "at": at, "text": text, "seconds": seconds}]]])

    def broke_off(self, delivery: Delivery, error: str, seconds: float, *, is_last: bool) -> None:
        """An attempt whose process ended: nobody else can record it."""
        trigger = self._handlers.get(delivery["handler"], {}).get("trigger", {})
        self._send(["records", [["i", broken_off(delivery, trigger, error, seconds, time.time(), is_last=is_last)]]])


def broken_off(
    delivery: Delivery, trigger: dict[str, Any], error: str, seconds: float, now: float, *, is_last: bool
) -> InvocationRecord:
    """The record of an attempt that has ended with its process."""
    trace, span, parent, _ = begin_span(delivery["traceparent"] or new_ids()[1])
    kind: Kind = delivery["kind"]
    source = trigger.get(SOURCES.get(kind, ""), delivery["handler"])
    started = now - seconds
    return InvocationRecord(
        trace,
        span,
        parent,
        kind,
        delivery["handler"],
        delivery["id"],
        delivery["attempt"],
        started,
        seconds,
        f"{kind}:{source}",
        "dead" if is_last else "failed",
        0,
        error,
        None,
        None,
        payload_of(delivery["body"], "application/json", delivery["attributes"].items()),
        None,
        max(0.0, started - delivery["enqueued_at"]),
        cold=False,
        calls=0,
    )


def console_side(options: ServeOptions) -> ConsoleSide | None:
    """None where other machines are let in, unless it is asked for: the console is for this one alone."""
    return ConsoleSide(options) if options.console_exposed or is_loopback(options.host) else None


def kept_key(data: Path) -> str:
    """The key of this data folder, for its owner alone: a page that is open goes on after a restart."""
    path = data / KEY_FILE
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        status = os.fstat(descriptor)
        found = os.pread(descriptor, 200, 0).decode("ascii", "replace")
        if len(found) >= len(new_key()) and found.isascii() and found.isprintable() and not status.st_mode & 0o077:
            return found
        # New, or somebody else could have read it.
        os.fchmod(descriptor, 0o600)
        key = secrets.token_urlsafe(32)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, key.encode(), 0)
        return key
    finally:
        os.close(descriptor)
