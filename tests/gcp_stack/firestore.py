"""Stand-in, ours: Firestore in native mode, over Google's own protocol buffers, in a process of its own.

    fake = Firestore()
    fake.environment()    what our drivers need: FIRESTORE_EMULATOR_HOST
    fake.grpc             "127.0.0.1:41235": for Google's own clients
    fake.close()

It demands the composite indexes that are declared to it (see README.md), keeps every rule on names, sizes and nesting
that Google documents, and knows no time. `python -m tests.gcp_stack.firestore` serves until its input ends.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
START_SECONDS = 30


class Places(NamedTuple):
    """`rest` and `grpc` are host:port."""

    rest: str
    grpc: str


class Firestore:
    """Starts it, and waits until it listens."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gcp_stack.firestore"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # It ends with its input; an interruption from the keyboard is for who started it.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in of Firestore ended with {self._process.wait(START_SECONDS)}")
        self.places = Places(**json.loads(line))
        self.rest, self.grpc = self.places
        self.control = f"http://{self.rest}/_portable"

    def environment(self) -> dict[str, str]:
        return {"FIRESTORE_EMULATOR_HOST": self.rest}

    def close(self) -> None:
        """It ends with its input."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(START_SECONDS)


def serve() -> None:
    # Here, so that who starts it need not import what it is made of.
    from .firestore_fronts import GrpcFront, RestFront
    from .firestore_service import Service
    from .server import Stand

    service = Service()
    rest, front = Stand(RestFront(service).answer, "firestore"), GrpcFront(service)
    place = Places(rest.endpoint.removeprefix("http://"), f"127.0.0.1:{front.port}")
    print(json.dumps(place._asdict()), flush=True)
    while os.read(0, 4096):
        pass
    front.close()
    rest.close()


if __name__ == "__main__":
    serve()
