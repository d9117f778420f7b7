"""Processes of a real `portable dev` that are killed, hang, or end themselves; and the way in which it ends itself."""

import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .dev import DEADLINE, HELLO, Dev, Process, all_gone, family, process, request, started, until, write

APP = """
import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import Any

from portable import App, Context

app = App("processes")
kept = app.table("kept")
HELPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@app.get("/")
def root() -> int:
    return os.getpid()


@app.get("/kept/{name}")
def keeps(name: str) -> dict[str, Any]:
    return kept.require(name)


@app.put("/kept/{name}")
def keep(name: str) -> None:
    kept.put({"id": name})


# Handlers that misbehave


@app.get("/exit")
def leave() -> None:
    os._exit(3)


@app.get("/sys-exit")
def sys_exit() -> None:
    sys.exit(3)


@app.get("/async-sys-exit")
async def async_sys_exit() -> None:
    sys.exit(3)


@app.get("/hangs", timeout=1)
def hangs() -> None:
    threading.Event().wait()


@app.get("/spins", timeout=1)
def spins() -> None:
    while True:
        pass


@app.get("/async-hangs", timeout=1)
async def async_hangs() -> None:
    kept.put({"id": "async-hangs"})
    await asyncio.Event().wait()


@app.get("/async-deaf", timeout=1)
async def async_deaf() -> None:
    # It catches what would end it, once.
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.2)


@app.get("/helper")
def helper() -> int:
    return subprocess.Popen(HELPER).pid


@app.get("/thread")
def thread() -> str:
    threading.Thread(target=lambda: kept.put({"id": "from-thread"})).start()
    threading.Thread(target=threading.Event().wait).start()
    return "started"


@app.get("/fails/{how}")
def fails(how: str) -> None:
    raise LookupError(f"it fails {how}")


@app.get("/async-fails")
async def async_fails() -> None:
    fails("in a coroutine")


# Tasks that misbehave


@app.task(max_attempts=2, min_backoff=0.1, timeout=300)
def task(what: str, context: Context) -> int:
    helper = subprocess.Popen(HELPER).pid if "helper" in what else None
    kept.put({"id": what, "pid": os.getpid(), "helper": helper, "attempt": context.attempt})
    match what.partition("-")[0]:
        case "exit":
            os._exit(5)
        case "sysexit":
            sys.exit(5)
        case "once":
            if context.attempt == 1:
                os.kill(os.getpid(), 11)
        case "waits":
            while kept.get(f"go-{what}") is None:
                time.sleep(0.02)
        case "thread":
            threading.Thread(target=threading.Event().wait).start()
    return os.getpid()


@app.task(max_attempts=2, min_backoff=0.1, timeout=1)
def spinning(what: str) -> None:
    pid = subprocess.Popen(HELPER).pid
    kept.put({"id": what, "helper": pid, "pid": os.getpid()})
    while True:
        pass


TASKS = {"task": task, "spinning": spinning}


@app.post("/send/{name}/{what}")
def send(name: str, what: str) -> str:
    return TASKS[name].send(what).id


@app.get("/runs/{name}/{id}")
def run(name: str, id: str) -> dict[str, Any]:
    record = TASKS[name].run(id).record()
    return {"state": record.state, "attempts": record.attempts, "error": record.error}
"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("processes") / "processes", {"app.py": APP})
    with started(project) as running:
        yield running.serves()


def server(dev: Dev) -> int:
    """The process that answers HTTP, once one does."""

    def look() -> int | None:
        dev.must_run()
        try:
            return int(dev.get("/").text)
        except (OSError, http.client.HTTPException):
            return None

    return until("an answer", look)


def zygote(dev: Dev) -> int:
    [pid] = [
        member.pid
        for member in dev.family()
        if member.parent == dev.process.pid and "portable_local.zygote" in member.command
    ]
    return pid


def kept(dev: Dev, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = dev.get(f"/kept/{name}")
        return answer.json if answer.status == 200 else None

    return until(f"{name} is kept; stderr: {dev.err[-2000:]}", look)


def send(dev: Dev, name: str, what: str) -> str:
    answer = dev.post(f"/send/{name}/{what}")
    assert answer.status == 200, answer
    return answer.text


def ends(dev: Dev, name: str, id: str) -> dict[str, Any]:
    """A run's record, once it has ended."""

    def look() -> dict[str, Any] | None:
        record: dict[str, Any] = dev.get(f"/runs/{name}/{id}").json
        return record if record["state"] in ("succeeded", "dead") else None

    return until(f"the end of {name} {id}; stderr: {dev.err[-2000:]}", look)


def living(pid: int) -> Process:
    found = process(pid)
    assert found is not None, f"process {pid} is not there"
    return found


# Kills


def test_a_killed_http_process_is_replaced_and_it_says_so(dev: Dev) -> None:
    said = len(dev.err)
    first = server(dev)
    os.kill(first, signal.SIGKILL)
    dev.says("the process that serves HTTP ended: killed by SIGKILL; it is started again", said)
    assert server(dev) != first
    dev.says("^restarted$", said)


def test_a_killed_worker_is_replaced_and_its_task_is_tried_again(dev: Dev) -> None:
    said = len(dev.err)
    id = send(dev, "task", "waits-killed")
    worker = kept(dev, "waits-killed")["pid"]
    os.kill(worker, signal.SIGKILL)
    dev.says("a worker process ended: killed by SIGKILL", said)
    until("another attempt", lambda: kept(dev, "waits-killed")["attempt"] == 2)
    request(dev.api, "PUT", "/kept/go-waits-killed")
    assert ends(dev, "task", id) == {"state": "succeeded", "attempts": 2, "error": None}


def test_a_killed_zygote_is_replaced_with_all_that_it_started(dev: Dev) -> None:
    said = len(dev.err)
    id = send(dev, "task", "waits-zygote")
    kept(dev, "waits-zygote")
    helper = living(int(dev.get("/helper").text))
    before = family(zygote(dev))
    assert helper in before
    os.kill(zygote(dev), signal.SIGKILL)
    all_gone(before)
    dev.says("the parent of all processes ended", said)
    server(dev)
    until("another attempt", lambda: kept(dev, "waits-zygote")["attempt"] == 2)
    request(dev.api, "PUT", "/kept/go-waits-zygote")
    assert ends(dev, "task", id)["state"] == "succeeded"


def test_nothing_is_left_of_a_killed_supervisor_and_the_next_start_has_the_data(tmp_path: Path) -> None:
    project = write(tmp_path / "processes", {"app.py": APP})
    with started(project) as dev:
        dev.serves()
        assert request(dev.api, "PUT", "/kept/before").status == 204
        id = send(dev, "task", "waits-helper")
        helpers = [living(kept(dev, "waits-helper")["helper"]), living(int(dev.get("/helper").text))]
        members = dev.family()
        assert {member.pid for member in helpers} < {member.pid for member in members}
        assert len(members) >= 6
        dev.process.kill()
        all_gone(members)
        port = dev.port
    with started(project, port=port) as again:
        assert again.serves().port == port
        kept(again, "before")
        until("another attempt", lambda: kept(again, "waits-helper")["attempt"] == 2)
        request(again.api, "PUT", "/kept/go-waits-helper")
        assert ends(again, "task", id)["state"] == "succeeded"


# Misbehaviour


def test_a_handler_that_ends_the_process_costs_its_own_request(dev: Dev) -> None:
    said = len(dev.err)
    server(dev)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        dev.get("/exit")
    dev.says("the process that serves HTTP ended: exit code 3; it is started again", said)
    server(dev)


@pytest.mark.parametrize("path", ["/sys-exit", "/async-sys-exit"])
def test_a_handler_that_calls_sys_exit_is_a_500(dev: Dev, path: str) -> None:
    before = server(dev)
    answer = dev.get(path)
    assert answer.status == 500
    assert "sys.exit(3)" in answer.text
    assert server(dev) == before


@pytest.mark.parametrize(
    ("path", "how"), [("/fails/in-a-thread", "in-a-thread"), ("/async-fails", "in a coroutine")], ids=["sync", "async"]
)
def test_what_a_handler_raises_is_shown_with_the_frames_of_the_user_only(dev: Dev, path: str, how: str) -> None:
    said = len(dev.err)
    assert dev.get(path).status == 500
    told = dev.says(f"Traceback.*LookupError: it fails {how}", said)
    line = next(number for number, text in enumerate(APP.splitlines(), 1) if "raise LookupError" in text)
    assert f'app.py", line {line}, in fails' in told
    files = {text.split('"')[1] for text in told.splitlines() if text.lstrip().startswith("File ")}
    assert files == {str(dev.project / "app.py")}


@pytest.mark.parametrize("path", ["/hangs", "/spins", "/async-hangs", "/async-deaf"])
def test_a_handler_past_its_time_is_answered_for_with_504(dev: Dev, path: str) -> None:
    answer = dev.get(path)
    assert answer.status == 504
    assert "within 1 seconds" in answer.text
    assert dev.get("/").status == 200
    # A fresh process, so that what still spins is gone.
    os.kill(server(dev), signal.SIGKILL)
    server(dev)


def test_handlers_past_their_time_keep_their_slots(dev: Dev) -> None:
    first = server(dev)
    with ThreadPoolExecutor(41) as pool:
        statuses = list(pool.map(lambda _: dev.get("/hangs").status, range(41)))
    assert sorted(statuses) == [*[503] * statuses.count(503), *[504] * statuses.count(504)]
    assert statuses.count(504) == 40
    # No sync handler can be run any more, and it says so within the handler's time; async ones can.
    assert dev.get("/hangs").status == 503
    assert dev.get("/async-sys-exit").status == 500
    said = len(dev.err)
    os.kill(first, signal.SIGKILL)
    dev.says("^restarted$", said)
    assert server(dev) != first


def test_a_task_past_its_time_is_ended_with_what_it_started_and_tried_again(dev: Dev) -> None:
    id = send(dev, "spinning", "spin")
    first = kept(dev, "spin")
    members = [living(first["pid"]), living(first["helper"])]
    record = ends(dev, "spinning", id)
    assert (record["state"], record["attempts"]) == ("dead", 2)
    assert record["error"] == "it took longer than its timeout of 1 seconds, and was ended"
    all_gone(members)


def test_a_task_that_ends_its_process_counts_as_an_attempt(dev: Dev) -> None:
    said = len(dev.err)
    record = ends(dev, "task", send(dev, "task", "exit"))
    assert (record["state"], record["attempts"]) == ("dead", 2)
    assert record["error"] == "its process ended during the attempt (exit code 5)"
    dev.says("a worker process ended: exit code 5", said)
    again = ends(dev, "task", send(dev, "task", "once"))
    assert again == {"state": "succeeded", "attempts": 2, "error": None}


def test_a_task_that_calls_sys_exit_fails_and_its_process_goes_on(dev: Dev) -> None:
    record = ends(dev, "task", send(dev, "task", "sysexit"))
    assert (record["state"], record["attempts"]) == ("dead", 2)
    assert record["error"] == "RuntimeError: the handler called sys.exit(5)"
    worker = process(kept(dev, "sysexit")["pid"])
    assert worker is not None


def test_what_handlers_start_ends_with_their_process(dev: Dev) -> None:
    assert dev.get("/thread").text == "started"
    kept(dev, "from-thread")
    helper = living(int(dev.get("/helper").text))
    ends(dev, "task", send(dev, "task", "thread-helper"))
    other = living(kept(dev, "thread-helper")["helper"])
    old = server(dev)
    dev.save("app.py", APP + "\n# edited\n")
    until("another process answers", lambda: server(dev) != old)
    all_gone([helper, other])


# The end


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 0)], ids=["term", "int", "hup"]
)
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int, code: int) -> None:
    project = write(tmp_path / "processes", {"app.py": APP})
    with started(project) as dev:
        dev.serves()
        id = send(dev, "task", "waits-end")
        kept(dev, "waits-end")
        helper = living(int(dev.get("/helper").text))
        members = [*dev.family(), helper]
        asked: list[int] = []
        asking = threading.Thread(target=lambda: asked.append(dev.get("/async-hangs").status))
        asking.start()
        kept(dev, "async-hangs")
        time_is_up = threading.Thread(target=lambda: request(dev.api, "PUT", "/kept/go-waits-end"))
        time_is_up.start()
        time_is_up.join(DEADLINE)
        dev.send_signal(number)
        assert dev.wait() == code
        asking.join(DEADLINE)
        assert asked == [504]
        assert dev.err.startswith("stopping")
        assert "portable_local" not in dev.err
        all_gone(members)
        assert not (dev.data / "run.sock").exists()
    with started(project) as again:
        again.serves()
        assert ends(again, "task", id)["attempts"] == 1


def test_it_waits_for_running_tasks_and_a_second_interrupt_does_not(tmp_path: Path) -> None:
    project = write(tmp_path / "processes", {"app.py": APP})
    with started(project) as dev:
        dev.serves()
        id = send(dev, "task", "waits-long")
        worker = living(kept(dev, "waits-long")["pid"])
        members = dev.family()
        dev.send_signal(signal.SIGINT)
        dev.says("stopping, after 1 background run")
        until("the HTTP process has gone", lambda: len(dev.family()) < len(members))
        assert worker.lives
        dev.must_run()
        dev.send_signal(signal.SIGINT)
        assert dev.wait() == 130
        all_gone(members)
    with started(project) as again:
        again.serves()
        request(again.api, "PUT", "/kept/go-waits-long")
        assert ends(again, "task", id) == {"state": "succeeded", "attempts": 2, "error": None}


def test_it_ends_while_it_starts_and_while_nothing_is_served(tmp_path: Path) -> None:
    project = write(tmp_path / "hello", {"app.py": HELLO + "\nx = =\n"})
    with started(project) as dev:
        dev.says("nothing is served yet")
        assert dev.stop(signal.SIGINT) == 130
    write(project, {"app.py": "import time\ntime.sleep(600)\n" + HELLO})
    with started(project) as dev:
        until("it imports the app", lambda: len(dev.family()) >= 3)
        members = dev.family()
        assert dev.stop(signal.SIGTERM) == 0
        all_gone(members)


@pytest.mark.slow
def test_a_process_that_ends_right_after_its_start_is_not_started_without_a_pause(tmp_path: Path) -> None:
    source = HELLO + "\nimport os, threading\nthreading.Timer(2, os._exit, [4]).start()\n"
    project = write(tmp_path / "hello", {"app.py": source})
    with started(project) as dev:
        dev.serves()
        for _ in range(4):
            said = len(dev.err)
            dev.says("the process that serves HTTP ended: exit code 4", said)
        began = time.monotonic()
        said = len(dev.err)
        dev.says("the process that serves HTTP ended: exit code 4", said)
        assert time.monotonic() - began >= 0.9
        dev.save("app.py", HELLO)
        dev.answers("/", "one")


def test_libraries_that_start_threads_when_imported_are_kept_out_of_the_forking_process(tmp_path: Path) -> None:
    version = f"python{'.'.join(map(str, __import__('sys').version_info[:2]))}"
    site = tmp_path / "base" / "lib" / version / "site-packages"
    threads = "import threading\nVALUE = {0!r}\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    write(site, {"threaded/__init__.py": threads.format("threaded"), "plain_library.py": "VALUE = 'plain'\n"})
    source = """
        import threading

        import plain_library
        import threaded
        from portable import App

        app = App("fork")
        threading.Thread(target=threading.Event().wait, daemon=True).start()


        @app.get("/")
        def root() -> str:
            return f"{threaded.VALUE} {plain_library.VALUE} v0"


        @app.task
        def work(text: str) -> str:
            return text + threaded.VALUE


        @app.post("/")
        def send() -> str:
            return work.send("x").id


        @app.get("/{id}")
        def result(id: str) -> str:
            return work.run(id).status()
        """
    project = write(tmp_path / "fork", {"app.py": source})
    with started(project, PYTHONUSERBASE=str(tmp_path / "base"), PYTHONPATH=str(site)) as dev:
        dev.serves()
        for number in range(3):
            dev.save("app.py", source.replace("v0", f"v{number}"))
            dev.answers("/", f"threaded plain v{number}")
            dev.answers(f"/{dev.post('/').text}", "succeeded")
        assert len(os.listdir(f"/proc/{zygote(dev)}/task")) == 1
        assert "Traceback" not in dev.err
        assert dev.stop() == 0
