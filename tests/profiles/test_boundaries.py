"""Every limit of every profile: exactly at it passes, one more is refused by its name and the provider's."""

import logging

import pytest

from portable import App
from portable.capabilities import PROVIDERS, load_profile
from portable.errors import DeclarationError, LimitExceeded
from portable.testing import running

from .probes import DECLARATIONS, FOR_ALL, UNREACHABLE, VERBS, Measured, hidden_by

PROFILES = ("portable", *PROVIDERS)
LARGE = 48 * 1024 * 1024


def cases(names: "tuple[str, ...] | dict[str, object]") -> list[object]:
    found: list[object] = []
    for profile in PROFILES:
        for name in names:
            large = name.endswith("_bytes") and load_profile(profile).limit(name).value > LARGE
            marks = [pytest.mark.slow] if large else []
            found.append(pytest.param(profile, name, id=f"{profile}-{name}", marks=marks))
    return found


@pytest.mark.parametrize(("profile", "name"), cases(VERBS))
def test_a_verb_takes_what_is_at_the_limit_and_refuses_one_more(profile: str, name: str) -> None:
    chosen = load_profile(profile)
    limit = chosen.limit(name)
    reason = hidden_by(chosen, limit)
    measured = Measured()
    measured.profile = chosen
    most = int(limit.value)
    with running(measured.app, profile=profile) as started:
        measured.started = started
        if reason is None:
            getattr(measured, name)(most)
        with pytest.raises(LimitExceeded) as caught:
            getattr(measured, name)(most + 1)
    seen = "http_url_bytes" if reason is not None else name
    assert f"({seen}, from {chosen.limit(seen).provider})" in caught.value.message


@pytest.mark.parametrize(("profile", "name"), cases(dict.fromkeys(DECLARATIONS)))
def test_a_declaration_takes_what_is_at_the_limit_and_refuses_one_more(profile: str, name: str) -> None:
    targets = PROVIDERS if profile == "portable" else (profile,)
    limit = load_profile("portable" if name in FOR_ALL else profile).limit(name)
    assert load_profile(profile).limit(name).value == limit.value
    DECLARATIONS[name](App("declared", targets=targets), int(limit.value))
    with pytest.raises(DeclarationError) as caught:
        DECLARATIONS[name](App("declared", targets=targets), int(limit.value) + 1)
    assert f"({name}, from {limit.provider})" in caught.value.message


@pytest.mark.parametrize("profile", PROFILES)
def test_every_limit_has_a_test_or_a_reason(profile: str) -> None:
    covered = [*VERBS, *DECLARATIONS, *UNREACHABLE]
    assert len(covered) == len(set(covered))
    assert set(load_profile(profile).limits) == set(covered)


@pytest.mark.parametrize("name", VERBS)
def test_a_profile_that_warns_lets_it_pass_and_says_the_same_once_a_place(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    profile = load_profile()
    limit = profile.limit(name)
    measured = Measured()
    measured.profile = profile
    with caplog.at_level(logging.WARNING, "portable.limits"), running(measured.app, limits="warn") as started:
        measured.started = started
        for _ in range(3):
            getattr(measured, name)(int(limit.value) + 1)
    said = [record.getMessage() for record in caplog.records if record.name == "portable.limits"]
    own = [text for text in said if f"({name}, from {limit.provider})" in text]
    assert len(own) == 1
    assert all("probes.py" in text for text in own if not name.startswith("http_"))
    if hidden_by(profile, limit) is not None:
        return
    with running(measured.app) as refusing:
        measured.started = refusing
        with pytest.raises(LimitExceeded) as caught:
            getattr(measured, name)(int(limit.value) + 1)
    assert own[0].startswith(caught.value.message.rpartition("LimitExceeded: ")[2])
