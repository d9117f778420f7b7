"""The control protocol, spoken by tests."""

import base64
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit


class Project:
    """One project of a running stack."""

    def __init__(self, control: str, name: str) -> None:
        self._control = urlsplit(control)
        self.name = name

    def ask(self, action: str, **more: Any) -> dict[str, Any]:
        """Raises RuntimeError for what was refused."""
        connection = HTTPConnection(self._control.hostname or "", self._control.port, timeout=60)
        try:
            body = json.dumps({"project": self.name, **more})
            connection.request("POST", f"{self._control.path}/{action}", body)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if "error" in found:
            raise RuntimeError(found["error"])
        return found

    def clock(self, now: float) -> None:
        self.ask("clock", now=now)

    def due(self, most: int = 100) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("due", most=most)["deliveries"]
        return found

    def answer(self, delivery: dict[str, Any], status: int) -> None:
        self.ask("answer", id=delivery["id"], status=status)


def header(delivery: dict[str, Any], name: str) -> str | None:
    return dict(delivery["headers"]).get(name)


def body(delivery: dict[str, Any]) -> bytes:
    return base64.b64decode(delivery["body"])
