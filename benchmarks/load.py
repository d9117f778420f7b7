"""Requests over so many kept connections for so long: by wrk where it is installed, else by a client of our own.

Ours is slower than the fastest of the servers, which only matters for requests per second: CPU is the server's.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

WRK = shutil.which("wrk")
SCRIPT = """
wrk.method = "{method}"
wrk.body = {body}
wrk.headers["content-type"] = "application/json"

done = function(summary, latency, requests)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("\\nRESULT %d %d %d %d %d\\n", summary.requests, lost, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Load(NamedTuple):
    """What came of it. Latencies are milliseconds."""

    requests: int
    lost: int
    seconds: float
    p50: float
    p99: float


def generator() -> str:
    return "wrk" if WRK else "a client in Python (apt-get install wrk for the better one)"


def put_under_load(
    port: int, method: str, path: str, body: bytes, connections: int, seconds: float, folder: Path
) -> Load:
    """Asks 127.0.0.1:port. Raises RuntimeError if the generator itself fails."""
    if WRK is not None:
        script = folder / f"{method}.lua"
        quoted = "nil" if method == "GET" else f"[==[{body.decode()}]==]"
        script.write_text(SCRIPT.format(method=method, body=quoted))
        whole = max(1, round(seconds))
        command = [WRK, "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "10s", "-s", str(script)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{path}"],
            capture_output=True,
            text=True,
            timeout=whole + 30,
            check=False,
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if done.returncode or line is None:
            raise RuntimeError(f"wrk failed: {done.stdout} {done.stderr}")
        requests, lost, microseconds, p50, p99 = (int(word) for word in line.split()[1:])
        return Load(requests, lost, microseconds / 1e6, p50 / 1e3, p99 / 1e3)
    command = [sys.executable, __file__, str(port), method, path, str(connections), str(seconds)]
    done = subprocess.run(
        command, input=body.decode(), capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the client failed: {done.stderr}")
    return Load(**json.loads(done.stdout))


class Asking(asyncio.Protocol):
    """One kept connection that asks again as soon as it is answered, until `ends`."""

    def __init__(self, request: bytes, ends: float, found: list[float], done: "asyncio.Future[int]") -> None:
        self._request, self._ends, self._found, self._done = request, ends, found, done
        self._buffer = b""
        self._asked = 0.0
        self._lost = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        self._asked = time.perf_counter()
        if self._asked > self._ends:
            self._transport.close()
            return
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        if len(rest) < length:
            return
        self._buffer = b""
        self._found.append(time.perf_counter() - self._asked)
        self._lost += b" 200 " not in head.split(b"\r\n", 1)[0] + b" "
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(self._lost + (exc is not None))


async def ask(port: int, method: str, path: str, body: bytes, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    found: list[float] = []
    start = time.perf_counter()
    futures: list[asyncio.Future[int]] = []
    for _ in range(connections):
        done: asyncio.Future[int] = loop.create_future()
        futures.append(done)
        await loop.create_connection(
            lambda done=done: Asking(request, start + seconds, found, done),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    lost = sum(await asyncio.wait_for(asyncio.gather(*futures), seconds + 30))
    took = time.perf_counter() - start
    found.sort()
    p99 = found[int(len(found) * 0.99)] if found else 0.0
    return Load(len(found), lost, took, statistics.median(found) * 1e3 if found else 0.0, p99 * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("method")
    parser.add_argument("path")
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    body = sys.stdin.buffer.read() if given.method != "GET" else b""
    found = asyncio.run(ask(given.port, given.method, given.path, body, given.connections, given.seconds))
    print(json.dumps(found._asdict()))


if __name__ == "__main__":
    main()
