"""An editor for a test: speaks the Debug Adapter Protocol, and follows into subprocesses as editors do.

One `Editor` attaches once, to one port. For each process that the adapter tells it of it opens a session of its own on
the same port, and sets its breakpoints there before it lets the process go on.
"""

import json
import queue
import socket
import threading
from pathlib import Path
from typing import Any, NamedTuple, Self

from .dev import DEADLINE, until

Message = dict[str, Any]


def connected(port: int) -> socket.socket | None:
    """As an editor that waits: a debugger that has named its port may not listen yet on a busy machine."""
    try:
        return socket.create_connection(("127.0.0.1", port), DEADLINE)
    except ConnectionRefusedError:
        return None


class Refused(AssertionError):
    """An attach that came to nothing, with the adapter's answer."""


class Session:
    """One connection: requests and their answers, and what comes in between."""

    def __init__(self, editor: "Editor", configuration: Message) -> None:
        self.editor = editor
        self.configuration = configuration
        self.process: int | None = configuration.get("subProcessId")
        self.resumed = 0
        """How often the process has gone on from where it stood, with all its threads."""
        self.is_configured = threading.Event()
        self.has_ended = threading.Event()
        self._socket = until("the debugger listens", lambda: connected(editor.port))
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb")
        self._lock = threading.Lock()
        self._sequence = 0
        self._answers: dict[int, queue.SimpleQueue[Message]] = {}
        self._initialized = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def configure(self) -> None:
        """What an editor does first; afterwards the process runs, with its breakpoints."""
        self.ask("initialize", adapterID="debugpy", clientID="tests", linesStartAt1=True, pathFormat="path")
        attached = self.send("attach", self.configuration)
        until(
            "the adapter is initialized, or refuses", lambda: self._initialized.is_set() or self.is_answered(attached)
        )
        if not self._initialized.is_set() or self.has_ended.is_set():
            raise Refused(self._answers[attached].get(timeout=DEADLINE))
        for file, lines in self.editor.breakpoints.items():
            self.set_breakpoints(file, lines)
        self.ask("setExceptionBreakpoints", filters=[])
        self.ask("configurationDone")
        self.answer(attached)
        self.is_configured.set()

    def set_breakpoints(self, file: str, lines: list[int]) -> None:
        found = self.ask("setBreakpoints", source={"path": file}, breakpoints=[{"line": line} for line in lines])
        assert len(found["breakpoints"]) == len(lines), found

    def send(self, command: str, arguments: Message) -> int:
        with self._lock:
            self._sequence += 1
            number = self._sequence
            self._answers[number] = queue.SimpleQueue()
            body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments}).encode()
            self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        if self.has_ended.is_set():
            self._answers[number].put({"success": False, "message": "the connection has ended"})
        return number

    def answer(self, number: int) -> Any:
        try:
            message = self._answers[number].get(timeout=DEADLINE)
        except queue.Empty:
            raise AssertionError("the adapter does not answer") from None
        assert message.get("success"), message
        return message.get("body")

    def is_answered(self, number: int) -> bool:
        return not self._answers[number].empty()

    def ask(self, command: str, **arguments: Any) -> Any:
        return self.answer(self.send(command, arguments))

    def close(self) -> None:
        """As an editor that crashes."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was quicker
        self._reader.join(DEADLINE)
        self._file.close()
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                message = read_message(self._file)
            except (OSError, ValueError):
                message = None
            if message is None:
                self.has_ended.set()
                self._initialized.set()
                for waiting in list(self._answers.values()):
                    waiting.put({"success": False, "message": "the connection has ended"})
                return
            if message["type"] == "response":
                self._answers[message["request_seq"]].put(message)
            elif message["type"] == "event":
                self._happened(message["event"], message.get("body") or {})

    def _happened(self, event: str, body: Message) -> None:
        if event == "initialized":
            self._initialized.set()
        elif event == "stopped":
            self.editor.stops.put(Stop(self, body["threadId"], body["reason"], self.resumed))
        elif event == "continued":
            self.resumed += 1
        elif event == "debugpyAttach":
            self.editor.follow(body)
        elif event == "terminated":
            self.has_ended.set()


def read_message(file: Any) -> Message | None:
    length = 0
    while True:
        line = file.readline()
        if not line:
            return None
        if line == b"\r\n":
            break
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    data = file.read(length)
    found: Message | None = json.loads(data) if len(data) == length else None
    return found


class Stop(NamedTuple):
    """A thread that stands at a breakpoint."""

    session: Session
    thread: int
    reason: str
    resumed: int

    @property
    def is_over(self) -> bool:
        """Whether it went on meanwhile, because another thread of the process was told to."""
        return self.session.resumed > self.resumed

    def frame(self) -> Message:
        frames: list[Message] = self.session.ask("stackTrace", threadId=self.thread, startFrame=0, levels=1)[
            "stackFrames"
        ]
        return frames[0]

    @property
    def place(self) -> tuple[str, int]:
        """The name of the file, and the line."""
        frame = self.frame()
        return Path(frame["source"]["path"]).name, frame["line"]

    def local(self, name: str) -> str:
        """A local variable, as it is shown."""
        scopes = self.session.ask("scopes", frameId=self.frame()["id"])["scopes"]
        variables = self.session.ask("variables", variablesReference=scopes[0]["variablesReference"])["variables"]
        found = {variable["name"]: variable["value"] for variable in variables}
        assert name in found, found
        return str(found[name])

    def go_on(self) -> None:
        """With all threads of the process; what stopped before that is over when this returns."""
        self.session.ask("continue", threadId=self.thread)
        until("the process goes on", lambda: self.is_over or self.session.has_ended.is_set())


class Editor:
    """Attached from `with` to the end of the block. `breakpoints`: lines by file; changed with `break_at`."""

    follows = True

    def __init__(
        self, port: int, breakpoints: dict[str, list[int]] | None = None, settings: Message | None = None
    ) -> None:
        self.port = port
        self.settings: Message = {"justMyCode": True, **(settings or {})}
        self.breakpoints = breakpoints or {}
        self.stops: queue.SimpleQueue[Stop] = queue.SimpleQueue()
        self.sessions: list[Session] = []
        self.failures: list[BaseException] = []
        self._followers: list[threading.Thread] = []
        self._has_closed = False

    def __enter__(self) -> Self:
        until("the debugger lets this editor in", self._attached)
        return self

    def _attached(self) -> bool:
        """False as long as the editor before is not wholly gone: whoever sits before one presses F5 again."""
        root = Session(self, {**self.settings, "connect": {"host": "127.0.0.1", "port": self.port}})
        try:
            root.configure()
        except Refused:
            root.close()
            return False
        self.sessions.append(root)
        return True

    def __exit__(self, *_: object) -> None:
        for session in reversed(self.sessions):
            if not session.has_ended.is_set():
                session.answer(session.send("disconnect", {"terminateDebuggee": False}))
        self.crash()
        assert not self.failures, self.failures

    def crash(self) -> None:
        """Every connection is lost at once, also those that it was about to make: one that stays holds its process."""
        self._has_closed = True
        for session in reversed(self.sessions):
            session.close()
        for follower in self._followers:
            follower.join(DEADLINE)
            assert not follower.is_alive()

    def follow(self, configuration: Message) -> None:
        """A process came: attached to beside the thread that reads, which must hear the answers."""
        if not self.follows:
            return

        def configure() -> None:
            try:
                session = Session(self, configuration)
                self.sessions.append(session)
                if self._has_closed:
                    session.close()
                    return
                session.configure()
            except (AssertionError, OSError) as error:
                # A process may be gone before it is attached to: what a reload replaces at once. Then its session ends,
                # though not before this is heard. So may this editor.
                if not self._has_closed and not session_ends(self, configuration):
                    self.failures.append(error)

        follower = threading.Thread(target=configure, daemon=True)
        self._followers.append(follower)
        follower.start()

    def followed(self, count: int) -> list[Session]:
        """Waits until it is attached to so many processes that live, the root aside."""

        def look() -> list[Session] | None:
            assert not self.failures, self.failures
            found = [
                session
                for session in self.sessions
                if session.process is not None and session.is_configured.is_set() and not session.has_ended.is_set()
            ]
            return found if len(found) >= count else None

        return until(f"{count} attached processes", look, 2 * DEADLINE)

    def break_at(self, file: Path, *lines: int) -> None:
        self.breakpoints[str(file)] = list(lines)
        for session in list(self.sessions):
            if session.is_configured.is_set() and not session.has_ended.is_set():
                session.set_breakpoints(str(file), list(lines))

    def stopped(self) -> Stop:
        """The next stop."""
        try:
            return self.stops.get(timeout=2 * DEADLINE)
        except queue.Empty:
            raise AssertionError(f"nothing stops; attached to {[one.process for one in self.sessions]}") from None


def session_ends(editor: Editor, configuration: Message) -> bool:
    """Whether the session of a process has ended, or does so within a while."""

    def has_ended() -> bool:
        return any(
            session.process == configuration.get("subProcessId") and session.has_ended.is_set()
            for session in editor.sessions
        )

    try:
        return until("the session of the process ends", has_ended)
    except AssertionError:
        return False
