"""Where services answer: what the variables of Google's own tools say."""

import pytest
from portable_gcp.endpoints import EMULATORS, Endpoint, endpoint

from portable.errors import ConfigurationError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EMULATORS.values():
        monkeypatch.delenv(name, raising=False)


def test_a_service_answers_at_google() -> None:
    assert endpoint("secretmanager") == Endpoint("secretmanager.googleapis.com", 443, True)
    assert endpoint("secretmanager").url == "https://secretmanager.googleapis.com"


@pytest.mark.parametrize(
    ("service", "variable", "value", "expected"),
    [
        ("firestore", "FIRESTORE_EMULATOR_HOST", "127.0.0.1:8080", Endpoint("127.0.0.1", 8080, False, "", True)),
        ("pubsub", "PUBSUB_EMULATOR_HOST", "emulators:8085", Endpoint("emulators", 8085, False, "", True)),
        ("storage", "STORAGE_EMULATOR_HOST", "http://[::1]:9023", Endpoint("::1", 9023, False, "", True)),
        ("run", "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://127.0.0.1:1/", Endpoint("127.0.0.1", 1, False)),
        ("run", "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "https://run.example", Endpoint("run.example", 443, True)),
        (
            "cloudtasks",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS",
            "https://proxy.example:8443/google/tasks/",
            Endpoint("proxy.example", 8443, True, "/google/tasks"),
        ),
    ],
)
def test_a_variable_says_otherwise(
    service: str, variable: str, value: str, expected: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert endpoint(service) == expected


def test_an_emulator_comes_before_an_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_FIRESTORE", "http://127.0.0.1:2")
    assert endpoint("firestore").port == 1


@pytest.mark.parametrize(
    "value", ["http://", "ftp://127.0.0.1:1", "http://127.0.0.1:x", "http://127.0.0.1:99999", "http://u:p@127.0.0.1:1"]
)
def test_what_names_no_place_is_refused_with_its_variable(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", value)
    with pytest.raises(ConfigurationError, match="CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=") as caught:
        endpoint("run")
    assert caught.value.hint


def test_tokens_do_not_leave_the_machine_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://run.example")
    with pytest.raises(ConfigurationError, match="unencrypted"):
        endpoint("run")
