"""What `portable secret` and `portable config` share: names that the app declares, and the local file of values."""

import difflib
from pathlib import Path
from typing import Any, Literal, NamedTuple

from portable.adapter import LocalServer
from portable.adapter import Values as Keeper
from portable.capabilities import load_profile
from portable.config import check_value
from portable.errors import LoadError, NotFound

from .options import Misuse, Place, find_deploys, local_server
from .project import data_folder, find_project, load_manifest
from .render import Output, escape

Kind = Literal["param", "secret"]


class OnThisMachine(NamedTuple):
    """The values of `portable dev`; implements portable.adapter.Values."""

    server: LocalServer
    folder: Path

    def names(self, kind: Kind) -> list[str]:
        return self.server.value_names(self.folder, kind) if self.folder.is_dir() else []

    def read_param(self, name: str) -> str | None:
        return self.server.read_param(self.folder, name) if self.folder.is_dir() else None

    def write(self, kind: Kind, name: str, value: str | None) -> None:
        self.server.write_value(self.folder, kind, name, value)


class Values(NamedTuple):
    """The values of one kind: which the app declares (None if it does not load) and who keeps them."""

    kind: Kind
    declared: dict[str, Any] | None
    keeper: Keeper

    def names(self) -> list[dict[str, Any]]:
        """`{"name", "declared", "set"}`, sorted."""
        kept = set(self.keeper.names(self.kind))
        declared = set(self.declared or {})
        return [
            {"name": name, "declared": name in declared if self.declared is not None else None, "set": name in kept}
            for name in sorted(kept | declared)
        ]

    def require(self, name: str) -> None:
        """Raises Misuse if the app declares no such value; an app that does not load is not asked."""
        if self.declared is None or name in self.declared:
            return
        near = difflib.get_close_matches(name, self.declared, 1)
        listed = ", ".join(self.declared) or "none"
        raise Misuse(
            f"the app has no {self.kind} {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"it declares: {listed}",
        )

    def write(self, name: str, value: str) -> None:
        """Checks and keeps a value. Raises Misuse, InvalidArgument, LimitExceeded."""
        self.require(name)
        check_value(self.kind, name, value, load_profile())
        self.keeper.write(self.kind, name, value)

    def remove(self, name: str) -> None:
        """Forgets a value. Raises NotFound if it is not set."""
        if name not in self.keeper.names(self.kind):
            raise NotFound(f"{self.kind} {name!r} is not set")
        self.keeper.write(self.kind, name, None)


def values(output: Output, kind: Kind, path: str | None, data: str | None, place: Place | None = None) -> Values:
    """The values of the app at `path`, here or in a deployed stage. Raises LoadError if there is no app at all."""
    project = find_project(path)
    if place is not None:
        # A stage is found by the app's name, so the app has to load.
        manifest = load_manifest(project)
        keeper = find_deploys(place.target).values(manifest["app"]["name"], place.stage)
        return Values(kind, {entry["name"]: entry for entry in manifest[f"{kind}s"]}, keeper)
    declared: dict[str, Any] | None = None
    try:
        manifest = load_manifest(project)
        declared = {entry["name"]: entry for entry in manifest[f"{kind}s"]}
    except LoadError as error:
        output.say(f"note: the app does not load, so names are not checked: {escape(error.message)}")
    return Values(kind, declared, OnThisMachine(local_server(), data_folder(project, data)))
