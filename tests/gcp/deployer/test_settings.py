"""What is wrong with gcloud's files, or with credentials, is said in portable's words."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from portable_gcp.accounts import gcloud_settings
from portable_gcp.deploy_clients import DeployClients
from portable_gcp.stage_values import GcpValues

from portable.errors import ConfigurationError, PermissionDenied
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No project, no service elsewhere, and a folder of gcloud's that is empty."""
    import os

    for name in [name for name in os.environ if name.startswith(("CLOUDSDK_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    return tmp_path


def test_values_without_credentials_are_refused_as_a_deploy_is(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(bare / "none.json"))
    values = GcpValues("shop", "dev")
    with pytest.raises(PermissionDenied, match="list the secrets: Google needs credentials") as e:
        values.names("secret")
    assert "gcloud auth application-default login" in str(e.value.hint)
    with pytest.raises(PermissionDenied, match="read the param rate: Google needs credentials"):
        values.read_param("rate")


@pytest.mark.parametrize("data", [b"project = x\n", b"[core]\n[core]\n", b"[core]\nproject = \xff\n"])
def test_a_configuration_that_is_none_is_named(bare: Path, data: bytes) -> None:
    folder = bare / "configurations"
    folder.mkdir()
    (folder / "config_default").write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"config_default cannot be read"):
        gcloud_settings()


@pytest.mark.parametrize(
    ("project", "says"),
    [
        ("example.com:shop", "portable does not deploy to projects of a domain"),
        ("123456789012", "that is a project's number, and its id is asked for"),
        ("My-Project", "an id is 6-30 lower-case letters, digits and hyphens"),
        ("short", "an id is 6-30"),
        ("projects/my-project", "an id is 6-30"),
        ("my-project-", "an id is 6-30"),
    ],
)
def test_a_project_that_can_be_none_is_refused_before_google_is_asked(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch, project: str, says: str
) -> None:
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", project)
    with pytest.raises(ConfigurationError, match=f"the project that is set is '{project}': {says}") as e:
        shop.plan()
    assert "gcloud config set project ID" in str(e.value.hint)
    assert google.calls == []


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ("europe-west1-b", "a zone; its region is europe-west1"),
        ("EU", "none: a region is called like europe-west1"),
        ("europe-west", "none"),
        ("europe-west1/..", "none"),
    ],
)
def test_a_region_that_can_be_none_is_refused_before_google_is_asked(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch, region: str, says: str
) -> None:
    monkeypatch.setenv("CLOUDSDK_FUNCTIONS_REGION", region)
    with pytest.raises(ConfigurationError, match=f"the region that is set is '{region}', which is {says}") as e:
        shop.plan()
    assert "gcloud config set functions/region europe-west1" in str(e.value.hint)
    assert google.calls == []


def test_credentials_that_come_without_an_identity_token_are_refused() -> None:
    clients = DeployClients()
    found: Any = SimpleNamespace(id_token=None, refresh=lambda _: None)
    clients._found = (found, None)
    with pytest.raises(PermissionDenied, match="no identity token"):
        clients.function_session("https://x.run.app")
