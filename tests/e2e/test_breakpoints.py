"""`portable dev --debug` under an editor: breakpoints stop in every kind of handler, also after a reload."""

import fcntl
import json
import os
import queue
import random
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .dap import Editor, Message, Session, Stop
from .dev import DEADLINE, Answer, Dev, all_gone, portable, started, until, write

SHOWN = 20_000
"""Characters of what `portable dev` has said, when a test fails: debugpy says much."""
HIDDEN = "import sys\nsys.modules['debugpy'] = None\n"
SLOW = "import portable_local.debugger\nportable_local.debugger.ENDS_SECONDS = 3600.0\n"
"""Four ends of the debugger are too many within a minute, in which a busy machine does not start it three times."""

APP = """
import asyncio
import time

from portable import App, Change, ObjectEvent

app = App("stops")
notes = app.table("notes")
seen = app.table("seen")
files = app.bucket("files")
changed = app.topic("changed")
VERSION = "v0"


@app.get("/sync/{number}", timeout=1)
def sync(number: int) -> str:
    doubled = number * 2
    text = f"{VERSION} {doubled}"  # stop: sync
    time.sleep(0.2)  # its time would be over now
    return text


@app.get("/async/{number}", timeout=1)
async def asynchronous(number: int) -> str:
    tripled = number * 3
    text = f"{VERSION} {tripled}"  # stop: async
    await asyncio.sleep(0.2)
    return text


@app.get("/called")
def called() -> str:
    here = "in the code"
    breakpoint()
    return here  # stop: called


@app.task(timeout=1, max_attempts=2)
def work(name: str) -> None:
    attempt = f"work {name}"
    seen.put({"id": attempt})  # stop: task


@changed.subscribe
def subscriber(text: str) -> None:
    heard = f"heard {text}"
    seen.put({"id": heard})  # stop: topic


@files.on_created
def stored(event: ObjectEvent) -> None:
    key = event.key
    seen.put({"id": f"stored {key}"})  # stop: bucket


@notes.on_change
def note_changed(change: Change[dict[str, object]]) -> None:
    of = change.new["id"]
    seen.put({"id": f"changed {of}"})  # stop: change


@app.cron("0 3 1 1 *")
def yearly() -> str:
    word = "tick"
    return word  # stop: schedule


@app.post("/do/{what}")
def do(what: str) -> None:
    match what:
        case "task":
            work.send("one")
        case "topic":
            changed.publish("news")
        case "bucket":
            files.put("a.txt", b"a")
        case "change":
            notes.put({"id": "n1"})


@app.get("/seen")
def look() -> list[str]:
    return sorted(item["id"] for item in seen.scan())
"""


def line_of(name: str, text: str = APP) -> int:
    """Where a `# stop:` comment is in the file, which begins after the first line break."""
    found = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith(f"# stop: {name}")]
    assert len(found) == 1, name
    return found[0]


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One at a time, also over the processes of a run: two debuggers at once want more than a small machine has."""
    with open(tmp_path_factory.getbasetemp().parent / "breakpoints.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def debug_port(dev: Dev) -> int:
    port: int = json.loads(dev.ready_file.read_text(encoding="utf-8"))["debug"]
    return port


def aside(call: Callable[[], Any]) -> "Future[Any]":
    """Does something that does not end before the test goes on."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def answer_of(future: "Future[Any]") -> Answer:
    answer: Answer = future.result(DEADLINE)
    return answer


def let_pass(seconds: float) -> None:
    """A time limit runs out, if it is one."""
    ends = time.monotonic() + seconds
    until(f"{seconds} seconds pass", lambda: time.monotonic() > ends)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("stops"), {"stops/app.py": APP}) / "stops"
    with started(project, "--debug", 0, "--workers", 2) as dev:
        yield dev.serves()


@pytest.fixture
def dev(served: Dev) -> Dev:
    """The module's, with the app as it was."""
    if (served.project / "app.py").read_text() != APP:
        said = served.save("app.py", APP)
        served.says("reloaded", said)
    return served


@contextmanager
def editor(dev: Dev, *names: str) -> Iterator[Editor]:
    """Attached to the app and one worker, with breakpoints at these places."""
    file = dev.project / "app.py"
    lines = [line_of(name) for name in names]
    try:
        with Editor(debug_port(dev), {str(file): lines} if lines else {}) as attached:
            attached.followed(2)
            yield attached
    except BaseException:
        # It is of the module, so what it said is not among what the test has captured.
        print(f"portable dev (exit code {dev.process.poll()}) has said:\n{dev.err[-SHOWN:]}")
        raise


def check(stop: Stop, name: str, variable: str, value: str) -> None:
    assert stop.place == ("app.py", line_of(name))
    assert stop.local(variable) == value


def test_a_breakpoint_stops_in_http_handlers_and_no_time_limit_ends_them(dev: Dev) -> None:
    with editor(dev, "sync", "async") as attached:
        for path, name, variable, value, text in (
            ("/sync/4", "sync", "doubled", "8", "v0 8"),
            ("/async/4", "async", "tripled", "12", "v0 12"),
        ):
            answer = aside(partial(dev.get, path))
            stop = attached.stopped()
            check(stop, name, variable, value)
            let_pass(1.3)
            assert not answer.done()
            stop.go_on()
            assert answer_of(answer).text == text


@pytest.mark.parametrize(
    ("name", "variable", "value", "trace"),
    [
        ("task", "attempt", "'work one'", "work one"),
        ("topic", "heard", "'heard news'", "heard news"),
        ("bucket", "key", "'a.txt'", "stored a.txt"),
        ("change", "of", "'n1'", "changed n1"),
    ],
)
def test_a_breakpoint_stops_in_a_background_handler(dev: Dev, name: str, variable: str, value: str, trace: str) -> None:
    with editor(dev, name) as attached:
        said = len(dev.err)
        assert dev.post(f"/do/{name}").status == 204
        stop = attached.stopped()
        check(stop, name, variable, value)
        if name == "task":
            # Its timeout is one second, and the supervisor's grace less than another.
            let_pass(1.6)
        assert trace not in dev.get("/seen").json
        stop.go_on()
        until("the handler goes on", lambda: trace in dev.get("/seen").json)
        assert "failed" not in dev.err[said:]
        assert "worker process ended" not in dev.err[said:]


def test_a_breakpoint_stops_in_a_schedule(dev: Dev) -> None:
    with editor(dev, "schedule") as attached:
        invoked = aside(lambda: portable("invoke", "yearly", "--app", dev.project))
        stop = attached.stopped()
        check(stop, "schedule", "word", "'tick'")
        stop.go_on()
        done = invoked.result(DEADLINE)
        assert done.code == 0, done
        assert "tick" in done.out


def test_breakpoint_in_the_code_stops_the_attached_editor_and_says_so_without_one(dev: Dev) -> None:
    with editor(dev) as attached:
        answer = aside(lambda: dev.get("/called"))
        stop = attached.stopped()
        check(stop, "called", "here", "'in the code'")
        stop.go_on()
        assert answer_of(answer).text == "in the code"
    said = len(dev.err)
    assert dev.get("/called").text == "in the code"
    dev.says(r"breakpoint\(\) at .*app.py:\d+: no editor is attached", said)


def test_after_an_edit_the_same_editor_stops_in_the_new_code(dev: Dev) -> None:
    edited = APP.replace('VERSION = "v0"', '"""Two lines more."""\n\nVERSION = "v1"')
    with editor(dev, "sync", "task") as attached:
        before = attached.followed(2)
        attached.breakpoints[str(dev.project / "app.py")] = [line_of("sync", edited), line_of("task", edited)]
        said = dev.save("app.py", edited)
        dev.says("reloaded", said)
        until(
            "the editor follows into the new processes",
            lambda: [one for one in attached.followed(1) if one not in before],
        )
        answer = aside(lambda: dev.get("/sync/5"))
        stop = attached.stopped()
        assert stop.place == ("app.py", line_of("sync", edited)) == ("app.py", line_of("sync") + 2)
        assert stop.local("doubled") == "10"
        stop.go_on()
        assert answer_of(answer).text == "v1 10"
        dev.post("/do/task")
        stop = attached.stopped()
        assert stop.place == ("app.py", line_of("task", edited))
        assert stop.session not in before
        stop.go_on()


def test_a_reload_takes_over_while_a_handler_stands_and_the_old_answer_still_comes(dev: Dev) -> None:
    with editor(dev, "sync") as attached:
        answer = aside(lambda: dev.get("/sync/6"))
        stop = attached.stopped()
        attached.breakpoints.clear()
        said = dev.save("app.py", APP.replace('"v0"', '"v2"'))
        dev.says("reloaded", said)
        dev.answers("/async/1", "v2 3")
        stop.go_on()
        assert answer_of(answer).text == "v0 12"


def test_two_breakpoints_are_hit_at_once_in_two_processes_and_in_one(dev: Dev) -> None:
    with editor(dev, "sync", "task") as attached:
        dev.post("/do/task")
        first = attached.stopped()
        check(first, "task", "attempt", "'work one'")
        answer = aside(lambda: dev.get("/sync/7"))
        second = attached.stopped()
        check(second, "sync", "doubled", "14")
        assert first.session is not second.session
        second.go_on()
        assert answer_of(answer).text == "v0 14"
        first.go_on()
        # In one process all stop when one does, and go on when one does; whether the other is shown after it or beside
        # it is the debugger's.
        answers = [aside(partial(dev.get, f"/sync/{number}")) for number in (8, 9)]
        found = set()
        while not all(one.done() for one in answers):
            with suppress(queue.Empty):
                stop = attached.stops.get(timeout=0.2)
                if not stop.is_over:
                    found.add(stop.local("doubled"))
                    stop.go_on()
        assert found
        assert found <= {"16", "18"}
        assert [answer_of(one).text for one in answers] == ["v0 16", "v0 18"]


def test_an_editor_that_is_lost_at_a_breakpoint_lets_the_app_run_on_and_may_attach_again(dev: Dev) -> None:
    with editor(dev, "sync") as attached:
        answer = aside(lambda: dev.get("/sync/1"))
        attached.stopped()
        attached.crash()
        assert answer_of(answer).text == "v0 2"
    with editor(dev, "async") as attached:
        assert dev.get("/sync/2").text == "v0 4"
        answer = aside(lambda: dev.get("/async/2"))
        stop = attached.stopped()
        check(stop, "async", "tripled", "6")
        stop.go_on()
        assert answer_of(answer).text == "v0 6"


def test_ctrl_c_ends_everything_while_a_handler_stands(tmp_path: Path) -> None:
    project = write(tmp_path, {"stops/app.py": APP}) / "stops"
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, started(project, "--debug", taken.getsockname()[1]) as busy:
        assert busy.wait() == 1
        assert f"port {taken.getsockname()[1]} is in use" in busy.err
        assert "--debug PORT" in busy.err
    with started(project, "--debug", 0, "--json") as dev:
        dev.serves()
        line = until("the line of JSON", lambda: dev.out if dev.out.endswith("\n") else None)
        assert json.loads(line)["debug"] == debug_port(dev)
        with Editor(debug_port(dev), {str(project / "app.py"): [line_of("sync")]}) as attached:
            attached.followed(1)
            answer = aside(lambda: dev.get("/sync/1"))
            attached.stopped()
            members = dev.family()
            assert any("debug_adapter" in member.command for member in members)
            dev.send_signal(signal.SIGINT)
            assert dev.wait() == 130
            all_gone(members)
            with pytest.raises((OSError, AssertionError)):
                answer_of(answer)


def test_what_portable_new_writes_attaches_an_editor_and_without_the_debugger_the_app_runs_on(tmp_path: Path) -> None:
    assert portable("new", tmp_path / "fresh").code == 0
    project = tmp_path / "fresh"
    task = json.loads((project / ".vscode/tasks.json").read_text())["tasks"][0]
    assert task["args"][:4] == ["-m", "portable", "dev", "--debug"]
    configurations = json.loads((project / ".vscode/launch.json").read_text())["configurations"]
    assert {one.get("preLaunchTask") for one in configurations} == {task["label"], None}
    settings = json.loads(json.dumps(configurations[0]).replace("${workspaceFolder}", str(project)))
    assert settings["connect"] == {"host": "127.0.0.1", "port": int(task["args"][4])}
    with ExitStack() as ending:
        # If it cannot be had somebody else has it, which is as good.
        with suppress(OSError):
            ending.enter_context(socket.create_server(("127.0.0.1", 5678)))
        dev = ending.enter_context(started(project, "--debug")).serves()
        assert debug_port(dev) != 5678
        assert dev.says("port 5678 is in use.*\n") == dev.err
        until(
            "what the editor waits for", lambda: re.search(task["problemMatcher"]["background"]["endsPattern"], dev.out)
        )
        text = (project / "app.py").read_text()
        file, line = str(project / "app.py"), 1 + text[: text.index("app = App(")].count("\n")
        with Editor(debug_port(dev), {}, settings) as attached:
            attached.followed(2)
            attached.breakpoints[file] = [line]
            said = dev.save("app.py", text.replace("app = App(", "app: App = App("))
            # The process of HTTP, while it imports the app; then those that work.
            stop = attached.stopped()
            assert stop.place == ("app.py", line)
            attached.breakpoints.clear()
            stop.go_on()
            dev.says("reloaded", said)
        assert dev.get("/").status == 200


def adapter_of(dev: Dev) -> int:
    (adapter,) = (one for one in dev.family() if one.command.endswith("portable_local.debug_adapter"))
    return adapter.pid


def test_a_debugger_that_ends_is_started_again_until_it_ends_too_often(tmp_path: Path) -> None:
    project = write(tmp_path, {"stops/app.py": APP, "slow/sitecustomize.py": SLOW}) / "stops"
    with started(project, "--debug", 0, PYTHONPATH=str(tmp_path / "slow")) as dev:
        dev.serves()
        port = debug_port(dev)
        for _ in range(3):
            said = len(dev.err)
            os.kill(adapter_of(dev), signal.SIGKILL)
            dev.says("the debugger ended.*started again", said)
            dev.says("restarted", said)
        with editor(dev, "sync") as attached:
            answer = aside(partial(dev.get, "/sync/4"))
            check(attached.stopped(), "sync", "doubled", "8")
            said = len(dev.err)
            os.kill(adapter_of(dev), signal.SIGKILL)
            dev.says("the debugger ended.*without it", said)
            # What stood goes on.
            assert answer_of(answer).text == "v0 8"
            attached.crash()
        assert debug_port(dev) == port
        dev.save("app.py", APP.replace('"v0"', '"v1"'))
        dev.says("reloaded", said)
        assert dev.get("/sync/1").text == "v1 2"
        assert "process" not in dev.err[said:]


def is_answered_or_late(session: Session, number: int, chance: random.Random) -> bool:
    return session.is_answered(number) or chance.random() < 0.2


def leave_early(port: int, chance: random.Random) -> None:
    """An editor that closes after any of its requests, answered or not, with all that it has followed into."""
    leaving = Editor(port)
    session = Session(leaving, {"connect": {"host": "127.0.0.1", "port": port}})
    leaving.sessions.append(session)
    requests: list[tuple[str, Message]] = [
        ("initialize", {"adapterID": "debugpy", "clientID": "tests"}),
        ("attach", session.configuration),
        ("setExceptionBreakpoints", {"filters": []}),
        ("configurationDone", {}),
        ("threads", {}),
        ("disconnect", {"terminateDebuggee": False}),
    ]
    with suppress(OSError):  # it may be refused because the one before has not wholly gone
        for command, arguments in requests[: chance.randrange(1, len(requests) + 1)]:
            number = session.send(command, arguments)
            if chance.random() < 0.5:
                until("an answer, or no patience", partial(is_answered_or_late, session, number, chance))
    leaving.crash()


def test_an_editor_that_closes_at_any_moment_leaves_the_debugger_to_the_next(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    project = write(tmp_path, {"stops/app.py": APP}) / "stops"
    with started(project, "--debug", 0) as dev:
        dev.serves()
        for _ in range(40):
            leave_early(debug_port(dev), chance)
        with editor(dev, "sync") as attached:
            answer = aside(partial(dev.get, "/sync/4"))
            stop = attached.stopped()
            check(stop, "sync", "doubled", "8")
            stop.go_on()
            assert answer_of(answer).text == "v0 8"
        assert "the debugger ended" not in dev.err


@pytest.mark.slow
def test_an_editor_that_does_not_follow_holds_a_reload_up_for_a_while_only(dev: Dev) -> None:
    class Alone(Editor):
        follows = False

    with Alone(debug_port(dev)):
        said = dev.save("app.py", APP.replace('"v0"', '"v3"'))
        dev.says("did not follow into process", said)
        dev.answers("/sync/1", "v3 2")


def test_without_debugpy_the_error_says_what_to_install(tmp_path: Path) -> None:
    project = write(tmp_path, {"stops/app.py": APP, "hidden/sitecustomize.py": HIDDEN}) / "stops"
    done = portable("dev", project, "--port", 0, "--debug", PYTHONPATH=str(tmp_path / "hidden"))
    assert done.code == 3
    assert "pip install 'portable-serverless[debug]'" in done.err
    done = portable("dev", project, "--debug", "70000")
    assert done.code == 2
    assert "no port" in done.err
