"""The stores that bench_tables compares: ours as `portable dev` has it, ours in one process, SQLite by hand, emulators.

All hold the same documents of 1 KB under (pk, sk), 100 to a pk, and give Python dicts back.
"""

import itertools
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from processes import NotStarted, accepts, cpu_clock, free_port, started

Document = dict[str, Any]
PER_PK = 100
FILL = 1000
APP = """
from portable import App

app = App("bench")
items = app.table("items", key=("pk", "sk"))
"""


_totals = itertools.count()


def document(number: int) -> Document:
    """One of 1 KB of JSON, such as an order: texts, numbers, a list of objects.

    Different each time: SQLite writes nothing, and syncs nothing, when what is written is there already.
    """
    pk, sk = key(number)
    return {
        "pk": pk,
        "sk": sk,
        "customer": f"customer-{number % 997:06}",
        "status": "accepted",
        "total": 10_000_000 + next(_totals),
        "is_paid": number % 2 == 0,
        "note": "leave it at the door, and ring the bell twice; nobody is at home before six in the evening " * 3,
        "lines": [
            {
                "sku": f"A-{line}00{number % 10}",
                "qty": line + 1,
                "price": 1999 + line,
                "name": f"a thing, number {line}",
            }
            for line in range(8)
        ],
    }


def key(number: int) -> tuple[str, str]:
    return f"pk-{number // PER_PK:06}", f"sk-{number % PER_PK:03}"


class Store(Protocol):
    """What is compared. `count` items are in it; it may be asked while it is `active`."""

    count: int

    def active(self) -> AbstractContextManager[None]: ...

    def fill(self, count: int) -> None: ...
    def get(self, number: int) -> Document: ...
    def put(self, number: int) -> None: ...
    def query(self, number: int) -> list[Document]: ...
    def cpu(self) -> float: ...


class Always:
    """What stores have in common that may be asked at any time."""

    def active(self) -> AbstractContextManager[None]:
        return nullcontext()


class PortableStore(Always):
    """Ours: what a handler calls, `Table.get`, `put` and `query`."""

    def __init__(self, table: Any, cpu: Callable[[], float]) -> None:
        self._table = table
        self.cpu = cpu
        self.count = 0

    def fill(self, count: int) -> None:
        for start in range(self.count, count, FILL):
            failures = self._table.batch_write([document(n) for n in range(start, min(start + FILL, count))])
            assert not failures
        self.count = max(self.count, count)

    def get(self, number: int) -> Document:
        found: Document = self._table.get(*key(number))
        return found

    def put(self, number: int) -> None:
        self._table.put(document(number))

    def query(self, number: int) -> list[Document]:
        found: list[Document] = self._table.query(key(number)[0], limit=PER_PK).items
        return found


def app_of() -> tuple[Any, Any]:
    """An app with its table, made anew: an app is bound to one store at a time."""
    from portable import App

    app = App("bench")
    return app, app.table("items", key=("pk", "sk"))


@contextmanager
def portable_dev(folder: Path) -> Generator[PortableStore]:
    """A real `portable dev` on a folder of the disk; this process reads and writes as one of its children does."""
    from portable_local.listening import socket_path
    from portable_local.remote import RemoteStore
    from portable_local.runtime import bind

    (folder / "app.py").write_text(APP)
    data, ready = folder / "data", folder / "ready.json"
    command = [sys.executable, "-P", "-m", "portable", "dev", str(folder), "--port", "0", "--data", str(data)]
    with started([*command, "--ready-file", str(ready)], folder, ready.exists) as process:
        app, table = app_of()
        bind(app, RemoteStore(data, socket_path(data), "http://localhost"))
        yield PortableStore(table, cpu_clock(process.pid))


@contextmanager
def portable_alone(folder: Path) -> Generator[PortableStore]:
    """The store in this process, on a folder of the disk, synced."""
    from portable_local.runtime import bind
    from portable_local.store.access import LocalStore
    from portable_local.store.engine import Engine
    from portable_local.translate import translate

    from portable.manifest import build_manifest

    app, table = app_of()
    engine = Engine(folder / "data")
    store = LocalStore(engine)
    try:
        store.call("bind", {"wiring": translate(build_manifest(app, with_grants=False).to_dict())})
        bind(app, store)
        yield PortableStore(table, cpu_clock())
    finally:
        store.close()
        engine.close()


class ByHand(Always):
    """sqlite3 and json, WAL and synchronous=FULL, a commit for each write, a connection for each thread."""

    PUT = "INSERT INTO items VALUES (?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET doc = excluded.doc"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self.cpu = cpu_clock()
        self.count = 0
        self.connection.execute("CREATE TABLE items (pk TEXT, sk TEXT, doc TEXT, PRIMARY KEY (pk, sk))")

    @property
    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=60)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = FULL")
            found.execute("PRAGMA cache_size = -16000")
            self._own.connection = found
        return found

    def fill(self, count: int) -> None:
        connection = self.connection
        for start in range(self.count, count, FILL):
            rows = [(*key(n), json.dumps(document(n))) for n in range(start, min(start + FILL, count))]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(self.PUT, rows)
            connection.execute("COMMIT")
        self.count = max(self.count, count)

    def get(self, number: int) -> Document:
        row = self.connection.execute("SELECT doc FROM items WHERE pk = ? AND sk = ?", key(number)).fetchone()
        found: Document = json.loads(row[0])
        return found

    def put(self, number: int) -> None:
        self.connection.execute(self.PUT, (*key(number), json.dumps(document(number))))

    def query(self, number: int) -> list[Document]:
        rows = self.connection.execute(
            "SELECT doc FROM items WHERE pk = ? ORDER BY sk LIMIT ?", (key(number)[0], PER_PK)
        )
        return [json.loads(row[0]) for row in rows.fetchall()]


class Grouped(ByHand):
    """The same, and writers that wait for the disk at the same time share one commit."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._writer = self.connection
        self._turn = threading.Lock()
        self._waiting: deque[list[Any]] = deque()

    def put(self, number: int) -> None:
        mine = [(*key(number), json.dumps(document(number))), False]
        self._waiting.append(mine)
        with self._turn:
            if mine[1]:
                return
            batch: list[list[Any]] = []
            while self._waiting:
                batch.append(self._waiting.popleft())
            self._writer.execute("BEGIN IMMEDIATE")
            for entry in batch:
                self._writer.execute(self.PUT, entry[0])
            self._writer.execute("COMMIT")
            for entry in batch:
                entry[1] = True


class Dynamo(Always):
    """boto3's table resource, as DynamoDB's users write it."""

    def __init__(self, resource: Any, cpu: Callable[[], float]) -> None:
        from boto3.dynamodb.conditions import Key

        self._key = Key
        self.cpu = cpu
        self.count = 0
        self._table = resource.create_table(
            TableName="items",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self._table.wait_until_exists()

    def fill(self, count: int) -> None:
        with self._table.batch_writer() as batch:
            for number in range(self.count, count):
                batch.put_item(Item=document(number))
        self.count = max(self.count, count)

    def get(self, number: int) -> Document:
        pk, sk = key(number)
        found: Document = self._table.get_item(Key={"pk": pk, "sk": sk})["Item"]
        return found

    def put(self, number: int) -> None:
        self._table.put_item(Item=document(number))

    def query(self, number: int) -> list[Document]:
        found: list[Document] = self._table.query(KeyConditionExpression=self._key("pk").eq(key(number)[0]))["Items"]
        return found


def dynamo_resource(endpoint: str | None) -> Any:
    import boto3

    return boto3.resource(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@contextmanager
def moto_server(folder: Path) -> Generator[Dynamo]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with started(command, folder, accepts(port)) as process:
        yield Dynamo(dynamo_resource(f"http://127.0.0.1:{port}"), cpu_clock(process.pid))


@contextmanager
def dynalite(folder: Path, npm_timeout: float = 240) -> Generator[Dynamo]:
    """dynalite, installed by npm into the folder, in memory. Raises NotStarted if it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotStarted("there is no node and npm; on Debian: apt-get install nodejs npm")
    (folder / "package.json").write_text("{}")
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "dynalite"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=npm_timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotStarted(f"npm install dynalite took more than {npm_timeout:.0f} s") from None
    if done.returncode:
        raise NotStarted(f"npm install dynalite failed: {done.stderr.strip()[-300:]}")
    port = free_port()
    command = [node, "node_modules/dynalite/cli.js", "--port", str(port), "--createTableMs", "0"]
    with started(command, folder, accepts(port)) as process:
        yield Dynamo(dynamo_resource(f"http://127.0.0.1:{port}"), cpu_clock(process.pid))


class InMoto:
    """moto inside this process: nothing of boto3 is replaced but its HTTP. It is active only while it is asked."""

    def __init__(self) -> None:
        import moto

        self._mock = moto.mock_aws()
        self._mock.start(reset=True)
        self._inner = Dynamo(dynamo_resource(None), cpu_clock())
        self._mock.stop(remove_data=False)
        self.cpu = self._inner.cpu
        self.count = 0

    @contextmanager
    def active(self) -> Generator[None]:
        self._mock.start(reset=False)
        try:
            yield
        finally:
            self._mock.stop(remove_data=False)

    def fill(self, count: int) -> None:
        with self.active():
            self._inner.fill(count)
        self.count = self._inner.count

    def get(self, number: int) -> Document:
        return self._inner.get(number)

    def put(self, number: int) -> None:
        self._inner.put(number)

    def query(self, number: int) -> list[Document]:
        return self._inner.query(number)


class Numbers:
    """Which items are asked for: the same ones of every store, at random."""

    def __init__(self, seed: int, count: int) -> None:
        self._random = random.Random(seed)
        self._count = count

    def __call__(self) -> int:
        return int(self._random.random() * self._count)
