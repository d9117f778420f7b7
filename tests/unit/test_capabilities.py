"""Profiles: packaged numbers, each with the provider it comes from."""

import pytest

from portable.capabilities import PROVIDERS, load_profile
from portable.errors import ConfigurationError, LimitExceeded


def test_the_portable_profile_names_provider_unit_and_source_of_every_limit() -> None:
    profile = load_profile()
    assert len(profile.limits) >= 40
    for limit in profile.limits.values():
        assert limit.value > 0
        assert limit.provider in PROVIDERS
        assert "https://" in limit.source


def test_strictest_is_another_name_of_the_portable_profile() -> None:
    assert load_profile("strictest") is load_profile("portable")


@pytest.mark.parametrize("name", sorted(load_profile().limits))
def test_a_value_at_its_limit_passes_and_one_past_it_is_refused_by_name_and_provider(name: str) -> None:
    profile = load_profile()
    limit = profile.limit(name)
    profile.check(name, limit.value, "it")
    with pytest.raises(LimitExceeded) as caught:
        profile.check(name, limit.value + 1, "it", resource="table:notes", key="k")
    assert caught.value.limit == name
    assert caught.value.provider == limit.provider
    assert name in str(caught.value)
    assert limit.provider in str(caught.value)


@pytest.mark.parametrize("name", ["", "moon", "../portable", "portable.json"])
def test_an_unknown_profile_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_profile(name)
    assert "portable" in (caught.value.hint or "")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_provider_is_stricter_than_the_portable_profile(provider: str) -> None:
    portable, theirs = load_profile(), load_profile(provider)
    assert theirs.limits.keys() == portable.limits.keys()
    stricter = {name for name in portable.limits if theirs.limit(name).value < portable.limit(name).value}
    assert stricter <= {"schedule_period_seconds"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_providers_own_limits_say_when_they_were_read(provider: str) -> None:
    own = [limit for limit in load_profile(provider).limits.values() if limit.provider == provider]
    assert len(own) >= 15
