"""Releases of an app in one stage: what was deployed, by number, in the bucket of artefacts; each can be again.

A record holds no value of a param or secret, and nothing that a template does not show. Its number is taken by a
conditional write. One that an interrupted deploy did not come to write is written by the next one, which finds nothing
to change.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from portable import __version__
from portable.adapter import Release
from portable.errors import NotFound

from .artifacts import Artifacts, is_taken
from .stacks import ROOT, Template, key_of, placement_of

FORMAT = 1
MOST_TRIES = 20
NUMBER_DIGITS = 6


class Record(NamedTuple):
    """A release with what it takes to deploy it again."""

    release: Release
    template: str
    identity: str
    is_prod: bool


def identity_of(template: Template) -> str:
    """What a template does, apart from line numbers and the like: two of one identity are one release."""
    value = {name: one["Resources"] for name, one in template.stacks().items()}
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def nested_keys(root: Mapping[str, Any]) -> dict[str, str]:
    """The key of each nested template, by the logical id of its stack."""
    found: dict[str, str] = {}
    for id, one in root["Resources"].items():
        if one["Type"] == "AWS::CloudFormation::Stack":
            url = one["Properties"]["TemplateURL"]
            text = url if isinstance(url, str) else str(url["Fn::Sub"])
            found[id] = "templates/" + text.rpartition("/templates/")[2]
    return found


def template_of(root: dict[str, Any], nested: Mapping[str, dict[str, Any]]) -> Template:
    """A Template of what was written down."""
    places = placement_of(root)
    return Template(
        root,
        dict(nested),
        {key: stack for key, stack in places.items() if stack != ROOT},
        tuple(sorted(key for key, stack in places.items() if stack == ROOT)),
    )


def template_in(files: Mapping[str, bytes], name: str) -> Template:
    """The Template whose root is the file `name` of a package."""
    root = json.loads(files[name])
    return template_of(root, {id: json.loads(files[key]) for id, key in nested_keys(root).items()})


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

    def add(self, release: Release, template: Template, *, is_prod: bool) -> Release:
        """Writes a release down under the next number, unless the last one is the same."""
        identity = identity_of(template)
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
                "template": key_of(template.root_text()),
                "identity": identity,
                "is_prod": is_prod,
            }
            text = json.dumps(record, indent=1) + "\n"
            try:
                self._artifacts.write(self._key(candidate), text.encode(), IfNoneMatch="*")
            except Exception as error:
                if not is_taken(error):
                    raise
                # It may be ours: the answer to a write can be lost.
                there = self._read(self._key(candidate))
                if there.identity == identity:
                    return there.release
            else:
                return found
        raise NotFound(f"{self._what}: no number is free for a release")

    def template(self, record: Record) -> Template:
        """What was deployed. Raises NotFound if it is not there any more."""
        root = self._json(record.template)
        return template_of(root, {id: self._json(key) for id, key in nested_keys(root).items()})

    def _json(self, key: str) -> dict[str, Any]:
        data = self._artifacts.read(key)
        if data is None:
            raise NotFound(f"{self._what}: {key} is not in {self._artifacts.bucket} any more")
        found: dict[str, Any] = json.loads(data)
        return found

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:0{NUMBER_DIGITS}}.json"

    def _read(self, key: str) -> Record:
        value = self._json(key)
        release = Release(**{name: value[name] for name in Release._fields})
        return Record(release, value["template"], value["identity"], value["is_prod"])
