"""CPU of one JSON POST with a path parameter and a pydantic body: Request -> Response, against the same by hand.

    python benchmarks/bench_dispatch.py [--rounds 31] [--calls 400] [--check]

20 routes and one middleware on our side; the hand-written function does json.loads, model_validate and json.dumps and
nothing else: no routing, no headers, no errors. `--check` exits 1 when the median ratio is over 1.1.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import cpu_rounds, machine, report
from pydantic import BaseModel, Field

from portable import App
from portable.dispatch import Dispatcher
from portable.http import Headers, Request

GOAL = 1.1


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


app = App("bench")

for number in range(9):
    app.route(f"/static{number}", methods=["GET"], name=f"static-{number}")(lambda: {})
    app.route(f"/things{number}/{{id}}", methods=["POST"], name=f"thing-{number}")(lambda id: {"id": id})


@app.middleware
def passing(request):  # type: ignore[no-untyped-def]
    response = yield
    return response


@app.post("/orders/{order_id}")
def post_order(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)


@app.post("/async-orders/{order_id}")
async def post_order_async(order_id: str, order: Order) -> dict[str, object]:
    return place(order_id, order)


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
HEADERS = [
    ("host", "api.example.com"),
    ("content-type", "application/json"),
    ("content-length", str(len(BODY))),
    ("user-agent", "bench/1"),
    ("accept", "*/*"),
]


def by_hand(event: tuple[str, bytes]) -> tuple[int, dict[str, str], bytes]:
    path, body = event
    order_id = path.rsplit("/", 1)[1]
    order = Order.model_validate(json.loads(body))
    return 200, {"content-type": "application/json"}, json.dumps(place(order_id, order)).encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    dispatcher = Dispatcher(app)

    def request(path: str) -> Request:
        return Request("POST", path, headers=Headers(HEADERS), body=BODY)

    answer = dispatcher.http(request("/orders/o-77"))
    assert answer.status == 200, answer.body
    assert json.loads(answer.body) == json.loads(by_hand(("/orders/o-77", BODY))[2])
    candidates: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
        "hand-written": (lambda: ("/orders/o-77", BODY), by_hand),
        "portable, def": (lambda: request("/orders/o-77"), dispatcher.http),
        "portable, async def": (lambda: request("/async-orders/o-77"), dispatcher.http),
    }
    cpu_rounds(candidates, rounds=2, calls=options.calls, seed=options.seed)
    figures = cpu_rounds(candidates, rounds=options.rounds, calls=options.calls, seed=options.seed)
    print(machine())
    print(f"{options.rounds} rounds of {options.calls} calls, interleaved, seed {options.seed}")
    report(figures, "hand-written", "CPU microseconds per call")
    ratio = statistics.median(figures["portable, def"]) / statistics.median(figures["hand-written"])
    return 1 if options.check and ratio > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
