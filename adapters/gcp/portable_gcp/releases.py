"""What a release of an app on Google Cloud is: a description of its resources, which lies by what is in it."""

import hashlib
import json
from typing import Any

from portable.adapter import Release
from portable.deploy import releases
from portable.deploy.releases import Record

from .resources import Desired, from_json, to_json


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


class Releases(releases.Releases):
    """The records of one app and stage; portable/deploy/releases.py has the rest."""

    def add(self, release: Release, desired: Desired) -> Release:
        """Writes a release down under the next number, unless the last one is the same."""
        return self.keep(release, identity_of(desired), {"desired": key_of(text_of(desired))})

    def desired(self, record: Record) -> Desired:
        """What was deployed. Raises NotFound if it is not there any more."""
        return desired_of(self.content(record.details["desired"]))
