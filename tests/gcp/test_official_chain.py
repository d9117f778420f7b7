"""Google's own emulators and Google's own host of functions with nothing of ours between them but the adapter.

An event goes through the Pub/Sub emulator to functions-framework, whose handler writes into the Firestore emulator.
"""

import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import firestore
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from portable_gcp.clients import Clients
from portable_gcp.firestore_keys import escaped
from portable_gcp.names import Names
from portable_gcp.pubsub import PubSubTopic

from portable.drivers import EventMessage
from tests.gcp import shop
from tests.gcp.served import Served
from tests.gcp_stack.firestore_fixtures import firestore_official
from tests.gcp_stack.fixtures import GcpServices, gcp_services
from tests.gcp_stack.official import OfficialFirestore
from tests.gcp_stack.official_pubsub import OfficialPubSub, pubsub_official

__all__ = ["firestore_official", "gcp_services", "pubsub_official"]

PATIENCE = 90.0
numbers = itertools.count(1)


class Chain:
    """The app of shop.py between the two emulators."""

    def __init__(self, folder: Path, names: Names, environment: dict[str, str], pubsub: str) -> None:
        self.names = names
        shutil.copyfile(shop.__file__, folder / "app.py")
        self.function = Served(folder, names, "background", environment)
        with grpc.insecure_channel(pubsub) as channel:
            publisher: Any = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            subscriber: Any = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
            topic = names.in_project(f"topics/{names.topic('news')}")
            publisher.create_topic(name=topic)
            subscriber.create_subscription(
                request={
                    "name": names.in_project(f"subscriptions/{names.subscription('heard')}"),
                    "topic": topic,
                    "push_config": {"push_endpoint": f"{self.function.url}/"},
                }
            )
        self.firestore: Any = firestore.Client(project=names.project, database=names.database())
        self.clients = Clients(names.project)
        self.topic = PubSubTopic(names, self.clients, "news")

    def seen(self) -> set[str]:
        """The keys of what handlers have written, by Google's client."""
        found = self.firestore.collection_group("seen").stream()
        return {one.reference.parent.parent.id for one in found}

    def close(self) -> None:
        self.function.close()
        self.clients.close()
        self.firestore.close()


@pytest.fixture
def chain(
    pubsub_official: OfficialPubSub,
    firestore_official: OfficialFirestore,
    gcp_services: GcpServices,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chain]:
    emulators = {**firestore_official.environment(), "PUBSUB_EMULATOR_HOST": pubsub_official.place}
    for name, value in emulators.items():
        monkeypatch.setenv(name, value)
    names = Names(shop.app.name, "dev", f"chain-{next(numbers)}", "europe-west1", "123456789012")
    found = Chain(tmp_path, names, {**gcp_services.environment(), **emulators}, pubsub_official.place)
    yield found
    found.close()


def test_an_event_through_googles_own_services_has_its_effect(chain: Chain) -> None:
    sent = [EventMessage(f"e{id}", "shop/news", "news", time.time(), {}, "", f'{{"id": "{id}"}}') for id in ("a", "b")]
    chain.topic.publish(sent)
    wanted = {escaped("heard:a"), escaped("heard:b")}
    until = time.monotonic() + PATIENCE
    while not wanted <= (found := chain.seen()):
        assert time.monotonic() < until, f"{found}\n{chain.function.log.read_text(encoding='utf-8')}"
        time.sleep(0.1)
