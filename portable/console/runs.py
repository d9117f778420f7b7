"""The part of the API that runs something: handlers, requests, and what was recorded of one of them once more."""

import base64
import binascii
import json
import re
import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from portable.errors import InvalidArgument, NotFound
from portable.identifiers import NOBODY, new_ids
from portable.replay import (
    Invoked,
    ReplayFile,
    differences,
    dumps,
    filled,
    from_document,
    observed_of,
    pytest_text,
    redacted_paths,
    replay_file,
    saved_test_name,
)

from .backend import Again, Backend
from .description import kind_of
from .reading import Item, Reading
from .routes import Call
from .store import Store

APPEARS_SECONDS = 3.0
"""How long an invocation that was started here is waited for until it is recorded."""
HOP_HEADERS = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "traceparent", "transfer-encoding", "upgrade")
)


class Runs:
    """`write` runs a function on the thread that writes to the store, and returns what it returns."""

    def __init__(
        self, reading: Reading, backend: Backend, write: Callable[[Callable[[Store], Any]], Any], version: str
    ) -> None:
        self.reading = reading
        self.backend = backend
        self._write = write
        self._version = version

    def invoke(self, call: Call) -> Item:
        handler = call.parameters[0]
        self._require_background(handler)
        return self._invoked(handler, json.dumps(call.body.get("payload"), ensure_ascii=False))

    def _require_background(self, handler: str) -> None:
        """Raises NotFound for a handler that the app has not, InvalidArgument for one that answers HTTP."""
        handlers = self.backend.described().handlers
        found = handlers.get(handler)
        if found is None:
            names = [name for name, one in handlers.items() if kind_of(one) != "http"]
            near = get_close_matches(handler, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
            raise NotFound(f"there is no handler {handler!r}", hint=hint)
        if kind_of(found) == "http":
            raise InvalidArgument(f"{handler} answers HTTP", hint="send a request to it: see the API explorer")

    def _invoked(self, handler: str, payload: str, again: Again | None = None) -> Item:
        """Started, of a background handler."""
        traceparent = new_ids()[1]
        outcome = self.backend.invoke(handler, payload, traceparent, again)
        return {
            "invocation": self._appeared(traceparent[3:35]),
            "outcome": outcome["status"],
            "status": 0,
            "error": outcome.get("error"),
            "traceback": outcome.get("traceback"),
            "result": None if outcome.get("result") is None else json.loads(outcome["result"]),
        }

    def _requested(self, request: Item) -> Item:
        """Started, of a request: what it was answered is in its invocation. Raises InvalidArgument."""
        traceparent = new_ids()[1]
        outcome = self.backend.request(*http_request(request, traceparent))
        status: int = outcome["status"]
        return {
            "invocation": self._appeared(traceparent[3:35]),
            "outcome": "failed" if status >= 500 else "succeeded",
            "status": status,
            "error": None,
            "traceback": None,
            "result": None,
        }

    def _appeared(self, trace: str) -> str | None:
        """The invocation that began a trace, as soon as it is recorded."""
        if not self.backend.status().get("is_recorded", True):
            return None
        ends = time.monotonic() + APPEARS_SECONDS
        while True:
            rows = self.reading.rows(
                "SELECT span FROM invocations WHERE trace = ? AND parent IN ('', ?) ORDER BY started, n LIMIT 1",
                (trace, NOBODY),
            )
            if rows or time.monotonic() > ends:
                return rows[0][0] if rows else None
            time.sleep(0.02)

    def replay(self, call: Call) -> Item:
        """Runs an invocation again: with `request` as it was edited, else as it was; `set` fills in what was redacted.

        Raises InvalidArgument, naming every path, while something of it is redacted still.
        """
        id = call.parameters[0]
        original = present(self.reading.invocation(id), "invocation", id)
        return self._run_again(self._again(original, call).invocation, id)

    def replay_of_file(self, call: Call) -> Item:
        """The same of a replay file: linked to the invocation that it was made of, if that is recorded here."""
        file = filled(from_document(call.field("file", dict)), self._settings(call))
        name = self.backend.described().name
        if file.app != name:
            raise InvalidArgument(
                f"it was recorded of the app {file.app!r}, and this is {name!r}, whose data it would change"
            )
        require_whole(file)
        return self._run_again(file.invocation, self.reading.recorded(file.invocation))

    def _run_again(self, again: Invoked, original: str | None) -> Item:
        """Started, of a request or delivery as it came once; linked to its `original`."""
        if again.request is not None:
            sent = again.request
            started = self._requested({**sent._asdict(), "target": f"{sent.method} {sent.target}"})
        else:
            assert again.delivery is not None
            self._require_background(again.handler)
            delivery = again.delivery
            told = Again(again.attempt, delivery.attributes, delivery.scheduled_at)
            started = self._invoked(again.handler, delivery.body, told)
        new = started["invocation"]
        if new is not None and original is not None:
            self._write(lambda store: store.replayed(new, original))
        return started

    def _again(self, original: Item, call: Call) -> ReplayFile:
        """What is to be run. Raises InvalidArgument if it is not known whole."""
        recorded, edited = original["request"], call.field("request", dict, optional=True)
        if recorded is None and edited is None:
            raise InvalidArgument("the request was not kept", hint="edit one, and run that")
        request: Item = {"body": "", "size": 0, "content_type": "", "headers": [], **(recorded or {}), **(edited or {})}
        if recorded is None or request["body"] != recorded["body"]:
            # A body that was edited is whole.
            request["size"] = len(str(request["body"]).encode("utf-8", "surrogatepass"))
        file = self._file_of({**original, "request": request}, call)
        require_whole(file)
        return file

    def _file_of(self, invocation: Item, call: Call) -> ReplayFile:
        """Raises InvalidArgument for a `set` that fits nothing, and for a request that is none."""
        settings = self._settings(call)
        try:
            file = replay_file(invocation, app=self.backend.described().name, portable=self._version)
            if file.invocation.request is not None:
                file.invocation.request.content()
        except (ValueError, TypeError) as error:
            raise InvalidArgument("`request` is no Payload", hint="see /api/v1/schema") from error
        return filled(file, settings)

    def _settings(self, call: Call) -> Item:
        settings: Item = call.field("set", dict, optional=True) or {}
        if not all(value is None or type(value) is str for value in settings.values()):
            raise InvalidArgument("the values of `set` are texts", hint="null leaves a header out")
        return settings

    def difference(self, call: Call) -> Item:
        """What a replay did otherwise than the invocation that it repeats. Raises NotFound if it repeats none."""
        id = call.parameters[0]
        now = present(self.reading.invocation(id), "invocation", id)
        if now["replay_of"] is None:
            raise NotFound(f"{id} repeats no other invocation")
        first = present(self.reading.invocation(now["replay_of"]), "invocation", now["replay_of"])
        file = replay_file(first, app=self.backend.described().name, portable=self._version)
        found = differences(file, observed_of(now, now["calls"]))
        return {"first": first["id"], "items": [one._asdict() for one in found]}

    def request(self, call: Call) -> Item:
        call.field("target", str)
        return self._requested(call.body)

    def _replay_file(self, call: Call) -> ReplayFile:
        return self._file_of(
            present(self.reading.invocation(call.parameters[0]), "invocation", call.parameters[0]), call
        )

    def file(self, call: Call) -> Item:
        found: Item = json.loads(dumps(self._replay_file(call)))
        return found

    def test(self, call: Call) -> Item:
        """Raises InvalidArgument while something of it is redacted; `set` fills it in."""
        found = self._replay_file(call)
        module, attribute = self.backend.module()
        return {"name": saved_test_name(found), "text": pytest_text(found, module=module, attribute=attribute)}


def require_whole(file: ReplayFile) -> None:
    """Raises InvalidArgument for what was not kept whole, and, naming every path, for what is redacted."""
    if file.invocation.is_cut:
        raise InvalidArgument("only the beginning of the request was kept", hint="edit it, and run that")
    needed = redacted_paths(file)
    if needed:
        raise InvalidArgument(f"redacted, and needed: {', '.join(needed)}", hint="give their values in `set`")


def present(found: Item | None, what: str, name: str) -> Item:
    if found is None:
        raise NotFound(f"there is no {what} {name}", hint="it may be older than what is kept")
    return found


def http_request(request: Item, traceparent: str) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """What was recorded of a request, as it is sent again. Raises InvalidArgument."""
    method, _, target = str(request.get("target", "")).partition(" ")
    if not re.fullmatch(r"[A-Z]{1,16}", method) or not re.fullmatch(r"/[\x21-\x22\x24-\x7e]*", target):
        raise InvalidArgument("`target` is no method and path", hint="for instance GET /notes/5")
    body = str(request.get("body") or "")
    try:
        data = base64.b64decode(body, validate=True) if request.get("encoding") == "base64" else body.encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidArgument("`body` is neither text nor base64") from error
    headers: list[tuple[str, str]] = []
    pairs: list[Any] = request.get("headers") or []
    for pair in pairs:
        name, value = str(pair[0]), str(pair[1])
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
            raise InvalidArgument(f"{name!r} is no header")
        if name.lower() not in HOP_HEADERS:
            headers.append((name, value))
    headers.append(("traceparent", traceparent))
    return method, target, headers, data
