"""HTTP under load: `portable dev` against uvicorn with FastAPI, with Starlette and with nothing, and `chalice local`.

    python benchmarks/bench_http.py [--quick] [--rounds 15] [--seconds 1] [--write docs/benchmarks.md]

A POST with a path parameter and a validated body of three lines, by `async def` handlers, over 64 kept connections and
over one; a GET of a few bytes; and the POST by `def` handlers, which must not hold up the others (Starlette's cannot
read a body). All servers are up, one at a time is under load, in random order. CPU is that of the server's whole
process tree. `portable dev` runs as users run it, watching for edits; uvicorn without --reload and access log.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, median_range, number, tool_version, versions
from load import WRK, generator, put_under_load
from measure import Figures, ratio, turns
from processes import NotStarted, cpu_of, free_port, started
from shop import BODY, GREETING, Order, place

HERE = Path(__file__).parent
PORTABLE, FASTAPI, STARLETTE = "portable dev", "uvicorn + FastAPI", "uvicorn + Starlette"
BARE, CHALICE = "uvicorn, bare ASGI", "chalice local"


class Scenario(NamedTuple):
    title: str
    method: str
    path: str
    connections: int


POST = Scenario("POST, validated, 64 connections", "POST", "/orders/o-77", 64)
POST_ALONE = Scenario("POST, validated, 1 connection", "POST", "/orders/o-77", 1)
GET = Scenario("GET, a few bytes, 64 connections", "GET", "/hello", 64)
POST_SYNC = Scenario("POST, validated, `def` handlers, 64 connections", "POST", "/sync-orders/o-77", 64)
SCENARIOS = (POST, POST_ALONE, GET, POST_SYNC)


def uvicorn(module: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", f"servers.{module}:app", "--port", str(port)),
        *("--no-access-log", "--log-level", "warning"),
    ]


def command(name: str, port: int, folder: Path) -> list[str]:
    if name == PORTABLE:
        app = str(HERE / "servers" / "portable_shop")
        return [sys.executable, "-P", "-m", "portable", "dev", app, "--port", str(port), "--data", str(folder / "data")]
    if name == CHALICE:
        # It has no `python -m` that works.
        tool = str(Path(sys.executable).with_name("chalice"))
        project = str(HERE / "servers" / "chalice_shop")
        return [tool, "--project-dir", project, "local", "--no-autoreload", "--port", str(port)]
    return uvicorn({FASTAPI: "fastapi_shop", STARLETTE: "starlette_shop", BARE: "bare_shop"}[name], port)


def answers(name: str, port: int) -> bool:
    """Whether a server is up. Raises AssertionError for one that answers wrongly."""
    expected = place("o-77", Order.model_validate_json(BODY))
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            for scenario in (POST, GET, POST_SYNC):
                if name == STARLETTE and scenario is POST_SYNC:
                    continue
                body = BODY if scenario.method == "POST" else None
                connection.request(scenario.method, scenario.path, body, {"content-type": "application/json"})
                response = connection.getresponse()
                data = response.read()
                assert response.status == 200, (name, response.status, data)
                found = json.loads(data) if body else data.decode()
                assert found == (expected if body else GREETING), (name, data)
            connection.request("POST", POST.path, b'{"customer": 1}', {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status == 422, (name, response.status)
    except (OSError, http.client.HTTPException):
        return False
    return True


def one_round(name: str, port: int, pid: int, scenario: Scenario, seconds: float, folder: Path) -> dict[str, float]:
    used = cpu_of(pid)
    load = put_under_load(port, scenario.method, scenario.path, BODY, scenario.connections, seconds, folder)
    if load.lost or not load.requests:
        raise RuntimeError(f"{name}, {scenario.title}: {load.lost} of {load.requests} requests were lost")
    return {
        "cpu": (cpu_of(pid) - used) / load.requests * 1e6,
        "rate": load.requests / load.seconds,
        "p50": load.p50,
        "p99": load.p99,
    }


def shown(scenario: Scenario, figures: Figures) -> Table:
    base = figures.get(PORTABLE)
    rows: list[list[str]] = []
    for name, found in sorted(figures.items(), key=lambda row: statistics.median(row[1]["cpu"])):
        rows.append(
            [
                name,
                number(min(found["cpu"])),
                number(statistics.median(found["cpu"])),
                "-" if base is None else number(statistics.median(found["cpu"]) / statistics.median(base["cpu"])),
                median_range(found["rate"]),
                number(statistics.median(found["p50"])),
                number(statistics.median(found["p99"])),
            ]
        )
    columns = ("server", "CPU µs, minimum", "median", "x portable", "requests/s (range)", "p50 ms", "p99 ms")
    return Table(scenario.title, columns, rows)


def run(options: argparse.Namespace) -> Findings:
    seconds = options.seconds or 1.0
    names = [name for name in (PORTABLE, FASTAPI, STARLETTE, BARE, CHALICE) if common.is_wanted(name, options)]
    found = Findings(
        "http",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of {seconds:.0f} s by {generator()}, seed {options.seed}.",
        versions=versions("portable-serverless", "uvicorn", "httptools", "uvloop", "fastapi", "starlette", "chalice"),
    )
    if WRK is None:
        found.missing.append("wrk is not installed, so that requests/s are bounded by a client in Python")
    else:
        found.versions["wrk"] = tool_version(WRK, "-v")
    with tempfile.TemporaryDirectory(prefix="bench-http-") as place_, ExitStack() as stack:
        rounds: dict[tuple[str, Scenario], Callable[[], Mapping[str, float]]] = {}
        for name in names:
            folder = Path(place_) / name.replace(" ", "-")
            folder.mkdir()
            port = free_port()
            try:
                process = stack.enter_context(
                    started(command(name, port, folder), folder, partial(answers, name, port))
                )
            except (NotStarted, OSError) as error:
                print(f"NOT MEASURED: {name}: {error}", file=sys.stderr)
                found.missing.append(f"{name}: {getattr(error, 'reason', error)}")
                continue
            for scenario in SCENARIOS:
                if name == STARLETTE and scenario is POST_SYNC:
                    continue
                once = partial(one_round, name, port, process.pid, scenario, seconds, folder)
                once()  # warm
                rounds[name, scenario] = once
            print(f"ready: {name}", file=sys.stderr)
        figures = turns(rounds, rounds=options.rounds, seed=options.seed)
    by_scenario = {
        scenario: {name: row for (name, of), row in figures.items() if of is scenario} for scenario in SCENARIOS
    }
    found.tables = [shown(scenario, rows) for scenario, rows in by_scenario.items() if rows]
    posts = by_scenario[POST]
    for other, goal in ((FASTAPI, 2.0), (STARLETTE, 1.0), (BARE, 0.6)):
        found.targets.append(Target(f"POST, requests/s over {other}", goal, ratio(posts, PORTABLE, other, "rate")))
    for other, goal in ((FASTAPI, 2.0), (STARLETTE, 1.0), (BARE, 0.6)):
        found.targets.append(Target(f"POST, CPU of {other} over ours", goal, ratio(posts, other, PORTABLE, "cpu")))
    return found


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="of a round, by default 1")
    return common.main(run, parser.parse_args())


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    sys.exit(main())
