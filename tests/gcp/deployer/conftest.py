"""A project of the fake, and a small app in it."""

from collections.abc import Iterator

import pytest

from tests.gcp.deployer.fake_google import Google, pointed_at
from tests.gcp.deployer.shop import Shop


@pytest.fixture(scope="session")
def servers() -> Iterator[Google]:
    google = Google()
    yield google
    google.close()


@pytest.fixture
def google(servers: Google, monkeypatch: pytest.MonkeyPatch) -> Google:
    servers.forget()
    pointed_at(servers, monkeypatch)
    return servers


@pytest.fixture
def shop(google: Google) -> Shop:
    return Shop(google)
