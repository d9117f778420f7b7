"""Who may change a stage: one object in a bucket, taken by a conditional write and renewed while it is needed.

Times are the bucket's own (when the object was written, and when it answered), so that the clocks of machines do not
matter. The object stays: one that was let go says so. A holder that was killed on this machine is seen to be gone at
once, any other one after its lease.
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from portable.adapter import Holder
from portable.errors import PortableError, ProjectConflict

LEASE = 120.0
RENEWALS = 4
"""In a lease: that many answers may be lost before it ends."""
MOST_TRIES = 5


class Stored(NamedTuple):
    """An object as it lies in the bucket. `version` is what a write can be made conditional on.

    `written` and `now` are epoch seconds by the bucket's own clock.
    """

    data: bytes
    version: str
    written: float
    now: float


class Taken(Exception):
    """A conditional write came too late."""


class Shelf(Protocol):
    """What a lock needs of a bucket. Everything but Taken that is raised is the provider's own."""

    def look(self, key: str) -> Stored | None: ...

    def put(self, key: str, data: bytes, version: str | None) -> str:
        """Writes if the object is of `version` (None: if there is none); the new version. Raises Taken."""
        ...


class Kept(NamedTuple):
    """The lock as it lies in the bucket. `free`: nobody has it. `left` are seconds until the lease ends."""

    holder: Holder
    free: bool
    token: str
    place: str
    pid: int
    version: str
    left: float


def kept_of(stored: Stored) -> Kept:
    value = json.loads(stored.data)
    until = stored.written + float(value["seconds"])
    holder = Holder(str(value["owner"]), str(value["purpose"]), float(value["since"]), until)
    return Kept(
        holder,
        bool(value["free"]),
        str(value["token"]),
        str(value["place"]),
        int(value["pid"]),
        stored.version,
        until - stored.now,
    )


def this_place() -> str:
    """Where numbers of processes mean the same: this boot of this machine, this container. "" if it cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def is_gone(kept: Kept) -> bool:
    """Whether the holder is a process of this machine that has ended."""
    if not kept.place or kept.place != this_place():
        return False
    try:
        os.kill(kept.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def is_held(kept: Kept) -> bool:
    return not kept.free and kept.left > 0 and not is_gone(kept)


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Lock:
    """The lock of one app in one stage; `with lock.held("deploy", caller):`.

    `is_providers` tells what the provider's library raises, which is nothing to end a deploy with once it is over.
    """

    def __init__(
        self,
        shelf: Shelf,
        app: str,
        stage: str,
        *,
        lease: float = LEASE,
        is_providers: Callable[[Exception], bool],
    ) -> None:
        self._shelf = shelf
        self._what = f"{app} in {stage}"
        self._key = f"locks/{app}-{stage}.json"
        self._lease = lease
        self._is_providers = is_providers
        self._version = ""
        self._lost: str | None = None
        self._mutex = threading.Lock()

    def read(self) -> Kept | None:
        stored = self._shelf.look(self._key)
        return None if stored is None else kept_of(stored)

    def holder(self) -> Holder | None:
        kept = self.read()
        return kept.holder if kept is not None and is_held(kept) else None

    @contextmanager
    def held(self, purpose: str, caller: str) -> Generator[Callable[[], None]]:
        """Has the lock meanwhile. What is given raises ProjectConflict once it is lost: call it before each change."""
        body = self._body(purpose, caller)
        self._take(body)
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(body, ended), name="portable-lock", daemon=True)
        renewing.start()
        try:
            yield self._check
        finally:
            ended.set()
            renewing.join()
            self._let_go(body)

    def _body(self, purpose: str, caller: str) -> dict[str, Any]:
        return {
            "owner": f"{caller} on {socket.gethostname()}, process {os.getpid()}",
            "purpose": purpose,
            "since": datetime.now(UTC).timestamp(),
            "seconds": self._lease,
            "token": secrets.token_hex(16),
            "place": this_place(),
            "pid": os.getpid(),
            "free": False,
        }

    def _take(self, body: dict[str, Any]) -> None:
        """Raises ProjectConflict, with who has it."""
        for _ in range(MOST_TRIES):
            kept = self.read()
            if kept is not None and kept.token == body["token"]:
                # The answer to our own write was lost.
                self._version = kept.version
                return
            if kept is not None and is_held(kept):
                raise self._conflict(kept)
            try:
                self._version = self._put(body, None if kept is None else kept.version)
            except Taken:
                continue
            return
        raise ProjectConflict(f"{self._what}: others take the lock all the time", hint="try again in a minute")

    def _put(self, body: dict[str, Any], version: str | None) -> str:
        return self._shelf.put(self._key, json.dumps(body).encode(), version)

    def _conflict(self, kept: Kept) -> ProjectConflict:
        holder = kept.holder
        return ProjectConflict(
            f"{self._what} is being changed by {holder.owner}: {holder.purpose}, since {moment(holder.since)}",
            hint=f"wait until it is done; should it have died, its lock ends by itself in {max(1, round(kept.left))} s",
        )

    def _check(self) -> None:
        with self._mutex:
            lost = self._lost
        if lost is not None:
            raise ProjectConflict(f"{self._what}: the lock was lost: {lost}", hint="see who changes it, then try again")

    def _renew(self, body: dict[str, Any], ended: threading.Event) -> None:
        failures = 0
        while not ended.wait(self._lease / RENEWALS):
            try:
                version = self._put(body, self._version)
            except Exception as error:
                failures += 1
                why = self._is_another(body, error)
                if why is None and failures < RENEWALS:
                    continue
                with self._mutex:
                    self._lost = why or f"it could not be renewed: {error}"
                return
            failures = 0
            with self._mutex:
                self._version = version

    def _is_another(self, body: dict[str, Any], error: Exception) -> str | None:
        """Who has the lock now, if a write came too late; None if it is still ours, or nobody can say."""
        if not isinstance(error, Taken):
            return None
        try:
            kept = self.read()
        except Exception:
            # `_renew` counts this as one more failure, and says why when there have been too many.
            return None
        if kept is not None and kept.token == body["token"]:
            with self._mutex:
                self._version = kept.version
            return None
        return "it is gone" if kept is None else f"{kept.holder.owner} has it"

    def _let_go(self, body: dict[str, Any]) -> None:
        """As well as it can be done: a lock that is not let go of ends by itself."""
        if self._lost is not None:
            return
        try:
            self._put({**body, "free": True}, self._version)
        except Exception as error:
            if not isinstance(error, Taken | PortableError) and not self._is_providers(error):
                raise
