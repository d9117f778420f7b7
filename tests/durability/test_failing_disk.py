"""K4, K5: the n-th call to the disk fails, for every n; the disk is full. A clear error, nothing lost, no repair."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from portable_local.store.object_files import ObjectFiles
from portable_local.values import read_values, write_value

from portable.errors import Unavailable, Unknown

from .dev_process import PYTHON_PATH, ROOT, Dev, until
from .failing_disk import ERRORS, FailingDisk
from .stored import files, items, opened, sealed, sealed_bytes, unsealed_bytes

MOST = 200
DISK_WORDS = ("No space left", "Input/output error", "disk", "File too large")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    return FailingDisk(monkeypatch)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("error", ERRORS, ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("verb", ["put", "copy"])
def test_an_object_whose_nth_call_to_the_disk_fails_is_as_it_was(
    tmp_path: Path, disk: FailingDisk, verb: str, error: int
) -> None:
    with opened(tmp_path / "data"):
        objects = tmp_path / "data" / "objects"
        state, refused = 1, 0
        files.put("k", sealed_bytes("k", state))
        for number in range(1, MOST):
            files.put("source", sealed_bytes("k", number + 1))
            before = names(objects)

            def write(number: int = number) -> None:
                if verb == "put":
                    files.put("k", sealed_bytes("k", number + 1))
                else:
                    files.copy("source", "k")

            raised = failure_of(disk, number, error, write)
            if raised is None:
                state = number + 1
            else:
                refused += 1
                assert isinstance(raised, Unavailable), f"call {number}: {raised!r}"
                assert any(word in raised.message for word in DISK_WORDS), raised.message
                assert names(objects) == before, f"call {number} left something behind"
            # Readers and writers go on, in the same process.
            assert unsealed_bytes("k", files.require("k")) == state, f"call {number}"
            files.delete("source")
            if not disk.has_failed:
                break
        assert not disk.has_failed
        assert refused >= 4
    with opened(tmp_path / "data"):
        assert unsealed_bytes("k", files.require("k")) == state
        # A replaced file that could not be removed at the time is swept now.
        assert len(names(objects)) == 1


def failure_of(disk: FailingDisk, number: int, error: int, write: Callable[[], object]) -> Exception | None:
    """What `write` raises if the `number`-th call to the disk fails."""
    try:
        with disk.fails_at(number, error):
            write()
    except Exception as raised:
        assert disk.has_failed
        return raised
    return None


@pytest.mark.parametrize("error", ERRORS, ids=["EIO", "ENOSPC"])
def test_the_first_object_of_a_folder_fails_as_clearly(tmp_path: Path, disk: FailingDisk, error: int) -> None:
    failures = 0
    for number in range(1, MOST):
        folder = tmp_path / str(number)
        written = ObjectFiles(folder, durable=True)
        folder.mkdir()
        raised = failure_of(disk, number, error, partial(written.write, "b", "k", [b"x"]))
        if raised is not None:
            assert isinstance(raised, OSError)
            assert raised.errno == error
            failures += 1
            assert names(folder) == []
        name, size = written.write("b", "k", [b"x"])
        assert (size, b"".join(written.read(name, 0, None))) == (1, b"x")
        if not disk.has_failed:
            break
    assert failures >= 8


@pytest.mark.parametrize("error", ERRORS, ids=["EIO", "ENOSPC"])
def test_a_value_whose_nth_call_to_the_disk_fails_is_as_it_was_or_in_doubt(
    tmp_path: Path, disk: FailingDisk, error: int
) -> None:
    write_value(tmp_path, "secret", "s", "0")
    state = "0"
    failures = 0
    for number in range(1, MOST):
        raised = failure_of(disk, number, error, partial(write_value, tmp_path, "secret", "s", str(number)))
        found = read_values(tmp_path, "secret")["s"]
        if raised is None:
            assert found == str(number)
        else:
            failures += 1
            assert isinstance(raised, (Unavailable, Unknown)), f"call {number}: {raised!r}"
            assert "secrets.json" in raised.message
            assert found in ({state} if isinstance(raised, Unavailable) else {state, str(number)}), f"call {number}"
        state = found
        assert read_values(tmp_path, "secret") == {"s": state}
        assert names(tmp_path) == ["secrets.json", "values.lock"]
        if not disk.has_failed:
            break
    assert failures >= 4


def test_a_full_database_refuses_writes_answers_reads_and_needs_no_repair(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as (_, engine):
        connection: sqlite3.Connection = engine._session.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 10}")
        kept = 0

        def fill() -> None:
            nonlocal kept
            for number in range(1000):
                items.put({"pk": "p", "sk": f"{number:04}", **sealed("x", number)})
                kept = number

        with pytest.raises(Unavailable) as caught:
            fill()
        assert "full" in caught.value.message
        assert caught.value.hint == "free some space on the disk"
        assert len(items.query("p", limit=1000).items) == kept + 1 > 5
        with pytest.raises(Unavailable):
            items.put({"pk": "q", "sk": "q", "pad": "x" * 50_000})
        # What is deleted makes room again, and so does a larger disk.
        items.delete("p", "0000")
        connection.execute(f"PRAGMA max_page_count = {pages + 10_000}")
        items.put({"pk": "q", "sk": "q", "pad": "x" * 50_000})
    with opened(tmp_path / "data"):
        assert [item["sk"] for item in items.query("p", limit=1000)] == [f"{n:04}" for n in range(1, kept + 1)]
        assert len(items.require("q", "q")["pad"]) == 50_000


FULL = """
import resource, sys
from pathlib import Path
from portable.errors import Unavailable
from tests.durability.stored import files, items, opened, sealed, sealed_bytes

def quota(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

with opened(Path(sys.argv[1])) as (store, engine):
    refused = 0
    for size in map(int, sys.argv[2:]):
        kept = items.query("p", limit=1000).items
        quota(size)
        for number in range(200):
            item = {"pk": "p", "sk": f"{size}-{number}", **sealed("x", number)}
            try:
                items.put(item)
            except Unavailable as error:
                refused += 1
                assert "nothing was written" in error.message, error
                break
            kept.append(item)
        else:
            raise SystemExit(f"{size} bytes were enough")
        try:
            files.put("big", b"x" * (size + 1))
            raise SystemExit("an object of any size fits")
        except Unavailable as error:
            refused += 1
        assert files.get("big") is None
        found = items.query("p", limit=1000).items
        key = lambda item: item["sk"]
        assert sorted(found, key=key) == sorted(kept, key=key), "reads go on, and show what was acknowledged"
        quota(resource.RLIM_INFINITY)
        items.put({"pk": "p", "sk": f"{size}-after", **sealed("x", 0)})
        files.put("big", b"x")
        files.delete("big")
    print(refused, len(items.query("p", limit=1000).items))
"""


@pytest.mark.parametrize(
    "sizes", [("300000", "500000"), pytest.param([str(n * 70_000) for n in range(3, 13)], marks=pytest.mark.slow)]
)
def test_a_full_disk_refuses_writes_answers_reads_and_needs_no_repair(tmp_path: Path, sizes: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "data"), *sizes],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    refused, kept = map(int, done.stdout.split())
    assert refused == 2 * len(sizes)
    with opened(tmp_path / "data"):
        assert len(items.query("p", limit=1000).items) == kept > 10


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_DIR_FSYNC"])
def test_a_commit_that_may_be_in_the_log_is_in_doubt_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with opened(tmp_path / "data") as (_, engine):
        items.put({"pk": "p", "sk": "s", "n": 1})

        def failing(real: Callable[..., sqlite3.Cursor]) -> Callable[..., sqlite3.Cursor]:
            def execute(sql: str, *parameters: object) -> sqlite3.Cursor:
                if sql == "COMMIT":
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorname = name
                    raise error
                return real(sql, *parameters)

            return execute

        with monkeypatch.context() as patch:
            patch.setattr(engine._session, "execute", failing(engine._session.execute))
            with pytest.raises(Unknown):
                items.put({"pk": "p", "sk": "s", "n": 2})
            with pytest.raises(Unknown):
                files.put("k", b"x")
        # In doubt: the bytes stay until it is known.
        assert len(names(tmp_path / "data" / "objects")) == 1
        assert items.require("p", "s")["n"] == 1
        items.put({"pk": "p", "sk": "s", "n": 3})
    with opened(tmp_path / "data"):
        assert items.require("p", "s")["n"] == 3
        assert names(tmp_path / "data" / "objects") == []


def test_a_task_that_ends_while_the_disk_is_full_is_done_when_there_is_room_again(tmp_path: Path) -> None:
    with Dev(tmp_path) as dev:
        dev.start()
        gate = tmp_path / "gate"
        assert dev.request("PUT", "/items/p/k1", {"n": 1}).status == 200
        id = dev.request("POST", "/tasks", {"until": str(gate)}).body["id"]
        until(lambda: dev.request("GET", f"/tasks/{id}").body["state"] == "running", "the task's start")
        resource.prlimit(dev.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        refused = dev.request("PUT", "/items/p/k1", {"n": 2})
        assert refused.status == 503, refused
        assert refused.body["code"] == "P1008"
        gate.touch()
        # It is counted as running from when a worker has it, which is before its first line.
        until(lambda: dev.witness.exists() and "end" in dev.witness.read_text(), "the task's end")
        for _ in range(5):
            assert dev.request("PUT", "/items/p/k2", {"n": 2}).status == 503
            assert [item["n"] for item in dev.request("GET", "/items/p").body] == [1]
        assert dev.request("GET", f"/tasks/{id}").body["state"] == "running"
        resource.prlimit(dev.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: dev.request("GET", f"/tasks/{id}").body["state"] == "succeeded", "the record of the task's end")
        assert dev.request("PUT", "/items/p/k2", {"n": 3}).status == 200
        assert dev.witness.read_text().split() == ["start", id, "1", "end", id, "1"]
        assert not dev.has_ended()
