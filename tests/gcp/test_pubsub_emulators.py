"""The topic driver and what is gathered of dead letters: over Google's own Pub/Sub emulator, and over ours alike."""

import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from portable_gcp.clients import Clients
from portable_gcp.dead_letters import QueuedDeadLetters
from portable_gcp.errors import GoogleError, classify
from portable_gcp.names import Names
from portable_gcp.pubsub import PubSubTopic
from portable_local.running import running

from portable.app import App
from portable.drivers import EventMessage
from portable.envelopes import Envelope, decode, encode
from portable.errors import NotFound
from portable.testing.clock import ManualClock
from tests.gcp_stack.asking import Project
from tests.gcp_stack.fixtures import OVERRIDE, GcpServices, gcp_services
from tests.gcp_stack.official_pubsub import pubsub_official

__all__ = ["gcp_services", "pubsub_official"]

numbers = itertools.count(1)
SECONDS = 60


class Receiver:
    """A function that fails as often as it is told, and then takes what it gets."""

    def __init__(self, failures: int) -> None:
        self.seen: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with receiver.changed:
                    receiver.seen.append(document)
                    status = 500 if len(receiver.seen) <= failures else 204
                    receiver.changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/push"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def wait(self, count: int) -> list[dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, timeout=SECONDS), self.seen
            return list(self.seen)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Stage:
    """One project of either emulator, with Google's clients and our names."""

    def __init__(self, publisher: Any, subscriber: Any) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.names = Names("shop", "dev", f"pubsub-{next(numbers)}", "europe-west1")
        self.clients = Clients(self.names.project)

    def topic(self, short: str) -> str:
        name = self.names.in_project(f"topics/{short}")
        self.publisher.create_topic(name=name)
        return name

    def subscription(self, topic: str, short: str, **settings: Any) -> str:
        name = self.names.in_project(f"subscriptions/{short}")
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **settings})
        return name


@pytest.fixture(params=["ours", "official"])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    if request.param == "ours":
        stack: GcpServices = request.getfixturevalue("gcp_services")
        options: Any = {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "transport": "rest",
            "client_options": {"api_endpoint": stack.services.endpoint},
        }
        monkeypatch.setenv(f"{OVERRIDE}PUBSUB", stack.services.endpoint)
        made = Stage(PublisherClient(**options), SubscriberClient(**options))
        project = Project(stack.services.control, made.names.project)
        project.ask("push", hosts={})
        yield made
        made.clients.close()
        project.ask("forget")
        return
    place = request.getfixturevalue("pubsub_official").place
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", place)
    with grpc.insecure_channel(place) as channel:
        made = Stage(
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
            SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
        )
        yield made
        made.clients.close()


def event(number: int, data: str = "1", **attributes: str) -> EventMessage:
    return EventMessage(f"e{number}", "shop/orders", "orders", 1_800_000_000.0, attributes, "00-a-b-01", data)


def test_what_the_driver_publishes_is_in_every_subscription(stage: Stage) -> None:
    topic = stage.topic(stage.names.topic("orders"))
    found = [stage.subscription(topic, short) for short in ("mine", "theirs")]
    PubSubTopic(stage.names, stage.clients, "orders").publish([event(1, '"ü"', kind="new"), event(2)])
    for name in found:
        received = stage.subscriber.pull(subscription=name, max_messages=10, timeout=SECONDS).received_messages
        envelopes = sorted(decode(json.loads(one.message.data)) for one in received)
        assert envelopes == [
            Envelope("topic", "e1", '"ü"', 1_800_000_000.0, "00-a-b-01", 0, {"kind": "new"}),
            Envelope("topic", "e2", "1", 1_800_000_000.0, "00-a-b-01"),
        ]
        assert sorted(dict(one.message.attributes).get("kind", "") for one in received) == ["", "new"]


def test_a_topic_that_is_not_there_is_told_as_that(stage: Stage) -> None:
    with pytest.raises(GoogleError) as caught:
        PubSubTopic(stage.names, stage.clients, "orders").publish([event(1)])
    assert classify(caught.value) is NotFound


def test_a_push_comes_again_until_it_is_taken(stage: Stage) -> None:
    receiver = Receiver(failures=2)
    try:
        topic = stage.topic(stage.names.topic("orders"))
        name = stage.subscription(
            topic,
            "mine",
            push_config={"push_endpoint": receiver.endpoint},
            retry_policy={"minimum_backoff": {"nanos": 10**8}, "maximum_backoff": {"seconds": 1}},
        )
        PubSubTopic(stage.names, stage.clients, "orders").publish([event(1, kind="new")])
        first, second, third = receiver.wait(3)
        for document in (first, second, third):
            assert document["subscription"] == name
            assert document["message"]["attributes"] == {"kind": "new"}
            assert document["message"]["messageId"] == first["message"]["messageId"]
            assert document["message"]["data"] == first["message"]["data"]
    finally:
        receiver.close()


def test_dead_letters_of_pubsub_are_gathered(stage: Stage) -> None:
    topic = stage.topic(stage.names.dead_topic("seen"))
    stage.subscription(topic, stage.names.dead_subscription("seen"))
    message = encode(Envelope("topic", "e1", '"x"', 1_800_000_000.0)).encode()
    stage.publisher.publish(topic=topic, messages=[{"data": message}, {"data": b"{}", "attributes": {"bucketId": "b"}}])
    app, clock = App("shop"), ManualClock(1_800_000_000.0)
    with running(app, clock):
        driver = QueuedDeadLetters(stage.names, stage.clients, app.binding.state, clock, "seen", is_pushed=True)
        letters = driver.list(limit=10, cursor=None).letters
        assert {letter.body for letter in letters} >= {'"x"'}
        assert len(letters) == 2
        assert driver.gather() == 0
