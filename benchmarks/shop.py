"""The app that the HTTP candidates have in common: its model, its business logic, and a request for it."""

import json

from pydantic import BaseModel, Field


class Line(BaseModel):
    sku: str
    qty: int = Field(ge=1, le=1000)
    price: float


class Order(BaseModel):
    customer: str
    lines: list[Line]
    note: str | None = None


def place(order_id: str, order: Order) -> dict[str, object]:
    """The business logic that all candidates share."""
    return {
        "id": order_id,
        "customer": order.customer,
        "items": sum(line.qty for line in order.lines),
        "total": round(sum(line.qty * line.price for line in order.lines), 2),
        "status": "accepted",
    }


BODY = json.dumps(
    {
        "customer": "c-1029",
        "lines": [
            {"sku": "A-100", "qty": 2, "price": 19.99},
            {"sku": "B-200", "qty": 1, "price": 5.25},
            {"sku": "C-300", "qty": 12, "price": 0.99},
        ],
        "note": "leave at the door",
    }
).encode()
GREETING = "hello, world"
