"""Cold starts: the CPU of a new process that imports a deployed function and gives its first answer.

    python benchmarks/bench_cold.py [--rounds 15] [--quick] [--write docs/benchmarks.md] [--check]

Ours is the package of examples/notes, unpacked. The function by hand has the same dependencies and byte code beside
it, as ours has; the others are packed as their own tools do it, without. All run under this Python, by turns, without
Lambda's own runtime client, which is the same for all; without site-packages, and nothing is written beside the code,
as in Lambda, whose disk is read-only. Files are in the cache of the disk.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from bench_package import portable_command
from cold_apps import BY_HAND, PEERS, Packed
from findings import Findings, Table, Target, median_range, versions
from measure import Round, run_once, turns

NOTES, HAND, CHALICE = "portable", "by hand, with byte code", "Chalice"
HAND_GOAL, CHALICE_GOAL = 1.04, 0.6
EXAMPLE = Path(__file__).parents[1] / "examples/notes"
PEER_PACKAGES = ("aws-lambda-powertools", "chalice", "fastapi", "mangum", "pydantic", "starlette")
BODY = '{"owner": "a", "id": 7}'
"""Refused by all, so that nothing needs a cloud."""
EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/notes",
    "rawQueryString": "",
    "headers": {"content-type": "application/json", "host": "example.com"},
    "requestContext": {
        "http": {"method": "POST", "path": "/notes", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "b"},
        "requestId": "id",
        "stage": "$default",
        "domainName": "example.com",
    },
    "body": BODY,
    "isBase64Encoded": False,
}
REST_EVENT = {
    "resource": "/notes",
    "path": "/notes",
    "httpMethod": "POST",
    "headers": {"content-type": "application/json", "host": "example.com"},
    "multiValueHeaders": {"content-type": ["application/json"], "host": ["example.com"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {"httpMethod": "POST", "resourcePath": "/notes", "path": "/api/notes", "identity": {}},
    "body": BODY,
    "isBase64Encoded": False,
}
FIRST_CALL = """
import sys
sys.path.insert(0, sys.argv[1])
import json
from {module} import {handler} as handler
class Context:
    aws_request_id = "11111111-2222-4333-8444-555555555555"
    function_name = "notes"
    memory_limit_in_mb = "512"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:notes"
    def get_remaining_time_in_millis(self):
        return 28000
answer = handler(json.loads(sys.argv[2]), Context())
assert answer["statusCode"] == 422, answer
"""
ENVIRONMENT = {"PORTABLE_STAGE": "dev", "PORTABLE_ACCOUNT": "123456789012", "AWS_REGION": "eu-central-1"}


def ours(folder: Path) -> Packed:
    environment = {**os.environ, "PORTABLE_CACHE": str(folder / "cache")}
    run_once(portable_command(EXAMPLE, folder / "out"), folder, environment)
    (bundle,) = (folder / "out/zips").glob("*.zip")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder / "task")
    return Packed(folder / "task", "portable_entry")


def by_hand(notes: Path, into: Path) -> Packed:
    """The same dependencies as our package of notes has, byte code and all, with a handler by hand."""
    into.mkdir()
    for entry in notes.iterdir():
        if not entry.name.startswith(("app.", "portable", "__pycache__")):
            (into / entry.name).symlink_to(entry)
    (into / "function.py").write_text(BY_HAND)
    (into / "__pycache__").mkdir()
    for file in (notes / "__pycache__").iterdir():
        if not file.name.startswith(("app.", "portable")):
            (into / "__pycache__" / file.name).symlink_to(file)
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "function.py"]
    subprocess.run(command, cwd=into, check=True)
    return Packed(into)


def first_call(packed: Packed) -> Mapping[str, float]:
    code = FIRST_CALL.format(module=packed.module, handler=packed.handler)
    event = json.dumps(REST_EVENT if packed.takes_rest else EVENT)
    return run_once(
        [sys.executable, "-I", "-S", "-B", "-c", code, str(packed.folder), event], packed.folder, ENVIRONMENT
    )


def unpacked_megabytes(folder: Path) -> float:
    walked = os.walk(folder, followlinks=True)
    return sum(os.stat(os.path.join(place, name)).st_size for place, _, names in walked for name in names) / 1e6


def run(options: argparse.Namespace) -> Findings:
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="portable-bench-") as place:
        folder = Path(place)
        (folder / "ours").mkdir()
        found = {NOTES: ours(folder / "ours")}
        found[HAND] = by_hand(found[NOTES].folder, folder / "by-hand")
        pinned = {name: f"{name}=={version(name)}" for name in PEER_PACKAGES if name in versions(*PEER_PACKAGES)}
        for name, make in PEERS.items():
            if not common.is_wanted(name, options):
                continue
            try:
                found[name] = make(folder / name.replace(" ", ""), pinned)
                first_call(found[name])
            except (RuntimeError, KeyError) as error:
                found.pop(name, None)
                missing.append(f"{name} ({error})")
        sizes = {name: unpacked_megabytes(packed.folder) for name, packed in found.items()}
        rounds: dict[str, Round] = {name: partial(first_call, packed) for name, packed in found.items()}
        figures = turns(rounds, rounds=options.rounds, seed=options.seed)
    least = {name: min(times["cpu"]) for name, times in figures.items()}
    middle = {name: statistics.median(times["cpu"]) for name, times in figures.items()}
    rows = [
        [
            name, f"{least[name]:.0f}", f"{least[name] / least[HAND]:.2f}", f"{middle[name]:.0f}",
            f"{middle[name] / middle[HAND]:.2f}", median_range(figures[name]["wall"]), f"{sizes[name]:.1f}",
        ]
        for name in sorted(figures, key=lambda name: middle[name])
    ]  # fmt: skip
    columns = ("", "CPU, minimum", "x by hand", "CPU, median", "x by hand", "wall", "unpacked MB")
    over_chalice = middle[NOTES] / middle[CHALICE] if CHALICE in middle else None
    return Findings(
        "cold",
        common.command_of(__file__, options),
        f"{options.rounds} rounds in random order, seed {options.seed}; a process each.",
        [Table("Process start, import, first answer, milliseconds", columns, rows)],
        [
            Target("CPU of a cold start over by hand", HAND_GOAL, middle[NOTES] / middle[HAND], at_most=True),
            Target("CPU of a cold start over Chalice's", CHALICE_GOAL, over_chalice, at_most=True),
        ],
        versions("portable-serverless", *PEER_PACKAGES),
        missing,
    )


if __name__ == "__main__":
    sys.exit(common.main(run, common.parser(__doc__).parse_args()))
