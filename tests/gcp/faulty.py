"""A service that answers in between: what is asked reaches it or not, and what it answers comes back or not."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Literal
from urllib.parse import urlsplit

from tests.gcp_stack.server import Reply, Request, Stand

Step = Literal["pass", "lose", "drop"] | Reply | Callable[[Request], Request]
"""`lose`: it is carried out, and the answer is lost. `drop`: it is not. A Reply: that is answered instead. A function:
what it makes of the request is passed on."""


class Between:
    """Passes on what it is asked, but for the next requests, of which `steps` says what becomes."""

    def __init__(self, target: str) -> None:
        self.steps: list[Step] = []
        self.asked: list[Request] = []
        self._place = urlsplit(target)
        self._stand = Stand(self._answer, "between")
        self.endpoint = self._stand.endpoint

    def close(self) -> None:
        self._stand.close()

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request)
        step: Step = self.steps.pop(0) if self.steps else "pass"
        if isinstance(step, Reply):
            return step
        if step == "drop":
            return Reply(0)
        reply = self._pass_on(request if isinstance(step, str) else step(request))
        return Reply(0) if step == "lose" else reply

    def _pass_on(self, request: Request) -> Reply:
        connection = HTTPConnection(self._place.hostname or "", self._place.port, timeout=30)
        target = request.path + (f"?{request.raw_query}" if request.raw_query else "")
        headers = {name: value for name, value in request.headers.items() if name != "transfer-encoding"}
        headers["content-length"] = str(len(request.body))
        try:
            connection.putrequest(request.verb, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("date", "server")]
            return Reply(answer.status, answer.read(), tuple(kept))
        finally:
            connection.close()


@contextmanager
def between(target: str, *steps: Step) -> Generator[Between]:
    found = Between(target)
    found.steps = list(steps)
    try:
        yield found
    finally:
        found.close()
