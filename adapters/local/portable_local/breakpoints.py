"""`breakpoint()` in a process of user code: pdb in the terminal of `portable dev`, or the editor under --debug.

A process of user code has no terminal; it asks the supervisor for the one that `portable dev` was started in. One has
it at a time. While it has it, it belongs to the process group of the supervisor, so that it may read, and Ctrl-C goes
on reaching the supervisor.
"""

import importlib
import logging
import os
import pdb
import sys
import threading
from types import FrameType
from typing import Any

from .debug_adapter import HOST
from .pauses import PAUSES
from .transport import Channel

LOG = logging.getLogger("portable.local")
ATTACH_SECONDS = 20.0
"""For an editor that is attached to follow into a new process, and to set its breakpoints there."""


class Terminal:
    """The terminal of `portable dev`, for one who asks for it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._channel: Channel | None = None
        self._streams: list[tuple[int, int]] = []

    @property
    def is_held(self) -> bool:
        return self._channel is not None

    def take(self, where: str) -> bool:
        """Waits for its turn; False if there is no terminal. Time limits stand still until it is given back."""
        channel = Channel.connect(self._settings["socket"])
        PAUSES.begin()
        try:
            answer = channel.call(["break", self._settings["child"], where])
            if answer["group"] is not None:
                self._open(answer["group"])
                self._channel = channel
                return True
        except BaseException:
            channel.close()
            PAUSES.end()
            raise
        channel.close()
        PAUSES.end()
        return False

    def _open(self, group: int) -> None:
        terminal = os.open("/dev/tty", os.O_RDWR)
        os.setpgid(0, group)
        # stdin is /dev/null else; stdout is the terminal already, unless the supervisor's talk goes elsewhere.
        for number in (0, 1):
            if not os.isatty(number):
                self._streams.append((number, os.dup(number)))
                os.dup2(terminal, number)
        os.close(terminal)

    def give_back(self) -> None:
        channel, self._channel = self._channel, None
        if channel is None:
            return
        sys.stdout.flush()
        for number, before in self._streams:
            os.dup2(before, number)
            os.close(before)
        self._streams.clear()
        os.setpgid(0, 0)
        channel.close()
        PAUSES.end()


class TerminalPdb(pdb.Pdb):
    """Takes the terminal when it has something to ask, and keeps it while the user steps on."""

    def __init__(self, terminal: Terminal) -> None:
        # The app may have replaced the streams; Ctrl-C is the supervisor's.
        super().__init__(stdin=sys.__stdin__, stdout=sys.__stdout__, nosigint=True)
        # `input` edits lines and remembers them where the streams are a terminal.
        self.use_rawinput = True
        self.terminal = terminal

    def interaction(self, frame: FrameType | None, traceback: Any) -> None:
        if not self.terminal.is_held and not self.terminal.take(place(frame)):
            self.set_continue()
            return
        super().interaction(frame, traceback)

    def set_continue(self) -> None:
        super().set_continue()
        self.terminal.give_back()

    def set_quit(self) -> None:
        super().set_quit()
        self.terminal.give_back()


class TerminalHook:
    """sys.breakpointhook without --debug."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._local = threading.local()

    def __call__(self, *arguments: Any, **named: Any) -> None:
        if os.environ.get("PYTHONBREAKPOINT"):
            sys.__breakpointhook__(*arguments, **named)
            return
        frame = sys._getframe(1)
        current: TerminalPdb | None = getattr(self._local, "pdb", None)
        if current is None or not current.terminal.is_held:
            terminal = Terminal(self._settings)
            if not terminal.take(place(frame)):
                say_once(frame, "there is no terminal here to ask in; `portable dev --debug` stops an attached editor")
                return
            current = self._local.pdb = TerminalPdb(terminal)
        current.set_trace(frame)


class EditorHook:
    """sys.breakpointhook under --debug."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, *arguments: Any, **named: Any) -> None:
        if os.environ.get("PYTHONBREAKPOINT"):
            sys.__breakpointhook__(*arguments, **named)
            return
        debugpy: Any = importlib.import_module("debugpy")
        frame = sys._getframe(1)
        if not debugpy.is_client_connected():
            say_once(frame, f"no editor is attached to {HOST}:{self._port}")
            return
        # As debugpy.breakpoint() does, which would stop here instead of in the caller.
        pydevd: Any = importlib.import_module("pydevd")
        pydevd.settrace(
            suspend=True,
            trace_only_current_thread=True,
            patch_multiprocessing=False,
            stop_at_frame=frame,
            notify_stdin=False,
        )


SAID: set[str] = set()


def say_once(frame: FrameType, why: str) -> None:
    where = place(frame)
    if where not in SAID:
        SAID.add(where)
        LOG.warning("breakpoint() at %s: %s; the handler goes on", where, why)


def place(frame: FrameType | None) -> str:
    return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def prepare(settings: dict[str, Any], channel: Channel) -> None:
    """Makes this process stop at breakpoints. Under --debug it waits for an attached editor to set them."""
    if not settings["debug"]:
        sys.breakpointhook = TerminalHook(settings)
        return
    PAUSES.forever = True
    debugger: dict[str, Any] | None = channel.call(["debugger"])["place"]
    if debugger is None:
        return
    connect(debugger)
    sys.breakpointhook = EditorHook(debugger["port"])


def connect(debugger: dict[str, Any]) -> None:
    debugpy: Any = importlib.import_module("debugpy")
    # It brings the debugger itself, which is no package of its own.
    importlib.import_module("debugpy.server.api")
    pydevd: Any = importlib.import_module("pydevd")
    # What the app itself starts is not followed: it is told apart from what `portable dev` starts.
    debugpy.configure(subProcess=False)

    def go_on() -> None:
        LOG.warning(
            "the attached editor did not follow into process %s within %.0f seconds, so its breakpoints are not there",
            os.getpid(),
            ATTACH_SECONDS,
        )
        pydevd.get_global_debugger().ready_to_run = True

    timer = threading.Timer(ATTACH_SECONDS, go_on)
    timer.daemon = True
    timer.start()
    try:
        # Returns when the editor has set its breakpoints, or at once if none is attached.
        debugpy.connect((HOST, debugger["server"]), access_token=debugger["token"], parent_session_pid=debugger["root"])
    except OSError as error:
        LOG.warning("the debugger is not there: %s", error)
    finally:
        timer.cancel()
