"""The debugger of `portable dev --debug`: whatever an editor or a process does, it listens to the next one."""

import importlib
import itertools
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from portable_local.debug_connections import accept, editors, processes
from portable_local.debugger import Debugger

from tests.e2e.dap import Editor, Message, Session, read_message
from tests.e2e.dev import DEADLINE, until


@pytest.fixture
def mortal() -> Iterator[Debugger]:
    """One that a test may end."""
    found = Debugger(0)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Debugger]:
    found = Debugger(0)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def debugger(lasting: Debugger) -> Debugger:
    """The same for all that must not end it."""
    assert not has_ended(lasting), "a test before has ended it"
    return lasting


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


PIDS = itertools.count(4_000_001)
"""Of processes that are none: more than a system has."""


class FakeProcess:
    """What connects as a process of user code does, and answers when the test lets it."""

    def __init__(self, debugger: Debugger, *, holds: str | None = None) -> None:
        place = debugger.place
        assert place is not None
        self.pid = next(PIDS)
        self.root: int = place["root"]
        self.token: str = place["token"]
        self.holds = holds
        self.goes_on = threading.Event()
        self.asked: list[Message] = []
        self._sequence = 0
        self._socket = socket.create_connection(("127.0.0.1", place["server"]), DEADLINE)
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb")
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.goes_on.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was quicker
        self._thread.join(DEADLINE)
        self._file.close()
        self._socket.close()

    def was_asked(self, command: str, count: int = 1) -> bool:
        return [message["command"] for message in self.asked].count(command) >= count

    def _answer(self) -> None:
        bodies: dict[str, Any] = {
            "pydevdAuthorize": {"clientAccessToken": self.token},
            "pydevdSystemInfo": {"process": {"pid": self.pid, "ppid": self.root}},
        }
        while (message := read_message(self._file)) is not None:
            command = message["command"]
            self.asked.append(message)
            if command == "attach":
                self.send({"type": "event", "event": "process", "body": {"name": "fake"}})
            if command == self.holds:
                self.goes_on.wait(DEADLINE)
            answer = {"type": "response", "request_seq": message["seq"], "command": command, "success": True}
            self.send({**answer, "body": bodies.get(command, {})})

    def send(self, message: Message) -> None:
        self._sequence += 1
        body = json.dumps({"seq": self._sequence, **message}).encode()
        try:
            self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        except OSError:
            pass  # nobody is left to hear it


def attached(debugger: Debugger, ending: ExitStack, **settings: Any) -> Session:
    """An editor that has attached, and not yet said that it is configured."""
    configuration = {"connect": {"host": "127.0.0.1", "port": debugger.port}, **settings}

    def attach() -> Session | None:
        """None as long as the one before is not wholly gone."""
        session = Session(Editor(debugger.port), configuration)
        ending.callback(session.close)
        session.ask("initialize", adapterID="debugpy", clientID="tests")
        number = session.send("attach", configuration)
        until("the adapter is initialized", lambda: session._initialized.is_set() or session.is_answered(number))
        assert not session.has_ended.is_set()
        return session if session._initialized.is_set() else None

    return until("an editor is let in", attach)


def has_ended(debugger: Debugger) -> bool:
    return bool(select.select([debugger], [], [], 0)[0])


def serves(debugger: Debugger) -> bool:
    """Whether an editor is let in, and its session ends."""
    with Editor(debugger.port):
        return not has_ended(debugger)


def closes(session: Session) -> None:
    """The editor says no more, and hears until the adapter has closed its end too."""
    session._socket.shutdown(socket.SHUT_WR)
    until("the adapter closes the connection", session.has_ended.is_set)


def test_an_editor_that_leaves_before_its_breakpoints_are_set_ends_nothing(
    debugger: Debugger, ending: ExitStack
) -> None:
    fake = FakeProcess(debugger, holds="configurationDone")
    ending.callback(fake.close)
    # Nobody is attached, so it is let run on; what is held up then is not what this is about.
    until("it is let run on", lambda: fake.was_asked("configurationDone"))
    fake.goes_on.set()
    until("it is let run on", lambda: fake.was_asked("disconnect"))
    fake.goes_on.clear()
    session = attached(debugger, ending, subProcessId=fake.pid)
    # This answer takes its turn after the event `process`, which is kept for when the editor is configured.
    session.ask("evaluate", expression="1")
    session.send("configurationDone", {})
    until("the process is told", lambda: fake.was_asked("configurationDone", 2))
    closes(session)
    fake.goes_on.set()
    until("the session ends", lambda: fake.was_asked("disconnect", 2))
    assert serves(debugger)


def test_an_editor_that_leaves_while_it_is_told_of_processes_ends_nothing(
    debugger: Debugger, ending: ExitStack
) -> None:
    fakes = [FakeProcess(debugger) for _ in range(3)]
    for fake in fakes:
        ending.callback(fake.close)
        until("it is let run on", lambda fake=fake: fake.was_asked("disconnect"))  # type: ignore[misc]
    for _ in range(20):
        session = attached(debugger, ending)
        session.send("configurationDone", {})
        session.close()
    assert serves(debugger)


@pytest.mark.parametrize(
    "message",
    [
        {"seq": 1, "type": "request", "command": "initialize", "arguments": "a text"},
        {"seq": 1, "type": "question"},
        [1, 2],
    ],
)
def test_what_is_no_request_ends_its_own_connection_only(debugger: Debugger, message: object) -> None:
    body = json.dumps(message).encode()
    with socket.create_connection(("127.0.0.1", debugger.port), DEADLINE) as connection:
        connection.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        is_closed(connection)
    assert serves(debugger)


def test_a_browser_is_hung_up_on(debugger: Debugger) -> None:
    with socket.create_connection(("127.0.0.1", debugger.port), DEADLINE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        is_closed(connection)
    assert serves(debugger)


def is_closed(connection: socket.socket) -> None:
    """Waits, as long as the socket's own time limit, until the other end has closed."""
    try:
        while connection.recv(65536):
            continue
    except ConnectionResetError:
        pass


def test_who_connects_as_a_process_and_says_nothing_holds_no_other_up(debugger: Debugger, ending: ExitStack) -> None:
    place = debugger.place
    assert place is not None
    silent = ending.enter_context(socket.create_connection(("127.0.0.1", place["server"]), DEADLINE))
    assert silent.recv(1)  # it is asked for its token
    fake = FakeProcess(debugger)
    ending.callback(fake.close)
    until("another process is let run on", lambda: fake.was_asked("disconnect"))


def test_a_process_that_is_being_let_run_on_is_attached_to_after_that(debugger: Debugger, ending: ExitStack) -> None:
    fake = FakeProcess(debugger, holds="attach")
    ending.callback(fake.close)
    until("it is being let run on", lambda: fake.was_asked("attach"))
    editor = Editor(debugger.port)
    ending.enter_context(editor)

    def followed() -> Session | None:
        return next((one for one in editor.sessions if one.process == fake.pid), None)

    session = until("the editor follows into it", followed)
    # Whoever does not wait asks at once.
    late = time.monotonic() + 0.5
    until("it is asked once more, or is not", lambda: fake.was_asked("attach", 2) or time.monotonic() > late)
    fake.goes_on.set()
    until("it is attached to", session.is_configured.is_set)
    commands = [message["command"] for message in fake.asked if not message["command"].startswith("pydevd")]
    assert commands[:5] == ["initialize", "attach", "configurationDone", "disconnect", "initialize"]
    assert "disconnect" not in commands[5:]


def test_a_root_that_is_lost_is_the_end_and_not_taken_for_another_process(mortal: Debugger, ending: ExitStack) -> None:
    fake = FakeProcess(mortal)
    ending.callback(fake.close)
    until("it is let run on", lambda: fake.was_asked("disconnect"))
    configuration = {"connect": {"host": "127.0.0.1", "port": mortal.port}, "pathMappings": [1]}
    session = Session(Editor(mortal.port), configuration)
    ending.callback(session.close)
    session.ask("initialize", adapterID="debugpy", clientID="tests")
    session.send("attach", configuration)
    until("it ends, which the supervisor hears", lambda: has_ended(mortal))
    assert mortal.ended() == "exit code 1"
    assert mortal.start_again()
    until("it is started again", lambda: has_ended(mortal))
    assert mortal.started_again()
    assert serves(mortal)


def test_a_debugger_that_is_started_again_has_its_port_and_serves_who_waited(
    mortal: Debugger, ending: ExitStack
) -> None:
    port = mortal.port
    for _ in range(3):
        # The adapter is the one that closes: its end of the connection is kept for a minute by the system.
        assert serves(mortal)
    os.kill(mortal._process.pid, signal.SIGKILL)
    until("its end is seen", lambda: has_ended(mortal))
    assert mortal.ended() == "killed by SIGKILL"
    waiting = Session(Editor(port), {"connect": {"host": "127.0.0.1", "port": port}})
    ending.callback(waiting.close)
    number = waiting.send("initialize", {"adapterID": "debugpy", "clientID": "tests"})
    assert mortal.start_again()
    until("it is started again", lambda: has_ended(mortal))
    assert mortal.started_again()
    assert mortal.port == port
    assert waiting.answer(number)["supportsConfigurationDoneRequest"]
    waiting.close()
    assert serves(mortal)


def test_a_debugger_that_ends_too_often_is_left_ended_and_refuses_editors(
    mortal: Debugger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # When it ends, by a clock of the test's own: the last four within a minute are too many.
    for now, starts_again in ((0, True), (30, True), (60, True), (90, True), (91, True), (92, False)):
        os.kill(mortal._process.pid, signal.SIGKILL)
        until("its end is seen", lambda: has_ended(mortal))
        monkeypatch.setattr("portable_local.debugger.time", SimpleNamespace(monotonic=lambda now=now: now))
        mortal.ended()
        assert mortal.start_again() is starts_again
        if starts_again:
            until("it is started again", lambda: has_ended(mortal))
            assert mortal.started_again()
    assert mortal.place is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", mortal.port), DEADLINE)


class Failing:
    """A listening socket whose system has no file descriptor left at first."""

    def __init__(self, listener: socket.socket) -> None:
        self.failures = 2
        self._listener = listener

    def setblocking(self, value: bool) -> None:
        self._listener.setblocking(value)

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            self.failures -= 1
            raise OSError(24, "Too many open files")
        return self._listener.accept()


def test_too_many_open_files_are_waited_out(ending: ExitStack) -> None:
    listener = ending.enter_context(socket.create_server(("127.0.0.1", 0)))
    greeted: list[socket.socket] = []

    def greet(connection: socket.socket) -> None:
        greeted.append(ending.enter_context(connection))
        if len(greeted) == 1:
            raise ValueError("this one cannot be greeted")

    accept(Failing(listener), greet)  # type: ignore[arg-type]
    for count in (1, 2):
        ending.enter_context(socket.create_connection(listener.getsockname(), DEADLINE))
        until("a connection is greeted", lambda count=count: len(greeted) == count)  # type: ignore[misc]


def test_an_editor_that_is_not_attached_is_told_of_no_process(ending: ExitStack) -> None:
    clients: Any = importlib.import_module("debugpy.adapter.clients")
    clients.listener = None
    ours, theirs = socket.socketpair()
    ending.enter_context(ours)
    editor = editors()(theirs)
    # The process is let run on at this, instead of waiting for who will not come.
    with pytest.raises(ConnectionError):
        editor.notify_of_subprocess(object())
    assert not editor.known_subprocesses
    ours.close()
    until("its session ends", lambda: not editor.is_connected)
    with pytest.raises(ConnectionError):
        editor.notify_of_subprocess(object())


def test_the_end_of_a_process_is_told_to_its_session_without_the_lock_of_all() -> None:
    found: list[bool] = []

    class Session:
        def disconnect(self) -> None:
            def others() -> None:
                found.append(servers._lock.acquire(timeout=DEADLINE))
                servers._lock.release()

            other = threading.Thread(target=others)
            other.start()
            other.join()

    kind = processes()
    servers: Any = importlib.import_module("debugpy.adapter.servers")
    process = kind.__new__(kind)
    process.server = Session()
    process.disconnect()
    assert found == [True]
    assert process.disconnected
