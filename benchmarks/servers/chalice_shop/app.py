"""The shop in Chalice; served by `chalice local`."""

from chalice import Chalice, Response
from pydantic import ValidationError
from shop import GREETING, Order, place

app = Chalice(app_name="shop")


@app.route("/hello")  # type: ignore[untyped-decorator]
def hello() -> Response:
    return Response(GREETING, headers={"Content-Type": "text/plain"})


def answer(order_id: str) -> object:
    try:
        order = Order.model_validate(app.current_request.json_body)
    except ValidationError as error:
        return Response(error.json(), status_code=422, headers={"Content-Type": "application/json"})
    return place(order_id, order)


@app.route("/orders/{order_id}", methods=["POST"])  # type: ignore[untyped-decorator]
def post_order(order_id: str) -> object:
    return answer(order_id)


@app.route("/sync-orders/{order_id}", methods=["POST"])  # type: ignore[untyped-decorator]
def post_order_again(order_id: str) -> object:
    return answer(order_id)
