"""What every benchmark can be told, and how its findings are shown."""

import argparse
import random
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from findings import Findings, write
from measure import QUICK_ROUNDS, ROUNDS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
Runner = Callable[[argparse.Namespace], Findings]


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="few and short rounds: whether it works, no figures")
    made.add_argument("--rounds", type=int, help=f"by default {ROUNDS}, with --quick {QUICK_ROUNDS}")
    made.add_argument("--seed", type=int, help="of the order of the candidates; by default a random one")
    made.add_argument("--write", type=Path, metavar="PAGE", help="put the figures into this page: docs/benchmarks.md")
    made.add_argument("--only", action="append", metavar="WORD", help="only candidates with this in their names")
    made.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    return made


def settled(options: argparse.Namespace) -> argparse.Namespace:
    """The options with their defaults filled in."""
    if options.rounds is None:
        options.rounds = QUICK_ROUNDS if options.quick else ROUNDS
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def is_wanted(name: str, options: argparse.Namespace) -> bool:
    return not options.only or any(word.lower() in name.lower() for word in options.only)


def command_of(file: str, options: argparse.Namespace) -> str:
    """The command that repeats a run, without where it writes to."""
    words = ["python", f"benchmarks/{Path(file).name}", "--rounds", str(options.rounds), "--seed", str(options.seed)]
    words += ["--quick"] if options.quick else []
    for word in options.only or ():
        words += ["--only", word]
    return shlex.join(words)


def main(run: Runner, options: argparse.Namespace) -> int:
    """Runs one benchmark; its exit code."""
    found = run(settled(options))
    print(found.text(), flush=True)
    if options.write is not None:
        write(options.write, found)
        print(f"written into {options.write}")
    missed = [target.what for target in found.targets if target.is_met is False]
    if options.check and missed:
        print(f"missed: {'; '.join(missed)}", file=sys.stderr)
        return 1
    return 0
