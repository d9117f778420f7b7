"""The task queues that bench_tasks compares, each with its worker, in a folder of its own on the disk."""

import importlib
import os
import select
import shutil
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from processes import HERE, NotStarted, accepts, cpu_clock, free_port, started

DONE_SECONDS = 60.0
STORE, DONE = "BENCH_STORE", "BENCH_DONE"
PIPE_BYTES = 65_536


class Pipe:
    """Where tasks say that they were run: a byte each."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        # Kept open for writing too, so that it never ends.
        self._descriptor = os.open(path, os.O_RDWR)

    def wait(self, count: int, what: str) -> None:
        """Returns when so many have come. Raises NotStarted if one does not within a minute."""
        while count:
            ready, _, _ = select.select([self._descriptor], [], [], DONE_SECONDS)
            if not ready:
                raise NotStarted(f"{what}: {count} tasks were not done after {DONE_SECONDS:.0f} s")
            count -= len(os.read(self._descriptor, count))

    def drop(self) -> None:
        """Forgets what has come."""
        while select.select([self._descriptor], [], [], 0)[0]:
            os.read(self._descriptor, PIPE_BYTES)

    def close(self) -> None:
        os.close(self._descriptor)


class Sender(NamedTuple):
    """A queue with its worker at work: how to send one task, and what producer and worker have used of the CPU."""

    name: str
    durability: str
    send: Callable[[], object]
    cpu: Callable[[], float]
    pipe: Pipe


Making = Generator[tuple[Callable[[], object], Callable[[], float]]]


@contextmanager
def portable(folder: Path, pipe: Pipe) -> Making:
    from portable_local.listening import socket_path
    from portable_local.remote import RemoteStore
    from portable_local.runtime import bind

    data, ready = folder / "data", folder / "ready.json"
    app = HERE / "queues" / "portable_tasks"
    command = [sys.executable, "-P", "-m", "portable", "dev", str(app), "--port", "0", "--data", str(data)]
    with started([*command, "--ready-file", str(ready)], folder, ready.exists, **{DONE: str(pipe.path)}) as process:
        module = imported("queues.portable_tasks.app")
        bind(module.app, RemoteStore(data, socket_path(data), "http://localhost"))
        try:
            yield lambda: module.one.send(1), cpu_clock(process.pid)
        finally:
            module.app.unbind()


def handmade(synchronous: str, *, is_grouped: bool) -> Callable[[Path, Pipe], Any]:
    @contextmanager
    def make(folder: Path, pipe: Pipe) -> Making:
        from queues.handmade import Producer

        command = [sys.executable, "-m", "queues.handmade", str(folder), synchronous]
        with started(command, folder, (folder / "wake").exists, **{DONE: str(pipe.path)}) as process:
            yield Producer(folder, synchronous, is_grouped=is_grouped).send, cpu_clock(process.pid)

    return make


def huey(*options: str) -> Callable[[Path, Pipe], Any]:
    @contextmanager
    def make(folder: Path, pipe: Pipe) -> Making:
        store = str(folder / "huey.sqlite")
        command = [str(Path(sys.executable).with_name("huey_consumer")), "queues.huey_tasks.huey", *options]
        with started(command, folder, lambda: True, **{DONE: str(pipe.path), STORE: store}) as process:
            module = imported("queues.huey_tasks", store)
            yield lambda: module.one(1), cpu_clock(process.pid)

    return make


@contextmanager
def persist_queue(folder: Path, pipe: Pipe) -> Making:
    """Its worker is a thread of the producer: a worker in another process would only look every ten seconds."""
    from persistqueue import Empty, SQLiteAckQueue

    queue = SQLiteAckQueue(str(folder), multithreading=True)
    stopped = threading.Event()
    writing = os.open(pipe.path, os.O_WRONLY)

    def work() -> None:
        while not stopped.is_set():
            try:
                item = queue.get(timeout=0.2, raw=True)
            except Empty:
                continue
            os.write(writing, b".")
            queue.ack(item)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield lambda: queue.put({"number": 1}), cpu_clock()
    finally:
        stopped.set()
        worker.join()
        os.close(writing)
        queue.close()


def dramatiq(fsync: str) -> Callable[[Path, Pipe], Any]:
    @contextmanager
    def make(folder: Path, pipe: Pipe) -> Making:
        server = shutil.which("redis-server")
        if server is None:
            raise NotStarted("there is no redis-server; on Debian: apt-get install redis-server")
        port = free_port()
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        durable = ["--appendonly", "yes", "--appendfsync", fsync]
        store = f"redis://127.0.0.1:{port}/0"
        tool = str(Path(sys.executable).with_name("dramatiq"))
        command = [tool, "queues.dramatiq_tasks", "--processes", "1", "--threads", "8"]
        variables = {DONE: str(pipe.path), STORE: store}
        with started([server, *settings, *durable], folder, accepts(port)) as redis:
            with started(command, folder, lambda: True, **variables) as process:
                module = imported("queues.dramatiq_tasks", store)
                yield lambda: module.one.send(1), cpu_clock(process.pid, redis.pid)

    return make


@contextmanager
def dbos(folder: Path, pipe: Pipe) -> Making:
    from dbos import DBOSClient

    store = f"sqlite:///{folder / 'dbos.sqlite'}"
    command = [sys.executable, "-m", "queues.dbos_tasks"]
    is_up = (folder / "dbos.ready").exists
    with started(command, folder, is_up, **{DONE: str(pipe.path), STORE: store}) as process:
        client = DBOSClient(system_database_url=store, lazy=True)
        try:
            yield lambda: client.enqueue({"queue_name": "bench", "workflow_name": "one"}, 1), cpu_clock(process.pid)
        finally:
            client.destroy()


def imported(name: str, store: str = "") -> Any:
    """A module of tasks, which finds its store in the environment, as its worker does; afresh for each store."""
    os.environ[STORE] = store
    sys.modules.pop(name, None)
    return importlib.import_module(name)


PORTABLE, DBOS = "portable dev", "DBOS, SQLite"
GROUPED, SINGLE, NORMAL = "SQLite by hand, group commit", "SQLite by hand", "SQLite by hand, group commit, NORMAL"
HUEY, HUEY_QUICK = "huey, SQLite", "huey, SQLite, polls every 1 ms"
PERSIST = "persist-queue"
REDIS, REDIS_ALWAYS = "dramatiq, Redis AOF everysec", "dramatiq, Redis AOF always"

MAKERS: dict[str, tuple[str, Callable[[Path, Pipe], Any]]] = {
    PORTABLE: ("FULL", portable),
    GROUPED: ("FULL", handmade("FULL", is_grouped=True)),
    SINGLE: ("FULL", handmade("FULL", is_grouped=False)),
    HUEY: ("FULL", huey("-w", "1")),
    HUEY_QUICK: ("FULL", huey("-w", "2", "-d", "0.001", "-m", "0.005")),
    PERSIST: ("FULL", persist_queue),
    DBOS: ("FULL", dbos),
    REDIS_ALWAYS: ("FULL", dramatiq("always")),
    NORMAL: ("NORMAL", handmade("NORMAL", is_grouped=True)),
    REDIS: ("NORMAL", dramatiq("everysec")),
}
"""Name -> what survives a loss of power (FULL: all that was acknowledged), and how it is started."""


@contextmanager
def sender(name: str, folder: Path) -> Generator[Sender]:
    """A queue whose worker has run one task. Raises NotStarted, ImportError."""
    folder.mkdir(parents=True)
    durability, make = MAKERS[name]
    pipe = Pipe(folder / "done")
    try:
        with make(folder, pipe) as (send, cpu):
            send()
            pipe.wait(1, name)
            yield Sender(name, durability, send, cpu, pipe)
    finally:
        pipe.close()
