"""The app that the wire tests ask: it counts, echoes, waits and fails on demand."""

import asyncio
import hashlib
import threading
from typing import Any

from pydantic import BaseModel

from portable import App, Request, Response

SECRET = "the-password-is-swordfish"


class Note(BaseModel):
    text: str


class Probe:
    """An app, and what has reached it."""

    def __init__(self) -> None:
        self.canaries: list[str] = []
        self.requests: list[Request] = []
        self.gate = threading.Event()
        self.app = app = App("probe")
        self.files = app.bucket("files")

        @app.get("/")
        def root() -> str:
            return "here"

        @app.route("/canary", methods=["GET", "POST"])
        def canary(request: Request) -> str:
            self.canaries.append(request.path)
            return "canary"

        @app.route("/echo", methods=["POST", "PUT", "PATCH"])
        def echo(request: Request) -> dict[str, Any]:
            return {"size": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()}

        @app.route("/seen", methods=["GET", "POST"])
        def seen(request: Request) -> dict[str, Any]:
            self.requests.append(request)
            return {"headers": request.headers.items(), "path": request.path, "query": request.query_string}

        @app.post("/note")
        def note(body: Note) -> Note:
            return body

        @app.post("/any")
        def anything(body: dict[str, Any]) -> dict[str, Any]:
            return body

        @app.get("/number/{number}")
        async def number(number: int) -> dict[str, int]:
            await asyncio.sleep(0)
            return {"number": number}

        @app.get("/boom")
        def boom() -> None:
            raise RuntimeError(SECRET)

        @app.get("/aboom")
        async def aboom() -> None:
            raise RuntimeError(SECRET)

        @app.get("/gate")
        async def gate() -> str:
            while not self.gate.is_set():
                await asyncio.sleep(0.005)
            return "through"

        @app.get("/big")
        def big() -> bytes:
            return b"x" * (4 * 1024 * 1024)

        @app.get("/status/{status}")
        def status(status: int) -> Response:
            return Response(b"a body", status)
