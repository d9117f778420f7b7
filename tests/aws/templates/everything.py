"""An app that declares everything there is, so that its template holds everything there can be."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from portable import App, ObjectEvent, Service, idempotent
from portable.specs import Grouping


class Order(BaseModel):
    id: str
    customer: str
    total: int
    expires: int = 0


def make(functions: Grouping = "service") -> App:  # noqa: C901 - one declaration after another
    app = App("everything", functions=functions, targets=("aws",))
    shop = Service("shop")
    admin = Service("admin-tools")

    orders = app.table(
        "orders",
        Order,
        key=("customer", "id"),
        indexes={"by_total": ("customer", "total"), "t": ("id",)},
        ttl="expires",
    )
    single = shop.table("single", key="id")
    quiet = shop.table("quiet", key="id")
    uploads = app.bucket("uploads")
    plain = shop.bucket("plain")
    placed = app.topic("order-placed", Order)
    limit = app.param("limit", default="never-in-a-template")
    key = shop.secret("api-key")

    @app.get("/orders/{customer}/{id}", uses=[orders.can("get", "require", "get_entry", "query", "query_index")])
    def read(customer: str, id: str) -> Order:
        return orders.require(customer, id)

    @app.post("/orders", uses=[orders.can("put", "update", "increment", "transact"), placed.can("publish")])
    def write(order: Order) -> None:
        orders.put(order)

    @app.delete("/orders/{customer}/{id}", uses=[orders.can("delete", "batch_get", "batch_write", "scan")])
    def erase(customer: str, id: str) -> None:
        orders.delete(customer, id)

    @shop.get(
        "/files/{key}", uses=[uploads.can("get", "list", "signed_url"), plain.can("copy", "head"), key.can("get")]
    )
    def file(key: str) -> None: ...

    @shop.put("/files/{key}", uses=[uploads.can("put", "delete"), limit.can("get")])
    def store(key: str) -> None: ...

    @app.task(max_attempts=3, timeout=900)
    @idempotent("{order.id}")
    def pay(order: Order) -> None: ...

    @shop.task(max_attempts=50)
    def ship() -> None: ...

    @admin.get("/letters", uses=[pay.can("run", "dead_letters", "redrive", "discard"), placed.can("dead_letters")])
    def letters() -> None: ...

    @admin.post("/pay", uses=[pay.can("send")])
    def pay_now(order: Order) -> None: ...

    @app.every(minutes=15)
    def sweep() -> None: ...

    @shop.cron("30 6 1 */3 *", zone="Europe/Berlin")
    def quarterly() -> None: ...

    @placed.subscribe(filter={"region": "eu", "kind": "new"})
    def index(order: Order) -> None: ...

    @placed.subscribe
    def audit(order: Order) -> None: ...

    @uploads.on_created(prefix="inbox/a@b/")
    def received(event: ObjectEvent) -> None: ...

    @uploads.on_created(prefix="inbox/")
    def received_too(event: ObjectEvent) -> None: ...

    @uploads.on_deleted
    def removed(event: ObjectEvent) -> None: ...

    @orders.on_change
    def changed(change: Any) -> None: ...

    @single.on_change
    def changed_too(change: Any) -> None: ...

    @orders.on_change
    def changed_as_well(change: Any) -> None: ...

    def legacy(environ: Any, start_response: Any) -> list[bytes]:
        return []

    app.mount("/legacy", legacy)
    shop.static("/assets", str(Path(__file__).parent))
    app.include(shop, prefix="/shop")
    app.include(admin, prefix="/admin")
    assert quiet.spec.ttl is None
    return app


app = make()
