"""The shop in portable; served by `portable dev`."""

from shop import GREETING, Order, place

from portable import App

app = App("shop")


@app.get("/hello")
async def hello() -> str:
    return GREETING


@app.post("/orders/{order_id}")
async def post_order(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)


@app.post("/sync-orders/{order_id}")
def post_order_in_a_thread(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)
