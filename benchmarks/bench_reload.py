"""From a save to the first answer of the new code: `portable dev` against the reloading servers of others, in one run.

    python benchmarks/bench_reload.py [--quick] [--rounds 21] [--write docs/benchmarks.md] [--check]

Each edit replaces a constant of an app with a pydantic body, and the clock runs from the return of the write until an
answer on a fresh connection has the new constant. Meanwhile two other clients ask without a pause, one on a kept
connection; what is refused, reset or not answered with 200 is lost. A round is an edit. `--check` exits 1 when the
median of `portable dev` is over 60 ms or it lost a request. Not interleaved: a server that is not edited watches too.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, number, versions

GOAL_MS = 60.0
OURS = "portable dev"
START_SECONDS = 60.0
EDIT_SECONDS = 30.0
PAUSE_SECONDS = 0.5
"""Between edits, so that each finds a settled server, as a person's edits do."""

MODEL = """
from pydantic import BaseModel


class Line(BaseModel):
    sku: str
    qty: int
    price: float


class Order(BaseModel):
    customer: str
    lines: list[Line]
    note: str | None = None


VERSION = "v0"


def total(order: Order) -> dict[str, object]:
    return {"version": VERSION, "total": sum(line.qty * line.price for line in order.lines)}
"""
PORTABLE = f"""
from portable import App
{MODEL}

app = App("bench")


@app.post("/orders")
def place(order: Order) -> dict[str, object]:
    return total(order)
"""
STARLETTE = f"""
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
{MODEL}

async def place(request: Request) -> JSONResponse:
    return JSONResponse(total(Order.model_validate_json(await request.body())))


app = Starlette(routes=[Route("/orders", place, methods=["POST"])])
"""
CHALICE = f"""
from chalice import Chalice
{MODEL}

app = Chalice(app_name="bench")


@app.route("/orders", methods=["POST"])
def place() -> dict[str, object]:
    return total(Order.model_validate(app.current_request.json_body))
"""
BODY = json.dumps({"customer": "c-1029", "lines": [{"sku": "A-100", "qty": 2, "price": 19.99}]}).encode()
HEADERS = {"content-type": "application/json"}


class Candidate(NamedTuple):
    """A server: its app, the files beside it, its command (with {port}), and what must be importable for it."""

    name: str
    source: str
    beside: dict[str, str]
    command: list[str]
    python: str
    needs: str


def candidates() -> list[Candidate]:
    peers = sys.executable
    chalice = json.dumps({"version": "2.0", "app_name": "bench", "stages": {"dev": {}}})
    return [
        Candidate(
            OURS,
            PORTABLE,
            {},
            [sys.executable, "-P", "-m", "portable", "dev", "--port", "{port}"],
            sys.executable,
            "portable",
        ),
        Candidate(
            "uvicorn --reload, Starlette",
            STARLETTE,
            {},
            [peers, "-m", "uvicorn", "app:app", "--reload", "--port", "{port}", "--log-level", "warning"],
            peers,
            "uvicorn, starlette, pydantic",
        ),
        Candidate(
            "chalice local --autoreload",
            CHALICE,
            {".chalice/config.json": chalice},
            # It starts itself again by its own name, so that `-c` or `-m` will not do.
            [str(Path(peers).with_name("chalice")), "local", "--autoreload", "--port", "{port}"],
            peers,
            "chalice, pydantic",
        ),
    ]


class Found(NamedTuple):
    """One candidate's figures: milliseconds per edit; requests answered and lost meanwhile."""

    milliseconds: list[float]
    answered: int
    lost: int


def ask(connection: http.client.HTTPConnection) -> str:
    """The version that answers. Raises OSError or HTTPException for whatever is no answer of the app."""
    connection.request("POST", "/orders", BODY, HEADERS)
    response = connection.getresponse()
    data = response.read()
    if response.status != 200:
        raise http.client.HTTPException(f"{response.status} {data[:200]!r}")
    return str(json.loads(data)["version"])


def ask_anew(port: int) -> str | None:
    """One request on a fresh connection; None if it is not answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=EDIT_SECONDS)) as connection:
        try:
            return ask(connection)
        except (OSError, http.client.HTTPException):
            return None


class Clients:
    """Two clients that ask without a pause: one on a connection that it keeps, one on a fresh one each time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.answered = self.lost = 0
        self._threads = [threading.Thread(target=self._keep), threading.Thread(target=self._renew)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _keep(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=EDIT_SECONDS)
        while not self._stop.wait(0.003):
            try:
                ask(connection)
                self.answered += 1
            except (OSError, http.client.HTTPException):
                self.lost += 1
                connection.close()
        connection.close()

    def _renew(self) -> None:
        while not self._stop.wait(0.003):
            if ask_anew(self._port) is None:
                self.lost += 1
            else:
                self.answered += 1


@contextmanager
def served(candidate: Candidate, folder: Path, port: int) -> Iterator[None]:
    """Runs a candidate's server in a session of its own; all of it is ended with the block."""
    command = [part.format(port=port) for part in candidate.command]
    output = folder.parent / "output.log"
    with open(output, "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            ends = time.monotonic() + START_SECONDS
            while ask_anew(port) != "v0":
                if process.poll() is not None or time.monotonic() > ends:
                    raise SystemExit(f"{candidate.name} does not serve:\n{output.read_text()}")
                time.sleep(0.05)
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                    process.wait(5)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
            process.wait()


def measure(candidate: Candidate, edits: int) -> Found:
    with tempfile.TemporaryDirectory(prefix="bench-reload-") as name:
        folder = Path(name) / "app"
        folder.mkdir()
        file = folder / "app.py"
        file.write_text(candidate.source, encoding="utf-8")
        for path, text in candidate.beside.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        found: list[float] = []
        with served(candidate, folder, port), Clients(port) as clients:
            for number in range(1, edits + 1):
                time.sleep(PAUSE_SECONDS)
                text = candidate.source.replace('"v0"', f'"v{number}"')
                file.write_text(text, encoding="utf-8")
                start = time.perf_counter()
                while ask_anew(port) != f"v{number}":
                    if time.perf_counter() - start > EDIT_SECONDS:
                        raise SystemExit(f"{candidate.name} never served edit {number}")
                    time.sleep(0.001)
                found.append((time.perf_counter() - start) * 1000)
        return Found(found, clients.answered, clients.lost)


def installed(candidate: Candidate) -> bool:
    test = subprocess.run(
        [candidate.python, "-c", f"import {candidate.needs}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return test.returncode == 0


def run(options: argparse.Namespace) -> Findings:
    result = Findings(
        "reload",
        common.command_of(__file__, options),
        f"{options.rounds} edits each, {PAUSE_SECONDS} s apart, two clients asking meanwhile.",
        versions=versions("portable-serverless", "uvicorn", "starlette", "chalice"),
    )
    rows: list[list[str]] = []
    first: Found | None = None
    for candidate in candidates():
        if not common.is_wanted(candidate.name, options):
            continue
        if not installed(candidate):
            result.missing.append(f"{candidate.name}: {candidate.needs} are not installed")
            continue
        found = measure(candidate, options.rounds)
        first = first or found
        median = statistics.median(found.milliseconds)
        rows.append(
            [
                candidate.name,
                number(median),
                number(median / statistics.median(first.milliseconds)),
                number(min(found.milliseconds)),
                number(max(found.milliseconds)),
                f"{found.answered:,}",
                str(found.lost),
            ]
        )
        if candidate.name == OURS:
            result.targets = [
                Target("save to the new code's answer, median", GOAL_MS, median, at_most=True, unit="ms"),
                Target("requests lost", 0, found.lost, at_most=True, unit=""),
            ]
    columns = ("server", "median", f"x {OURS}", "minimum", "maximum", "answered", "lost")
    result.tables = [Table("From a save to the first answer of the new code, ms", columns, rows)]
    return result


def main() -> int:
    parser = common.parser(__doc__)
    options = parser.parse_args()
    options.rounds = options.rounds or (None if options.quick else 21)
    return common.main(run, options)


if __name__ == "__main__":
    sys.exit(main())
