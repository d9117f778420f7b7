"""`portable dev`: the process that holds the sockets, the data folder and the one writing connection.

It runs no code of the user.

One loop: what all processes ask for between two turns becomes one transaction with one sync, and is answered after it.
"""

import json
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from portable.adapter import ServeOptions
from portable.errors import PortableError
from portable.schedules import fire_times

from .console import ConsoleSide, console_side
from .debugger import Debugger
from .desk import ARRIVING, Desk, Told
from .fleet import Child, Fleet
from .invoke import invoke
from .listening import listen, listen_locally, socket_path, url_of
from .loop import Loop, Timer
from .processes import describe_exit
from .scheduler import due
from .speech import Speech
from .store import crash_points
from .store.engine import Engine, Operation
from .store.owner import hold_folder
from .store.results import Result
from .terminal import TerminalDesk
from .translate import translate
from .transport import Message, Peer
from .watch import Watch, watch

__all__ = ["Supervisor", "invoke", "serve"]

BATCH = 1000
SETTLE_SECONDS = 0.003
"""An editor, or git, writes several files: the first is waited for no longer than they take."""
STOP_SECONDS = 15.0
DEBUG_STOP_SECONDS = 3.0
"""What stands at a breakpoint does not hear that it should stop."""
CLOCK_SECONDS = 10.0
"""How soon a jump of the clock is noticed."""
LAST_READS = 8
"""Of what a process said before it ended; its socket may be open still in a process that it has forked."""
SWEEP_SECONDS = 600.0
RESTART_WAITS = (0.0, 0.2, 1.0, 5.0)
RETRY_SECONDS = 1.0
"""Until a disk that has failed is asked again."""
LASTED_SECONDS = 10.0
"""A process that ended after so long is started again at once."""

Arguments = dict[str, Any]
Done = Callable[[Result], None]


class Asked(NamedTuple):
    """Operations that came together, and who is told what all of them came to."""

    operations: list[Operation]
    done: Callable[[list[Result]], None] | None


class Supervisor:
    """Everything between start and end of one `serve`."""

    def __init__(
        self,
        options: ServeOptions,
        engine: Engine,
        listener: socket.socket,
        local: socket.socket,
        debugger: Debugger | None = None,
        console: ConsoleSide | None = None,
    ) -> None:
        self.options = options
        self.debugger = debugger
        self.console = console
        self.engine = engine
        self.clock = engine.clock
        self.url = url_of(listener)
        self.speech = Speech(options)
        self.loop = Loop()
        if console is not None:
            self.speech.console = console.new_link()
            console.attach(self.loop, self.url, local.getsockname())
        self.exit_code = 0
        self._local = local
        self._listener = listener
        self._pending: deque[Asked] = deque()
        self._handover = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in self._handover:
            end.set_inheritable(True)
        project = options.project
        descriptors = (listener.fileno(), *(end.fileno() for end in self._handover))
        settings = {
            "root": str(project.root),
            "module": project.module,
            "attribute": project.attribute,
            "data": str(options.data),
            "cache": str(options.data / "cache"),
            "socket": local.getsockname(),
            "telemetry": None if console is None else console.path,
            "listener": listener.fileno(),
            "handover": descriptors[1:],
            "base_url": self.url,
            "profile": options.profile,
            "limits": options.limits,
            "debug": debugger is not None,
        }
        self.fleet = Fleet(self.loop, settings, descriptors)
        self.fleet.on_end = self._ended
        self.fleet.on_zygote_end = self._zygote_ended
        self.desk = Desk(self.loop, self.fleet, self._submit, options.workers, has_limits=debugger is None)
        self.terminal = TerminalDesk(self.loop.send, self._hold_up)
        self.loop.patience = self.desk.patience
        self.desk.on_failure = self.speech.run_failed
        if console is not None:
            self.desk.on_broken_off = console.broke_off
        self._generation = 0
        self._current: Child | None = None
        self._next: Child | None = None
        self._ending: Child | None = None
        self._wiring: dict[str, Any] | None = None
        self._schedules: list[list[Any]] = []
        self._fire_timer: Timer | None = None
        self._due_timer: Timer | None = None
        self._edit_timer: Timer | None = None
        self._edited_at = 0.0
        self._edited: list[str] = []
        self._watch: Watch | None = None
        self._stopping: int | None = None
        self._crashes = 0
        self._killed_starts = 0
        self._has_released = False
        self._arrivals = engine.arrivals

    # The loop

    def run(self) -> int:
        """Until interrupted; the exit code. Raises AppFailure if the app cannot be loaded and no fix is watched for."""
        self.loop.add(self._local, self._connected)
        if self.options.reload:
            self._watch = watch(str(self.options.project.root), str(self.options.data))
            self.loop.add(self._watch, self._changed)
        if self.debugger is not None:
            self.loop.add(self.debugger, self._debugger_ended)
        self.loop.after(SWEEP_SECONDS, self._sweep)
        with self.loop.signals(self._signalled, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)):
            try:
                self._start_next()
                self.loop.run(self._commit)
                if self.speech.failure is not None:
                    raise self.speech.failure
            finally:
                self.fleet.close()
                self.desk.shut()
                if self.console is not None:
                    # After the processes whose records it takes.
                    self.console.close()
                self.terminal.restore()
                if self._watch is not None:
                    self._watch.close()
                self.loop.close()
                for end in self._handover:
                    end.close()
        return self.exit_code

    def _connected(self) -> None:
        while True:
            try:
                connected, _ = self._local.accept()
            except BlockingIOError:
                return
            peer = Peer(connected)
            self.loop.add(peer, lambda peer=peer: self._heard(peer))  # type: ignore[misc]

    def _heard(self, peer: Peer) -> None:
        messages = peer.read()
        if messages is None:
            self._hang_up(peer)
            return
        for message in messages:
            if peer.closed:
                return
            self._answer(peer, message)

    def _hang_up(self, peer: Peer) -> None:
        self.loop.remove(peer)
        peer.close()
        self.desk.forget(peer)
        self.terminal.forget(peer)

    def _answer(self, peer: Peer, message: Message) -> None:
        match message:
            case ["many", *rest]:
                self._do(peer, rest)
            case ["do", str(operation), dict() as arguments]:  # pyright: ignore[reportUnknownVariableType]
                self._submit(
                    operation, cast("Arguments", arguments), lambda result: self.loop.send(peer, result.to_json())
                )
            case ["claim", *rest]:
                self._claim(peer, rest)
            case ["hello", int(number), str()]:
                self._greet(peer, number)
            case ["ready", dict() as described]:  # pyright: ignore[reportUnknownVariableType]
                child = self.fleet.children.get(peer.worker or 0)
                self._ready(peer, child, cast("Arguments", described))
            case ["failed", dict() as answer]:  # pyright: ignore[reportUnknownVariableType]
                child = self.fleet.children.get(peer.worker or 0)
                self.loop.send(peer, "stop")
                if child is not None:
                    self._failed(child, cast("Arguments", answer))
            case ["invoke", str(handler), str(body)]:
                self.desk.invoke(peer, handler, body, self.clock.now())
            case [
                "invoke",
                str(handler),
                str(body),
                str(traceparent),
                [int(attempt), dict() as attributes, (None | int() | float()) as at],  # pyright: ignore[reportUnknownVariableType]
            ]:
                told = Told(attempt, cast("dict[str, str]", attributes), at)
                self.desk.invoke(peer, handler, body, self.clock.now(), traceparent, told)
            case ["break", int(number), str()]:
                self.terminal.ask(peer, number)
            case ["debugger"]:
                self.loop.send(peer, {"place": None if self.debugger is None else self.debugger.place})
            case ["status"]:
                console = None if self.console is None else self.console.door
                self.loop.send(
                    peer,
                    {"api": self.url, "console": console, "pid": os.getpid(), "ready": self._current is not None},
                )
            case _:
                self._hang_up(peer)

    def _greet(self, peer: Peer, number: int) -> None:
        """A process that was started has come up."""
        child = self.fleet.children.get(number)
        if child is None or child.peer is not None or peer.worker is not None:
            self._hang_up(peer)
            return
        peer.worker, child.peer = number, peer
        if child.role == "worker":
            self.loop.let_wait(peer)

    def _speaker(self, peer: Peer) -> Child | None:
        """The process at the other end, be it only in what it said before it ended."""
        number = peer.worker or 0
        if self._ending is not None and self._ending.number == number:
            return self._ending
        return self.fleet.children.get(number)

    def _claim(self, peer: Peer, rest: list[Any]) -> None:
        """A worker has run something; see worker.py."""
        child = self._speaker(peer)
        match rest:
            case [outcome]:
                if child is not None:
                    self.desk.free(child, outcome)
            case [dict() as outcome, float(seconds), None]:  # pyright: ignore[reportUnknownVariableType]
                if child is not None:
                    self.desk.free(child, cast("Arguments", outcome), seconds)
            case [dict() as outcome, float(seconds), [str(id), int(fence)]]:  # pyright: ignore[reportUnknownVariableType]
                if child is not None:
                    self.desk.free(child, cast("Arguments", outcome), seconds, (id, fence))
            case _:
                self._hang_up(peer)

    def _do(self, peer: Peer, rest: list[Any]) -> None:
        """What threads of a child want written, together: one answer, when all of it is durable."""
        operations = operations_of(rest)
        if operations is None:
            self._hang_up(peer)
        else:
            self._pending.append(Asked(operations, partial(self._tell, peer)))

    def _tell(self, peer: Peer, results: list[Result]) -> None:
        self.loop.send(peer, [result.to_json() for result in results])

    # Breakpoints

    def _hold_up(self, number: int, is_held_up: bool) -> None:
        child = self.fleet.children.get(number)
        if child is not None:
            child.is_held_up = is_held_up
            self.desk.hold_up(child, is_held_up)

    def _debugger_ended(self) -> None:
        assert self.debugger is not None
        self.loop.remove(self.debugger)
        how = self.debugger.ended()
        starts_again = self._stopping is None and self.debugger.start_again()
        self.speech.debugger_ended(how, starts_again=starts_again)
        if starts_again:
            self.loop.add(self.debugger, self._debugger_started_again)

    def _debugger_started_again(self) -> None:
        assert self.debugger is not None
        self.loop.remove(self.debugger)
        if not self.debugger.started_again():
            self.speech.debugger_ended(self.debugger.ended(), starts_again=False)
            return
        self.loop.add(self.debugger, self._debugger_ended)
        if self._stopping is None:
            # Only a process that starts connects to it. What was saved meanwhile is on its way already, or comes now.
            self._start_next(as_served=self._next is None and self._current is not None)

    # Writes

    def _submit(self, operation: str, arguments: dict[str, Any], done: Done | None = None) -> None:
        self._pending.append(Asked([(operation, arguments)], None if done is None else partial(only, done)))

    def _commit(self) -> None:
        """One batch, one transaction, one sync; then the answers. Claims ride along where they can."""
        while True:
            batch, operations = self._next_batch()
            if any(name in ARRIVING for name, _ in operations):
                self.desk.look()
            if any(name == "schedule.pause" for name, _ in operations):
                # When the next one fires is another question now.
                self.loop.after(0.0, self._fire)
            asks = self.desk.asks
            if not batch and not asks:
                return
            if asks:
                operations.append(self.desk.claim())
            results = self.engine.execute(operations)
            crash_points.reach("before-answer")
            if asks:
                self.desk.claimed(results.pop(), self.clock.now())
            start = 0
            for entry in batch:
                end = start + len(entry.operations)
                if entry.done is not None:
                    entry.done(results[start:end])
                start = end
            if batch:
                crash_points.reach("after-answer")
            if self.engine.arrivals != self._arrivals:
                self._arrivals = self.engine.arrivals
                if not asks:
                    self.desk.look()
                self._plan_due()
            elif asks:
                self._plan_due()

    def _next_batch(self) -> tuple[list[Asked], list[Operation]]:
        """What is written next, together."""
        pending = self._pending
        batch: list[Asked] = []
        operations: list[Operation] = []
        while pending and len(operations) < BATCH:
            batch.append(pending.popleft())
            operations += batch[-1].operations
        return batch, operations

    def _plan_due(self) -> None:
        """Wakes up when the next delivery is due."""
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        if self.desk.is_due:
            return  # whoever is free next is given something without being woken
        at = self._next_due()
        if at is not None:
            wait = at - self.clock.now()
            self._due_timer = self.loop.after(min(max(wait, 0.0), CLOCK_SECONDS), self._look)

    def _look(self) -> None:
        """Claims if there is something due; else waits on."""
        at = self._next_due()
        if at is not None and at <= self.clock.now():
            self.desk.look()
        else:
            self._plan_due()

    def _next_due(self) -> float | None:
        """When there is something to claim; a disk that cannot say is asked again soon."""
        try:
            return self.engine.next_due()
        except PortableError:
            return self.clock.now() + RETRY_SECONDS

    def _sweep(self) -> None:
        self._submit("sweep", {})
        self.loop.after(SWEEP_SECONDS, self._sweep)

    # Generations

    def _start_next(self, *, as_served: bool = False) -> None:
        """Starts the app anew; whatever was on its way to replace the current one is out of date.

        `as_served`: with the code that was served last, not with what was saved since and may not import.
        """
        if self._next is not None:
            self._next.is_leaving = True
            self.fleet.kill(self._next)
        self._generation += 1
        self._next = self.fleet.start("http", self._generation, as_served=as_served)

    def _ready(self, peer: Peer, child: Child | None, described: dict[str, Any]) -> None:
        if child is None or child.is_leaving or self._stopping is not None:
            self.loop.send(peer, "stop")
            return
        child.is_ready = True
        if child.role == "worker":
            if not self.desk.welcome(child):
                self.fleet.kill(child)
            return
        if child is not self._next:
            self.loop.send(peer, "stop")
            return
        wiring = translate(described["manifest"])
        if wiring != self._wiring:
            result = self.engine.execute([("bind", {"wiring": wiring})])[0]
            if result.code is not None:
                self._refused(child, result)
                return
            self._wiring = wiring
        former, self._current, self._next = self._current, child, None
        self.loop.send(peer, "go")
        self._killed_starts = 0
        if former is not None:
            self.fleet.dismiss(former, "drain")
        self._took_over(child, described, is_first=former is None)

    def _took_over(self, child: Child, described: dict[str, Any], *, is_first: bool) -> None:
        assert self._wiring is not None
        if is_first and not self.speech.has_served:
            self.speech.serving(self.url, described["manifest"])
            write_ready_file(self.options.ready_file, self.url, self.speech.console, self.speech.debug_port)
        else:
            self.speech.reloaded(self._edited, time.monotonic() - self._edited_at)
        if self.console is not None:
            seconds = time.monotonic() - self._edited_at if self._edited else None
            self.console.serves(described, self._edited, seconds)
        self._edited = []
        self.fleet.sources = described["sources"]
        self._open_desk(child)
        self.fleet.preload(described["modules"])
        if self._watch is not None:
            self._watch.also(described["folders"])
        self._fire()

    def _open_desk(self, child: Child) -> None:
        """Lets the workers of a generation begin; first of all, what a predecessor left at work is let go of."""
        if child is not self._current or self._stopping is not None or self._wiring is None:
            return
        if not self._has_released:
            if self.engine.execute([("queue.release", {})])[0].code is not None:
                self.loop.after(RETRY_SECONDS, lambda: self._open_desk(child))
                return
            self._has_released = True
        self.desk.open(child.generation, self._wiring["handlers"])

    def _refused(self, child: Child, result: Result) -> None:
        """The store does not take what the app declares now."""
        try:
            result.unwrap()
        except PortableError as error:
            fault = {"code": error.code, "message": error.message, "hint": error.hint, "location": None}
            self._failed(child, {"faults": [fault], "trace": None})
        if child.peer is not None:
            self.loop.send(child.peer, "stop")

    def _failed(self, child: Child, answer: dict[str, Any]) -> None:
        child.is_leaving = True
        child.failure = answer
        if child is not self._next:
            return
        self._next = None
        self._edited = []
        self._next_failed(answer)

    def _ended(self, child: Child, status: int) -> None:
        child.has_ended = True
        if child.peer is not None and not child.peer.closed:
            # What it said last counts: there may be many outcomes that nobody has listened to yet.
            self._ending = child
            for _ in range(LAST_READS):
                if not child.peer.closed:
                    self._heard(child.peer)
            self._ending = None
        if self._stopping is not None:
            self.desk.ended(child, status)
            self._check_stopped()
            return
        if child.role == "worker":
            if not child.is_leaving:
                self.speech.worker_ended(describe_exit(status))
            self.desk.ended(child, status)
            return
        if child.is_leaving:
            return
        was = describe_exit(status)
        if child is self._current:
            self._current = None
            if time.monotonic() - child.started_at > LASTED_SECONDS:
                self._crashes = 0
            self.speech.server_ended(was)
            if self.console is not None:
                self.console.stopped(f"the process that serves HTTP ended: {was}")
            if self._next is None:
                self._restart()
        elif child is self._next:
            self._next = None
            is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            if is_killed and self._current is None and self._killed_starts < len(RESTART_WAITS):
                # Somebody, or the kernel for want of memory, ended it: that says nothing about the app.
                self._killed_starts += 1
                self.speech.server_ended(was)
                self._restart()
                return
            fault = {"code": "P2002", "message": f"the app ended its process while it was imported ({was})"}
            self._next_failed({"faults": [{**fault, "hint": None, "location": None}], "trace": None})

    def _next_failed(self, answer: dict[str, Any]) -> None:
        if self._current is None and not self.options.reload:
            self.speech.raise_failure(answer, self.loop)
            return
        self.speech.failed(answer, keeps_serving=self._current is not None)
        if self.console is not None:
            self.console.failed(answer)

    def _restart(self) -> None:
        wait = RESTART_WAITS[min(self._crashes, len(RESTART_WAITS) - 1)]
        self._crashes += 1
        self.loop.after(wait, self._start_as_served)

    def _start_as_served(self) -> None:
        if self._next is None and self._current is None and self._stopping is None:
            self._start_next(as_served=True)

    def _zygote_ended(self) -> None:
        if self._current is None and self._next is None:
            self._restart()

    # Edits

    def _changed(self) -> None:
        assert self._watch is not None
        names = self._watch.changed()
        if not names or self._stopping is not None:
            return
        if not self._edited:
            self._edited_at = time.monotonic()
        self._edited.extend(name for name in names if name not in self._edited)
        if self._edit_timer is None:
            self._edit_timer = self.loop.after(SETTLE_SECONDS, self._reload)

    def _reload(self) -> None:
        self._edit_timer = None
        if self._stopping is None:
            self._crashes = 0
            self._start_next()

    # Schedules

    def _fire(self) -> None:
        """Decides on the fire times that have come, and wakes up for the next."""
        if self._fire_timer is not None:
            self._fire_timer.cancel()
        now = self.clock.now()
        wait = CLOCK_SECONDS
        operations: list[tuple[str, dict[str, Any]]] = []
        schedules = self.engine.execute([("schedule.due", {})])[0]
        if schedules.code is not None:
            # The disk fails; what is due now is found the next time.
            wait = RETRY_SECONDS
        for handler, cron, zone, missed, last in schedules.value or ():
            found = due(cron, zone, missed, last, now, fire_times)
            if found.skipped:
                operations.append(("schedule.skip", {"handler": handler, "ats": found.skipped}))
            if found.fire is not None:
                operations.append(("schedule.fire", {"handler": handler, "at": found.fire}))
            upcoming = next(fire_times(cron, zone, max(now, last)), None)
            if upcoming is not None:
                wait = min(wait, upcoming - now)
        for operation, arguments in operations:
            self._submit(operation, arguments)
        self._fire_timer = self.loop.after(max(wait, 0.001), self._fire)

    # The end

    def _signalled(self, number: int) -> None:
        if number == signal.SIGINT:
            self.exit_code = 130
        if self._stopping is not None:
            # The second time: at once.
            self.loop.done = True
            return
        self._stopping = number
        self.speech.stopping(self.desk.busy)
        self._listener.close()
        self.desk.close()
        for child in list(self.fleet.children.values()):
            if child.role == "http" and not child.is_leaving:
                if child is self._current:
                    self.fleet.dismiss(child, "stop")
                else:
                    self.fleet.kill(child)
            elif child.role == "worker" and not child.is_ready:
                self.fleet.kill(child)
        self.loop.after(STOP_SECONDS if self.debugger is None else DEBUG_STOP_SECONDS, self._give_up)
        self._check_stopped()

    def _check_stopped(self) -> None:
        if all(child.is_held_up for child in self.fleet.children.values()):
            self.loop.done = True

    def _give_up(self) -> None:
        self.speech.gave_up(self.desk.busy)
        self.loop.done = True


def nothing() -> None:
    """A timer that only makes the loop go round."""


def only(done: Done, results: list[Result]) -> None:
    """Tells what became of an operation that came alone."""
    done(results[0])


def operations_of(rest: list[Any]) -> list[Operation] | None:
    """The operations of a frame: a list of `[name, arguments]`, or of `[name, arguments, field]` for each of the texts
    behind it, which `field` is to have. None for anything else: whoever sends that has lost its way.
    """
    if not 1 <= len(rest) <= 2 or not all(isinstance(part, list) for part in rest):
        return None
    wanted: list[Any] = rest[0]
    texts: list[Any] = rest[1] if len(rest) == 2 else []
    found: list[Operation] = []
    left = iter(texts)
    for entry in wanted:
        match entry:
            case [str(name), dict() as arguments]:  # pyright: ignore[reportUnknownVariableType]
                found.append((name, cast("Arguments", arguments)))
            case [str(name), dict() as arguments, str(field)]:  # pyright: ignore[reportUnknownVariableType]
                text = next(left, None)
                if text is None:
                    return None
                cast("Arguments", arguments)[field] = text
                found.append((name, cast("Arguments", arguments)))
            case _:
                return None
    return found if found and next(left, None) is None else None


def write_ready_file(path: Path | None, url: str, console: str | None = None, debug: int | None = None) -> None:
    """Tells programs where the app is; whole or not at all. For this user alone: a link to the console is in it."""
    if path is None:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    document = {"api": url, "console": console, "pid": os.getpid(), **({} if debug is None else {"debug": debug})}
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(document) + "\n")
    os.replace(temporary, path)


def serve(options: ServeOptions) -> int:
    """Runs `options.project` until interrupted; the exit code (0 after SIGTERM, 130 after Ctrl-C).

    Raises ProjectConflict when another process holds the data folder, PortTaken for a named port that is busy,
    AppFailure when the app cannot be loaded and no fix is watched for.
    """
    with hold_folder(options.data, "portable dev"):
        listener, has_moved = listen(options.host, options.port)
        with listener:
            engine = Engine(options.data)
            path = socket_path(options.data)
            (options.data / "cache").mkdir(mode=0o700, exist_ok=True)
            try:
                with ExitStack() as ending:
                    local = ending.enter_context(listen_locally(path))
                    debugger = Debugger(options.debug_port) if options.debug else None
                    if debugger is not None:
                        ending.callback(debugger.close)
                    console = console_side(options)
                    if console is not None:
                        ending.callback(console.close)
                    supervisor = Supervisor(options, engine, listener, local, debugger, console)
                    supervisor.speech.starting(has_moved=has_moved)
                    if console is None or console.has_moved:
                        supervisor.speech.console_moved(None if console is None else console.url)
                    if debugger is not None:
                        supervisor.speech.debugging(debugger.port, has_moved=debugger.has_moved)
                    if options.ready_file is not None:
                        # What a predecessor left that was killed would be taken for ours.
                        options.ready_file.unlink(missing_ok=True)
                    try:
                        return supervisor.run()
                    finally:
                        os.unlink(path)
                        if options.ready_file is not None and supervisor.speech.has_served:
                            options.ready_file.unlink(missing_ok=True)
                        sys.stderr.flush()
            finally:
                engine.close()
