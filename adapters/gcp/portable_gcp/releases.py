"""Releases of an app in one stage: what was deployed, by number, in the release bucket; each can be again.

A record holds no value of a param or secret, and nothing that the resources do not show. Its number is taken by a
conditional write. One that an interrupted deploy did not come to write is written by the next one, which finds nothing
to change.
"""

import hashlib
import json
from typing import Any, NamedTuple

from portable import __version__
from portable.adapter import Release
from portable.deploy.lock import Taken
from portable.errors import NotFound

from .artifacts import Artifacts
from .resources import Desired, from_json, to_json

FORMAT = 1
MOST_TRIES = 20
NUMBER_DIGITS = 6


class Record(NamedTuple):
    """A release with what it takes to deploy it again: `desired` is a key."""

    release: Release
    desired: str
    identity: str


def text_of(desired: Desired) -> str:
    value = {**desired._asdict(), "resources": to_json(desired.resources)}
    return json.dumps(value, indent=1) + "\n"


def desired_of(text: bytes) -> Desired:
    value: dict[str, Any] = json.loads(text)
    value["resources"] = from_json(value["resources"])
    return Desired(**value)


def key_of(text: str) -> str:
    """Where a description lies: by what is in it."""
    return f"resources/{hashlib.sha256(text.encode()).hexdigest()}.json"


def identity_of(desired: Desired) -> str:
    """What is deployed, apart from line numbers and the like: two of one identity are one release."""
    value = [[one.id, one.name, one.body] for one in desired.resources]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Releases:
    """The records of one app and stage."""

    def __init__(self, artifacts: Artifacts, app: str, stage: str) -> None:
        self._artifacts = artifacts
        self._what = f"{app} in {stage}"
        self._prefix = f"releases/{app}-{stage}/"

    def all(self) -> list[Record]:
        """The oldest first."""
        return [self._read(key) for key in self._artifacts.keys(self._prefix)]

    def last(self) -> Record | None:
        keys = self._artifacts.keys(self._prefix)
        return self._read(keys[-1]) if keys else None

    def get(self, number: int | None) -> Record:
        """One by its number; None: the one before the last. Raises NotFound."""
        keys = self._artifacts.keys(self._prefix)
        numbers = {int(key.rpartition("/")[2].partition(".")[0]): key for key in keys}
        if number is None:
            if len(keys) < 2:
                raise NotFound(f"{self._what} has no release before this one", hint="`portable releases` lists them")
            return self._read(keys[-2])
        if number not in numbers:
            listed = ", ".join(map(str, sorted(numbers)[-10:])) or "none"
            raise NotFound(f"{self._what} has no release {number}", hint=f"there are: {listed}")
        return self._read(numbers[number])

    def add(self, release: Release, desired: Desired) -> Release:
        """Writes a release down under the next number, unless the last one is the same."""
        identity = identity_of(desired)
        last = self.last()
        if last is not None and last.identity == identity:
            return last.release
        number = 1 if last is None else last.release.number + 1
        for candidate in range(number, number + MOST_TRIES):
            found = release._replace(number=candidate)
            record = {
                "format": FORMAT,
                "portable": __version__,
                **found._asdict(),
                "desired": key_of(text_of(desired)),
                "identity": identity,
            }
            try:
                self._artifacts.put(self._key(candidate), (json.dumps(record, indent=1) + "\n").encode(), None)
            except Taken:
                # It may be ours: the answer to a write can be lost.
                there = self._read(self._key(candidate))
                if there.identity == identity:
                    return there.release
            else:
                return found
        raise NotFound(f"{self._what}: no number is free for a release")

    def desired(self, record: Record) -> Desired:
        """What was deployed. Raises NotFound if it is not there any more."""
        return desired_of(self._bytes(record.desired))

    def _bytes(self, key: str) -> bytes:
        data = self._artifacts.read(key)
        if data is None:
            raise NotFound(f"{self._what}: {key} is not in {self._artifacts.bucket} any more")
        return data

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:0{NUMBER_DIGITS}}.json"

    def _read(self, key: str) -> Record:
        value = json.loads(self._bytes(key))
        release = Release(**{name: value[name] for name in Release._fields})
        return Record(release, value["desired"], value["identity"])
