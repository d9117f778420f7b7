"""Google's own emulators are found where they are installed, and what keeps them from running then is no skip."""

from collections.abc import Generator
from pathlib import Path

import pytest

from .firestore_fixtures import firestore_official
from .official import FIRESTORE_JAR, VARIABLE, firestore_jar, platform
from .official_pubsub import FOLDER, pubsub_jar

__all__ = ["firestore_official"]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """One with nothing but a gcloud CLI that says where it is installed: in `sdk`, with no component yet."""
    commands = tmp_path / "bin"
    commands.mkdir()
    put(commands / "gcloud", f"echo {tmp_path}/sdk")
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.delenv(VARIABLE, raising=False)
    platform.cache_clear()
    yield tmp_path
    platform.cache_clear()


def put(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_what_is_not_installed_is_not_there(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (firestore_jar(), pubsub_jar()) == (None, None)
    platform.cache_clear()
    (machine / "bin/gcloud").unlink()
    assert (firestore_jar(), pubsub_jar()) == (None, None)


def test_what_is_installed_is_found_where_gcloud_says_or_the_variable(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(machine / "bin/java", "")
    for root in (machine / "sdk/platform", machine / "other"):
        firestore, pubsub = root / FIRESTORE_JAR, root / FOLDER / "cloud-pubsub-emulator-1.2.3-all.jar"
        put(firestore, "")
        put(pubsub, "")
        assert (firestore_jar(), pubsub_jar()) == (firestore, pubsub)
        platform.cache_clear()
        monkeypatch.setenv(VARIABLE, str(machine / "other"))
    monkeypatch.setenv(VARIABLE, "none")
    platform.cache_clear()
    assert (firestore_jar(), pubsub_jar()) == (None, None)


def test_what_is_installed_and_cannot_run_fails(machine: Path) -> None:
    put(machine / "sdk/platform" / FIRESTORE_JAR, "")
    put(machine / "sdk/platform" / FOLDER / "cloud-pubsub-emulator-1.2.3-all.jar", "")
    for find in (firestore_jar, pubsub_jar):
        with pytest.raises(RuntimeError, match="needs Java"):
            find()


def test_a_gcloud_that_fails_is_no_reason_to_skip(machine: Path) -> None:
    put(machine / "bin/gcloud", "echo it is broken >&2; exit 1")
    with pytest.raises(RuntimeError, match="it is broken"):
        firestore_jar()


def test_the_emulator_that_is_installed_here_is_the_one_that_tests_use(request: pytest.FixtureRequest) -> None:
    """Where there is one, this test asks for it; a skip of it would be seen here as a failure."""
    platform.cache_clear()
    if firestore_jar() is None:
        pytest.skip("there is none on this machine")
    try:
        found = request.getfixturevalue("firestore_official")
    except pytest.skip.Exception as skipped:
        raise AssertionError(f"it is installed, and was left out: {skipped}") from skipped
    assert found.rest
