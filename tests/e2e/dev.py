"""A real `portable dev` for a test: started in a session of its own, spoken to over HTTP, ended by its process id."""

import fcntl
import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

DEADLINE = 60.0
"""Seconds that anything polled for may take: generous, since the machine may be busy with other tests."""
POLL = 0.02
PORTABLE = (sys.executable, "-P", "-m", "portable")
PATIENCE = {"PYDEVD_UNBLOCK_THREADS_ON_VARIABLES_TIMEOUT": "-1"}
"""Else a debugger that takes 3 seconds to show a variable, on a busy machine, lets threads run, and stops once more."""

HELLO = """
from portable import App

app = App("hello")


@app.get("/")
def root() -> str:
    return "one"
"""
"""The least app; tests edit its answer."""


class Answer(NamedTuple):
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


def until(what: str, look: Callable[[], T | None], seconds: float = DEADLINE) -> T:
    """What `look` gives as soon as that is neither None nor False; fails, saying what was waited for, after a while."""
    ends = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"it did not come within {seconds:.0f} seconds: {what}")
        time.sleep(POLL)


def environment(**changes: str) -> dict[str, str]:
    """The variables of a program run by a test: nothing of the machine's own about colours and logging."""
    dropped = ("NO_COLOR", "CI", "FORCE_COLOR", "PORTABLE_CRASH_AT")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    if "PYTHONPATH" in changes and "PYTHONPATH" in kept:
        changes = {**changes, "PYTHONPATH": os.pathsep.join((changes["PYTHONPATH"], kept["PYTHONPATH"]))}
    return {**kept, **PATIENCE, "TERM": "xterm", "PYTHONUNBUFFERED": "1", **changes}


def portable(*arguments: object, cwd: Path | None = None, stdin: str = "", **variables: str) -> Done:
    """Runs `portable ARGUMENTS` to its end."""
    done = subprocess.run(
        [*PORTABLE, *(str(argument) for argument in arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**variables),
        timeout=2 * DEADLINE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes `{path: text}` below a folder, made if need be."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def request(
    url: str, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=DEADLINE)
    try:
        return exchange(connection, method, target, body, headers)
    finally:
        connection.close()


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request on a connection that may be kept."""
    connection.request(method, target, body=body, headers=headers or {})
    response = connection.getresponse()
    data = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, data)


class Dev:
    """A `portable dev` and what it has said so far. Started by `started`, which also ends it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", project: Path, data: Path, ready_file: Path, terminal: int | None
    ) -> None:
        self.process = process
        self.project = project
        self.data = data
        self.ready_file = ready_file
        self.api = ""
        self.console = ""
        """Its link, with the key."""
        self.terminal = terminal
        self._out = bytearray()
        self._err = bytearray()
        self._readers: list[threading.Thread] = []
        if terminal is not None:
            self._follow(terminal, self._out)
        for stream, into in ((process.stdout, self._out), (process.stderr, self._err)):
            if stream is not None:
                self._follow(stream.fileno(), into)

    def _follow(self, descriptor: int, into: bytearray) -> None:
        def follow() -> None:
            while True:
                try:
                    select.select([descriptor], [], [])
                    data = os.read(descriptor, 65536)
                except OSError:
                    return  # a terminal without anybody behind it answers EIO
                if not data:
                    return
                into.extend(data)

        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        self._readers.append(reader)

    # What it says

    @property
    def out(self) -> str:
        return bytes(self._out).decode(errors="replace")

    @property
    def err(self) -> str:
        return bytes(self._err).decode(errors="replace")

    def says(self, pattern: str, after: int = 0) -> str:
        """Waits until stderr has something that fits, beyond what it had said at `after`; the whole match."""

        def look() -> str | None:
            self.must_run()
            found = re.search(pattern, self.err[after:], re.MULTILINE | re.DOTALL)
            return found[0] if found else None

        return self._waiting(f"stderr says {pattern!r}", look)

    def must_run(self) -> None:
        code = self.process.poll()
        if code is not None:
            for reader in self._readers:
                reader.join(1)
            raise AssertionError(f"portable dev ended with {code}\n{self.out}\n{self.err}")

    def _waiting(self, what: str, look: Callable[[], T | None], seconds: float = DEADLINE) -> T:
        try:
            return until(what, look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\nstdout:\n{self.out}\nstderr:\n{self.err}") from None

    def serves(self) -> "Dev":
        """Waits for the ready file of this process; fails at once if the app does not load."""
        said = len(self.err)

        def look() -> dict[str, Any] | None:
            self.must_run()
            try:
                found: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                if "nothing is served yet" in self.err[said:]:
                    raise AssertionError("the app does not load") from None
                return None
            return found if found["pid"] == self.process.pid else None

        # With --debug two more processes start first: half a minute was measured on a busy machine.
        found = self._waiting("the ready file", look, 2 * DEADLINE)
        self.api, self.console = found["api"], found["console"]
        return self

    def types(self, text: bytes) -> None:
        """Types into its terminal."""
        assert self.terminal is not None
        os.write(self.terminal, text)

    # HTTP

    @property
    def port(self) -> int:
        return urlsplit(self.api).port or 0

    def get(self, target: str, **headers: str) -> Answer:
        return request(self.api, "GET", target, headers=headers)

    def post(self, target: str, value: Any = None) -> Answer:
        body = None if value is None else json.dumps(value).encode()
        return request(self.api, "POST", target, body, {"content-type": "application/json"})

    def answers(self, target: str, wanted: object) -> None:
        """Waits until GET gives `wanted`: a status, a text, or a JSON value."""

        def look() -> bool:
            self.must_run()
            try:
                answer = self.get(target)
            except (ConnectionError, http.client.HTTPException):
                return False
            if isinstance(wanted, int):
                return answer.status == wanted
            if answer.status != 200:
                return False
            return bool(answer.text == wanted if isinstance(wanted, str) else answer.json == wanted)

        self._waiting(f"GET {target} gives {wanted!r}", look)

    # Edits

    def save(self, name: str, text: str) -> int:
        """Writes a file as an editor does that writes in place; how much had been said on stderr before."""
        said = len(self.err)
        write(self.project, {name: text})
        return said

    def replace(self, name: str, text: str) -> int:
        """Writes a file as an editor does that renames a new one over it."""
        said = len(self.err)
        file = self.project / name
        beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        beside.write_text(textwrap.dedent(text), encoding="utf-8")
        beside.replace(file)
        return said

    # Processes

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"portable dev does not end\n{self.out}\n{self.err}") from None
        for reader in self._readers:
            reader.join(DEADLINE)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.send_signal(number)
        return self.wait()

    def family(self) -> "list[Process]":
        """All processes that descend from it, itself first."""
        return family(self.process.pid)


def take_terminal() -> None:
    """In a new session: stdin becomes its terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Process(NamedTuple):
    """A process as /proc shows it; `started` tells it from a later one with the same id."""

    pid: int
    parent: int
    started: str
    command: str

    @property
    def lives(self) -> bool:
        # Its command changes when it executes another program, and is empty for a moment.
        now = process(self.pid)
        return now is not None and now.started == self.started


def process(pid: int) -> Process | None:
    """None if there is no such process, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            command = file.read().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[1]), fields[19], command)


def family(pid: int) -> list[Process]:
    """A process and all that descend from it."""
    found = [process(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    members = [one for one in found if one is not None and one.pid == pid]
    for member in members:
        members.extend(one for one in found if one is not None and one.parent == member.pid)
    return members


def all_gone(members: list[Process]) -> None:
    """Waits until none of them lives."""
    assert members, "there was nobody to begin with"
    until(f"the end of {members}", lambda: not any(member.lives for member in members))


def holding(ended: "subprocess.Popen[bytes]") -> list[Process]:
    """Who else has the write end of a pipe that a process was given."""
    pipes = {os.readlink(f"/proc/self/fd/{stream.fileno()}") for stream in (ended.stdout, ended.stderr) if stream}
    found: list[Process] = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            held = {os.readlink(f"/proc/{name}/fd/{number}") for number in os.listdir(f"/proc/{name}/fd")}
        except OSError:
            continue  # it has ended in between
        one = process(int(name))
        if one is not None and held & pipes:
            found.append(one)
    return found


@contextmanager
def started(
    project: Path,
    *options: object,
    data: Path | None = None,
    path: object = None,
    terminal: bool = False,
    cwd: Path | None = None,
    port: int | None = 0,
    **variables: str,
) -> Iterator[Dev]:
    """Starts `portable dev`, not waiting until it serves, and ends it and all that it started, however the test goes.

    With `terminal` all three streams are a pseudo-terminal, which is the session's own: what is typed reaches it.
    """
    ready_file = project.parent / f"{project.name}.ready.json"
    arguments = [*PORTABLE, "dev", str(path if path is not None else project)]
    if port is not None:
        arguments += ["--port", str(port)]
    if "--console-port" not in options:
        arguments += ["--console-port", "0"]
    if data is not None:
        arguments += ["--data", str(data)]
    arguments += ["--ready-file", str(ready_file), *(str(option) for option in options)]
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    ours: int | None = None
    theirs: int | None = None
    if terminal:
        ours, theirs = os.openpty()
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "preexec_fn": take_terminal}
    process_ = subprocess.Popen(
        arguments, cwd=cwd or project.parent, env=environment(**variables), start_new_session=True, **streams
    )
    if theirs is not None:
        os.close(theirs)
    dev = Dev(process_, project, data or project / ".portable", ready_file, ours)
    members: list[Process] = []
    try:
        yield dev
    finally:
        members = family(process_.pid) if process_.poll() is None else []
        if process_.poll() is None:
            process_.kill()
        process_.wait(DEADLINE)
        for reader in dev._readers:
            reader.join(DEADLINE)
        holders = [] if not any(reader.is_alive() for reader in dev._readers) else holding(process_)
        for stream in (process_.stdout, process_.stderr):
            if stream is not None:
                stream.close()
        if ours is not None:
            os.close(ours)
        assert not holders, f"these outlived portable dev, and still hold its output: {holders}"
        for member in members:
            until(f"the end of {member}", lambda member=member: not member.lives)  # type: ignore[misc]
