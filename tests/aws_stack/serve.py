"""The AWS test stack for people: `make aws-stack` runs it on loopback until it is interrupted.

What a shell needs to use it is written to .venv-aws/environment, and what to say to `portable deploy` is printed: the
stack runs functions with this machine's own Python and processor.
"""

import platform
import shlex
import signal
import sys
import time
from pathlib import Path

from . import installation, session
from .fixtures import AwsStack

LOOK = 1.0


def main() -> None:
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Also where a shell has it ignored, as of what is started in the background, and where a terminal is closed.
        signal.signal(ending, signal.default_int_handler)
    print("the test stack of AWS starts; the first time it is installed, which takes minutes", flush=True)
    localstack, dynamodb = session.endpoint_of("localstack"), session.endpoint_of("dynamodb")
    environment = AwsStack(localstack, dynamodb, f"{localstack}/_portable").environment()
    file = installation.HOME / "environment"
    try:
        file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()))
        tell(localstack, file)
        while True:
            time.sleep(LOOK)
    except KeyboardInterrupt:
        file.unlink(missing_ok=True)


def tell(localstack: str, file: Path) -> None:
    """How the stack is used from another terminal."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    processor = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    try:
        shown = file.relative_to(installation.HERE.parents[1])
    except ValueError:
        shown = file
    print(f"AWS is at {localstack}. In another terminal:\n")
    print(f"  . {shown}")
    print(f"  portable deploy examples/notes --target aws --stage dev --python {python} --arch {processor}\n")
    print("Interrupt this one to end it; nothing of it stays.", flush=True)


if __name__ == "__main__":
    main()
