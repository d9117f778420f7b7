"""FAKE of ours: a server that answers as a script says, in the place of a service of AWS.

For what no emulator can be made to do: to lose an answer, to refuse for its rate, to leave half a batch undone. The
botocore above it is the real one, retries and all.
"""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from portable_aws.clients import Clients

REGION = "eu-central-1"


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Of services that speak JSON."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """What is answered; `lost`: the request was carried out, and the connection ends without a word."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    lost: bool = False


LOST = Reply(lost=True)
Step = Reply | Callable[[Asked], Reply]


def answer(document: Any) -> Reply:
    return Reply(body=json.dumps(document).encode())


def refusal(code: str, status: int = 400, **more: Any) -> Reply:
    """An error as services that speak JSON have them."""
    return Reply(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": f"{code} it is", **more}).encode())


class Script:
    """The steps to come and the requests that came; a request too many is answered with 418, and remembered."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.asked: list[Asked] = []
        self._lock = threading.Lock()

    def next(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if not self.steps:
                return Reply(418, b'{"__type":"NobodyExpectedThis"}')
            step = self.steps.pop(0)
        return step(asked) if callable(step) else step

    @property
    def operations(self) -> list[str]:
        return [asked.operation or asked.method for asked in self.asked]


@contextmanager
def scripted(*steps: Step) -> Generator[tuple[Clients, Script]]:
    """Clients whose every service is the script; at the end all of its steps must have been taken."""
    script = Script(list(steps))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_all(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = script.next(Asked(self.command, self.path, headers, body))
            if reply.lost:
                self.close_connection = True
                return
            # Without the headers that send_response adds: the date is the script's.
            self.send_response_only(reply.status)
            given = dict(reply.headers)
            for name, value in {"content-length": str(len(reply.body)), **given}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = "content-length" in given
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test says what went wrong."""

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.handle_all)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        # Waits between attempts are not what is tested.
        patch.setattr("time.sleep", lambda seconds: None)
        clients = Clients(REGION)
        try:
            yield clients, script
            assert script.steps == [], f"{len(script.steps)} steps were not asked for; asked: {script.operations}"
            assert len(script.asked) > 0
        finally:
            for client in clients._made.values():
                client.close()
            server.shutdown()
            server.server_close()
            thread.join(10)
