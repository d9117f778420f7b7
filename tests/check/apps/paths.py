"""Paths that providers keep to themselves."""

from collections.abc import Awaitable, Callable
from typing import Any

from portable import App, Service

app = App("paths")  # planted: P3406 gcp
inner = Service("inner")
app.include(inner, prefix="/runtime")


async def office(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    await receive()


@app.get("/healthz")  # planted: P3201 gcp
def healthy() -> str:
    return "yes"


@app.get("/eventlog")  # planted: P3201 gcp
def event_log() -> str:
    return ""


@app.post("/_ah/{task}")  # planted: P3201 gcp
def app_engine(task: str) -> str:
    return task


@app.get("/ping")  # planted: P3202 aws
def ping() -> str:
    return "pong"


@app.get("/sping")  # planted: P3202 aws
def sping() -> str:
    return "spong"


@app.get("/ping/all")  # planted: P3202 aws
def ping_all() -> str:
    return "pong"


@app.get("/quiz")  # planted: P3202 gcp
def quiz() -> str:
    return "?"


@app.get("/{name}/pings")
def pings(name: str) -> str:
    return name


@inner.get("/state")  # planted: P3201 azure
def state() -> str:
    return "well"


app.mount("/admin", office)  # planted: P3201 azure
app.static("/administrators", ".")
