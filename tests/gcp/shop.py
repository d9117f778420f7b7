"""An app that a test serves under functions-framework: copied there as app.py."""

import logging
from typing import Any

from portable import App, Change, ObjectEvent, Request

app = App("shop")
seen = app.table("seen", key="id")
orders = app.table("orders", key="id")
files = app.bucket("files")
news = app.topic("news")


@app.post("/start/{id}")
def start(id: str) -> str:
    work.send({"id": id})
    news.publish({"id": id})
    files.put(f"in/{id}", b"hello")
    orders.put({"id": id})
    return id


@app.get("/seen")
def read() -> list[str]:
    return sorted(item["id"] for item in seen.scan())


@app.post("/echo/{name}")
def echo(name: str, request: Request) -> dict[str, Any]:
    logging.getLogger("shop").warning("echo of %s", name)
    print("printed")
    return {"name": name, "query": request.query_string, "body": request.text(), "agent": request.headers["user-agent"]}


@app.get("/favicon.ico")
def icon() -> str:
    return "an icon"


@app.get("/robots.txt")
def robots() -> str:
    return "no robots"


@app.task(max_attempts=3, min_backoff=0.1, max_backoff=0.1)
def work(payload: dict[str, str]) -> None:
    if seen.get("work:tried") is None:
        seen.put({"id": "work:tried"})
        raise RuntimeError("the first time it fails")
    seen.put({"id": f"work:{payload['id']}"})


@news.subscribe
def heard(event: dict[str, str]) -> None:
    seen.put({"id": f"heard:{event['id']}"})


@files.on_created(prefix="in/")
def stored(event: ObjectEvent) -> None:
    seen.put({"id": f"stored:{event.key}"})


@orders.on_change
def changed(change: Change[dict[str, Any]]) -> None:
    seen.put({"id": f"changed:{change.pk}"})


@app.every(minutes=1)
def tick() -> None:
    seen.put({"id": "tick"})
