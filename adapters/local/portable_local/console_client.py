"""The command line's way to what was recorded: the running console's API, or the same API over what one has left.

Both answer alike, so that a command need not know which it is.
"""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from portable import __version__
from portable.console.access import PROOF, Access, link, new_key
from portable.console.api import Api
from portable.console.description import Description
from portable.console.reading import Reading
from portable.console.routes import ROOT, Call
from portable.console.store import DATABASE
from portable.cost.reading import sound
from portable.errors import (
    Conflict,
    HTTPError,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PortableError,
    Throttled,
    Timeout,
    Unavailable,
    Unknown,
    Unsupported,
)
from portable.http import Request

from .invoke import channel_to_owner
from .listening import socket_path
from .store.owner import folder_owner
from .transport import Channel

SECONDS = 330.0
"""For what only reads; what runs a handler waits for as long as that takes."""
ERRORS: dict[int, type[PortableError]] = {
    400: InvalidArgument,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    413: LimitExceeded,
    422: InvalidArgument,
    429: Throttled,
    501: Unsupported,
    502: Unknown,
    503: Unavailable,
    504: Timeout,
}


def console_of(data: Path) -> "RunningConsole | RecordedConsole | UnobservedConsole":
    """Raises NotFound if there is neither."""
    running = running_status(data)
    if running is not None:
        door = running["console"]
        if door is None:
            return UnobservedConsole(data, running)
        return RunningConsole(door["url"], door["key"])
    if not (data / DATABASE).is_file():
        raise NotFound(f"nothing was recorded in {data}", hint="`portable dev` records what runs in it; or see --data")
    return RecordedConsole(data)


def serving_console(data: Path) -> "RunningConsole | None":
    """That of the `portable dev` that holds a data folder, once it serves; None if none does, or it has no console.

    Raises ProjectConflict if something else holds the folder, Unavailable if it ends meanwhile.
    """
    if folder_owner(data) is None:
        return None
    channel = channel_to_owner(data)
    try:
        door: dict[str, str] | None = channel.call(["status"])["console"]
    finally:
        channel.close()
    return None if door is None else RunningConsole(door["url"], door["key"])


def running_status(data: Path) -> dict[str, Any] | None:
    """What the `portable dev` that holds a data folder says of itself: `api`, `console`; None if there is none."""
    try:
        channel = Channel.connect(socket_path(data))
    except OSError:
        return None
    try:
        found: dict[str, Any] = channel.call(["status"])
        return found
    except PortableError:
        return None  # it is ending
    finally:
        channel.close()


def address(path: str, query: Mapping[str, object] | None) -> str:
    """Names are texts of others: what is no letter is quoted, but for the slashes that part them."""
    given = {name: str(value) for name, value in (query or {}).items() if value is not None and value != ""}
    return f"{ROOT}/{quote(path)}" + (f"?{urlencode(given)}" if given else "")


class RunningConsole:
    """Implements portable.adapter.Console over HTTP."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        place = urlsplit(url)
        self._host, self._port = place.hostname or "", place.port
        # A new one for each command that is run.
        self.link: str | None = link(url, Access(key, place.port or 0).new_code())

    def _connected(self, seconds: float | None = SECONDS) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=seconds)

    def _ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        connection = self._connected(SECONDS if body is None else None)
        try:
            connection.request(method, target, body, {"authorization": f"Bearer {self._key}", **headers})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the console does not answer: {error}", hint="see what `portable dev` says") from error
        finally:
            connection.close()
        found: Any = json.loads(text)
        if answer.status >= 400:
            kind = ERRORS.get(answer.status)
            if kind is None:
                raise HTTPError(answer.status, found["detail"])
            raise kind(found["detail"], hint=found.get("hint"))
        return found

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        return self._ask("GET", address(path, query), None, {})

    def send(self, method: str, path: str, body: Mapping[str, Any], query: Mapping[str, object] | None = None) -> Any:
        headers = {"content-type": "application/json", "origin": self._url, PROOF: "1"}
        return self._ask(method, address(path, query), json.dumps(body).encode(), headers)

    def events(self, kinds: Sequence[str], after: int | None = None) -> Iterator[tuple[int, str, Any]]:
        """Connects again when the console's process was started anew, and misses nothing."""
        while True:
            connection = self._connected()
            try:
                target = address("events", {"kinds": ",".join(kinds), "after": after})
                connection.request("GET", target, headers={"authorization": f"Bearer {self._key}"})
                answer = connection.getresponse()
                if answer.status != 200:
                    raise Unavailable(f"the console answers {answer.status}")
                for number, kind, data in frames(answer):
                    after = number
                    if kind:
                        yield number, kind, data
            except (ConnectionRefusedError, http.client.RemoteDisconnected):
                return  # `portable dev` has ended
            except (OSError, http.client.HTTPException) as error:
                raise Unavailable(f"the console does not answer: {error}") from error
            finally:
                connection.close()


def frames(answer: http.client.HTTPResponse) -> Iterator[tuple[int, str, Any]]:
    """Server-sent events (HTML standard, section 9.2), as this server writes them; "" is the kind of a mere number."""
    number, kind, data = 0, "", ""
    while line := answer.readline():
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = text.partition(": ")
        if name == "id":
            number = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not text and number:
            yield number, kind, json.loads(data) if data else None
            number, kind, data = 0, "", ""


class NothingRuns:
    """Implements what the Api's reading half asks of a Backend."""

    def __getattr__(self, name: str) -> Any:
        raise Unavailable("`portable dev` does not run", hint="start it")

    def status(self) -> dict[str, Any]:
        return {"python": "", "is_running": False}

    def described(self) -> Description:
        return Description()

    full_description = described

    def schedules(self, count: int) -> list[dict[str, Any]]:  # noqa: ARG002 - there are none
        return []


class RecordedConsole:
    """Implements portable.adapter.Console over the database alone."""

    link: str | None = None

    def __init__(self, data: Path) -> None:
        backend: Any = NothingRuns()
        self._file = data / DATABASE
        reading = Reading(self._file, backend.described)
        self._api = Api(reading, backend, Access(new_key(), 1), refuse, ignore, version=__version__)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        target, _, text = address(path, query).partition("?")
        request = Request("GET", target, query_string=text)
        found = self._api.routes.find(request)
        if isinstance(found, frozenset):
            raise NotFound("there is nothing here")
        route, parameters = found
        with sound(self._file):
            return route.run(Call(request, parameters, {}))

    def send(self, *_: Any, **__: Any) -> Any:
        raise Unavailable("`portable dev` does not run", hint="start it")

    def events(self, *_: Any, **__: Any) -> Iterator[tuple[int, str, Any]]:
        raise Unavailable("`portable dev` does not run, so nothing follows", hint="start it, or leave --follow out")


class UnobservedConsole:
    """Implements portable.adapter.Console beside a `portable dev` that records nothing: see `--console-exposed`."""

    link: str | None = None

    def __init__(self, data: Path, running: Mapping[str, Any]) -> None:
        self._data = data
        self._running = running

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """What was recorded before, but for the status. Raises Unavailable if nothing was."""
        if path == "status":
            status: dict[str, Any] = dict.fromkeys(("started_at", "last_reload", "import_error"))
            status |= {"app": "", "stage": "dev", "pid": self._running["pid"], "api_url": self._running["api"]}
            status |= {"is_running": True, "is_recorded": False, "dropped": {}, "counts": {}, "issues": 0}
            return status
        if not (self._data / DATABASE).is_file():
            raise self._unavailable()
        return RecordedConsole(self._data).get(path, query)

    def send(self, *_: Any, **__: Any) -> Any:
        raise self._unavailable()

    def events(self, *_: Any, **__: Any) -> Iterator[tuple[int, str, Any]]:
        raise self._unavailable()

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            f"`portable dev` runs at {self._running['api']} without a console, and records nothing",
            hint="start it with --console-exposed, or without --host",
        )


def refuse(_: Any) -> Any:
    raise Unavailable("`portable dev` does not run", hint="start it")


def ignore(_: object) -> None:
    """Nobody listens."""
