"""What a handler read, as far as its calls tell: the items that were there before it wrote anything.

A read after the handler's own write of the same item tells of that write, and is left out. What was needed and is not
known is listed with the reason, so that whoever runs it again can put it there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from portable.telemetry import key_text
from portable.telemetry_reads import READING


class Item(NamedTuple):
    """One item of a table (by its qualified name); `item` is the tagged JSON of documents.py."""

    table: str
    pk: str
    sk: str
    item: dict[str, Any]


class Missing(NamedTuple):
    """What the handler used, and what of it cannot be put back."""

    resource: str
    key: str | None
    why: str


class State(NamedTuple):
    """What was there when the invocation began, as far as it is known."""

    items: tuple[Item, ...] = ()
    params: Mapping[str, str] = {}
    secrets: tuple[str, ...] = ()
    """Those that were read; their values are recorded nowhere."""
    missing: tuple[Missing, ...] = ()


class _Reading:
    """Goes through calls in their order."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str, str], Item] = {}
        self.params: dict[str, str] = {}
        self.secrets: dict[str, None] = {}
        self.missing: dict[tuple[str, str | None], Missing] = {}
        self._written: set[tuple[str, str]] = set()
        self._blurred: set[str] = set()
        """Tables that were written to under keys that the call does not tell."""
        self._known: set[tuple[str, str]] = set()
        """Keys that were read, be it as absent."""

    def take(self, call: Mapping[str, Any]) -> None:
        kind, _, name = str(call["resource"]).partition(":")
        verb, key, error = str(call["verb"]), cast("str | None", call.get("key")), call.get("error")
        result: Any = call.get("result")
        match kind:
            case "table":
                if verb in READING and (result is not None or (error and verb != "update")):
                    self._read(name, verb, key, result)
                else:
                    self._write(name, verb, key, error)
            case "param":
                if isinstance(result, dict) and "value" in result:
                    self.params[name] = str(cast("dict[str, Any]", result)["value"])
            case "secret":
                self.secrets[name] = None
            case "bucket":
                if verb in ("get", "require", "open", "read_range", "head", "copy", "list"):
                    self._lacks(f"bucket:{name}", key, f"{verb}: objects are not recorded")
            case _:
                pass  # what is sent or published needs nothing to be there

    def _read(self, table: str, verb: str, key: str | None, result: Any) -> None:
        if not isinstance(result, dict) or "items" not in result:
            why = "too large to be recorded" if isinstance(result, dict) else "what it gave is not recorded"
            self._lacks(f"table:{table}", key, f"{verb}: {why}")
            return
        if key is not None:
            self._known.add((table, key))
        if table in self._blurred:
            self._lacks(f"table:{table}", key, f"{verb}: after writes whose keys are not recorded")
            return
        for found in cast("list[dict[str, Any]]", result["items"]):
            pk, sk = str(found["pk"]), str(found["sk"])
            forms = {(table, pk) if sk == "-" else (table, ""), (table, key_text((pk, sk)) or "")}
            if forms & self._written:
                continue
            self._known |= forms
            self.items.setdefault((table, pk, sk), Item(table, pk, sk, found["item"]))

    def _write(self, table: str, verb: str, key: str | None, error: Any) -> None:
        needed = verb == "increment" or bool(error)
        if needed and key is not None and (table, key) not in self._known | self._written:
            why = "it needs an item, which was not read" if verb == "increment" else "it met what was not read"
            self._lacks(f"table:{table}", key, f"{verb}: {why}")
        if error:
            return
        if verb in ("batch_write", "transact"):
            self._blurred.add(table)
        elif key is not None:
            self._written.add((table, key))

    def _lacks(self, resource: str, key: str | None, why: str) -> None:
        self.missing.setdefault((resource, key), Missing(resource, key, why))


def state_of(calls: Iterable[Mapping[str, Any]]) -> State:
    """The state that calls (JSON, in their order) tell of: `resource`, `verb`, `key`, `error`, `result`."""
    reading = _Reading()
    for call in calls:
        reading.take(call)
    return State(tuple(reading.items.values()), reading.params, tuple(reading.secrets), tuple(reading.missing.values()))
