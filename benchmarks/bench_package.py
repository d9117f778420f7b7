"""`portable package` of 19 services and 289 functions, against `chalice package` of 289 functions.

    python benchmarks/bench_package.py [--rounds 15] [--quick] [--write docs/benchmarks.md] [--check]

The tools run as commands, interleaved: wall time, and CPU of the process with its children. Each has been run once
before, so that Python has its byte code, as it has that of whatever was installed. Before each round one file of the
app is changed, so that nothing that is made of the app as a whole is a kept one. "Clean cache" is with nothing kept by
portable at all: its own half of the bundle and all files of the app are compiled anew.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, median_range, versions
from large_app import FUNCTIONS, SERVICES, write_chalice, write_portable
from measure import ratio, run_once, turns

OURS, COLD, CHALICE = "portable package", "portable package, clean cache", "chalice package"
PACKAGE_GOAL = 0.5
NO_BYTE_CODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE")
"""Variables with which Python would compile portable anew in each round, and Chalice not, which pip has compiled."""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def portable_command(project: Path, out: Path) -> list[str]:
    options = ["--target", "aws", "--stage", "dev", "--arch", "x86_64", "--python", PYTHON, "--out", str(out), "--json"]
    return [sys.executable, "-m", "portable", "package", str(project), *options]


def edited(file: Path, command: Callable[[], Mapping[str, float]]) -> Callable[[], Mapping[str, float]]:
    """The command, each time after another edit of one of the app's files."""
    text = file.read_text()
    numbers = count(1)

    def run() -> Mapping[str, float]:
        # Of another length each time: Python looks at seconds and sizes to tell whether its byte code is of this file.
        file.write_text(f"{text}\nEDIT = {'1' * next(numbers)}\n")
        return command()

    return run


def cleaned(cache: Path, command: Callable[[], Mapping[str, float]]) -> Callable[[], Mapping[str, float]]:
    """The command, each time with nothing in portable's cache."""

    def run() -> Mapping[str, float]:
        shutil.rmtree(cache, ignore_errors=True)
        return command()

    return run


def run(options: argparse.Namespace) -> Findings:
    with tempfile.TemporaryDirectory(prefix="portable-bench-") as place:
        folder = Path(place)
        write_portable(folder / "ours")
        write_chalice(folder / "chalice")
        environment = {
            **{name: value for name, value in os.environ.items() if name not in NO_BYTE_CODE},
            "AWS_DEFAULT_REGION": "eu-central-1",
            "PORTABLE_CACHE": str(folder / "cache"),
            # Of both alike: what is here may be an editable installation in a folder that is not to be written to.
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }
        clean = {**environment, "PORTABLE_CACHE": str(folder / "clean-cache")}
        chalice = [str(Path(sys.executable).with_name("chalice")), "package", str(folder / "chalice-out")]
        missing = [] if Path(chalice[0]).is_file() else [f"{CHALICE}: it is not installed here"]
        ours = portable_command(folder / "ours", folder / "ours-out")
        commands = {
            OURS: edited(folder / "ours/part00.py", lambda: run_once(ours, folder, environment)),
            COLD: cleaned(folder / "clean-cache", lambda: run_once(ours, folder, clean)),
            CHALICE: edited(folder / "chalice/app.py", lambda: run_once(chalice, folder / "chalice", environment)),
        }
        tools = {
            name: command
            for name, command in commands.items()
            if common.is_wanted(name, options) and not (missing and name == CHALICE)
        }
        for tool in tools.values():
            tool()
        figures = turns(tools, rounds=options.rounds, seed=options.seed)
    return told(options, figures, missing)


def told(options: argparse.Namespace, figures: dict[str, dict[str, list[float]]], missing: list[str]) -> Findings:
    rows = [
        [name, median_range(found["wall"]), median_range(found["cpu"]), f"{min(found['cpu']):.0f}"]
        for name, found in figures.items()
    ]
    return Findings(
        "package",
        common.command_of(__file__, options),
        f"{SERVICES} services, {FUNCTIONS} functions; {options.rounds} rounds in random order; medians.",
        tables=[Table("Packaging, milliseconds", ("", "wall", "CPU", "least CPU"), rows)],
        targets=[
            Target(
                "wall time of packaging over Chalice's",
                PACKAGE_GOAL,
                ratio(figures, OURS, CHALICE, "wall"),
                at_most=True,
            ),
        ],
        versions=versions("chalice", "pydantic"),
        missing=missing,
    )


if __name__ == "__main__":
    sys.exit(common.main(run, common.parser(__doc__).parse_args()))
