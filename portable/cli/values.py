"""What `portable secret` and `portable config` share: names that the app declares, and the local file of values."""

import difflib
from pathlib import Path
from typing import Any, Literal, NamedTuple

from portable.adapter import LocalServer
from portable.capabilities import load_profile
from portable.config import check_value
from portable.errors import LoadError, NotFound

from .options import Misuse, local_server
from .project import data_folder, find_project, load_manifest
from .render import Output, escape

Kind = Literal["param", "secret"]


class Values(NamedTuple):
    """The values of one kind: which the app declares (None if it does not load) and where they are kept."""

    kind: Kind
    declared: dict[str, Any] | None
    folder: Path
    server: LocalServer

    def names(self) -> list[dict[str, Any]]:
        """`{"name", "declared", "set"}`, sorted."""
        kept = set(self.server.value_names(self.folder, self.kind)) if self.folder.is_dir() else set[str]()
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
        self.server.write_value(self.folder, self.kind, name, value)

    def remove(self, name: str) -> None:
        """Forgets a value. Raises NotFound if it is not set."""
        if not self.folder.is_dir() or name not in self.server.value_names(self.folder, self.kind):
            raise NotFound(f"{self.kind} {name!r} is not set")
        self.server.write_value(self.folder, self.kind, name, None)


def values(output: Output, kind: Kind, path: str | None, data: str | None) -> Values:
    """The values of the app at `path`. Raises LoadError if there is no app at all."""
    project = find_project(path)
    declared: dict[str, Any] | None = None
    try:
        manifest = load_manifest(project)
        declared = {entry["name"]: entry for entry in manifest[f"{kind}s"]}
    except LoadError as error:
        output.say(f"note: the app does not load, so names are not checked: {escape(error.message)}")
    return Values(kind, declared, data_folder(project, data), local_server())
