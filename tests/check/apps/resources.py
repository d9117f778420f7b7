"""What only the resources of Google Cloud can show."""

from typing import Any

from portable import App, Service

app = App("resources")  # planted: P3204 gcp, P3205 azure, P3406 gcp
placed = app.topic("placed")
shop = Service("shop")


@app.get("/")
def index() -> str:
    placed.publish({"id": "1"})
    return ""


@shop.get("/shop")
def goods() -> str:
    return ""


@placed.subscribe()
def hear(event: dict[str, Any]) -> None: ...


@placed.subscribe(name="hear-dead")  # planted: P3401 aws, P3401 gcp
def bury(event: dict[str, Any]) -> None: ...


app.include(shop)
