"""A sandbox for one Lambda function: the Runtime API (2018-06-01), and AWS's own runtime client over an extracted zip.

Only the server side is ours; what calls the handler, and what it makes of errors, is `awslambdaric`, from an
environment that holds it and boto3, as the managed runtime does. Standard library only, since LocalStack's
process imports this too.

    with Sandbox(Function(python, root, "index.handler")) as box:
        result = box.invoke(b'{"hello": 1}')

One sandbox answers one call at a time, as on Lambda; Pool adds more of them, and cold starts.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import json
import os
import queue
import select
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

PREFIX = "/2018-06-01/runtime/"
MOST_PAYLOAD = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: of a synchronous call, each way."""
POLL = 0.05


@dataclass(frozen=True)
class Function:
    """What is run, and what Lambda would say about it."""

    python: str
    root: str
    handler: str
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    memory: int = 512
    name: str = "function"
    version: str = "$LATEST"
    region: str = "eu-central-1"
    account: str = "123456789012"
    init_timeout: float = 10.0

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"


class Result(NamedTuple):
    """`error` is None, or the value of X-Amz-Function-Error. `milliseconds` of a cold call include the start."""

    payload: bytes
    error: str | None
    logs: str
    milliseconds: float
    cold: bool
    request_id: str

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Call(NamedTuple):
    """An event on its way in."""

    id: str
    body: bytes
    deadline: float
    arn: str
    trace: str


class RuntimeApi(ThreadingHTTPServer):
    """What the runtime client speaks to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RuntimeApiHandler)
        self.calls: queue.Queue[Call | None] = queue.Queue()
        self.answers: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
        self.polled = threading.Event()
        """The client has asked for its first event: the module is imported."""
        self.init_error: bytes | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runtime that was killed resets its connection: that is no news."""


class RuntimeApiHandler(BaseHTTPRequestHandler):
    """One write per answer, and no waiting for more: Nagle's algorithm would cost 40 ms each way."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RuntimeApi

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}invocation/next":
            return self.answer(404, b"{}")
        self.server.polled.set()
        call = self.server.calls.get()
        if call is None:
            return self.answer(410, b"{}")
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": str(int(call.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": call.arn,
            "Lambda-Runtime-Trace-Id": call.trace,
        }
        return self.answer(200, call.body, headers)

    def do_POST(self) -> None:
        body, tail = self.body(), self.path.removeprefix(PREFIX)
        if tail == "init/error":
            self.server.init_error = body
            self.server.polled.set()
        elif tail.startswith("invocation/"):
            _, id, kind = tail.split("/")
            self.server.answers.put((id, kind, body))
        else:
            return self.answer(404, b"{}")
        return self.answer(202, b'{"status":"OK"}')

    def body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is not None:
            return self.rfile.read(int(length))
        # AWS's client sends results in chunks.
        parts: list[bytes] = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def new_trace() -> str:
    return f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"


def environment_of(function: Function, api: str, scratch: str) -> dict[str, str]:
    """The environment that Lambda gives; nothing of ours leaks in."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": scratch,
        "HOME": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": function.root,
        "LAMBDA_TASK_ROOT": function.root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d/')}[{function.version}]{uuid.uuid4().hex}",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": function.account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        **function.environment,
    }


class Sandbox:
    """One execution environment. `dead`: it cannot be used again, as after a time-out on Lambda."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.dead = False
        self._calls = 0
        self._said: list[bytes] = []
        self._taking = threading.Lock()
        self._api = RuntimeApi()
        self._serving = threading.Thread(target=self._api.serve_forever, args=(POLL,), daemon=True)
        self._serving.start()
        self._scratch = tempfile.mkdtemp(prefix="portable-sandbox-")
        self._started = time.perf_counter()
        self.process = subprocess.Popen(
            [os.path.abspath(function.python), "-m", "awslambdaric", function.handler],
            cwd=function.root,
            env=environment_of(function, f"127.0.0.1:{self._api.server_address[1]}", self._scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        """Keeps the pipe empty, so that the process never waits for whoever reads."""
        pipe = self.process.stdout
        assert pipe is not None
        while self._take():
            select.select([pipe], [], [])

    def _take(self) -> bool:
        """What is in the pipe now; False after the process has closed its end."""
        assert self.process.stdout is not None
        with self._taking:
            while True:
                try:
                    data = os.read(self.process.stdout.fileno(), 65536)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self._said.append(data)

    def invoke(self, event: bytes, *, id: str = "", arn: str = "", trace: str = "") -> Result:
        """Calls the handler. Raises ValueError for an event that Lambda does not take."""
        if len(event) > MOST_PAYLOAD:
            raise ValueError(f"the event has {len(event):,} bytes; Lambda takes {MOST_PAYLOAD:,}")
        id = id or str(uuid.uuid4())
        cold = self._calls == 0
        began = self._started if cold else time.perf_counter()
        self._calls += 1
        payload, error = self._payload(id, event, arn or self.function.arn, trace or new_trace())
        milliseconds = (time.perf_counter() - began) * 1000
        # It had written them to the pipe before it answered, or ended.
        self._take()
        logs = self.logs()
        self._said.clear()
        return Result(payload, error, logs, milliseconds, cold, id)

    def _payload(self, id: str, event: bytes, arn: str, trace: str) -> tuple[bytes, str | None]:
        give_up = time.monotonic() + self.function.init_timeout
        while not self._api.polled.wait(POLL):
            if self.process.poll() is not None or time.monotonic() > give_up:
                return self._died("Runtime.ExitError", "Runtime exited during init")
        if self._api.init_error is not None:
            self.dead = True
            return self._api.init_error, "Unhandled"
        deadline = time.time() + self.function.timeout
        self._api.calls.put(Call(id, event, deadline, arn, trace))
        while True:
            try:
                answered, kind, payload = self._api.answers.get(timeout=POLL)
            except queue.Empty:
                if self.process.poll() is not None:
                    ended = f"Runtime exited with error: exit status {self.process.returncode}"
                    return self._died("Runtime.ExitError", f"RequestId: {id} Error: {ended}")
                if time.time() > deadline:
                    self.process.kill()
                    seconds = f"{self.function.timeout:.2f} seconds"
                    return self._died("Sandbox.Timedout", f"RequestId: {id} Error: Task timed out after {seconds}")
                continue
            if answered != id:
                continue
            if kind == "response" and len(payload) > MOST_PAYLOAD:
                size = f"Response payload size exceeded maximum allowed payload size ({MOST_PAYLOAD} bytes)."
                return problem("Function.ResponseSizeTooLarge", size), "Unhandled"
            return payload, None if kind == "response" else "Unhandled"

    def _died(self, kind: str, message: str) -> tuple[bytes, str]:
        self.dead = True
        return problem(kind, message), "Unhandled"

    def logs(self) -> str:
        """What was said since the last call."""
        return b"".join(self._said).decode("utf-8", "replace")

    def close(self) -> None:
        self._api.calls.put(None)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._api.shutdown()
        self._api.server_close()
        self._serving.join()
        shutil.rmtree(self._scratch, ignore_errors=True)


def problem(kind: str, message: str) -> bytes:
    """An error in Lambda's form."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


class Pool:
    """Sandboxes of one function: an idle one is used again, else another is started, at most `most` at once."""

    def __init__(self, function: Function, most: int = 10) -> None:
        self.function = function
        self.cold_starts = 0
        self._idle: list[Sandbox] = []
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def invoke(self, event: bytes, *, id: str = "", arn: str = "", trace: str = "") -> Result:
        with self._slots:
            with self._lock:
                box = self._idle.pop() if self._idle else None
                self.cold_starts += box is None
            box = box or Sandbox(self.function)
            try:
                result = box.invoke(event, id=id, arn=arn, trace=trace)
            except BaseException:
                box.close()
                raise
            if box.dead:
                box.close()
            else:
                with self._lock:
                    self._idle.append(box)
            return result

    def close(self) -> None:
        """Ends those that are idle."""
        with self._lock:
            boxes, self._idle = self._idle, []
        for box in boxes:
            box.close()


def read_only(root: Path) -> None:
    """Takes the right to write from an extracted zip, as /var/task has none. Not for root, whom nothing keeps out."""
    for path in sorted(root.rglob("*"), reverse=True):
        with contextlib.suppress(FileNotFoundError):
            path.chmod(path.stat().st_mode & ~0o222)
