"""The packaged data: every number with its unit, its owner, its source and the date it was read there."""

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from portable.capabilities import LONGEST, PROVIDERS, load_profile, strictest
from portable.errors import ConfigurationError
from portable.handler_limits import MEMORY_SIZES, SECONDS
from portable.idempotency import LONGEST_HANDLER
from portable.retries import MOST_ATTEMPTS

PROFILES = ("portable", *PROVIDERS)
DATE = re.compile(r"20\d\d(-\d\d(-\d\d)?)?")


def data(profile: str) -> Any:
    return json.loads(files("portable").joinpath(f"profiles/{profile}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_entry_says_where_it_is_written_and_when_it_was_read(profile: str) -> None:
    found = data(profile)
    entries = {
        **found["limits"],
        **{f"name of a {kind}": entry for kind, entry in found["names"].items()},
        **found["capabilities"],
        **{entry["path"]: entry for entry in found["reserved_paths"]},
    }
    assert len(entries) >= 60
    for name, entry in entries.items():
        assert DATE.fullmatch(entry["as_of"]), name
        assert re.search(r"https://\S+$", entry["source"]), name
        owners = PROVIDERS if profile == "portable" else (profile, "portable")
        assert entry["provider"] in owners, name
        assert set(entry) <= {
            "value", "unit", "provider", "source", "as_of", "confidence", "note", "supported", "what", "path",
        }, name  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_every_number_says_whether_it_is_documented_or_remembered(profile: str) -> None:
    found = data(profile)
    for name, entry in {**found["limits"], **found["names"]}.items():
        assert entry["confidence"] in ("documented", "memory"), name
        assert entry["value"] > 0, name
        assert "unit" in entry, name


@pytest.mark.parametrize("profile", PROVIDERS)
def test_a_limit_of_portables_own_is_the_portable_profiles(profile: str) -> None:
    portable = load_profile()
    for name, limit in load_profile(profile).limits.items():
        if limit.provider == "portable":
            assert limit.value == portable.limit(name).value, name
            assert limit.note, name


def test_the_portable_profile_has_what_the_strictest_provider_has() -> None:
    portable = load_profile()
    profiles = [load_profile(provider) for provider in PROVIDERS]
    for kind, limit in portable.names.items():
        assert limit.value == min(profile.names[kind].value for profile in profiles)
    for name, capability in portable.capabilities.items():
        assert capability.supported == all(profile.capabilities[name].supported for profile in profiles)
        assert {profile.capabilities[name].what for profile in profiles} == {capability.what}
    assert set(portable.reserved_paths) == {path for profile in profiles for path in profile.reserved_paths}


@pytest.mark.parametrize("targets", [("aws", "gcp"), ("gcp", "azure"), ("azure", "aws")])
def test_of_two_targets_the_lower_limit_counts_with_its_owner(targets: tuple[str, str]) -> None:
    joined = strictest(targets)
    one, other = (load_profile(target) for target in targets)
    for name, limit in joined.limits.items():
        assert limit.value == min(one.limit(name).value, other.limit(name).value)
        assert limit in (one.limit(name), other.limit(name))
    assert all(
        found.supported == (one.capabilities[name].supported and other.capabilities[name].supported)
        for name, found in joined.capabilities.items()
    )
    assert joined is strictest(reversed(targets))


def test_all_targets_are_the_portable_profile_and_one_is_its_own() -> None:
    assert strictest(PROVIDERS) is load_profile()
    assert strictest(("gcp",)) is load_profile("gcp")
    with pytest.raises(ConfigurationError, match="no targets"):
        strictest(("mars",))


def test_numbers_that_the_code_has_itself_are_those_of_the_data() -> None:
    """What is asked for while an app is imported is not read from files."""
    portable = load_profile()
    assert {kind: portable.value(LONGEST[kind]) for kind in LONGEST} == SECONDS
    assert portable.memory_sizes == MEMORY_SIZES
    assert portable.value("task_attempts") == MOST_ATTEMPTS
    longest = [load_profile(provider).value(limit) for provider in PROVIDERS for limit in LONGEST.values()]
    assert max(longest) == LONGEST_HANDLER
