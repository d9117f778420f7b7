"""An account of the fake, and a small app in it."""

import pytest

from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.shop import Shop


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def shop(aws: FakeAws) -> Shop:
    return Shop(aws)
