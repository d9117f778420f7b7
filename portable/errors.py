"""The errors an app meets, one tree, the same on every provider.

    PortableError
    ├── InvalidArgument    P1001  422   a value that no provider could take
    ├── NotFound           P1002  404
    ├── Conflict           P1003  409   a condition did not hold
    ├── PermissionDenied   P1004  403   the handler has no grant for this
    ├── LimitExceeded      P1005  413   over a limit of the profile
    ├── Throttled          P1006  429
    ├── Timeout            P1007  504
    ├── Unavailable        P1008  503
    ├── Unknown            P1009  502   it may or may not have happened
    ├── Unsupported        P1010  501   this provider cannot
    ├── NotBound           P1011  500   used before the app runs
    ├── HTTPError          P1012  any   a handler's own answer
    ├── TaskFailed         P1013  500   the run that was asked for its result failed for good
    ├── DeclarationError   P2001  500   the app is declared wrongly
    ├── LoadError          P2002  500   the app cannot be imported
    ├── ConfigurationError P2003  500   a setting or file of the project is wrong
    ├── ProjectConflict    P2004  409   someone else holds the port, the folder or the lock
    ├── DeployFailed       P2005  500   the provider refused a change, or undid it
    └── DataAtRisk         P2006  409   a deploy would replace or delete what holds data

Drivers raise what their SDK raises; the resource classes turn that into one of these, once, `from` the original.
Nothing here may import anything but the standard library's cheapest modules: every deployed function loads it.
"""

import sys
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from types import FrameType


class Location(NamedTuple):
    """Where in the user's code something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(NamedTuple):
    """One thing wrong with one input: `where` is a path such as `("body", "lines", 0, "qty")`."""

    where: tuple[str | int, ...]
    message: str
    kind: str = "invalid"


class PortableError(Exception):
    """Base of every error that portable raises on purpose.

    `message` says what is wrong, `hint` what to try, `location` where the user's code asked for it,
    `resource` and `key` what it was about. `str(error)` is the message alone.
    """

    code: ClassVar[str] = "P1000"
    status: int = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "portable error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        location: Location | None = None,
        resource: str | None = None,
        key: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location
        self.resource = resource
        self.key = key


class InvalidArgument(PortableError):
    """A value that no provider could take; refused before any I/O."""

    code = "P1001"
    status = 422
    title = "Invalid argument"

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        hint: str | None = None,
        location: Location | None = None,
        resource: str | None = None,
        key: object = None,
    ) -> None:
        super().__init__(message, hint=hint, location=location, resource=resource, key=key)
        self.problems = problems


class NotFound(PortableError):
    """What was asked for does not exist (or has expired)."""

    code = "P1002"
    status = 404
    title = "Not found"


class Conflict(PortableError):
    """A condition did not hold: the item exists already, is gone, or has another version."""

    code = "P1003"
    status = 409
    title = "Conflict"


class PermissionDenied(PortableError):
    """The running handler has no grant for this verb on this resource."""

    code = "P1004"
    status = 403
    exit_code = 4
    title = "Permission denied"


class LimitExceeded(PortableError):
    """Over a limit of the profile in force; `limit` names it and `provider` says whose it is."""

    code = "P1005"
    status = 413
    title = "Limit exceeded"

    def __init__(
        self,
        message: str,
        *,
        limit: str = "",
        provider: str = "",
        hint: str | None = None,
        location: Location | None = None,
        resource: str | None = None,
        key: object = None,
    ) -> None:
        super().__init__(message, hint=hint, location=location, resource=resource, key=key)
        self.limit = limit
        self.provider = provider


class Throttled(PortableError):
    """The provider refused for now because of the rate of requests; nothing happened."""

    code = "P1006"
    status = 429
    exit_code = 5
    title = "Too many requests"


class Timeout(PortableError):
    """The handler or the call ran out of time."""

    code = "P1007"
    status = 504
    exit_code = 5
    title = "Timed out"


class Unavailable(PortableError):
    """The provider could not do it now; nothing happened, and trying again later is safe."""

    code = "P1008"
    status = 503
    exit_code = 5
    title = "Unavailable"


class Unknown(PortableError):
    """The answer was lost: the write may or may not have happened. Never retried by portable."""

    code = "P1009"
    status = 502
    exit_code = 5
    title = "Outcome unknown"


class Unsupported(PortableError):
    """The provider has no such ability; `portable check` would have said so."""

    code = "P1010"
    status = 501
    title = "Unsupported"


class NotBound(PortableError):
    """A resource was used while no app was running, for instance at import."""

    code = "P1011"
    title = "Not bound"


class HTTPError(PortableError):
    """Raised by a handler to answer with any status: `raise HTTPError(402, "Pay first")`.

    `headers` are added to the answer. Outside HTTP it is an ordinary failure.
    """

    code = "P1012"
    title = "HTTP error"

    def __init__(self, status: int, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = headers or {}


class TaskFailed(PortableError):
    """A task's run was asked for its result and had failed for good; the message has its last error."""

    code = "P1013"
    title = "The task failed"


class DeclarationError(PortableError):
    """A decorator or a resource was declared in a way that no provider could run."""

    code = "P2001"
    exit_code = 3
    title = "Bad declaration"


class LoadError(PortableError):
    """The app could not be found or imported."""

    code = "P2002"
    exit_code = 3
    title = "The app cannot be loaded"


class ConfigurationError(PortableError):
    """A setting, an option or a file of the project is wrong."""

    code = "P2003"
    exit_code = 3
    title = "Misconfigured"


class ProjectConflict(PortableError):
    """Another process holds what is needed: a port, the data folder, a lock."""

    code = "P2004"
    status = 409
    exit_code = 6
    title = "Held by another process"


class DeployFailed(PortableError):
    """The provider refused a change of a deployed app, or began and undid it; `resource` is the first that failed."""

    code = "P2005"
    title = "The deploy failed"


class DataAtRisk(Conflict):
    """A deploy would replace or delete a data store that was not named; nothing was changed."""

    code = "P2006"
    exit_code = 6
    title = "Data would be lost"


def text_of(error: BaseException) -> str:
    """What an exception says, also one whose own `__str__` fails: an error must not hide behind another."""
    try:
        return error.message if isinstance(error, PortableError) else str(error)
    except Exception as failure:
        return f"(its __str__ raised {type(failure).__name__})"


def caller_location() -> Location:
    """The innermost frame outside portable and its adapters: the user's line that led here."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package != "portable" and not package.startswith("portable_"):
            break
        frame = frame.f_back
    return Location(frame.f_code.co_filename, frame.f_lineno)


def own_location() -> Location | None:
    """As `caller_location`, past the frames of libraries too; None where no line of the user's led here."""
    import os
    import sysconfig

    places = sysconfig.get_paths()
    libraries = tuple(places[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"))
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        names, file = frame.f_globals, frame.f_code.co_filename
        # What was started with `python -m` is called __main__, and only its package tells whose it is.
        name = names.get("__package__" if names.get("__name__") == "__main__" else "__name__")
        package = str(name or "").partition(".")[0]
        ours = package == "portable" or package.startswith("portable_")
        if not ours and os.path.isabs(file) and not file.startswith(libraries):
            return Location(file, frame.f_lineno)
        frame = frame.f_back
    return None
