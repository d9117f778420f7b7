"""An app that names fewer targets may do what those allow; without a word it may do what all allow."""

from collections.abc import Callable

import pytest

from portable import App, Service
from portable.capabilities import PROVIDERS, load_profile
from portable.dispatch import Dispatcher
from portable.errors import DeclarationError, LimitExceeded
from portable.testing import running

ITEM = {"id": "a", "text": "a" * 500_000}


@pytest.mark.parametrize(
    ("targets", "fits"),
    [(("gcp",), True), (("gcp", "azure"), True), (("aws", "gcp"), False), (PROVIDERS, False), (("aws",), False)],
)
def test_what_an_item_may_have_follows_from_the_targets(targets: tuple[str, ...], fits: bool) -> None:
    app = App("shop", targets=targets)
    items = app.table("items")
    with running(app):
        if fits:
            items.put(ITEM)
            assert items.get("a") == ITEM
        else:
            with pytest.raises(LimitExceeded, match="item_bytes, from aws"):
                items.put(ITEM)


def test_a_named_profile_counts_more_than_the_targets() -> None:
    app = App("shop", targets=("gcp",))
    items = app.table("items")
    with running(app, profile="strictest"), pytest.raises(LimitExceeded, match="item_bytes, from aws"):
        items.put(ITEM)
    everywhere = App("shop")
    others = everywhere.table("items")
    with running(everywhere, profile="azure"):
        others.put(ITEM)


def test_a_dispatcher_that_is_bound_to_nothing_has_the_limits_of_the_targets() -> None:
    assert Dispatcher(App("shop", targets=("gcp",))).profile is load_profile("gcp")
    assert Dispatcher(App("shop")).profile is load_profile()


def slow() -> None:
    """A handler."""


LONG: dict[str, Callable[[Service], object]] = {
    "a request": lambda part: part.get("/", timeout=200)(slow),
    "a task": lambda part: part.task(timeout=1500)(slow),
    "a schedule": lambda part: part.cron("0 3 * * *", timeout=1500)(slow),
    "a large one": lambda part: part.get("/", memory=16_384)(slow),
}


@pytest.mark.parametrize("what", LONG)
def test_an_app_is_refused_at_once_what_its_targets_do_not_have(what: str) -> None:
    LONG[what](App("shop", targets=("gcp",)))
    with pytest.raises(DeclarationError, match="every provider"):
        LONG[what](App("shop"))


@pytest.mark.parametrize("what", LONG)
def test_a_service_is_refused_it_once_the_app_is_known(what: str) -> None:
    for targets, fits in (("gcp",), True), (("aws", "gcp"), False), (PROVIDERS, False):
        part = Service("part")
        LONG[what](part)
        app = App("shop", targets=targets)
        app.include(part)
        if fits:
            assert app.manifest().handlers[0].service == "part"
        else:
            with pytest.raises(DeclarationError, match=r"part\.slow"):
                app.manifest()


def test_what_no_provider_has_is_refused_in_a_service_at_once() -> None:
    with pytest.raises(DeclarationError, match="any provider"):
        Service("part").get("/", timeout=3601)(slow)
    with pytest.raises(DeclarationError, match="any provider"):
        Service("part").get("/", memory=32_769)(slow)


def test_an_error_of_limits_only_is_made_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A document that is over several limits is kept, and each is told."""
    app = App("shop")
    items = app.table("items")
    with running(app, limits="warn"):
        items.put({"id": "a", "n": 2**60, "f" * 300: 1.5, "text": "a" * 300_000})
        found = items.require("a")
        assert (found["n"], found["f" * 300]) == (2**60, 1.5)
        with pytest.raises(Exception, match="not a finite number"):
            items.put({"id": "b", "n": float("nan")})
        assert items.get("b") is None
    said = " ".join(record.getMessage() for record in caplog.records if record.name == "portable.limits")
    for name in ("integer", "field_name_bytes", "item_bytes"):
        assert f"({name}, from" in said
