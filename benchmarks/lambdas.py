"""The functions of bench_lambda.py: one JSON POST with a path parameter and a validated body, in each one's own way.

Each is a function of AWS's (event, context), made as its documentation has it. What is not installed raises ImportError
in its maker.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from shop import BODY, Order, place

Function = Callable[[Any, Any], Any]

PATH = "/orders/o-77"
HOST = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "content-length": str(len(BODY)),
    "content-type": "application/json",
    "host": HOST,
    "user-agent": "bench/1",
    "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}
EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "POST /orders/{order_id}",
    "rawPath": PATH,
    "rawQueryString": "",
    "headers": HEADERS,
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": HOST,
        "domainPrefix": "a1b2c3d4e5",
        "http": {
            "method": "POST",
            "path": PATH,
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": "bench/1",
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "POST /orders/{order_id}",
        "stage": "$default",
        "time": "26/Nov/2026:18:00:00 +0000",
        "timeEpoch": 1795716000000,
    },
    "pathParameters": {"order_id": "o-77"},
    "body": BODY.decode(),
    "isBase64Encoded": False,
}
"""Payload 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
REST_EVENT: dict[str, Any] = {
    "resource": "/orders/{order_id}",
    "path": PATH,
    "httpMethod": "POST",
    "headers": HEADERS,
    "multiValueHeaders": {name: [value] for name, value in HEADERS.items()},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": {"order_id": "o-77"},
    "stageVariables": None,
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": HOST,
        "httpMethod": "POST",
        "identity": {"sourceIp": "203.0.113.7", "userAgent": "bench/1"},
        "path": f"/api{PATH}",
        "protocol": "HTTP/1.1",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "resourcePath": "/orders/{order_id}",
        "stage": "api",
    },
    "body": BODY.decode(),
    "isBase64Encoded": False,
}
"""The same request as a REST API has it: the only kind that Chalice takes."""


class LambdaContext:
    """What Lambda gives beside the event."""

    aws_request_id = "7d1c8f0a-0000-4000-8000-000000000001"
    function_name = "bench"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    memory_limit_in_mb = "512"
    log_group_name = "/aws/lambda/bench"
    log_stream_name = "bench"
    client_context = None
    identity = None

    def get_remaining_time_in_millis(self) -> int:
        return 28_000


def by_hand() -> Function:
    """What somebody writes who wants what the others give: refusals told apart, binary bodies, an id to find it by."""
    headers = {"content-type": "application/json"}

    def handler(event: Any, context: Any) -> Any:
        body = event.get("body") or ""
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body)
        try:
            order = Order.model_validate(json.loads(body))
        except ValidationError as error:
            return {"statusCode": 422, "headers": headers, "body": error.json(include_url=False)}
        except ValueError:
            return {"statusCode": 400, "headers": headers, "body": json.dumps({"title": "not JSON"})}
        answer = place(event["pathParameters"]["order_id"], order)
        return {
            "statusCode": 200,
            "headers": {**headers, "x-request-id": context.aws_request_id},
            "body": json.dumps(answer),
        }

    return handler


def portable() -> Function:
    """20 routes, as in bench_dispatch.py."""
    import os

    from bench_dispatch import made
    from portable_aws.runtime import handler

    os.environ.update(PORTABLE_STAGE="bench", PORTABLE_ACCOUNT="123456789012", AWS_REGION="eu-central-1")
    function: Function = handler(made(with_middleware=False))
    return function


def chalice() -> Function:
    from chalice import Chalice

    app: Any = Chalice(app_name="bench")

    def post_order(order_id: str) -> Any:
        return place(order_id, Order.model_validate(app.current_request.json_body))

    app.route("/orders/{order_id}", methods=["POST"])(post_order)

    def handler(event: Any, context: Any) -> Any:
        return app(event, context)

    return handler


def powertools() -> Function:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    app: Any = APIGatewayHttpResolver()

    def post_order(order_id: str) -> Any:
        return place(order_id, Order.model_validate(app.current_event.json_body))

    app.post("/orders/<order_id>")(post_order)

    def handler(event: Any, context: Any) -> Any:
        return app.resolve(event, context)

    return handler


def starlette() -> Function:
    from mangum import Mangum
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def post_order(request: Request) -> JSONResponse:
        order = Order.model_validate_json(await request.body())
        return JSONResponse(place(request.path_params["order_id"], order))

    app: Any = Starlette(routes=[Route("/orders/{order_id}", post_order, methods=["POST"])])
    function: Function = Mangum(app, lifespan="off")
    return function


def fastapi() -> Function:
    from fastapi import FastAPI
    from mangum import Mangum

    app = FastAPI()

    @app.post("/orders/{order_id}")
    async def post_order(order_id: str, order: Order) -> dict[str, object]:
        return place(order_id, order)

    function: Function = Mangum(app, lifespan="off")
    return function
