"""All benchmarks, one after the other: what `make bench` runs.

    python benchmarks/run.py [--quick] [--only NAME ...] [--write docs/benchmarks.md]

Each is a process of its own. With --write, the figures of each go into the page as soon as it has ended.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("cold", "dispatch", "http", "lambda", "package", "reload", "tables", "tasks", "telemetry")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few and short rounds: whether it works, no figures")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the figures into this page: docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args()
    failed: list[str] = []
    for name in options.only or NAMES:
        command = [sys.executable, str(HERE / f"bench_{name}.py")]
        command += ["--quick"] if options.quick else []
        command += ["--check"] if options.check else []
        command += ["--write", str(options.write.resolve())] if options.write is not None else []
        print(f"== {name}", flush=True)
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
