"""Params and secrets: defaults, absence, limits, odd values, freshness, and that a secret shows itself nowhere."""

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from portable.adapter import Running
from portable.app import App, Service
from portable.config import Param, Secret
from portable.errors import DeclarationError, InvalidArgument, LimitExceeded, NotBound, NotFound

from .harness import Harness

VALUES = [
    "x",
    "",
    " ",
    "  spaces around  ",
    "two\nlines\n",
    "\r\n\t",
    "tëxt 日本 \U0001f600",
    "e\u0301 is not \xe9",
    '{"json": [1, "two"]}',
    "null",
    "None",
    "0",
    "true",
    "'single' \"double\" `back` \\ $HOME ${x} %s {0} #no comment",
    "=SUM(A1)",
    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    "postgres://user:p%40ss@host:5432/db?sslmode=require",
    "\u2028\u2029\ufeff",
    "x" * 4096,
]

SECRET = "correct-horse-battery-staple-7f3a"


class ValueConformance:
    """A value is what was set last, at most six minutes ago, or the default."""

    @contextmanager
    def running(self, harness: Harness) -> Generator[tuple[Param, Secret, Running], None, None]:
        app = App("conformance")
        param, secret = app.param("rates-url"), app.secret("api-key")
        with harness.running(app) as running:
            yield param, secret, running

    def test_a_value_that_is_not_running_is_not_bound(self, harness: Harness) -> None:
        app = App("conformance")
        param, secret = app.param("p", default="x"), app.secret("s")
        for value in (param, secret):
            with pytest.raises(NotBound):
                value.get()
        with harness.running(app) as running:
            running.set_value("secret", "s", "set")
            assert (param.get(), secret.get()) == ("x", "set")
        for value in (param, secret):
            with pytest.raises(NotBound):
                value.get()

    def test_a_run_starts_without_values(self, harness: Harness) -> None:
        app = App("conformance")
        param, secret = app.param("p", default="default"), app.secret("s")
        for _ in range(2):
            with harness.running(app) as running:
                assert param.get() == "default"
                with pytest.raises(NotFound):
                    secret.get()
                running.advance(301)
                running.set_value("param", "p", "set")
                running.set_value("secret", "s", "set")
                assert (param.get(), secret.get()) == ("set", "set")

    def test_what_is_not_set_says_how_to_set_it(self, harness: Harness) -> None:
        with self.running(harness) as (param, secret, _):
            for _number in range(2):
                with pytest.raises(NotFound, match="rates-url") as caught:
                    param.get()
                assert caught.value.resource == "param:rates-url"
                assert "portable config set rates-url VALUE" in (caught.value.hint or "")
                with pytest.raises(NotFound, match="api-key") as caught:
                    secret.get()
                assert caught.value.resource == "secret:api-key"
                assert "portable secret set api-key" in (caught.value.hint or "")

    def test_what_is_not_set_is_the_apps_fault_and_not_the_clients(self, harness: Harness) -> None:
        app = App("conformance")
        secret = app.secret("api-key")

        @app.get("/")
        def read() -> int:
            return len(secret.get())

        with harness.running(app) as running:
            assert running.request("GET", "/").status == 500
            running.set_value("secret", "api-key", SECRET)
            response = running.request("GET", "/")
            assert (response.status, response.body) == (200, str(len(SECRET)).encode())

    def test_what_is_missing_is_seen_as_soon_as_it_is_set(self, harness: Harness) -> None:
        with self.running(harness) as (param, secret, running):
            for value in (param, secret):
                with pytest.raises(NotFound):
                    value.get()
            running.set_value("param", "rates-url", "here")
            running.set_value("secret", "api-key", "here")
            assert (param.get(), secret.get()) == ("here", "here")

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:30])
    def test_values_come_back_as_they_went(self, harness: Harness, value: str) -> None:
        with self.running(harness) as (param, secret, running):
            running.set_value("param", "rates-url", value)
            running.set_value("secret", "api-key", value)
            assert param.get() == value
            assert secret.get() == value
            assert type(param.get()) is str

    @pytest.mark.parametrize("default", ["", "x", "tëxt", "two\nlines", "d" * 4096])
    def test_a_default_stands_in_until_a_value_is_set(self, harness: Harness, default: str) -> None:
        app = App("conformance")
        param = app.param("p", default=default)
        with harness.running(app) as running:
            assert param.get() == default
            running.set_value("param", "p", "set")
            running.advance(361)
            assert param.get() == "set"
            running.set_value("param", "p", "")
            running.advance(361)
            assert param.get() == ""

    @pytest.mark.parametrize("default", ["d" * 4097, "é" * 2049, "\ud800", 1, b"x", True])
    def test_a_default_that_could_not_be_set_is_a_bad_declaration(self, harness: Harness, default: Any) -> None:
        app = App("conformance")
        with pytest.raises(DeclarationError) as caught:
            app.param("p", default=default)
        assert caught.value.location is not None
        with harness.running(app):
            pass

    @pytest.mark.parametrize("kind", ["param", "secret"])
    def test_a_value_is_kept_for_five_minutes_and_then_read_anew(
        self, harness: Harness, kind: Literal["param", "secret"]
    ) -> None:
        with self.running(harness) as (param, secret, running):
            value = param if kind == "param" else secret
            name = value.name
            running.set_value(kind, name, "first")
            assert value.get() == "first"
            running.set_value(kind, name, "second")
            assert value.get() == "first"
            running.advance(290)
            assert value.get() == "first"
            running.advance(11)
            assert value.get() == "second"
            for number in range(5):
                running.set_value(kind, name, f"later {number}")
                running.advance(360)
                assert value.get() == f"later {number}"

    def test_reading_does_not_keep_a_value_for_longer(self, harness: Harness) -> None:
        with self.running(harness) as (param, _, running):
            running.set_value("param", "rates-url", "first")
            assert param.get() == "first"
            running.set_value("param", "rates-url", "second")
            for _number in range(6):
                running.advance(59)
                param.get()
            assert param.get() == "second"

    def test_values_are_kept_apart_by_kind_name_and_service(self, harness: Harness) -> None:
        app, service = App("conformance"), Service("exchange")
        values: dict[tuple[Literal["param", "secret"], str], Param | Secret] = {
            ("param", "same"): app.param("same"),
            ("secret", "same"): app.secret("same"),
            ("param", "same-2"): app.param("same-2"),
            ("param", "exchange.same"): service.param("same"),
            ("secret", "exchange.same"): service.secret("same"),
        }
        app.include(service)
        with harness.running(app) as running:
            for kind, name in values:
                running.set_value(kind, name, f"{kind} {name}")
            for (kind, name), value in values.items():
                assert value.get() == f"{kind} {name}"

    def test_a_service_s_value_is_named_in_full(self, harness: Harness) -> None:
        app, service = App("conformance"), Service("exchange")
        param, secret = service.param("rates-url"), service.secret("api-key")
        app.include(service)
        with harness.running(app):
            with pytest.raises(NotFound) as caught:
                param.get()
            # What is deployed says where, too.
            assert str(caught.value.hint).startswith("portable config set exchange.rates-url VALUE")
            with pytest.raises(NotFound) as caught:
                secret.get()
            assert str(caught.value.hint).startswith("portable secret set exchange.api-key")

    @pytest.mark.parametrize(
        ("kind", "most", "limit"), [("param", 4096, "param_bytes"), ("secret", 25_000, "secret_bytes")]
    )
    def test_a_value_may_have_so_many_bytes_and_not_one_more(
        self, harness: Harness, kind: Literal["param", "secret"], most: int, limit: str
    ) -> None:
        with self.running(harness) as (param, secret, running):
            value = param if kind == "param" else secret
            for text in ("v" * most, "é" * (most // 2)):
                running.set_value(kind, value.name, text)
                assert value.get() == text
                running.advance(361)
            for text in ("v" * (most + 1), "é" * (most // 2 + 1)):
                with pytest.raises(LimitExceeded) as caught:
                    running.set_value(kind, value.name, text)
                assert caught.value.limit == limit
                assert text[:20] not in str(caught.value)
            assert value.get() == "é" * (most // 2)

    @pytest.mark.parametrize("kind", ["param", "secret"])
    def test_what_is_no_text_cannot_be_set(self, harness: Harness, kind: Literal["param", "secret"]) -> None:
        with self.running(harness) as (param, _, running):
            wrong: list[Any] = [1, b"x", None, ["x"], "\ud800"]
            for value in wrong:
                with pytest.raises(InvalidArgument):
                    running.set_value(kind, param.name if kind == "param" else "api-key", value)

    @pytest.mark.parametrize("name", ["", "A", "a_b", "1a", "a.b", "a/b", "é", "a" * 101, "-a", "a b"])
    def test_a_name_that_no_provider_takes_is_a_bad_declaration(self, harness: Harness, name: str) -> None:
        app = App("conformance")
        with pytest.raises(DeclarationError):
            app.param(name)
        with pytest.raises(DeclarationError):
            app.secret(name)
        app.param("a" * 100)
        app.secret("a" * 100)
        with harness.running(app):
            pass

    def test_a_value_is_declared_once(self, harness: Harness) -> None:
        app = App("conformance")
        app.param("p")
        app.secret("p")
        with pytest.raises(DeclarationError, match="twice"):
            app.param("p")
        with pytest.raises(DeclarationError, match="twice"):
            app.secret("p")
        with harness.running(app):
            pass

    def test_a_secret_shows_itself_nowhere(self, harness: Harness) -> None:
        app = App("conformance")
        secret = app.secret("api-key")

        def shown() -> str:
            return f"{secret!r} {secret} {secret.spec!r} {secret.spec._asdict()} {secret.can('get')!r} {app!r}"

        with harness.running(app) as running:
            running.set_value("secret", "api-key", SECRET)
            assert secret.get() == SECRET
            assert SECRET not in shown()
            too_large = SECRET * 1000
            with pytest.raises(LimitExceeded) as caught:
                running.set_value("secret", "api-key", too_large)
            assert SECRET not in "".join(traceback.format_exception(caught.value))
            assert SECRET not in repr(caught.value.__dict__)
        assert SECRET not in shown()

    def test_a_value_can_be_granted_for_get_alone(self, harness: Harness) -> None:
        app = App("conformance")
        param, secret = app.param("p"), app.secret("s")
        assert param.can("get").resource == "param:p"
        assert secret.can("get").resource == "secret:s"
        for value in (param, secret):
            with pytest.raises(InvalidArgument):
                value.can("set")
        with harness.running(app):
            pass
