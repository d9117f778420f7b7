"""The app whose data the tests of this folder kill, and what can be found of it in a data folder.

Everything that is stored says what it is and carries a checksum, so that a mixture of two states is seen as one.
"""

import json
import sqlite3
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from portable_local.runtime import bind
from portable_local.store.access import LocalStore
from portable_local.store.engine import Engine
from portable_local.store.owner import hold_folder
from portable_local.translate import translate
from portable_local.values import read_values

from portable import App

app = App("durable")
items = app.table("items", key=("pk", "sk"))
files = app.bucket("files")


@app.task(max_attempts=5)
def work(payload: dict[str, Any]) -> None:
    raise AssertionError(f"nothing runs here: {payload}")


STAGES = {"queued": 1, "running": 2, "failed": 2, "succeeded": 3}
TOGETHER = ("left", "right")


def sealed(key: str, state: int) -> dict[str, Any]:
    """An item that says which it is."""
    pad = f"{key}/{state}/" * 20
    return {"n": state, "pad": pad, "crc": zlib.crc32(f"{key} {state} {pad}".encode())}


def is_sealed(key: str, item: dict[str, Any]) -> bool:
    return {name: item[name] for name in ("n", "pad", "crc")} == sealed(key, item["n"])


def sealed_bytes(key: str, state: int) -> bytes:
    body = f"{key} {state}\n".encode() + bytes((state + number) % 251 for number in range(3000))
    return body + zlib.crc32(body).to_bytes(4, "big")


def seal_of(key: str) -> str:
    """What the bytes of an object are sealed with: a copy and its source are the same bytes."""
    return "copied" if key == "source" else key


def unsealed_bytes(key: str, data: bytes) -> int:
    """The state of an object's bytes. Raises ValueError if they are not whole."""
    head = data.split(b"\n", 1)[0].decode()
    state = int(head.rpartition(" ")[2])
    if data != sealed_bytes(key, state):
        raise ValueError(f"{key}: not the bytes that were written")
    return state


class Opened(NamedTuple):
    """A data folder, held, with the app bound to it."""

    store: LocalStore
    engine: Engine


@contextmanager
def opened(folder: Path) -> Generator[Opened]:
    """Holds the folder and binds the app to it, as `portable dev` does at its start."""
    with hold_folder(folder, "test"):
        engine = Engine(folder)
        store = LocalStore(engine)
        try:
            store.call("bind", {"wiring": translate(app.manifest().to_dict())})
            bind(app, store)
            try:
                yield Opened(store, engine)
            finally:
                app.unbind()
        finally:
            store.close()
            engine.close()


def found_in(folder: Path) -> tuple[dict[str, int], list[str]]:
    """(the state of every key that is there, what is damaged), read after a restart as a program would."""
    states: dict[str, int] = {}
    faults: list[str] = []
    with opened(folder) as (store, _):
        connection = sqlite3.connect(folder / "store.sqlite")
        try:
            faults += [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        finally:
            connection.close()
        read_items(states, faults)
        for key in [entry.key for entry in files.list().objects]:
            try:
                states[f"object:{key}"] = unsealed_bytes(seal_of(key), files.require(key))
            except ValueError as error:
                faults.append(str(error))
        for id, state, body in store.read("SELECT id, state, body FROM deliveries"):
            assert json.loads(body) == {"task": id}
            states[f"task:{id}"] = STAGES[state]
        named = {row[0] for row in store.read("SELECT file FROM objects")}
        on_disk = {str(path.relative_to(folder / "objects")) for path in (folder / "objects").glob("*/*")}
        faults += [f"the file {name} belongs to no object" for name in on_disk - named]
        faults += [f"the file {name} is gone" for name in named - on_disk]
    states |= {f"param:{name}": int(value) for name, value in read_values(folder, "param").items()}
    return states, faults


def read_items(states: dict[str, int], faults: list[str]) -> None:
    for pk in ("single", "counter"):
        for item in items.query(pk).items:
            key = f"item:{pk}:{item['sk']}"
            if pk == "single" and not is_sealed(item["sk"], item):
                faults.append(f"{key} is a mixture: {item}")
            states[key] = item["n"]
    sides = [items.get("pair", side) for side in TOGETHER]
    numbers = {None if side is None else side["n"] for side in sides}
    if len(numbers) > 1:
        faults.append(f"half a transaction: {sides}")
    if sides[0] is not None:
        states["item:pair"] = sides[0]["n"]


def tell(word: str, key: str, state: int) -> str:
    return f"{word} {key} {state}\n"
