"""The app that `portable dev` serves while the tests of the folder above kill it."""

import os
import zlib
from typing import Any

from portable import App, Context

app = App("durable")
items = app.table("items", key=("pk", "sk"))
files = app.bucket("files")
SIDES = ("left", "right")


def sealed(key: str, n: int) -> dict[str, Any]:
    pad = f"{key}/{n}/" * 20
    return {"n": n, "pad": pad, "crc": zlib.crc32(f"{key} {n} {pad}".encode())}


@app.get("/health")
def health() -> str:
    return "well"


@app.put("/items/{pk}/{sk}")
def put_item(pk: str, sk: str, body: dict[str, Any]) -> dict[str, Any]:
    items.put({"pk": pk, "sk": sk, **sealed(f"{pk}/{sk}", body["n"])})
    return {}


@app.delete("/items/{pk}/{sk}")
def delete_item(pk: str, sk: str) -> dict[str, Any]:
    items.delete(pk, sk)
    return {}


@app.post("/counters/{pk}")
def count(pk: str) -> dict[str, Any]:
    if items.get(pk, "counter") is None:
        items.put({"pk": pk, "sk": "counter", "n": 0}, if_absent=True)
    return {"n": items.increment(pk, "counter", field="n")}


@app.post("/pairs/{pk}")
def put_pair(pk: str, body: dict[str, Any]) -> dict[str, Any]:
    items.transact([items.putting({"pk": pk, "sk": side, **sealed(f"{pk}/{side}", body["n"])}) for side in SIDES])
    return {}


@app.get("/items/{pk}")
def list_items(pk: str) -> list[dict[str, Any]]:
    return items.query(pk).items


@app.put("/files/{key}")
def put_file(key: str, body: dict[str, Any]) -> dict[str, Any]:
    text = f"{key} {body['n']}\n".encode() * 100
    files.put(key, text + zlib.crc32(text).to_bytes(4, "big"))
    return {}


@app.get("/files/{key}")
def get_file(key: str) -> dict[str, Any]:
    data = files.get(key)
    if data is None:
        return {"n": 0}
    text, crc = data[:-4], int.from_bytes(data[-4:], "big")
    n = int(text.split(b"\n", 1)[0].rpartition(b" ")[2])
    return {"n": n, "is_whole": crc == zlib.crc32(text) and text == f"{key} {n}\n".encode() * 100}


def witness(line: str) -> None:
    """One line of the log that the test reads: appended in one piece, and there though this process is killed next."""
    descriptor = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


@app.task(max_attempts=4, min_backoff=0.05, max_backoff=0.2)
def work(payload: dict[str, Any], context: Context) -> None:
    witness(f"start {context.id} {context.attempt}")
    if payload.get("fails"):
        raise ValueError("as it was asked to")
    wait = payload.get("until")
    if wait is not None:
        import time

        while not os.path.exists(wait):
            time.sleep(0.01)
    witness(f"end {context.id} {context.attempt}")


@app.post("/tasks")
def send(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": work.send(body, delay=body.get("delay")).id}


@app.get("/tasks/{id}")
def task_state(id: str) -> dict[str, Any]:
    record = work.run(id).record()
    return {"state": record.state, "attempts": record.attempts, "error": record.error}


@app.get("/letters")
def letters() -> list[str]:
    return [letter.id for letter in work.dead_letters(limit=1000).letters]
