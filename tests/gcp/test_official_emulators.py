"""Google's own emulators and host with our packaged zip between them: a request, a message that is pushed, its effect.

HTTP -> functions-framework -> Firestore emulator and Pub/Sub emulator -> functions-framework -> Firestore emulator.
Only what the request also sends to Cloud Tasks, of which there is no emulator, goes to ours, and is left there.
"""

import json
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from portable_gcp.clients import Clients
from portable_gcp.names import Names
from portable_gcp.packaging import RESOURCES
from portable_gcp.provision import make
from portable_gcp.releases import desired_of
from portable_gcp.resources import Desired, Resource
from portable_gcp.stand_ins import LOCATION, NUMBER, new_project

from portable.cli.commands import run
from tests.gcp.deploying import HERE, ROOT, STAGE
from tests.gcp_stack.firestore_fixtures import firestore_official
from tests.gcp_stack.fixtures import GcpServices, gcp_services
from tests.gcp_stack.function_builds import Builds, Built
from tests.gcp_stack.function_instances import Instance, Revision
from tests.gcp_stack.official import OfficialFirestore
from tests.gcp_stack.official_pubsub import OfficialPubSub, pubsub_official
from tests.gcp_stack.server import Request

__all__ = ["firestore_official", "gcp_services", "pubsub_official"]

PATIENCE = 120.0
NOTE = {"owner": "anna", "id": "1", "text": "One two three"}


class Notes:
    """examples/notes, packaged; of its functions those are begun that are asked for."""

    def __init__(self, folder: Path, emulators: Mapping[str, str]) -> None:
        assert run(["package", str(ROOT / "examples/notes"), *STAGE, *HERE, "--out", str(folder)]) == 0
        self.names = Names("notes", "dev", new_project(), LOCATION, NUMBER)
        self.desired = described(folder / RESOURCES, self.names)
        self.clients = Clients(self.names.project)
        self.said: list[str] = []
        self._emulators = emulators
        self._builds = Builds()
        self._built = self._build(folder / "functions" / f"{self.names.http_function('notes')}.zip")
        self._begun: list[Instance] = []

    def _build(self, zip: Path) -> Built:
        return self._builds.built(zip.read_bytes(), self.resource("function:http:notes").body["buildConfig"]["runtime"])

    def resource(self, id: str) -> Resource:
        return next(one for one in self.desired.resources if one.id == id)

    def begin(self, id: str) -> Instance:
        """The function of that id, as the deploy describes it."""
        one = self.resource(id)
        service, build = one.body["serviceConfig"], one.body["buildConfig"]
        short = one.name.rpartition("/")[2]
        revision = Revision(
            short,
            f"{short}-00001",
            service["serviceAccountEmail"],
            self._built,
            build["entryPoint"],
            build["environmentVariables"]["GOOGLE_FUNCTION_SOURCE"],
            service["environmentVariables"],
            service["timeoutSeconds"],
        )
        found = Instance(revision, self._emulators, self.said.append)
        self._begun.append(found)
        found.wait()
        return found

    def close(self) -> None:
        for one in self._begun:
            one.close()
        self._builds.close()
        self.clients.close()


def described(file: Path, names: Names) -> Desired:
    """What the package says that a deploy makes, with the project's own in it."""
    text = file.read_text(encoding="utf-8")
    for mark, value in (
        ("PROJECT", names.project), ("NUMBER", names.number), ("LOCATION", names.location), ("MARK", names.mark)
    ):  # fmt: skip
        text = text.replace(f"${{{mark}}}", value)
    return desired_of(text.encode())


@pytest.fixture
def notes(
    gcp_services: GcpServices,
    pubsub_official: OfficialPubSub,
    firestore_official: OfficialFirestore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Notes]:
    official = {"PUBSUB_EMULATOR_HOST": pubsub_official.place, **firestore_official.environment()}
    for name, value in official.items():
        monkeypatch.setenv(name, value)
    found = Notes(tmp_path / "package", {**gcp_services.environment(), **official})
    yield found
    found.close()


def asked(instance: Instance, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = b"" if body is None else json.dumps(body).encode()
    reply = instance.ask(Request(verb, path, [], {"host": "notes", "content-type": "application/json"}, data))
    return reply.status, json.loads(reply.body)


def test_a_request_is_heard_through_googles_pubsub_and_seen_in_googles_firestore(notes: Notes) -> None:
    front, index = notes.begin("function:http:notes"), notes.begin("function:handler:index")
    pushed = notes.resource("subscription:index")
    # As the deploy makes them, but for the address of a function that is on this machine.
    here = pushed._replace(body={**pushed.body, "pushConfig": {"pushEndpoint": f"{index.url}/"}})
    # Not what keeps dead letters: the emulator takes 7 days at most, and Google itself 31.
    wanted = ("topic:note-changed", "dead-topic:index", "queue:summarise")
    make([*(notes.resource(id) for id in wanted), here], notes.clients)

    assert asked(front, "POST", "/notes", NOTE) == (200, NOTE)
    assert asked(front, "POST", "/notes", NOTE)[0] == 409
    until = time.monotonic() + PATIENCE
    while (found := asked(front, "GET", "/words/two")) != (200, ["anna/1"]):
        assert time.monotonic() < until, f"{found}\n{notes.said}"
        time.sleep(0.1)
