"""A Plan: what a deploy would change, with reasons, the same on every provider.

It is made by an adapter from two states (pure), shown to people or as JSON (docs/plan.schema.json), and then applied.
What would replace or delete a data store is refused unless it is named.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args

from portable.errors import DataAtRisk

Action = Literal["create", "update", "replace", "delete", "keep"]
FORMAT = 1
SIGNS: dict[Action, str] = {"create": "+", "update": "~", "replace": "!", "delete": "-", "keep": " "}
ORDER: tuple[Action, ...] = ("delete", "replace", "update", "create", "keep")


class Change(NamedTuple):
    """What happens to one resource.

    `id` is the provider's (a logical id); `kind` and `name` are what people know it by; `where` is `file:line` of its
    declaration, or None for what the framework adds. `reasons` says why, in sentences without a full stop.
    """

    action: Action
    kind: str
    name: str
    id: str
    reasons: tuple[str, ...]
    where: str | None
    is_data_store: bool

    @property
    def endangers_data(self) -> bool:
        return self.is_data_store and self.action in ("replace", "delete")


class Plan(NamedTuple):
    """All changes of one app in one stage, those that take something away first."""

    app: str
    stage: str
    provider: str
    changes: tuple[Change, ...]
    steps: tuple[str, ...] = ()
    """What else there is to know: what takes more than one update, what will be refused, what the package lacks."""

    @property
    def is_empty(self) -> bool:
        return all(change.action == "keep" for change in self.changes)

    def counts(self) -> dict[Action, int]:
        return {action: sum(change.action == action for change in self.changes) for action in get_args(Action)}

    def endangered(self, named: Iterable[str] = ()) -> list[Change]:
        """Changes that would replace or delete a data store whose name (or id) is not among `named`."""
        wanted = set(named)
        return [change for change in self.changes if change.endangers_data and not {change.name, change.id} & wanted]

    def check_data(self, named: Iterable[str] = ()) -> None:
        """Raises DataAtRisk, by name, for data stores that would be replaced or deleted without being named."""
        found = self.endangered(named)
        if found:
            listed = "; ".join(f"{one.action} {one.kind} {one.name}: {', '.join(one.reasons)}" for one in found)
            raise DataAtRisk(
                f"this would take data away: {listed}",
                hint=f"if that is meant, name each: {' '.join(f'--lose {one.name}' for one in found)}",
                resource=found[0].name,
            )

    def to_dict(self) -> dict[str, Any]:
        """The plan as docs/plan.schema.json describes it."""
        return {
            "format": FORMAT,
            "app": self.app,
            "stage": self.stage,
            "provider": self.provider,
            "counts": dict(self.counts()),
            "changes": [
                {**one._asdict(), "reasons": list(one.reasons), "endangers_data": one.endangers_data}
                for one in self.changes
            ],
            "steps": list(self.steps),
        }

    def text(self, *, kept: bool = False) -> str:
        """For people: a line for each change, with its reasons below; what is kept only if asked for."""
        shown = [one for one in self.changes if kept or one.action != "keep"]
        lines: list[str] = []
        kinds = max((len(one.kind) for one in shown), default=0)
        for one in shown:
            where = f"  ({one.where})" if one.where else ""
            lines.append(f"{SIGNS[one.action]} {one.action:<7}  {one.kind:<{kinds}}  {one.name}{where}")
            lines += [f"    {reason}" for reason in one.reasons if one.action != "create"]
            if one.endangers_data:
                lines.append("    it holds data: refused unless it is named")
        lines += [f"note: {step}" for step in self.steps]
        lines.append(self.summary())
        return "\n".join(lines)

    def summary(self) -> str:
        counts = self.counts()
        parts = [f"{counts[action]} to {action}" for action in ORDER if action != "keep" and counts[action]]
        return (
            f"{self.app} in {self.stage}: {', '.join(parts) or 'nothing to change'}, {counts['keep']} kept as they are"
        )


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """What takes something away first, then by kind and name."""
    return tuple(sorted(changes, key=lambda one: (ORDER.index(one.action), one.kind, one.name, one.id)))


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `Plan.to_dict()`; published as docs/plan.schema.json."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    change = {
        "action": {"enum": list(get_args(Action))},
        "kind": text,
        "name": text,
        "id": text,
        "reasons": texts,
        "where": {"anyOf": [text, {"type": "null"}]},
        "is_data_store": {"type": "boolean"},
        "endangers_data": {"type": "boolean"},
    }
    counts = {action: {"type": "integer", "minimum": 0} for action in get_args(Action)}

    def record(properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plan",
        **record(
            {
                "format": {"const": FORMAT},
                "app": text,
                "stage": text,
                "provider": text,
                "counts": record(counts),
                "changes": {"type": "array", "items": record(change)},
                "steps": texts,
            }
        ),
    }
