"""The shop in FastAPI; served by uvicorn."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from shop import GREETING, Order, place

app = FastAPI()


@app.get("/hello", response_class=PlainTextResponse)
async def hello() -> str:
    return GREETING


@app.post("/orders/{order_id}")
async def post_order(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)


@app.post("/sync-orders/{order_id}")
def post_order_in_a_thread(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)
