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
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from portable.adapter import ServeOptions
from portable.errors import PortableError
from portable.schedules import fire_times

from .debugger import Debugger
from .desk import ARRIVING, Desk
from .fleet import Child, Fleet
from .invoke import invoke
from .listening import listen, listen_locally, socket_path, url_of
from .loop import Loop, Timer
from .processes import describe_exit
from .scheduler import due
from .speech import Speech
from .store import crash_points
from .store.engine import Engine
from .store.owner import hold_folder
from .store.results import Result
from .terminal import TerminalDesk
from .translate import translate
from .transport import Message, Peer
from .watch import Watch, watch

__all__ = ["Supervisor", "invoke", "serve"]

BATCH = 1000
OUTCOMES = 32
OUTCOME_SECONDS = 0.003
"""For so many, or so long, outcomes wait for others to share their sync, while no worker waits for it."""
SETTLE_SECONDS = 0.003
"""An editor, or git, writes several files: the first is waited for no longer than they take."""
STOP_SECONDS = 15.0
DEBUG_STOP_SECONDS = 3.0
"""What stands at a breakpoint does not hear that it should stop."""
CLOCK_SECONDS = 10.0
"""How soon a jump of the clock is noticed."""
SWEEP_SECONDS = 600.0
RESTART_WAITS = (0.0, 0.2, 1.0, 5.0)
RETRY_SECONDS = 1.0
"""Until a disk that has failed is asked again."""
LASTED_SECONDS = 10.0
"""A process that ended after so long is started again at once."""

Arguments = dict[str, Any]
Done = Callable[[Result], None]


class Supervisor:
    """Everything between start and end of one `serve`."""

    def __init__(
        self,
        options: ServeOptions,
        engine: Engine,
        listener: socket.socket,
        local: socket.socket,
        debugger: Debugger | None = None,
    ) -> None:
        self.options = options
        self.debugger = debugger
        self.engine = engine
        self.clock = engine.clock
        self.url = url_of(listener)
        self.speech = Speech(options)
        self.loop = Loop()
        self.exit_code = 0
        self._local = local
        self._listener = listener
        self._pending: list[tuple[str, dict[str, Any], Done | None]] = []
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
        self.desk.on_failure = self.speech.run_failed
        self._generation = 0
        self._current: Child | None = None
        self._next: Child | None = None
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
        self._outcomes_due = 0.0
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
            case ["do", str(operation), dict() as arguments]:  # pyright: ignore[reportUnknownVariableType]
                self._submit(
                    operation, cast("Arguments", arguments), lambda result: self.loop.send(peer, result.to_json())
                )
            case ["claim", outcome]:
                child = self.fleet.children.get(peer.worker or 0)
                if child is not None:
                    self.desk.free(child, outcome)
            case ["hello", int(number), str()]:
                child = self.fleet.children.get(number)
                if child is None or child.peer is not None or peer.worker is not None:
                    self._hang_up(peer)
                else:
                    peer.worker, child.peer = number, peer
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
            case ["break", int(number), str()]:
                self.terminal.ask(peer, number)
            case ["debugger"]:
                self.loop.send(peer, {"place": None if self.debugger is None else self.debugger.place})
            case ["status"]:
                self.loop.send(peer, {"api": self.url, "pid": os.getpid(), "ready": self._current is not None})
            case _:
                self._hang_up(peer)

    # Breakpoints

    def _hold_up(self, number: int, is_held_up: bool) -> None:
        child = self.fleet.children.get(number)
        if child is not None:
            child.is_held_up = is_held_up
            self.desk.hold_up(child, is_held_up)

    def _debugger_ended(self) -> None:
        assert self.debugger is not None
        self.loop.remove(self.debugger)
        self.speech.debugger_ended(self.debugger.ended())

    # Writes

    def _submit(self, operation: str, arguments: dict[str, Any], done: Done | None = None) -> None:
        self._pending.append((operation, arguments, done))

    def _commit(self) -> None:
        """One batch, one transaction, one sync; then the answers. Claims ride along where they can."""
        while True:
            slots = self.desk.slots
            if slots == 0 and self._may_wait():
                return
            batch, self._pending = self._pending[:BATCH], self._pending[BATCH:]
            asks = slots > 0 and (self.desk.is_due or any(entry[0] in ARRIVING for entry in batch))
            if not batch and not asks:
                return
            operations = [(operation, arguments) for operation, arguments, _ in batch]
            if asks:
                operations.append(self.desk.claim())
            results = self.engine.execute(operations)
            crash_points.reach("before-answer")
            if asks:
                self.desk.claimed(results.pop(), slots, self.clock.now())
                self._plan_due()
            for (_, _, done), result in zip(batch, results, strict=True):
                if done is not None:
                    done(result)
            if batch:
                crash_points.reach("after-answer")
            if self.engine.arrivals != self._arrivals:
                self._arrivals = self.engine.arrivals
                if not asks or self.desk.slots:
                    self.desk.is_due = self.desk.is_due or not asks
                    self._plan_due()

    def _may_wait(self) -> bool:
        """Whether there is nothing to write but outcomes, which nobody waits for: workers have what they need."""
        if (
            not self.desk.holds
            or not 0 < len(self._pending) < OUTCOMES
            or any(entry[0] != "queue.finish" for entry in self._pending)
        ):
            self._outcomes_due = 0.0
            return False
        now = time.monotonic()
        if not self._outcomes_due:
            self._outcomes_due = now + OUTCOME_SECONDS
            self.loop.after(OUTCOME_SECONDS, nothing)
        elif now >= self._outcomes_due:
            self._outcomes_due = 0.0
            return False
        return True

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
            self.loop.send(peer, "go")
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
            write_ready_file(self.options.ready_file, self.url, self.speech.debug_port)
        else:
            self.speech.reloaded(self._edited, time.monotonic() - self._edited_at)
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
        if self._current is None and not self.options.reload:
            self.speech.raise_failure(answer, self.loop)
            return
        self.speech.failed(answer, keeps_serving=self._current is not None)

    def _ended(self, child: Child, status: int) -> None:
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
        else:
            self.speech.failed(answer, keeps_serving=self._current is not None)

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


def write_ready_file(path: Path | None, url: str, debug: int | None = None) -> None:
    """Tells programs where the app is; whole or not at all."""
    if path is None:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    document = {"api": url, "console": None, "pid": os.getpid(), **({} if debug is None else {"debug": debug})}
    temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
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
                    supervisor = Supervisor(options, engine, listener, local, debugger)
                    supervisor.speech.starting(has_moved=has_moved)
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
