"""Params and secrets: written by the command line, read at run time, never in environment variables."""

import re
from typing import Literal

from .binding import Registry, Resource
from .capabilities import PROVIDERS, Profile, load_profile
from .drivers import DriverFactory, ValueDriver
from .errors import DeclarationError, InvalidArgument, Location, NotFound, PortableError
from .patterns import Pattern
from .specs import ParamSpec, SecretSpec

NAME = Pattern(r"[a-z][a-z0-9-]*", re.ASCII)
CACHE_SECONDS = 300
LIMITS = {"param": "param_bytes", "secret": "secret_bytes"}


def check_value(kind: Literal["param", "secret"], name: str, value: object, profile: Profile) -> str:
    """A value as every provider can keep it, for whoever writes one. The value itself is in no error.

    Raises InvalidArgument for what is no Unicode text, LimitExceeded past 4 KB (param) or 25,000 bytes (secret).
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{kind} {name!r} is a {type(value).__name__}, not a str", hint="encode it as text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{kind} {name!r} is not Unicode text: it has lone surrogates",
            hint="encode bytes, for instance as base64",
        ) from None
    profile.check(LIMITS[kind], size, f"the value of {kind} {name!r}", resource=f"{kind}:{name}")
    return value


def check_value_name(kind: str, name: object, location: Location | None = None) -> str:
    """A name as every provider takes it: `[a-z][a-z0-9-]{0,99}`. Raises DeclarationError."""
    if not isinstance(name, str):
        raise DeclarationError(f"{kind} name {name!r} is not a str", hint=f'{kind}("api-key")', location=location)
    try:
        load_profile().check("value_name_characters", len(name), f"the name of {kind} {name[:100]!r}")
    except PortableError as error:
        raise DeclarationError(error.message, hint="a shorter name", location=location) from None
    if NAME.fullmatch(name) is None:
        raise DeclarationError(
            f"{kind} name {name!r} is not lower-case letters, digits and hyphens, a letter first",
            hint=f"for instance {suggested(name)!r}",
            location=location,
        )
    return name


def suggested(name: str) -> str:
    """The nearest valid name."""
    found = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return found if NAME.fullmatch(found) else f"my-{found}".rstrip("-")


class Value(Resource[ValueDriver]):
    """What params and secrets share: a value that is read at most once in 5 minutes per process."""

    verbs: tuple[str, ...] = ("get",)
    command = ""

    def __init__(self, registry: Registry, name: str, location: Location) -> None:
        super().__init__(registry, check_value_name(self.kind, name, location), location)
        self._kept: tuple[str, float] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def rebound(self) -> None:
        super().rebound()
        self._kept = None

    def _read(self, driver: ValueDriver, default: str | None) -> str:
        kept, now = self._kept, self._registry.binding.clock.now()
        # A clock that was set back must not keep a value for longer.
        if kept is not None and 0 <= now - kept[1] < CACHE_SECONDS:
            return kept[0]
        value = driver.read()
        if value is None:
            value = default
        if value is None:
            qualified, binding = self._registry.qualify(self.name), self._registry.binding
            command = self.command.format(name=qualified)
            if binding.adapter in PROVIDERS:
                command += f" --target {binding.adapter} --stage {binding.stage}"
            error = NotFound(f"{self.kind} {qualified!r} is not set", hint=command, resource=self.id)
            # Not the caller's mistake: over HTTP this is no 404.
            error.status = 500
            raise error
        kind: Literal["param", "secret"] = "secret" if self.kind == "secret" else "param"
        self._kept = (check_value(kind, self.name, value, self._profile), now)
        return value


class Param(Value):
    """A setting of at most 4 KB, declared by `app.param(name, default=None)`, set by `portable config set`."""

    kind = "param"
    command = "portable config set {name} VALUE"

    def __init__(self, registry: Registry, name: str, default: str | None, *, location: Location) -> None:
        super().__init__(registry, name, location)
        if default is not None:
            try:
                check_value("param", name, default, load_profile())
            except PortableError as error:
                raise DeclarationError(f"the default: {error.message}", hint=error.hint, location=location) from None
        self.spec: ParamSpec = ParamSpec(name, registry.name, default, location)

    def _make_driver(self, factory: DriverFactory) -> ValueDriver:
        return factory.param(self.spec)

    def get(self) -> str:
        """The value, at most 6 minutes old (kept for 5 minutes in the process), or the declared default.

        Raises NotFound (500 over HTTP), naming the command that sets it, when it is not set and has no default.
        """
        return self._call("get", None, self._read, self._driver, self.spec.default)


class Secret(Value):
    """A secret of at most 25,000 bytes, declared by `app.secret(name)`, set by `portable secret set`.

    It is shown nowhere: not in the manifest, not in errors, not in `repr`.
    """

    kind = "secret"
    command = "portable secret set {name}"

    def __init__(self, registry: Registry, name: str, *, location: Location) -> None:
        super().__init__(registry, name, location)
        self.spec: SecretSpec = SecretSpec(name, registry.name, location)

    def _make_driver(self, factory: DriverFactory) -> ValueDriver:
        return factory.secret(self.spec)

    def get(self) -> str:
        """The value, at most 6 minutes old (kept for 5 minutes in the process).

        Raises NotFound (500 over HTTP), naming the command that sets it, when it is not set.
        """
        return self._call("get", None, self._read, self._driver, None)
