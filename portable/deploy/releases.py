"""Releases of an app in one stage: what was deployed, by number, in the bucket of the deploys; each can be again.

A record holds no value of a param or secret, and nothing that the stage's resources do not show. Its number is taken by
a conditional write. One that an interrupted deploy did not come to write is written by the next one, which finds
nothing to change.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from portable import __version__
from portable.adapter import Release
from portable.errors import NotFound

from .lock import Taken

FORMAT = 1
MOST_TRIES = 20
NUMBER_DIGITS = 6


class Shelf(Protocol):
    """What releases need of a bucket. Everything but Taken that is raised is the provider's own."""

    @property
    def bucket(self) -> str: ...

    def keys(self, prefix: str) -> list[str]:
        """All that begin so, sorted."""
        ...

    def read(self, key: str) -> bytes | None: ...

    def has(self, key: str) -> bool: ...

    def put(self, key: str, data: bytes, version: str | None) -> str:
        """Writes if there is no such object (`version` None). Raises Taken."""
        ...


class Record(NamedTuple):
    """A release with what it takes to deploy it again: two of one identity are one release.

    `details` are the adapter's own: at least the key of what was deployed.
    """

    release: Release
    identity: str
    details: dict[str, Any]


class Releases:
    """The records of one app and stage."""

    def __init__(self, shelf: Shelf, app: str, stage: str) -> None:
        self._shelf = shelf
        self._what = f"{app} in {stage}"
        self._prefix = f"releases/{app}-{stage}/"

    def all(self) -> list[Record]:
        """The oldest first."""
        return [self._record(key) for key in self._shelf.keys(self._prefix)]

    def last(self) -> Record | None:
        keys = self._shelf.keys(self._prefix)
        return self._record(keys[-1]) if keys else None

    def get(self, number: int | None) -> Record:
        """One by its number; None: the one before the last. Raises NotFound."""
        keys = self._shelf.keys(self._prefix)
        numbers = {int(key.rpartition("/")[2].partition(".")[0]): key for key in keys}
        if number is None:
            if len(keys) < 2:
                raise NotFound(f"{self._what} has no release before this one", hint="`portable releases` lists them")
            return self._record(keys[-2])
        if number not in numbers:
            listed = ", ".join(map(str, sorted(numbers)[-10:])) or "none"
            raise NotFound(f"{self._what} has no release {number}", hint=f"there are: {listed}")
        return self._record(numbers[number])

    def keep(self, release: Release, identity: str, details: Mapping[str, Any]) -> Release:
        """Writes a release down under the next number, unless the last one is the same."""
        last = self.last()
        if last is not None and last.identity == identity:
            return last.release
        number = 1 if last is None else last.release.number + 1
        for candidate in range(number, number + MOST_TRIES):
            found = release._replace(number=candidate)
            about = {"format": FORMAT, "portable": __version__}
            value = {**about, **found._asdict(), **details, "identity": identity}
            try:
                self._shelf.put(self._key(candidate), (json.dumps(value, indent=1) + "\n").encode(), None)
            except Taken:
                # It may be ours: the answer to a write can be lost.
                there = self._record(self._key(candidate))
                if there.identity == identity:
                    return there.release
            else:
                return found
        raise NotFound(f"{self._what}: no number is free for a release")

    def check_code(self, release: Release) -> None:
        """Raises NotFound if code of a release is gone: the provider would notice in the middle of the change."""
        gone = [key for key in sorted(set(release.functions.values())) if not self._shelf.has(key)]
        if gone:
            raise NotFound(
                f"release {release.number} of {self._what} cannot be gone back to: its code {gone[0]} is not in "
                f"{self._shelf.bucket} any more",
                hint="go back to another one (`portable releases`), or deploy what that release was made of",
            )

    def content(self, key: str) -> bytes:
        """What lies there. Raises NotFound."""
        data = self._shelf.read(key)
        if data is None:
            raise NotFound(f"{self._what}: {key} is not in {self._shelf.bucket} any more")
        return data

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:0{NUMBER_DIGITS}}.json"

    def _record(self, key: str) -> Record:
        value: dict[str, Any] = json.loads(self.content(key))
        release = Release(**{name: value[name] for name in Release._fields})
        return Record(release, value["identity"], value)
