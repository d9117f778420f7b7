"""Params and secrets without a provider: names, defaults, freshness, limits, and that a secret is shown nowhere."""

from typing import Any

import pytest

from portable.app import App
from portable.binding import Binding
from portable.capabilities import load_profile
from portable.config import check_value, check_value_name
from portable.errors import (
    DeclarationError,
    InvalidArgument,
    LimitExceeded,
    Location,
    NotFound,
    PermissionDenied,
    PortableError,
    Unavailable,
)

PROFILE = load_profile()
SECRET = "tr0ub4dor-and-3"


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class Refused(Exception):
    """What a provider's library might raise."""


class Store:
    """A ValueDriver and its factory: one value, and how often it was read."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.reads = 0
        self.fails: Exception | None = None

    def read(self) -> str | None:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return self.value

    def classify(self, error: Exception) -> type[PortableError] | None:
        return Unavailable if isinstance(error, Refused) else None

    def param(self, spec: object) -> "Store":
        return self

    def secret(self, spec: object) -> "Store":
        return self


def bind(app: App, store: Store, authorize: Any = None, adapter: str = "memory") -> Clock:
    clock = Clock()
    factory: Any = store
    binding = Binding(app="unit", stage="test", adapter=adapter, drivers=factory, profile=PROFILE, clock=clock)
    binding.authorize = authorize
    app.bind(binding)
    return clock


def test_a_value_is_read_once_in_five_minutes() -> None:
    app, store = App("unit"), Store("1")
    param = app.param("p")
    clock = bind(app, store)
    for _ in range(10):
        assert param.get() == "1"
        clock.time += 29.9
    assert store.reads == 1
    clock.time += 1.1
    param.get()
    assert store.reads == 2


def test_a_clock_that_is_set_back_keeps_nothing_for_longer() -> None:
    app, store = App("unit"), Store("1")
    param = app.param("p")
    clock = bind(app, store)
    assert param.get() == "1"
    store.value = "2"
    clock.time -= 3600
    assert param.get() == "2"
    assert param.get() == "2"
    assert store.reads == 2


def test_a_new_binding_reads_anew() -> None:
    app = App("unit")
    secret = app.secret("s")
    bind(app, Store("1"))
    assert secret.get() == "1"
    bind(app, Store("2"))
    assert secret.get() == "2"


def test_what_is_absent_is_asked_for_each_time_and_a_default_is_kept() -> None:
    app, store = App("unit"), Store(None)
    secret, param = app.secret("s"), app.param("p", default="d")
    bind(app, store)
    for _ in range(3):
        with pytest.raises(NotFound) as caught:
            secret.get()
        assert caught.value.status == 500
    assert store.reads == 3
    assert [param.get() for _ in range(3)] == ["d"] * 3
    assert store.reads == 4


def test_a_grant_is_asked_for_also_when_the_value_is_kept() -> None:
    app, store = App("unit"), Store("1")
    secret = app.secret("s")
    denied: list[bool] = []

    def authorize(resource: str, verb: str) -> None:
        assert (resource, verb) == ("secret:s", "get")
        if denied:
            raise PermissionDenied("no")

    bind(app, store, authorize)
    assert secret.get() == "1"
    denied.append(True)
    with pytest.raises(PermissionDenied):
        secret.get()


def test_a_failure_of_the_provider_is_ours_and_keeps_nothing() -> None:
    app, store = App("unit"), Store("1")
    secret = app.secret("s")
    bind(app, store)
    store.fails = Refused("busy")
    with pytest.raises(Unavailable, match="busy") as caught:
        secret.get()
    assert caught.value.resource == "secret:s"
    store.fails = None
    assert secret.get() == "1"


def test_a_value_that_others_wrote_past_the_limit_is_refused_without_showing_it() -> None:
    app, store = App("unit"), Store(SECRET * 10_000)
    secret = app.secret("s")
    bind(app, store)
    with pytest.raises(LimitExceeded) as caught:
        secret.get()
    assert SECRET not in str(caught.value)


def test_a_secret_is_in_no_text_about_it() -> None:
    app, store = App("unit"), Store(SECRET)
    secret = app.secret("s")
    bind(app, store)
    assert secret.get() == SECRET
    for text in (repr(secret), str(secret), f"{secret}", repr(secret.spec), repr([secret])):
        assert SECRET not in text
    assert "s" in repr(secret)


@pytest.mark.parametrize("kind", ["param", "secret"])
def test_values_are_checked_without_being_shown(kind: Any) -> None:
    most = {"param": 4096, "secret": 25_000}[kind]
    assert check_value(kind, "n", "x" * most, PROFILE) == "x" * most
    with pytest.raises(LimitExceeded):
        check_value(kind, "n", "x" * (most + 1), PROFILE)
    wrong: list[Any] = [None, 1, b"x", SECRET.encode(), f"{SECRET}\ud800"]
    for value in wrong:
        with pytest.raises(InvalidArgument) as caught:
            check_value(kind, "n", value, PROFILE)
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.__cause__)


def test_a_name_has_at_most_100_characters() -> None:
    location = Location("app.py", 3)
    assert check_value_name("param", "a" * 100, location) == "a" * 100
    for name in ("a" * 101, "", "A", "a_b", "1a", "a\n", "é", "-a"):
        with pytest.raises(DeclarationError) as caught:
            check_value_name("param", name, location)
        assert caught.value.location == location


@pytest.mark.parametrize("default", [1, b"x", True, "x" * 4097, "\ud800"])
def test_a_bad_default_says_where_it_stands(default: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        App("unit").param("p", default=default)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_specs_hold_no_more_than_was_declared() -> None:
    app = App("unit")
    param, secret = app.param("p", default="d"), app.secret("s")
    assert (param.spec.name, param.spec.service, param.spec.default) == ("p", "unit", "d")
    assert (secret.spec.name, secret.spec.service) == ("s", "unit")


@pytest.mark.parametrize(
    ("adapter", "place"), [("local", ""), ("aws", " --target aws --stage test"), ("gcp", " --target gcp --stage test")]
)
def test_the_command_that_sets_what_is_not_set_is_told_for_where_the_app_runs(adapter: str, place: str) -> None:
    app = App("unit")
    bind(app, Store(None), adapter=adapter)
    for value, command in (
        (app.secret("key"), "portable secret set key"),
        (app.param("p"), "portable config set p VALUE"),
    ):
        with pytest.raises(NotFound, match="is not set") as caught:
            value.get()
        assert caught.value.hint == command + place
