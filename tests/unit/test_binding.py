"""The cell between declarations and a running app."""

from typing import cast

import pytest

from portable import App, Service
from portable.binding import Binding, Resource
from portable.capabilities import load_profile
from portable.drivers import DriverFactory, ValueDriver
from portable.errors import Conflict, InvalidArgument, NotBound, NotFound, PortableError, Unavailable


class Values:
    """A driver that raises what it is told to."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def read(self) -> str | None:
        if self.error is not None:
            raise self.error
        return "value"

    def classify(self, error: Exception) -> type[PortableError] | None:
        return Unavailable if isinstance(error, ConnectionError) else None


class Setting(Resource[ValueDriver]):
    kind = "setting"
    verbs = ("read",)
    error: Exception | None = None

    def read(self) -> str | None:
        return self._call("read", "k", self._driver.read)

    def _make_driver(self, factory: DriverFactory) -> ValueDriver:
        return Values(self.error)


def bound(app: App) -> Binding:
    binding = Binding(
        app=app.name, stage="dev", adapter="test", drivers=cast("DriverFactory", object()), profile=load_profile()
    )
    app.bind(binding)
    return binding


def test_a_resource_used_before_the_app_runs_raises_not_bound_with_what_to_do() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    with pytest.raises(NotBound) as caught:
        setting.read()
    assert "running(app)" in (caught.value.hint or "")


def test_a_service_finds_the_binding_of_the_app_that_includes_it() -> None:
    app, service = App("shop"), Service("orders")
    app.include(service)
    setting = Setting(service, "colour", app.location)
    binding = bound(app)
    assert setting.read() == "value"
    assert service.binding is binding


def test_unbinding_forgets_cached_drivers() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    app.register_resource(setting)
    bound(app)
    assert setting.read() == "value"
    app.unbind()
    with pytest.raises(NotBound):
        setting.read()


def test_a_classified_error_leaves_as_ours_from_the_original_with_resource_and_key() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    setting.error = ConnectionError("gone")
    bound(app)
    with pytest.raises(Unavailable) as caught:
        setting.read()
    assert caught.value.resource == "setting:colour"
    assert caught.value.key == "k"
    assert caught.value.__cause__ is setting.error


def test_an_error_of_ours_passes_unchanged_and_learns_its_resource() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    setting.error = Conflict("no")
    bound(app)
    with pytest.raises(Conflict) as caught:
        setting.read()
    assert caught.value is setting.error
    assert caught.value.resource == "setting:colour"


def test_an_unclassified_error_is_a_bug_and_passes_as_it_is() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    setting.error = ZeroDivisionError()
    bound(app)
    with pytest.raises(ZeroDivisionError):
        setting.read()


def test_authorize_is_asked_before_the_driver() -> None:
    app = App("shop")
    setting = Setting(app, "colour", app.location)
    setting.error = NotFound("the driver was reached")
    asked: list[tuple[str, str]] = []
    binding = bound(app)
    binding.authorize = lambda resource, verb: asked.append((resource, verb))
    with pytest.raises(NotFound):
        setting.read()
    assert asked == [("setting:colour", "read")]


def test_a_grant_of_an_unknown_verb_is_refused_with_the_known_ones() -> None:
    setting = Setting(App("shop"), "colour", App("shop").location)
    assert setting.can("read").resource == "setting:colour"
    with pytest.raises(InvalidArgument) as caught:
        setting.can("paint")
    assert "read" in (caught.value.hint or "")


def test_a_service_resource_has_a_qualified_id() -> None:
    service = Service("exchange")
    assert Setting(service, "rates", service.location).id == "setting:exchange.rates"
