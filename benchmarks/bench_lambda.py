"""CPU of one invocation of a Lambda function: the same JSON POST as an event of API Gateway, against what others do.

    python benchmarks/bench_lambda.py [--rounds 31] [--calls 300] [--write docs/benchmarks.md] [--check]

All in one process, by turns, without Lambda's own runtime client, which is the same for all. The hand-written function
does json.loads, model_validate and json.dumps, tells 422 and 400 apart, and names the request. Chalice takes only
events of REST APIs: it gets the same request as one. `--check` exits 1 when ours costs more than 1.1 of the
hand-written one.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import lambdas
import options as common
from findings import Findings, Table, Target, number, versions
from measure import cpu_rounds

GOAL = 1.1
EVENTS = 16
"""Distinct events that take turns: few, so that they are in the processor's cache as one is that was just parsed."""
HAND, OURS = "hand-written", "portable, def"
CANDIDATES: dict[str, tuple[Callable[[], lambdas.Function], dict[str, Any]]] = {
    HAND: (lambdas.by_hand, lambdas.EVENT),
    OURS: (lambdas.portable, lambdas.EVENT),
    "Chalice (event of a REST API)": (lambdas.chalice, lambdas.REST_EVENT),
    "Powertools": (lambdas.powertools, lambdas.EVENT),
    "Mangum + Starlette": (lambdas.starlette, lambdas.EVENT),
    "Mangum + FastAPI": (lambdas.fastapi, lambdas.EVENT),
}

Candidate = tuple[Callable[[], Any], Callable[[Any], object]]


def candidate(function: lambdas.Function, event: dict[str, Any]) -> Candidate:
    """A function that is known to give the right answer, with its events."""
    context = lambdas.LambdaContext()
    text = json.dumps(event)
    events = cycle([json.loads(text) for _ in range(EVENTS)])
    answer = function(next(events), context)
    expected = lambdas.by_hand()(lambdas.EVENT, context)
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"]) == json.loads(expected["body"]), answer
    return lambda: next(events), lambda given: function(given, context)


def candidates(options: argparse.Namespace) -> tuple[dict[str, Candidate], list[str]]:
    """Those that are wanted and can be made, and why others cannot."""
    found: dict[str, Candidate] = {}
    missing: list[str] = []
    for name, (make, event) in CANDIDATES.items():
        if name not in (HAND, OURS) and not common.is_wanted(name, options):
            continue
        try:
            found[name] = candidate(make(), event)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    return found, missing


def invocations(options: argparse.Namespace) -> tuple[Table, Target, list[str]]:
    """The table of CPU for each invocation of a warm function."""
    found, missing = candidates(options)
    cpu_rounds(found, rounds=2, calls=options.calls, seed=options.seed)
    figures = cpu_rounds(found, rounds=options.rounds, calls=options.calls, seed=options.seed)
    base = figures[HAND]
    rows = [
        [
            name,
            number(min(values)),
            f"{min(values) / min(base):.2f}",
            number(statistics.median(values)),
            f"{statistics.median(values) / statistics.median(base):.2f}",
        ]
        for name, values in figures.items()
    ]
    ratio = statistics.median(figures[OURS]) / statistics.median(base)
    columns = ("", "minimum", f"x {HAND}", "median", f"x {HAND}")
    return (
        Table("CPU of one invocation, µs", columns, rows),
        Target(f"CPU of one invocation over {HAND}", GOAL, ratio, at_most=True),
        missing,
    )


def run(options: argparse.Namespace) -> Findings:
    table, target, missing = invocations(options)
    return Findings(
        "lambda",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of {options.calls} invocations, seed {options.seed}.",
        [table],
        [target],
        versions(
            "portable-serverless", "pydantic", "chalice", "aws-lambda-powertools", "mangum", "starlette", "fastapi"
        ),
        missing,
    )


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    options.rounds = options.rounds or (None if options.quick else 31)
    return common.main(run, options)


if __name__ == "__main__":
    sys.exit(main())
