"""HTTP/1.1 on loopback for stand-ins: connections are kept, each has a thread, answers go out in one piece."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

LARGEST = 256 * 1024 * 1024


class Request(NamedTuple):
    """A request as it came: `path` is not unescaped, names of `headers` are lower case, `query` keeps repeats."""

    verb: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""

    def json(self) -> Any:
        """The body, parsed; {} for none. Raises ValueError."""
        return json.loads(self.body) if self.body else {}


class Reply(NamedTuple):
    """What is answered. A body that is no bytes goes out as JSON. Status 0: the connection ends without an answer."""

    status: int = 200
    body: Any = b""
    headers: tuple[tuple[str, str], ...] = ()


class Stand:
    """A server that runs until it is closed."""

    def __init__(self, answer: Callable[[Request], Reply], name: str) -> None:
        self._server = Server(answer)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=name, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; what a stand-in raises is answered by the handler."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle_any(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command, path, parse_qsl(query, keep_blank_values=True), headers, self._body(headers), query
        )
        try:
            reply = self.server.answer(request)
        except Exception:
            import traceback

            # Not 500, which clients would try again: this is a fault of the stand-in, and a test should end with it.
            reply = Reply(501, {"error": {"code": 501, "message": traceback.format_exc(), "status": "UNIMPLEMENTED"}})
        self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any  # noqa: N815 - its names

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(headers.get("content-length", "0")))

    def _send(self, reply: Reply) -> None:
        if not reply.status:
            self.close_connection = True
            return
        body, headers = reply.body, list(reply.headers)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.append(("Content-Type", "application/json; charset=UTF-8"))
        self.send_response(reply.status)
        for name, value in headers:
            self.send_header(name, value)
        if reply.status != 204 and not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 204:
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what is asked is shown by the tests that ask."""
