"""What a stage has, by name: one object beside the lock, written before anything is made and after all is.

It is no state: what is there is asked of Google each time. But not everything in Google Cloud says whose it is, and
nothing that is not declared any more can be asked for without a name. So a deploy writes down first what it is going to
have made, whether or not it comes so far.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from portable import __version__
from portable.deploy.lock import Taken
from portable.errors import ProjectConflict

from .artifacts import Artifacts
from .resources import BEFORE, RENAMED, Resource, from_json, short, to_json

FORMAT = 1


class Record(NamedTuple):
    """`resources` are those that may be there. `outputs` None: nothing is deployed. `version` is the object's."""

    resources: tuple[Resource, ...] = ()
    is_prod: bool = False
    outputs: dict[str, str] | None = None
    functions: Mapping[str, str] = {}
    version: str | None = None

    @property
    def is_deployed(self) -> bool:
        return self.outputs is not None


class Records:
    """The record of one app and stage."""

    def __init__(self, artifacts: Artifacts, app: str, stage: str) -> None:
        self._artifacts = artifacts
        self._key = f"stages/{app}-{stage}.json"

    def read(self) -> Record:
        stored = self._artifacts.look(self._key)
        if stored is None:
            return Record()
        value: dict[str, Any] = json.loads(stored.data)
        return Record(
            from_json(value["resources"]), value["is_prod"], value["outputs"], value["functions"], stored.version
        )

    def write(self, record: Record) -> Record:
        """Writes what is not as it was written last; who has the lock is the only one to write.

        Raises ProjectConflict if somebody else has written meanwhile.
        """
        value = {
            "format": FORMAT,
            "portable": __version__,
            "resources": to_json(record.resources),
            "is_prod": record.is_prod,
            "outputs": record.outputs,
            "functions": dict(record.functions),
        }
        data = (json.dumps(value, indent=1) + "\n").encode()
        try:
            version = self._artifacts.put(self._key, data, record.version)
        except Taken as taken:
            # It may be ours: the answer to a write can be lost, and Google's client then writes again.
            stored = self._artifacts.look(self._key)
            if stored is None or stored.data != data:
                raise ProjectConflict(
                    "somebody else has written down meanwhile what the stage has", hint="look who deploys, then again"
                ) from taken
            version = stored.version
        return record._replace(version=version)


def told_apart(known: Iterable[Resource], wanted: Iterable[Resource]) -> tuple[Resource, ...]:
    """What is known, where a thing of another name takes an id: the old one has an id of its own, and goes.

    Of one that was to go, and is wanted again, nothing is said: it is there, and its labels say whose it is.
    """
    names = {one.id: one.name for one in wanted}
    found: list[Resource] = []
    for one in known:
        if one.kind in RENAMED and names.get(one.id, one.name) != one.name:
            one = one._replace(id=f"{one.id}{BEFORE}{short(one)}")
        if one.id in names or BEFORE not in one.id or one.name not in names.values():
            found.append(one)
    return tuple(found)


def joined(before: Iterable[Resource], wanted: Iterable[Resource]) -> tuple[Resource, ...]:
    """What may be there while it is led from one to the other. Of access, all that was given and will be."""
    found = {one.id: one for one in before}
    for one in wanted:
        old = found.get(one.id)
        # What a table was is known from here alone, so it stays until all is done.
        if old is not None and one.kind == "table":
            continue
        if old is not None and one.kind == "access":
            more = [binding for binding in old.body["bindings"] if binding not in one.body["bindings"]]
            one = one._replace(body={"bindings": [*one.body["bindings"], *more]})
        found[one.id] = one
    return tuple(found[id] for id in sorted(found))
