"""What is not the same on AWS and on Google Cloud, one of each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from portable import App, Change, Header, ObjectEvent, Request, Service

app = App("clouds")  # planted: P3204 gcp, P3204 gcp, P3205 azure, P3406 gcp
shop = Service("shop")
app.include(shop)

visits = app.table("visits")
sessions = app.table("sessions", ttl="ends")
orders = shop.table("orders")
files = app.bucket("files")


@app.get("/healthz")  # planted: P3201 gcp
def health() -> str:
    return "well"


@app.get("/ping")  # planted: P3202 aws
def ping() -> str:
    return "pong"


@app.get("/waltz")  # planted: P3202 gcp
def waltz() -> str:
    Path("steps.txt").write_text("1 2 3")  # planted: P3304
    return "done"


@app.get("/key", uses=[])  # planted: P3211 gcp
def key(token: str = Header("x_token"), other_name: str = Header(default="")) -> str:
    return token + other_name


@app.get("/keys")
def keys(request: Request) -> str:
    request.headers["x_mine"] = "written, not read"
    if "x_first" in request.headers:  # planted: P3211 gcp
        return request.headers["x_first"]  # planted: P3211 gcp
    return request.headers.get("x_second", "") + request.headers["x-third"]  # planted: P3211 gcp


@app.post("/visits")
def visit() -> None:
    visits.increment("all", field="count", by=1)  # planted: P3209 gcp
    files.put("last", b"now")  # planted: P3210 gcp
    sessions.put({"id": "a", "ends": datetime.now(UTC)})
    remind.send("a", delay=timedelta(days=2))  # planted: P3203 aws


@app.get("/files/{name}")
def share(name: str) -> str:
    return files.signed_url(name, expires_in=600).url


@app.task
def remind(id: str) -> None:
    sessions.get(id)


@sessions.on_change  # planted: P3208 aws, P3208 gcp, P3208 azure
def ended(change: Change[dict[str, object]]) -> None:
    sessions.get(change.pk)


@visits.on_change
def first(change: Change[dict[str, object]]) -> None: ...


@visits.on_change
def second(change: Change[dict[str, object]]) -> None: ...


@visits.on_change  # planted: P3402 aws
def third(change: Change[dict[str, object]]) -> None: ...


@files.on_created(prefix="in/")  # planted: P3405 aws
def came(event: ObjectEvent) -> None: ...


@files.on_created(prefix="in/deep/")
def came_deep(event: ObjectEvent) -> None: ...


@app.cron("30 2 * * *", zone="Europe/Berlin")  # planted: P3206 gcp, P3206 azure
def nightly() -> None: ...


@app.cron("30 2 * * *", zone="Asia/Tokyo")  # planted: P3206 azure
def nightly_there() -> None: ...


@app.every(minutes=5, overlap="allow")  # planted: P3207 gcp, P3207 azure
def often() -> None: ...


@shop.post("/orders")
def order(id: str) -> None:
    orders.put({"id": id})
