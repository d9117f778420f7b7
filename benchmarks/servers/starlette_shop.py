"""The shop in Starlette, validated by hand; served by uvicorn. Its `def` endpoints cannot read a body."""

from pydantic import ValidationError
from shop import GREETING, Order, place
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def hello(request: Request) -> Response:
    return PlainTextResponse(GREETING)


async def post_order(request: Request) -> Response:
    try:
        order = Order.model_validate_json(await request.body())
    except ValidationError as error:
        return Response(error.json(), status_code=422, media_type="application/json")
    return JSONResponse(place(request.path_params["order_id"], order))


app = Starlette(
    routes=[
        Route("/hello", hello, methods=["GET"]),
        Route("/orders/{order_id}", post_order, methods=["POST"]),
    ]
)
