"""The shop as a bare ASGI callable: the same by hand and nothing else; served by uvicorn."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pydantic import ValidationError
from shop import GREETING, Order, place

Message = MutableMapping[str, Any]
TEXT = [(b"content-type", b"text/plain; charset=utf-8")]


def answer(order_id: str, body: bytes) -> tuple[int, bytes]:
    try:
        order = Order.model_validate_json(body)
    except ValidationError as error:
        return 422, error.json().encode()
    return 200, json.dumps(place(order_id, order), separators=(",", ":")).encode()


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']} here")
    method, path = scope["method"], scope["path"]
    status, headers, content = 404, TEXT, b"not found"
    if method == "POST" and path.startswith(("/orders/", "/sync-orders/")):
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        order_id = path.rpartition("/")[2]
        if path.startswith("/orders/"):
            status, content = answer(order_id, body)
        else:
            status, content = await asyncio.get_running_loop().run_in_executor(None, answer, order_id, body)
        headers = [(b"content-type", b"application/json")]
    elif method == "GET" and path == "/hello":
        status, content = 200, GREETING.encode()
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": content})
