"""A table of DynamoDB gains or loses one index in an update: more of them are more updates of the stack. Pure.

What is new comes first, so that code that asks an index comes with the last of them or later; what is gone goes last,
when no code asks it any more. While indexes are added, nothing else of the stack changes. Where an update is where it
is only depends on what is deployed, so that a deploy that was interrupted between two of them is gone on with.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
"""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from portable.errors import InvalidArgument

from .stacks import Template

TABLE = "AWS::DynamoDB::Table"
INDEXES, ATTRIBUTES = "GlobalSecondaryIndexes", "AttributeDefinitions"
SAME_TABLE = ("TableName", "KeySchema")
"""With another one of these it is another table, which is made with all its indexes at once."""
Properties = Mapping[str, Any]


class IndexChanges(NamedTuple):
    """Names of indexes of one table. DynamoDB changes none in place: `redefined` are those that would have to be."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    redefined: tuple[str, ...]

    @property
    def total(self) -> int:
        return len(self.added) + len(self.removed)


class Update(NamedTuple):
    """One update of the stack. `what` says which indexes it is about; `tables` are physical names of theirs."""

    template: Template
    what: str
    tables: tuple[str, ...]


NONE = IndexChanges((), (), ())


def index_changes(old: Properties, new: Properties) -> IndexChanges:
    """What a table's indexes were and become, by the properties of its resource."""
    if any(old.get(key) != new.get(key) for key in SAME_TABLE):
        return NONE
    before, after = (_definitions(one) for one in (old, new))
    return IndexChanges(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
    )


def index_steps(table: str, changes: IndexChanges) -> list[str]:
    """What a plan has to say of them."""
    found = [f"index {name} of table {table} has other fields or types: {NO_CHANGE}" for name in changes.redefined]
    if changes.total > 1:
        listed = ", ".join([*(f"+ {name}" for name in changes.added), *(f"- {name}" for name in changes.removed)])
        found.append(
            f"table {table} gains or loses {changes.total} indexes ({listed}), and DynamoDB takes one at a time: the "
            "stack is updated as often, one after the other"
        )
    return found


NO_CHANGE = "DynamoDB changes none; give it another name"


def updates_to(deployed: Template | None, wanted: Template) -> list[Update]:
    """The updates that lead there; the last one is to `wanted`. Raises InvalidArgument for one that is redefined."""
    tables = _changed(deployed, wanted)
    if deployed is None or not tables:
        return [Update(wanted, "", ())]
    # With the last index that any table gains all else comes too.
    main = max(max(len(changes.added) for changes in tables.values()) - 1, 0)
    found: list[Update] = []
    done: dict[str, int] = dict.fromkeys(tables, 0)
    while len(found) <= main or any(done[id] < changes.total for id, changes in tables.items()):
        is_before = len(found) < main
        told: list[str] = []
        touched: list[str] = []
        for id, changes in tables.items():
            names = [*changes.added, *changes.removed]
            if done[id] == len(names) or (is_before and done[id] >= len(changes.added)):
                continue
            is_new, physical = done[id] < len(changes.added), physical_name(wanted, id)
            told.append(f"{'+' if is_new else '-'} index {names[done[id]]} of table {physical}")
            touched.append(physical)
            done[id] += 1
        base = deployed if is_before else wanted
        at = {id: _indexes_after(deployed, wanted, id, changes, done[id]) for id, changes in tables.items()}
        found.append(Update(_with_indexes(base, deployed, wanted, at), ", ".join(told), tuple(touched)))
    return found


def _changed(deployed: Template | None, wanted: Template) -> dict[str, IndexChanges]:
    """The tables whose indexes change, by logical id."""
    found: dict[str, IndexChanges] = {}
    before: Mapping[str, Any] = {} if deployed is None else deployed.root["Resources"]
    for id, one in wanted.root["Resources"].items():
        old = before.get(id)
        if old is None or one["Type"] != TABLE or old["Type"] != TABLE:
            continue
        changes = index_changes(old["Properties"], one["Properties"])
        if changes.redefined:
            raise InvalidArgument(
                f"index {changes.redefined[0]} of table {physical_name(wanted, id)} has other fields or types",
                hint=NO_CHANGE,
                resource=id,
            )
        if changes.total:
            found[id] = changes
    return found


def _indexes_after(deployed: Template, wanted: Template, id: str, changes: IndexChanges, done: int) -> list[Any]:
    """A table's indexes when so many changes are done: in the order of `wanted`, what is to go behind."""
    old, new = (one.root["Resources"][id]["Properties"].get(INDEXES, ()) for one in (deployed, wanted))
    missing = set(changes.added[done:])
    gone = set(changes.removed[: max(done - len(changes.added), 0)])
    kept = [one for one in old if one["IndexName"] in changes.removed and one["IndexName"] not in gone]
    return [one for one in new if one["IndexName"] not in missing] + kept


def _with_indexes(base: Template, deployed: Template, wanted: Template, at: Mapping[str, list[Any]]) -> Template:
    root = copy.deepcopy(base.root)
    for id, indexes in at.items():
        properties = root["Resources"][id]["Properties"]
        if properties.get(INDEXES, []) == indexes:
            continue
        types = {
            one["AttributeName"]: one
            for template in (deployed, wanted)
            for one in template.root["Resources"][id]["Properties"][ATTRIBUTES]
        }
        keys = [properties["KeySchema"], *(one["KeySchema"] for one in indexes)]
        # DynamoDB takes definitions of attributes that are in a key, and no others.
        names = dict.fromkeys(key["AttributeName"] for schema in keys for key in schema)
        properties[ATTRIBUTES] = [types[name] for name in names]
        properties.pop(INDEXES, None)
        if indexes:
            properties[INDEXES] = copy.deepcopy(indexes)
    return Template(root, base.nested, base.placement, base.in_root)


def _definitions(properties: Properties) -> dict[str, Any]:
    """Each index by its name: its resource's value, and the types of its attributes."""
    types = {one["AttributeName"]: one["AttributeType"] for one in properties.get(ATTRIBUTES, ())}
    return {
        one["IndexName"]: (one, [types.get(key["AttributeName"]) for key in one["KeySchema"]])
        for one in properties.get(INDEXES, ())
    }


def physical_name(template: Template, id: str) -> str:
    """The name of a table, which deployed templates have as a text."""
    properties: Any = template.root["Resources"][id]["Properties"]
    name = properties.get("TableName", id)
    return str(name if isinstance(name, str) else name["Fn::Sub"])
