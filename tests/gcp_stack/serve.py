"""Google Cloud's test stack for people: `make gcp-stack` runs it on loopback until it is interrupted or ended.

What a shell needs to use it is written to .venv-gcp/environment, and what to say to `portable deploy` is printed: the
stack runs functions with this machine's own Python.
"""

import shlex
import signal
import sys
import time

from .function_builds import HERE, HOME
from .host import Host
from .live_plane import LiveProject

LOOK = 0.5
PROJECT = "portable-stack"
OTHERS = ("FIRESTORE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
"""Variables that would lead elsewhere."""


def main() -> None:
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Also where a shell has it begin in the background, which interruptions do not reach.
        signal.signal(ending, signal.default_int_handler)
    print("the test stack of Google Cloud starts", flush=True)
    host = Host()
    HOME.mkdir(exist_ok=True)
    file = HOME / "environment"
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in host.environment(PROJECT).items()]
    file.write_text(f"unset {' '.join(OTHERS)}\n{''.join(exports)}")
    try:
        shown = file.relative_to(HERE.parents[1])
    except ValueError:
        shown = file
    print("It is there. In another terminal:\n")
    print(f"  . {shown}")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"  portable deploy examples/notes --target gcp --stage dev --python {python}\n")
    print("Interrupt this one to end it; nothing of it stays but installed packages.", flush=True)
    told: dict[str, str] = {}
    try:
        while True:
            time.sleep(LOOK)
            found = endpoints(host.plane.live())
            for name in sorted(found.keys() - told.keys()):
                print(f"{name} answers at {found[name]}", flush=True)
            told = found
    except KeyboardInterrupt:
        file.unlink(missing_ok=True)
        host.close()


def endpoints(projects: list[LiveProject]) -> dict[str, str]:
    """Where functions are, by their names in the world."""
    return {f"https://{one.host}": one.endpoint for project in projects for one in list(project.functions.values())}


if __name__ == "__main__":
    main()
