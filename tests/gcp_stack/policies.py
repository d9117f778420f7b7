"""IAM policies of resources: kept, with the etag that guards against lost updates, and not enforced."""

import base64
from collections.abc import Callable
from typing import Any

from .front import Answers, Call, Refused

EMPTY = base64.b64encode(b"\x00").decode()


class Policies:
    """Those of one kind of resource, by its name."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Any]] = {}
        self._changes = 0

    def answers(self, prefix: str, name: Callable[[Call], str]) -> Answers:
        """`name` gives the name of the resource, and raises Refused where there is none."""
        return {
            f"{prefix}.getIamPolicy": lambda call: self._kept.get(name(call), {"version": 1, "etag": EMPTY}),
            f"{prefix}.setIamPolicy": lambda call: self._set(name(call), call.body.get("policy", {})),
        }

    def _set(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        known = self._kept.get(name, {}).get("etag", EMPTY)
        if given.get("etag", known) != known:
            raise Refused("ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write.")
        for binding in given.get("bindings", []):
            if not binding.get("role", "").startswith(("roles/", "projects/", "organizations/")):
                raise Refused("INVALID_ARGUMENT", f"{binding.get('role')!r} is no role")
            if binding.get("condition") and given.get("version") != 3:
                raise Refused("INVALID_ARGUMENT", "A policy with conditions must have version 3.")
        self._changes += 1
        etag = base64.b64encode(self._changes.to_bytes(8, "big")).decode()
        self._kept[name] = {"version": 1, **given, "etag": etag}
        return self._kept[name]

    def forget(self, prefix: str) -> None:
        self._kept = {name: found for name, found in self._kept.items() if not name.startswith(prefix)}
