"""Declarations that mean something else on some provider."""

from datetime import UTC, datetime

from portable import App, Change, Service

app = App("differences")  # planted: P3204 gcp, P3406 gcp
shop = Service("shop")  # planted: P3205 azure
app.include(shop)

sessions = app.table("sessions", ttl="ends")
items = shop.table("items")


@app.post("/sessions")
def begin(name: str) -> None:
    sessions.put({"id": name, "ends": datetime.now(UTC)})


@sessions.on_change  # planted: P3208 aws, P3208 gcp, P3208 azure
def ended(change: Change[dict[str, object]]) -> None:
    sessions.put({"id": change.pk})


@app.cron("30 2 * * *", zone="Europe/Berlin")  # planted: P3206 gcp, P3206 azure
def nightly() -> None:
    sessions.put({"id": "nightly"})


@app.every(minutes=5, overlap="allow")  # planted: P3207 gcp, P3207 azure
def often() -> None:
    sessions.put({"id": "often"})


@shop.post("/items")
def add(name: str) -> None:
    items.put({"id": name})


@shop.get("/items/{name}")
def read(name: str) -> object:
    return items.get(name)


@shop.every(hours=1)
def tidy() -> None:
    items.delete("old")
