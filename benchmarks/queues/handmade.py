"""A queue in SQLite with nothing but the least: no lease, retry, delay, result or dead letter. The bound.

Producers may share a commit. The worker reads 32 at a time, runs them, and deletes them in one commit: what was run
when it is killed in between is run again.

    python -m queues.handmade FOLDER FULL|NORMAL
"""

import json
import socket
import sqlite3
import sys
import threading
from collections import deque
from pathlib import Path

from queues.done import done

BATCH = 32
IDLE_SECONDS = 1.0


def connect(folder: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "queue.sqlite", isolation_level=None, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    return connection


class Producer:
    """Sends from any number of threads; `is_grouped`: those that wait for the disk at the same time share a commit."""

    def __init__(self, folder: Path, synchronous: str, *, is_grouped: bool) -> None:
        self._connection = connect(folder, synchronous)
        self._turn = threading.Lock()
        self._waiting: deque[list[str | None]] = deque()
        self._is_grouped = is_grouped
        self._waker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._waker.setblocking(False)
        self._worker = str(folder / "wake")

    def send(self) -> None:
        mine: list[str | None] = [json.dumps({"number": 1})]
        if not self._is_grouped:
            with self._turn:
                self._connection.execute("INSERT INTO jobs (body) VALUES (?)", mine)
                self._wake()
            return
        self._waiting.append(mine)
        with self._turn:
            if mine[0] is None:
                return
            batch: list[list[str | None]] = []
            while self._waiting:
                batch.append(self._waiting.popleft())
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO jobs (body) VALUES (?)", batch)
            self._connection.execute("COMMIT")
            self._wake()
            for entry in batch:
                entry[0] = None

    def _wake(self) -> None:
        try:
            self._waker.sendto(b"w", self._worker)
        except BlockingIOError:
            pass  # it has enough to be woken by


def work(folder: Path, synchronous: str) -> None:
    connection = connect(folder, synchronous)
    woken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    woken.settimeout(IDLE_SECONDS)
    woken.bind(str(folder / "wake"))
    while True:
        rows = connection.execute("SELECT id, body FROM jobs ORDER BY id LIMIT ?", (BATCH,)).fetchall()
        if not rows:
            try:
                woken.recv(1)
            except TimeoutError:
                continue
            continue
        for _, body in rows:
            json.loads(body)
            done()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM jobs WHERE id = ?", [(row[0],) for row in rows])
        connection.execute("COMMIT")


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
