"""`breakpoint()` under a plain `portable dev`: pdb in the terminal it was started in, one handler at a time."""

import re
import signal
import termios
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from .dev import DEADLINE, Answer, Dev, all_gone, started, until, write

APP = """
from portable import App

app = App("asks")
seen = app.table("seen")


@app.get("/sync/{number}", timeout=2)
def sync(number: int) -> str:
    doubled = number * 2
    breakpoint()
    return str(doubled)


@app.get("/async/{number}", timeout=2)
async def asynchronous(number: int) -> str:
    tripled = number * 3
    breakpoint()
    return str(tripled)


@app.task(timeout=2)
def work(name: str) -> None:
    said = name.upper()
    breakpoint()
    seen.put({"id": said})


@app.post("/jobs/{name}")
def start(name: str) -> None:
    work.send(name)


@app.get("/seen/{id}")
def look(id: str) -> bool:
    return seen.get(id) is not None
"""
PROMPT = r"\(Pdb\) "


def asks(dev: Dev, after: int, *, of: str = "") -> str:
    """Waits for the debugger's prompt beyond what the terminal had shown at `after`; what came with it."""

    def look() -> str | None:
        dev.must_run()
        found = re.search(f"{of}.*{PROMPT}", dev.out[after:], re.DOTALL)
        return found[0] if found else None

    try:
        return until(f"a prompt after {of!r}", look)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{dev.out}") from None


def types(dev: Dev, line: str, *, of: str = "") -> str:
    """Types a line at the prompt, and waits for the next one."""
    shown = len(dev.out)
    dev.types(f"{line}\n".encode())
    return asks(dev, shown, of=of)


def get(dev: Dev, path: str) -> "Future[Answer]":
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(dev.get(path))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def let_pass(seconds: float) -> None:
    """A time limit runs out, if it is one."""
    ends = time.monotonic() + seconds
    until(f"{seconds} seconds pass", lambda: time.monotonic() > ends)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("asks"), {"asks/app.py": APP}) / "asks"


@pytest.fixture(scope="module")
def dev(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with started(project, data=tmp_path_factory.mktemp("data"), terminal=True) as dev:
        yield dev.serves()


@pytest.mark.parametrize(("path", "variable", "value"), [("/sync/4", "doubled", "8"), ("/async/4", "tripled", "12")])
def test_breakpoint_asks_in_the_terminal_and_the_answer_comes_after_its_time(
    dev: Dev, path: str, variable: str, value: str
) -> None:
    shown = len(dev.out)
    answer = get(dev, path)
    assert f"-> return str({variable})" in asks(dev, shown)
    assert f"\n{value}\r" in types(dev, f"p {variable}")
    let_pass(2.3)
    assert not answer.done()
    dev.types(b"c\n")
    found = answer.result(DEADLINE)
    assert (found.status, found.text) == (200, value)


def test_one_handler_has_the_terminal_at_a_time_and_a_task_outlives_its_timeout(dev: Dev) -> None:
    shown = len(dev.out)
    assert dev.post("/jobs/first").status == 204
    asks(dev, shown, of="work")
    answer = get(dev, "/sync/5")
    let_pass(2.5)
    assert "'FIRST'" in types(dev, "p said", of="'FIRST'")
    # A step keeps the terminal.
    types(dev, "n", of="--Return--")
    assert dev.out[shown:].count("-> return str(doubled)") == 0
    assert not answer.done()
    shown = len(dev.out)
    dev.types(b"c\n")
    asks(dev, shown, of=r"return str\(doubled\)")
    dev.answers("/seen/FIRST", "true")
    dev.types(b"c\n")
    found = answer.result(DEADLINE)
    assert (found.status, found.text) == (200, "10")
    assert "failed" not in dev.out
    assert "worker process ended" not in dev.out


def test_a_save_takes_over_while_a_handler_asks_and_q_ends_that_handler_only(dev: Dev) -> None:
    shown = len(dev.out)
    kept, ended = get(dev, "/sync/6"), get(dev, "/sync/6")
    asks(dev, shown)
    try:
        dev.save("app.py", APP.replace("doubled = number * 2", "doubled = number * 20"))
        until("a reload", lambda: "reloaded" in dev.out[shown:])
        later = get(dev, "/sync/6")
        shown = len(dev.out)
        dev.types(b"c\n")
        asks(dev, shown)
        shown = len(dev.out)
        dev.types(b"q\n")
        asks(dev, shown)
        dev.types(b"c\n")
        found = [one.result(DEADLINE) for one in (kept, ended, later)]
        assert found[2].text == "120"
        assert sorted(one.status for one in found[:2]) == [200, 500]
        assert "12" in (found[0].text, found[1].text)
    finally:
        shown = len(dev.out)
        dev.save("app.py", APP)
        until("a reload", lambda: "reloaded" in dev.out[shown:])


def test_ctrl_c_at_the_prompt_ends_everything_and_leaves_the_terminal_as_it_was(project: Path, tmp_path: Path) -> None:
    with started(project, data=tmp_path / "data", terminal=True) as dev:
        dev.serves()
        assert dev.terminal is not None
        before = termios.tcgetattr(dev.terminal)
        answer = get(dev, "/sync/6")
        asks(dev, 0)
        members = dev.family()
        dev.types(b"\x03")
        assert dev.wait() == 128 + signal.SIGINT
        all_gone(members)
        assert termios.tcgetattr(dev.terminal) == before
        with pytest.raises(OSError):
            answer.result(DEADLINE)


def test_without_a_terminal_it_is_said_once_and_the_handler_goes_on(tmp_path: Path) -> None:
    # Nobody looks, so that all the time that it takes counts.
    calm = write(tmp_path, {"calm/app.py": APP.replace("timeout=2", "timeout=28")}) / "calm"
    with started(calm, data=tmp_path / "data") as dev:
        dev.serves()
        assert [dev.get("/sync/7").text, dev.get("/async/7").text, dev.get("/sync/8").text] == ["14", "21", "16"]
        dev.says(r"breakpoint\(\) at .*app.py:11: there is no terminal.*portable dev --debug.*app.py:18: there is no")
        assert dev.err.count("app.py:11") == 1
