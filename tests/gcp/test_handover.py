"""A subscriber with another filter: whatever is published before, while and after its subscription changes comes.

The deployer's own moves, by Google's own client, against our stand-in of Pub/Sub, which knows snapshots as Google's
pages describe them.
"""

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from portable_gcp.accounts import Place
from portable_gcp.applying import Applying
from portable_gcp.cloud import Cloud
from portable_gcp.deploy_clients import DeployClients
from portable_gcp.diff import Move, moves_to
from portable_gcp.grouping import groups_of
from portable_gcp.handover import snapshots
from portable_gcp.names import Names
from portable_gcp.operations import Pace
from portable_gcp.records import told_apart
from portable_gcp.resources import Resource
from portable_gcp.translate import Stage, translate

from portable.adapter import Step
from portable.manifest import build_manifest
from tests.gcp.deployer.shop import Watching
from tests.gcp.deployer.test_listening import hearing
from tests.gcp_stack.asking import Project, body
from tests.gcp_stack.fixtures import OVERRIDE, GcpServices, gcp_services

__all__ = ["gcp_services"]

numbers = itertools.count(1)
KINDS = ("topic", "subscription", "snapshot")
START = 1_800_000_000.0


class Sending(Watching):
    """Publishes one event of each kind at each step of a deploy, before and after it."""

    def __init__(self, stage: "Hearing") -> None:
        super().__init__()
        self._stage = stage

    def step(self, step: Step) -> None:
        if (step.id.partition(":")[0], step.state) == ("snapshot", "done"):
            self._stage.since = min(self._stage.since, len(self._stage.sent))
        self._stage.publish("new")
        self._stage.publish("old")


class Hearing:
    """One subscriber of a topic in a project of its own."""

    def __init__(self, services: GcpServices) -> None:
        self.project = Project(services.services.control, f"project-of-hearing-{next(numbers)}")
        self.project.clock(START)
        self.place = Place(self.project.name, "123456789012", "europe-west1", "")
        self.names = Names("shop", "dev", self.place.project, self.place.location, self.place.number)
        self.clients = DeployClients()
        self.cloud = Cloud(self.clients, self.place)
        self.known: tuple[Resource, ...] = ()
        self.sent: list[tuple[str, str]] = []
        """Number and kind of all events."""
        self.since = 10**9
        """How many there were when the first snapshot was made."""

    def wanted(self, kind: str | None) -> tuple[Resource, ...]:
        manifest = build_manifest(hearing(kind)).to_dict()
        sources = {function.id: "zips/x.zip" for function in groups_of(manifest)}
        made = translate(manifest, Stage("dev"), self.names, sources)
        return tuple(self.cloud.normal(one) for one in made.resources if one.kind in KINDS)

    def moves(self, wanted: tuple[Resource, ...]) -> tuple[Move, ...]:
        known = told_apart(self.known, wanted)
        found = {one.id: there for one in (*known, *wanted) if (there := self.cloud.get(one)) is not None}
        return moves_to((*wanted, *snapshots(wanted, known, found)), known, found)

    def deploy(self, kind: str | None) -> None:
        wanted = self.wanted(kind)
        applying = Applying(self.cloud, Sending(self), lambda: None, lambda: Pace(lambda _: None))
        applying.apply(self.moves(wanted))
        self.known = wanted

    def publish(self, kind: str) -> str:
        """Where there is a topic already; the number of the event."""
        number = str(len(self.sent))
        message = {"data": number.encode(), "attributes": {"kind": kind}}
        topic = self.names.in_project(f"topics/{self.names.topic('placed')}")
        try:
            self.clients.library("publisher").publish(request={"topic": topic, "messages": [message]})
        except exceptions.NotFound:
            return ""
        self.sent.append((number, kind))
        return number

    def pushed(self, status: int) -> list[str]:
        """What is due to the handler, answered so; by number."""
        found: list[str] = []
        for one in self.project.due():
            message: dict[str, Any] = json.loads(body(one))["message"]
            found.append(base64.b64decode(message["data"]).decode())
            self.project.answer(one, status)
        return found


@pytest.fixture
def stage(gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hearing]:
    monkeypatch.setenv(f"{OVERRIDE}PUBSUB", gcp_services.services.endpoint)
    found = Hearing(gcp_services)
    yield found
    found.project.ask("forget")


@pytest.mark.parametrize(("before", "after"), [("new", None), (None, "new"), ("new", "old")])
def test_nothing_that_the_new_filter_wants_is_lost_and_what_was_delivered_does_not_come_again(
    stage: Hearing, before: str | None, after: str | None
) -> None:
    stage.deploy(before)
    done = [stage.publish(kind) for kind in ("new", "old")]
    delivered = stage.pushed(204)
    assert delivered[-1] in done
    failing = [stage.publish(kind) for kind in ("new", "old")]
    refused = stage.pushed(500)
    assert set(refused) <= set(failing)
    assert refused
    # It was of no interest before, and was published before the new subscription.
    ignored = {number for number, kind in stage.sent if before not in (None, kind)}

    start = len(stage.sent)
    stage.deploy(after)
    # Of what only the new one wants, all that came after the old one's snapshot.
    during = {
        number
        for number, kind in stage.sent[start:]
        if after in (None, kind) and (int(number) >= stage.since or before in (None, kind))
    }
    assert len(during) > 5
    last = stage.publish(after or "any")

    stage.project.clock(START + 600)
    came = stage.pushed(204)
    wanted = {number for number in refused if after in (None, dict(stage.sent)[number])}
    assert {*wanted, *during, last} <= set(came)
    assert not set(came) & {*delivered, *ignored}
    # Nothing is left behind, and nothing is to be done any more.
    parent = f"projects/{stage.project.name}"
    assert list(stage.clients.library("subscriber").list_snapshots(project=parent)) == []
    assert {move.action for move in stage.moves(stage.wanted(after))} == {"keep"}


def test_a_backlog_that_is_too_old_for_a_snapshot_stops_the_change_before_anything_is_lost(stage: Hearing) -> None:
    from portable.errors import DeployFailed

    stage.deploy("new")
    stage.publish("new")
    assert stage.pushed(500)
    stage.project.clock(START + 7 * 86400 - 1800)
    with pytest.raises(DeployFailed, match=r"creating snapshot hear failed: .*too old"):
        stage.deploy(None)
    [left] = [one for one in stage.clients.library("subscriber").list_subscriptions(
        project=f"projects/{stage.project.name}"
    ) if not one.name.endswith("-dead")]  # fmt: skip
    assert left.filter == 'attributes."kind" = "new"'
