"""CPU of one JSON POST with a path parameter and a pydantic body: Request -> Response, against the same by hand.

    python benchmarks/bench_dispatch.py [--rounds 31] [--calls 400] [--write docs/benchmarks.md] [--check]

20 routes on our side, without and with a middleware around them; the hand-written function does json.loads,
model_validate and json.dumps and nothing else: no routing, no headers, no ids, no errors. `--check` exits 1 when the
median ratio without a middleware is over 1.1.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, number, versions
from measure import cpu_rounds
from shop import BODY, Order, place

from portable import App
from portable.dispatch import Dispatcher
from portable.http import Headers, Request, Response

GOAL = 1.1
HAND, OURS = "hand-written", "portable, def"


def made(*, with_middleware: bool) -> App:
    """20 routes, two of which are called here."""
    app = App("bench")
    for place_ in range(9):
        app.route(f"/static{place_}", methods=["GET"], name=f"static-{place_}")(lambda: {})
        app.route(f"/things{place_}/{{id}}", methods=["POST"], name=f"thing-{place_}")(lambda id: {"id": id})

    @app.post("/orders/{order_id}")
    def post_order(order_id: str, order: Order) -> dict[str, object]:
        return place(order_id, order)

    @app.post("/async-orders/{order_id}")
    async def post_order_async(order_id: str, order: Order) -> dict[str, object]:
        return place(order_id, order)

    if with_middleware:

        @app.middleware
        def passing(request: Request) -> Generator[None, Response, Response | None]:
            response = yield
            return response

    return app


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


def run(options: argparse.Namespace) -> Findings:
    dispatcher = Dispatcher(made(with_middleware=False))
    around = Dispatcher(made(with_middleware=True))

    def request(path: str) -> Request:
        return Request("POST", path, headers=Headers(HEADERS), body=BODY)

    answer = dispatcher.http(request("/orders/o-77"))
    assert answer.status == 200, answer.body
    assert json.loads(answer.body) == json.loads(by_hand(("/orders/o-77", BODY))[2])
    candidates: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
        HAND: (lambda: ("/orders/o-77", BODY), by_hand),
        OURS: (lambda: request("/orders/o-77"), dispatcher.http),
        "portable, async def": (lambda: request("/async-orders/o-77"), dispatcher.http),
        "portable, def in a middleware": (lambda: request("/orders/o-77"), around.http),
    }
    cpu_rounds(candidates, rounds=2, calls=options.calls, seed=options.seed)
    figures = cpu_rounds(candidates, rounds=options.rounds, calls=options.calls, seed=options.seed)
    base = figures[HAND]
    rows = [
        [
            name,
            number(min(values)),
            f"{min(values) / min(base):.3f}",
            number(statistics.median(values)),
            f"{statistics.median(values) / statistics.median(base):.3f}",
        ]
        for name, values in figures.items()
    ]
    ratio = statistics.median(figures[OURS]) / statistics.median(base)
    return Findings(
        "dispatch",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of {options.calls} calls, seed {options.seed}.",
        [Table("CPU of one call, µs", ("", "minimum", f"x {HAND}", "median", f"x {HAND}"), rows)],
        [Target(f"CPU of one call over {HAND}", GOAL, ratio, at_most=True)],
        versions("portable-serverless", "pydantic"),
    )


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    options.rounds = options.rounds or (None if options.quick else 31)
    return common.main(run, options)


if __name__ == "__main__":
    sys.exit(main())
