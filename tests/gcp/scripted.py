"""FAKE of ours: a server that answers as a script says, in the place of a service of Google Cloud.

For what no emulator can be made to do: to lose an answer, to refuse for its rate, to leave half a batch undone. Our
REST client above it is the real one, retries and all.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from portable_gcp.clients import Clients

from tests.gcp_stack.server import Handler, Reply, Request, Server

PROJECT = "portable-test"
LOST = Reply(status=0)
"""The request was carried out, and the connection ends without a word."""


class Asked(NamedTuple):
    """A request as it came."""

    request: Request

    @property
    def verb(self) -> str:
        """What is asked for: the part of the path after its colon."""
        return self.request.path.rpartition(":")[2]

    @property
    def json(self) -> Any:
        return self.request.json()


Step = Reply | Callable[[Asked], Reply]


def answer(document: Any) -> Reply:
    return Reply(200, document)


def refusal(status: int, reason: str, message: str = "it is so", *, details: list[Any] | None = None) -> Reply:
    """An error as https://google.aip.dev/193 has it."""
    found: dict[str, Any] = {"code": status, "message": message, "status": reason}
    if details is not None:
        found["details"] = details
    return Reply(status, {"error": found})


class Script:
    """The steps to come and the requests that came; one too many is answered with 418, and remembered."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.asked: list[Asked] = []
        self.url = ""
        self._lock = threading.Lock()

    def next(self, request: Request) -> Reply:
        asked = Asked(request)
        with self._lock:
            self.asked.append(asked)
            if not self.steps:
                return Reply(418, {"error": {"code": 418, "message": "nobody expected this", "status": "SURPLUS"}})
            step = self.steps.pop(0)
        return step(asked) if callable(step) else step

    @property
    def verbs(self) -> list[str]:
        return [asked.verb for asked in self.asked]


class Losing(Handler):
    """Ends the connection instead of an answer that is lost."""

    def _send(self, reply: Reply) -> None:
        if reply.status:
            super()._send(reply)
        else:
            self.close_connection = True


@contextmanager
def scripted(*steps: Step) -> Generator[tuple[Clients, Script]]:
    """Clients whose Firestore, as an emulator, is the script; at the end all of its steps must have been taken."""
    with serving(*steps) as script, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", script.url.removeprefix("http://"))
        # Waits between attempts are not what is tested.
        patch.setattr("time.sleep", lambda seconds: None)
        clients = Clients(PROJECT)
        try:
            yield clients, script
        finally:
            clients.close()


@contextmanager
def serving(*steps: Step) -> Generator[Script]:
    """The script at `url`; at the end all of its steps must have been taken."""
    script = Script(list(steps))
    server = Server(script.next)
    server.RequestHandlerClass = Losing
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
        assert script.steps == [], f"{len(script.steps)} steps were not asked for; asked: {script.verbs}"
        assert len(script.asked) > 0
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


__all__ = ["LOST", "PROJECT", "Asked", "Reply", "Script", "answer", "refusal", "scripted", "serving"]
