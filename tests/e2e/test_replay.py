"""`portable replay` as its users have it: beside a running `portable dev`, in an editor, in a terminal."""

import fcntl
import json
import os
import re
import select
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.replay import dumps, replay_file

from .dap import Editor
from .dev import DEADLINE, PORTABLE, Dev, environment, family, portable, request, started, until, write

APP = """
import os

from portable import App, Context

app = App("replays")
colours = app.topic("colours", str)
parts = app.table("parts")


@app.get("/parts/{id}/share")
def share(
    id: str,
) -> dict[str, int]:
    \"\"\"What each gets.\"\"\"
    found = parts.require(id)  # stop: first
    each = 100 // found["n"]  # stop: breakpoint
    return {"each": each, "parent": os.getppid()}


@app.put("/parts/{id}/{n}")
def keep(id: str, n: int) -> int:
    parts.put({"id": id, "n": n})
    return os.getpid()


@colours.subscribe(max_attempts=5)
def told(text: str, context: Context) -> None:
    print(f"told {text} of {context.attributes['colour']}, attempt {context.attempt}")


@app.task
def work(value: int) -> int:
    doubled = value * 2
    breakpoint()
    return doubled
"""


def line(mark: str) -> int:
    return next(number for number, text in enumerate(APP.splitlines(), 1) if text.endswith(f"# stop: {mark}"))


def recorded(
    kind: str,
    handler: str,
    body: str = "",
    target: str = "",
    attributes: dict[str, str] | None = None,
    attempt: int = 1,
) -> str:
    invocation = {
        "attempt": attempt,
        "request_id": "request-0001",
        "kind": kind,
        "handler": handler,
        "name": target or f"{kind}:{handler}",
        "started_at": 1_790_000_000.0,
        "seconds": 0.002,
        "outcome": "failed",
        "status": 500 if kind == "http" else 0,
        "error": "ZeroDivisionError: integer division or modulo by zero",
        "request": {"body": body, "size": len(body), "target": target, "headers": attributes or {}},
        "response": None,
        "calls": [],
    }
    return dumps(replay_file(invocation, app="replays", portable="0.1.0"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(
        tmp_path / "replays",
        {
            "app.py": APP,
            "keep.json": recorded("http", "keep", target="PUT /parts/a/4"),
            "share.json": recorded("http", "share", target="GET /parts/a/share"),
            "work.json": recorded("task", "work", body="21"),
        },
    )


def test_where_a_dev_runs_a_file_is_run_by_it_and_recorded(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        assert dev.get("/parts/a/share").status == 404
        done = portable("replay", project / "keep.json", "--app", project, "--json")
        assert done.code == 0, done.err
        process = int(json.loads(done.out)["response"]["body"])
        assert process in {member.pid for member in dev.family()}
        assert dev.get("/parts/a/share").json["each"] == 25
        done = portable("replay", project / "share.json", "--app", project, "--json")
        found = json.loads(done.out)
        assert json.loads(found["response"]["body"])["each"] == 25
        assert [one["where"] for one in found["differences"]][:3] == ["outcome", "status", "error"]
        one = console(dev, f"invocations/{found['invocation']}")
        # It was recorded elsewhere: there is nothing here that it could be linked to.
        assert (one["handler"], one["status"], one["replay_of"]) == ("share", 200, None)
        assert f"recorded as {found['invocation']}: portable trace" in done.err
        isolated = portable("replay", project / "keep.json", "--app", project, "--isolated", "--json")
        assert int(json.loads(isolated.out)["response"]["body"]) not in {member.pid for member in dev.family()}
        assert json.loads(isolated.out)["invocation"] is None
        assert dev.stop() == 0


def test_what_is_recorded_is_run_again_by_its_id_linked_and_compared(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        assert request(dev.api, "PUT", "/parts/a/0").status == 200
        assert dev.get("/parts/a/share").status == 500

        def failed() -> str | None:
            items = console(dev, "invocations?handler=share")["items"]
            return str(items[0]["id"]) if items else None

        first = until("it is recorded", failed)
        again = portable("replay", first, "--app", project, "--json")
        assert again.code == 1
        assert json.loads(again.out)["error"] == "ZeroDivisionError: integer division or modulo by zero"
        assert "in share" in again.err
        assert request(dev.api, "PUT", "/parts/a/4").status == 200
        mended = portable("replay", first[:9], "--app", project, "--json")
        assert mended.code == 0, mended.err
        found = json.loads(mended.out)
        assert (found["status"], found["recorded"]["status"]) == (200, 500)
        new = console(dev, f"invocations/{found['invocation']}")
        assert new["replay_of"] == first
        compared = console(dev, f"invocations/{found['invocation']}/difference")
        assert [one["where"] for one in compared["items"]] == [one["where"] for one in found["differences"]]
        # The file that is exported of it is linked to it too.
        (project / "exported.json").write_text(json.dumps(console(dev, f"invocations/{first}/file")))
        of_file = json.loads(portable("replay", project / "exported.json", "--app", project, "--json").out)
        assert console(dev, f"invocations/{of_file['invocation']}")["replay_of"] == first
        ids = {json.loads(again.out)["invocation"], found["invocation"], of_file["invocation"]}
        assert {one["id"] for one in console(dev, f"invocations/{first}")["replays"]} == ids
        assert "ZeroDivisionError" in portable("trace", json.loads(again.out)["invocation"], "--app", project).out
        assert dev.stop() == 0
    # Nothing runs any more: a process of its own does it, on what was recorded.
    alone = portable("replay", first, "--app", project, "--isolated", "--json")
    assert json.loads(alone.out)["error"] == "ZeroDivisionError: integer division or modulo by zero"
    assert json.loads(alone.out)["app"] == "replays"
    nothing = portable("replay", "feedfeedfeed", "--app", project)
    assert nothing.code == 2
    assert "there is no file feedfeedfeed, and no invocation has the id feedfeedfeed" in nothing.err
    several = portable("replay", new["trace_id"], "--app", project, "--isolated")
    assert several.code == 0, several.err


def test_a_delivery_is_repeated_with_what_it_had_beside_its_payload(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        (project / "told.json").write_text(
            recorded("topic", "told", body='"x"', attributes={"colour": "red"}, attempt=3)
        )
        done = portable("replay", project / "told.json", "--app", project, "--json")
        assert done.code == 0, done.err
        found = console(dev, f"invocations/{json.loads(done.out)['invocation']}")
        [log] = found["logs"]
        assert log["message"] == "told x of red, attempt 3"
        assert log["message"] in done.err
        assert dict(found["request"]["headers"]) == {"colour": "red"}
        assert dev.stop() == 0


def console(dev: Dev, path: str) -> Any:
    """What the console's API answers to who has its key."""
    address, key = dev.console.partition("#")[0], (dev.data / "console.key").read_text()
    answer = request(address, "GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {key}"})
    assert answer.status == 200, answer.text
    return answer.json


def test_what_failed_under_dev_is_exported_run_again_and_saved_as_a_test_that_fails_alike(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        answer = request(dev.api, "PUT", "/parts/b/0", headers={"authorization": "Bearer sesame-open"})
        assert answer.status == 200
        assert dev.get("/parts/b/share").status == 500

        def invocations() -> dict[str, str] | None:
            found = {one["handler"]: one["id"] for one in console(dev, "invocations")["items"]}
            return found if {"keep", "share"} <= set(found) else None

        ids = until("both are recorded", invocations)
        for name in ("keep", "share"):
            text = json.dumps(console(dev, f"invocations/{ids[name]}/file"))
            assert "sesame" not in text
            (project / f"{name}.json").write_text(text)
        assert dev.stop() == 0
    done = portable("replay", project / "keep.json", "--app", project)
    assert done.code != 0
    assert "redacted, and needed: request.headers.authorization" in done.err
    # Where the data is another by now, what was read is in the file.
    elsewhere = ("--app", project, "--data", project.parent / "other")
    assert json.loads(portable("replay", project / "share.json", *elsewhere, "--json").out)["status"] == 404
    done = portable("replay", project / "share.json", *elsewhere, "--isolated", "--json")
    assert json.loads(done.out)["error"] == "ZeroDivisionError: integer division or modulo by zero"
    assert [one["where"] for one in json.loads(done.out)["differences"] if not one["is_volatile"]] == []
    done = portable("replay", project / "share.json", "--app", project, "--save-test", "--json")
    assert done.code == 0, done.err
    assert "it fails with ZeroDivisionError: integer division or modulo by zero, as the invocation did" in done.err
    assert "put_items(" in Path(json.loads(done.out)["file"]).read_text(encoding="utf-8")


class Replay:
    """A `portable replay` that runs; `terminal` is the other end of its terminal, if it has one."""

    def __init__(self, *arguments: object, terminal: bool = False) -> None:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.terminal: int | None = None
        theirs: int | None = None
        if terminal:
            self.terminal, theirs = os.openpty()
            streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "preexec_fn": take_terminal}
        self.process = subprocess.Popen(
            [*PORTABLE, "replay", *(str(one) for one in arguments)],
            env=environment(),
            start_new_session=True,
            **streams,
        )
        if theirs is not None:
            os.close(theirs)
        self._said = bytearray()
        self._out = bytearray()
        self._readers: list[threading.Thread] = []
        if self.terminal is not None:
            self._follow(self.terminal, self._said)
        for stream, into in ((self.process.stdout, self._out), (self.process.stderr, self._said)):
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

    @property
    def said(self) -> str:
        return bytes(self._said).decode(errors="replace")

    def says(self, pattern: str) -> "re.Match[str]":
        def look() -> "re.Match[str] | None":
            found = re.search(pattern, self.said)
            if found is None and self.process.poll() is not None:
                for reader in self._readers:
                    reader.join(DEADLINE)
                found = re.search(pattern, self.said)
                assert found is not None, f"it ended with {self.process.returncode}: {self.said}"
            return found

        try:
            return until(f"it says {pattern!r}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from None

    def types(self, text: str) -> None:
        assert self.terminal is not None
        os.write(self.terminal, text.encode())

    def ended(self) -> tuple[int, str]:
        """Its exit code and its stdout."""
        code = self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return code, bytes(self._out).decode()

    def close(self) -> None:
        members = family(self.process.pid) if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.terminal is not None:
            os.close(self.terminal)
        for member in members:
            until(f"the end of {member}", lambda member=member: not member.lives)  # type: ignore[misc]


def take_terminal() -> None:
    """In a new session: stdin becomes its terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Beside no other test that debugs: two debuggers at once want more than a small machine has."""
    with open(tmp_path_factory.getbasetemp().parent / "breakpoints.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def replays() -> Iterator[list[Replay]]:
    made: list[Replay] = []
    yield made
    for one in made:
        one.close()


@pytest.mark.usefixtures("alone")
def test_an_editor_stops_at_the_first_line_and_at_its_own_breakpoints(project: Path, replays: list[Replay]) -> None:
    with started(project) as dev:
        # In a process of its own, on the data of the one that serves.
        assert request(dev.serves().api, "PUT", "/parts/a/4").status == 200
        stops_in_an_editor(project, replays)
        assert dev.stop() == 0


def stops_in_an_editor(project: Path, replays: list[Replay]) -> None:
    replay = Replay(project / "share.json", "--app", project, "--debug", "0", "--json")
    replays.append(replay)
    port = int(replay.says(r"the debugger listens on 127\.0\.0\.1:(\d+)")[1])
    with Editor(port, {str(project / "app.py"): [line("breakpoint")]}) as editor:
        stop = editor.stopped()
        assert stop.place == ("app.py", line("first"))
        assert stop.local("id") == "'a'"
        stop.go_on()
        stop = editor.stopped()
        assert stop.place == ("app.py", line("breakpoint"))
        assert "'n': 4" in stop.local("found")
        stop.go_on()
        code, out = replay.ended()
    assert code == 0, replay.said
    assert json.loads(json.loads(out)["response"]["body"])["each"] == 25


def test_breakpoint_asks_in_the_terminal(project: Path, replays: list[Replay]) -> None:
    replay = Replay(project / "work.json", "--app", project, terminal=True)
    replays.append(replay)
    replay.says(r"\(Pdb\) ")
    replay.types("p doubled + 1000\n")
    replay.says(r"1042\s+\(Pdb\) ")
    replay.types("c\n")
    assert replay.ended()[0] == 0
    assert "\n42\r\n" in replay.said


def test_ctrl_c_at_the_prompt_ends_it_and_leaves_nothing(project: Path, replays: list[Replay]) -> None:
    replay = Replay(project / "work.json", "--app", project, terminal=True)
    replays.append(replay)
    replay.says(r"\(Pdb\) ")
    members = family(replay.process.pid)
    assert len(members) > 1
    replay.process.send_signal(signal.SIGINT)
    assert replay.ended()[0] == 130
    for member in members:
        until(f"the end of {member}", lambda member=member: not member.lives)  # type: ignore[misc]
    # The folder is free again.
    assert portable("replay", project / "keep.json", "--app", project).code == 0
