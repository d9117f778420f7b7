"""Params and secrets of a stage, as the command line writes them, over the stack's Secret Manager."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from portable_gcp.clients import Clients
from portable_gcp.names import Names
from portable_gcp.stage_values import GcpValues
from portable_gcp.values import Kind, SecretManagerValue

from portable.errors import ConfigurationError, PermissionDenied
from tests.gcp_stack.asking import Project
from tests.gcp_stack.fixtures import OVERRIDE, GcpServices, gcp_services
from tests.gcp_stack.server import Reply

from .faulty import between

__all__ = ["gcp_services"]

numbers = itertools.count(1)
KINDS: list[Kind] = ["param", "secret"]


@pytest.fixture
def project(gcp_services: GcpServices) -> Iterator[str]:
    name = f"values-{next(numbers)}"
    yield name
    Project(gcp_services.services.control, name).ask("forget")


def secrets_of(stack: GcpServices) -> Any:
    return secretmanager_v1.SecretManagerServiceClient(
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        transport="rest",
        client_options={"api_endpoint": stack.services.endpoint},
    )


def test_what_is_written_is_listed_and_read_until_it_is_removed(project: str) -> None:
    values = GcpValues("shop", "dev", project)
    assert values.names("param") == []
    assert values.read_param("currency") is None
    values.write("param", "currency", "EUR")
    values.write("param", "exchange.key", "x")
    values.write("secret", "currency", "s")
    assert values.names("param") == ["currency", "exchange.key"]
    assert values.names("secret") == ["currency"]
    assert values.read_param("currency") == "EUR"
    values.write("param", "currency", None)
    assert values.names("param") == ["exchange.key"]
    assert values.read_param("currency") is None
    values.write("param", "currency", "CHF")
    assert values.read_param("currency") == "CHF"


def test_a_function_sees_what_the_command_line_has_written(project: str) -> None:
    GcpValues("shop", "dev", project).write("secret", "exchange.key", "x")
    names = Names("shop", "dev", project, "europe-west1")
    clients = Clients(project)
    assert SecretManagerValue(clients, names.value("secret", "exchange.key")).read() == "x"
    clients.close()


def test_the_values_of_other_stages_and_apps_are_not_listed(project: str) -> None:
    for app, stage in (("shop", "prod"), ("shop-dev", "dev"), ("other", "dev")):
        GcpValues(app, stage, project).write("secret", "key", "x")
    assert GcpValues("shop", "dev", project).names("secret") == []


def test_a_value_of_another_app_is_neither_overwritten_nor_removed(project: str) -> None:
    """Both are `shop-dev-prod-key` in Secret Manager."""
    shop, other = GcpValues("shop", "dev", project), GcpValues("shop-dev", "prod", project)
    other.write("secret", "key", "theirs")
    for value in ("ours", None):
        with pytest.raises(ConfigurationError, match=r"secret of shop-dev in prod, and not .* prod-key of shop in dev"):
            shop.write("secret", "prod-key", value)
    assert other.names("secret") == ["key"]
    assert shop.names("secret") == []


def test_a_param_and_a_secret_may_be_called_alike(project: str) -> None:
    shop = GcpValues("shop", "dev", project)
    shop.write("param", "key", "p")
    assert (shop.names("param"), shop.names("secret")) == (["key"], [])
    shop.write("secret", "key", "s")
    shop.write("param", "key", None)
    assert (shop.names("param"), shop.names("secret")) == ([], ["key"])


def test_what_was_made_by_hand_counts_by_its_name(project: str, gcp_services: GcpServices) -> None:
    names = Names("shop", "dev", project, "")
    for kind in KINDS:
        secret = secrets_of(gcp_services).create_secret(
            parent=f"projects/{project}", secret_id=names.value(kind, "key"), secret={"replication": {"automatic": {}}}
        )
        secrets_of(gcp_services).add_secret_version(parent=secret.name, payload={"data": b"by hand"})
    shop = GcpValues("shop", "dev", project)
    assert (shop.names("param"), shop.names("secret")) == (["key"], ["key"])
    shop.write("secret", "key", "ours")
    assert shop.read_param("key") == "by hand"


def test_the_place_of_a_value_that_a_deploy_has_made_has_none(project: str, gcp_services: GcpServices) -> None:
    labels = {"app": "shop", "stage": "dev", "service": "shop", "kind": "secret"}
    secrets_of(gcp_services).create_secret(
        parent=f"projects/{project}",
        secret_id=Names("shop", "dev", project, "").value("secret", "key"),
        secret={"replication": {"automatic": {}}, "labels": labels},
    )
    values = GcpValues("shop", "dev", project)
    assert values.names("secret") == []
    values.write("secret", "key", "x")
    assert values.names("secret") == ["key"]


def test_all_versions_of_what_is_removed_are_disabled_and_none_is_lost(project: str, gcp_services: GcpServices) -> None:
    values = GcpValues("shop", "dev", project)
    for text in ("one", "two"):
        values.write("secret", "key", text)
    values.write("secret", "key", None)
    values.write("secret", "none", None)
    name = f"projects/{project}/secrets/{Names('shop', 'dev', project, '').value('secret', 'key')}"
    found = secrets_of(gcp_services).list_secret_versions(parent=name)
    assert [version.state.name for version in found] == ["DISABLED", "DISABLED"]


def test_many_values_come_in_pages(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portable_gcp.stage_values.PAGE", 2)
    values = GcpValues("shop", "dev", project)
    wanted = [f"v{number}" for number in range(5)]
    for name in wanted:
        values.write("param", name, name)
    assert values.names("param") == wanted


def test_no_value_is_in_a_message(gcp_services: GcpServices, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = Reply(403, {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}})
    with between(gcp_services.services.endpoint, denied) as found:
        monkeypatch.setenv(f"{OVERRIDE}SECRETMANAGER", found.endpoint)
        with pytest.raises(PermissionDenied, match="write the secret key") as caught:
            GcpValues("shop", "dev", project).write("secret", "key", "hidden")
    assert "hidden" not in f"{caught.value!r}{caught.value.hint}"


def test_a_project_must_be_known(gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "")
    monkeypatch.delenv("CLOUDSDK_CORE_PROJECT", raising=False)
    with pytest.raises(ConfigurationError, match="no project"):
        GcpValues("shop", "dev").names("param")
