"""What recording costs: requests to `portable dev` with and without it, invocations of a function with and without.

    python benchmarks/bench_telemetry.py [--quick] [--rounds 15] [--seconds 1] [--calls 300] [--write PAGE] [--check]

Two `portable dev` of the same app are up, one at a time is under load, in random order. The function is the one of
bench_lambda.py, its lines go to /dev/null. `--check` exits 1 when recording costs more than 15% of the requests per
second, or more than 10 microseconds of an invocation.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import lambdas
import options as common
from bench_http import GET, PORTABLE, POST, Scenario, answers, command, one_round
from findings import Findings, Table, Target, median_range, number, tool_version, versions
from load import WRK, generator
from measure import cpu_rounds, ratio, turns
from processes import free_port, started

SHARE = 0.85
MICROSECONDS = 10.0
ON, OFF = "with telemetry", "without"
SCENARIOS = (POST, GET)
EVENTS = 16

Candidate = tuple[Callable[[], Any], Callable[[Any], object]]


def served(options: argparse.Namespace) -> tuple[list[Table], list[Target]]:
    seconds = options.seconds or 1.0
    with tempfile.TemporaryDirectory(prefix="bench-telemetry-") as place, ExitStack() as stack:
        rounds: dict[tuple[str, Scenario], Callable[[], Mapping[str, float]]] = {}
        for name, variables in ((ON, {}), (OFF, {"PORTABLE_TELEMETRY": "off"})):
            folder = Path(place) / name.replace(" ", "-")
            folder.mkdir()
            port = free_port()
            process = stack.enter_context(
                started(command(PORTABLE, port, folder), folder, partial(answers, PORTABLE, port), **variables)
            )
            for scenario in SCENARIOS:
                once = partial(one_round, name, port, process.pid, scenario, seconds, folder)
                once()  # warm
                rounds[name, scenario] = once
        figures = turns(rounds, rounds=options.rounds, seed=options.seed)
    tables: list[Table] = []
    targets: list[Target] = []
    for scenario in SCENARIOS:
        rows = {name: row for (name, of), row in figures.items() if of is scenario}
        tables.append(
            Table(
                scenario.title,
                ("", "CPU µs, minimum", "median", "requests/s (range)", "p50 ms", "p99 ms"),
                [
                    [
                        name,
                        number(min(row["cpu"])),
                        number(statistics.median(row["cpu"])),
                        median_range(row["rate"]),
                        number(statistics.median(row["p50"])),
                        number(statistics.median(row["p99"])),
                    ]
                    for name, row in rows.items()
                ],
            )
        )
        targets.append(Target(f"{scenario.title}: requests/s over {OFF}", SHARE, ratio(rows, ON, OFF, "rate")))
    return tables, targets


def recorded(function: Callable[[], lambdas.Function]) -> lambdas.Function:
    """The function with its lines, as Lambda runs it."""
    from portable_aws import lambda_logs

    from portable import log_lines

    class Silent:
        """A stream in whose place a Printed may stand."""

    quiet = log_lines.Printed(lambda_logs.SHAPE, "INFO", Silent())  # type: ignore[arg-type]
    log_lines._printed.append(quiet)
    log_lines._out = open("/dev/null", "w")  # noqa: SIM115 - as long as the process
    return function()


def candidate(function: lambdas.Function) -> Candidate:
    context = lambdas.LambdaContext()
    text = json.dumps(lambdas.EVENT)
    events = cycle([json.loads(text) for _ in range(EVENTS)])
    assert function(next(events), context)["statusCode"] == 200
    return lambda: next(events), lambda given: function(given, context)


def invoked(options: argparse.Namespace) -> tuple[Table, Target]:
    """One process, two functions. Lines are written for whichever has a recorder."""
    candidates = {OFF: candidate(lambdas.portable()), ON: candidate(recorded(lambdas.portable))}
    cpu_rounds(candidates, rounds=2, calls=options.calls, seed=options.seed)
    figures = cpu_rounds(candidates, rounds=max(options.rounds, 15), calls=options.calls, seed=options.seed)
    rows = [[name, number(min(row)), number(statistics.median(row))] for name, row in figures.items()]
    costs = min(figures[ON]) - min(figures[OFF])
    return (
        Table("CPU of one invocation of a function, µs", ("", "minimum", "median"), rows),
        Target("telemetry of one invocation, by the minimum", MICROSECONDS, costs, at_most=True, unit="µs"),
    )


def run(options: argparse.Namespace) -> Findings:
    found = Findings(
        "telemetry",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of {options.seconds or 1.0:.0f} s by {generator()}, and of "
        f"{options.calls} invocations, seed {options.seed}.",
        versions=versions("portable-serverless", "pydantic"),
    )
    if WRK is None:
        found.missing.append("wrk is not installed, so that requests/s are bounded by a client in Python")
    else:
        found.versions["wrk"] = tool_version(WRK, "-v")
    table, target = invoked(options)
    tables, targets = served(options)
    found.tables, found.targets = [*tables, table], [*targets, target]
    return found


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="of a round, by default 1")
    parser.add_argument("--calls", type=int, default=300)
    return common.main(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
