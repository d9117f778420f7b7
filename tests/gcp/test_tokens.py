"""Access tokens: from the metadata server, kept, renewed in time; from credentials that a laptop has."""

import json
import threading
import time
from pathlib import Path

import pytest
from portable_gcp.tokens import Token, Tokens

from portable.errors import ConfigurationError, Unavailable

from .scripted import LOST, Asked, Reply, answer, refusal, serving

TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


@pytest.fixture(autouse=True)
def on_google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def given(text: str, seconds: int = 3600) -> Reply:
    return answer({"access_token": text, "expires_in": seconds, "token_type": "Bearer"})


def test_a_token_is_asked_for_once_as_google_demands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(asked: Asked) -> Reply:
        assert (asked.request.verb, asked.request.path) == ("GET", TOKEN_PATH)
        assert asked.request.headers["metadata-flavor"] == "Google"
        return given("one")

    with serving(looked) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        tokens = Tokens()
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(tokens.token().text)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["one"] * 8


def test_a_token_is_renewed_five_minutes_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(given("one", 301), given("two")) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        tokens = Tokens()
        assert tokens.token().text == "one"
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 2)
        assert tokens.token().text == "two"
        assert tokens.token().text == "two"


def test_a_token_that_is_still_good_is_used_while_there_is_no_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(given("one", 200), *[refusal(503, "UNAVAILABLE")] * 6) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        tokens = Tokens()
        assert tokens.token().text == "one"
        assert tokens.token().text == "one"
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 201)
        with pytest.raises(Unavailable):
            tokens.token()


def test_a_refused_token_is_forgotten_and_another_one_is_not() -> None:
    tokens = Tokens()
    first, second = Token("one", 1e9), Token("two", 1e9)
    tokens._token = second
    tokens.drop(first)
    assert tokens._token is second
    tokens.drop(second)
    assert tokens._token is None


def test_the_metadata_server_is_asked_again_and_then_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(LOST, refusal(503, "UNAVAILABLE"), given("one")) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        assert Tokens().token().text == "one"
    with serving(*[LOST] * 3) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        with pytest.raises(Unavailable):
            Tokens().token()


def test_no_account_on_an_instance_is_a_matter_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply(404, b"not found")) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        with pytest.raises(ConfigurationError, match="404"):
            Tokens().token()


def test_without_credentials_on_a_laptop_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "nowhere.invalid")
    with pytest.raises(ConfigurationError) as caught:
        Tokens().token()
    assert "gcloud auth application-default login" in (caught.value.hint or "")


def test_the_account_is_the_instances_own_and_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply(200, b"runner@project.iam.gserviceaccount.com\n")) as script:
        monkeypatch.setenv("GCE_METADATA_HOST", script.url.removeprefix("http://"))
        tokens = Tokens()
        for _ in range(2):
            assert tokens.account() == "runner@project.iam.gserviceaccount.com"


# Credentials in a file, by Google's own library


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `gcloud auth application-default login` leaves."""
    # Google's library would have gcloud say a project, which takes seconds and is not asked for.
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "application_default_credentials.json"
    path.write_text(
        json.dumps(
            {
                "type": "authorized_user",
                "client_id": "id",
                "client_secret": "secret",
                "refresh_token": "refresh",
                "quota_project_id": "payer",
            }
        ),
        encoding="utf-8",
    )
    return path


@pytest.mark.usefixtures("person")
def test_a_persons_token_comes_by_googles_library_with_who_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(given("theirs")) as script:
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", script.url)
        token = Tokens().token()
        assert (token.text, token.quota_project) == ("theirs", "payer")
        assert b"refresh_token=refresh" in script.asked[0].request.body
        left = token.ends - time.monotonic()
        assert 3000 < left <= 3600


@pytest.mark.usefixtures("person")
def test_a_person_is_no_service_account() -> None:
    with pytest.raises(ConfigurationError, match="no service account"):
        Tokens().account()


@pytest.mark.usefixtures("person")
def test_credentials_that_were_taken_back_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Reply(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})) as script:
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", script.url)
        with pytest.raises(ConfigurationError, match="revoked"):
            Tokens().token()


def test_a_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    with pytest.raises(ConfigurationError, match=r"gone\.json"):
        Tokens().token()
