"""Params and secrets of a stage: a stage lists and changes its own, although names of two apps can be one in AWS."""

from collections.abc import Generator
from typing import Any, cast

import pytest
from portable_aws.accounts import AccountClients, clients_of, new_account
from portable_aws.deploy_clients import DeployClients
from portable_aws.stage_values import AwsValues
from portable_aws.written_values import Described

from portable.errors import ConfigurationError
from tests.aws_stack.fixtures import REGION, AwsStack, aws_stack

__all__ = ["aws_stack"]
KINDS = pytest.mark.parametrize("kind", ["param", "secret"])


@pytest.fixture
def clients(aws_stack: AwsStack) -> Generator[AccountClients]:
    del aws_stack
    with clients_of(new_account(), REGION) as found:
        yield found


def values(clients: AccountClients, app: str, stage: str) -> AwsValues:
    return AwsValues(app, stage, cast("DeployClients", clients))


@KINDS
def test_a_stage_lists_its_own_values_and_not_those_of_an_app_whose_name_goes_on(
    clients: AccountClients, kind: Any
) -> None:
    shop, other = values(clients, "shop", "dev"), values(clients, "shop-dev", "prod")
    shop.write(kind, "key", "a")
    shop.write(kind, "core.rate", "b")
    other.write(kind, "token", "c")
    assert shop.names(kind) == ["core.rate", "key"]
    assert other.names(kind) == ["token"]
    assert values(clients, "shop", "prod").names(kind) == []


@KINDS
def test_a_value_of_another_app_is_neither_overwritten_nor_removed(clients: AccountClients, kind: Any) -> None:
    """Both are `shop-dev-prod-key` in AWS."""
    shop, other = values(clients, "shop", "dev"), values(clients, "shop-dev", "prod")
    other.write(kind, "key", "theirs")
    for value in ("ours", None):
        with pytest.raises(ConfigurationError, match=r"key of shop-dev in prod, and not .* prod-key of shop in dev"):
            shop.write(kind, "prod-key", value)
    assert other.names(kind) == ["key"]
    assert shop.names(kind) == []
    other.write(kind, "key", "again")
    other.write(kind, "key", None)
    assert other.names(kind) == []


def test_what_was_made_by_hand_counts_by_its_name(clients: AccountClients) -> None:
    clients.ssm.put_parameter(Name="shop-dev-key", Value="by hand", Type="String")
    clients.secretsmanager.create_secret(Name="shop-dev-token", SecretString="by hand")
    shop = values(clients, "shop", "dev")
    assert (shop.names("param"), shop.names("secret")) == (["key"], ["token"])
    shop.write("param", "key", "ours")
    shop.write("secret", "token", "ours")
    assert shop.read_param("key") == "ours"
    assert (shop.names("param"), shop.names("secret")) == (["key"], ["token"])


def test_a_description_says_whose_a_value_is_and_any_other_text_says_nothing() -> None:
    one = Described("param", "core.rate", "shop", "dev")
    assert Described.read(one.text()) == one
    for text in (None, "", "the key of shop in dev", f"{one.text()} and more", one.text().replace("param", "table")):
        assert Described.read(text) is None
