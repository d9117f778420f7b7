"""Two templates -> a Plan: what CloudFormation would do, and why, told without asking it. Pure.

`deployed` are the templates as they were deployed (by stack, the root's name is empty); None: nothing is.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from portable.deploy.plan import Action, Change, Plan, ordered

from .index_updates import TABLE, index_changes, index_steps
from .replacement import effect
from .stacks import METADATA, ROOT, Template

KINDS: dict[str, str] = {
    "AWS::ApiGatewayV2::Api": "HTTP API",
    "AWS::ApiGatewayV2::Integration": "integration",
    "AWS::ApiGatewayV2::Route": "route",
    "AWS::ApiGatewayV2::Stage": "HTTP stage",
    "AWS::CloudFormation::Stack": "stack",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::DynamoDB::Table": "table",
    "AWS::IAM::Role": "role",
    "AWS::Lambda::EventSourceMapping": "event source",
    "AWS::Lambda::Function": "function",
    "AWS::Lambda::Permission": "permission",
    "AWS::Logs::LogGroup": "log group",
    "AWS::S3::Bucket": "bucket",
    "AWS::S3::BucketPolicy": "bucket policy",
    "AWS::SNS::Subscription": "subscription",
    "AWS::SNS::Topic": "topic",
    "AWS::SNS::TopicPolicy": "topic policy",
    "AWS::SQS::Queue": "queue",
    "AWS::SQS::QueuePolicy": "queue policy",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Scheduler::ScheduleGroup": "schedule group",
}
DATA_STORES = frozenset({"AWS::DynamoDB::Table", "AWS::S3::Bucket"})
STACK = "AWS::CloudFormation::Stack"
NAMES = (
    "FunctionName",
    "QueueName",
    "TableName",
    "BucketName",
    "TopicName",
    "RoleName",
    "LogGroupName",
    "Name",
    "RouteKey",
)
LONGEST_VALUE = 60
SENTENCES: dict[tuple[str, str], str] = {
    ("AWS::Lambda::Function", "Code"): "its code",
    ("AWS::Lambda::Function", "Environment"): "its environment",
    ("AWS::IAM::Role", "Policies"): "its rights",
}


class Found(NamedTuple):
    """One resource in one stack."""

    stack: str
    logical: str
    value: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.stack}/{self.logical}" if self.stack else self.logical

    @property
    def type(self) -> str:
        return str(self.value["Type"])

    @property
    def properties(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.value.get("Properties", {}))


def diff(deployed: Mapping[str, Mapping[str, Any]] | None, wanted: Template, *, provider: str = "aws") -> Plan:
    """The Plan that leads from the deployed templates to the wanted ones."""
    before, after = dict(_found(deployed or {})), dict(_found(wanted.stacks()))
    known, metadata = _metadata((deployed or {}).get(ROOT, {})), _metadata(wanted.root)
    declared = {**known.get("Declared", {}), **metadata.get("Declared", {})}
    replaced = _replaced(before, after)
    changes: list[Change] = []
    steps: list[str] = []
    for id, one in after.items():
        old = before.get(id)
        if old is None or old.type != one.type:
            reason = "it is new" if old is None else f"it was a {kind_of(old.type)}"
            changes.append(_change("create" if old is None else "replace", one, [reason], declared))
            continue
        paths = sorted(_paths(old.properties, one.properties))
        paths += [path for path in _referring(one.properties, replaced - {id}, one.stack) if path not in paths]
        changes.append(_compared(old, one, paths, id in replaced, declared, _other_key(old, one)))
        if one.type == TABLE:
            steps += index_steps(name_of(one), index_changes(old.properties, one.properties))
            steps += _other_indexes(old, one)
    for id, one in before.items():
        if id not in after:
            changes.append(_change("delete", one, [_gone(one)], declared))
    shown = [one for one in changes if not (one.kind == "stack" and one.action == "update")]
    return Plan(str(metadata.get("App", "")), str(metadata.get("Stage", "")), provider, ordered(shown), tuple(steps))


def _found(stacks: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Found]]:
    for stack, template in stacks.items():
        for logical, value in template.get("Resources", {}).items():
            one = Found(stack, logical, value)
            yield one.id, one


def _metadata(of: Mapping[str, Any]) -> Mapping[str, Any]:
    """What we have written into a root template, or into a resource."""
    return cast("Mapping[str, Any]", of.get("Metadata", {}).get(METADATA, {}))


def kind_of(type_: str) -> str:
    return KINDS.get(type_, type_)


def name_of(one: Found) -> str:
    """The physical name, with references as they stand; else the logical id."""
    for key in NAMES:
        value: Any = one.properties.get(key)
        if isinstance(value, dict) and isinstance(cast("Any", value).get("Fn::Sub"), str):
            return str(cast("Any", value)["Fn::Sub"])
        if isinstance(value, str):
            return value
    return one.logical


def where_of(logical: str, declared: Mapping[str, str]) -> str | None:
    """Where what a logical id belongs to was declared: that of the longest beginning that is known."""
    known = [base for base in declared if logical.startswith(base)]
    return declared[max(known, key=len)] if known else None


def _change(action: Action, one: Found, reasons: list[str], declared: Mapping[str, str]) -> Change:
    where = where_of(one.logical, declared)
    is_data = one.type in DATA_STORES
    return Change(action, kind_of(one.type), name_of(one), one.id, tuple(reasons), where, is_data)


def _gone(one: Found) -> str:
    if one.value.get("DeletionPolicy") == "Retain":
        return "it is declared no more; AWS keeps it, and nothing manages it from then on"
    if one.type == "AWS::SQS::Queue":
        return "it is declared no more; what waits in it is lost"
    return "it is declared no more"


def _fields(one: Found) -> Mapping[str, Any]:
    """The fields of a table's key and indexes, by name; nothing of what has none."""
    return _metadata(one.value)


def _other_key(old: Found, new: Found) -> str | None:
    """What is to be said of a table whose key is another one: CloudFormation would change nothing."""
    ours, theirs = _fields(old).get("Key"), _fields(new).get("Key")
    if not ours or not theirs or ours == theirs:
        return None
    return f"its key is ({', '.join(ours)}) and would be ({', '.join(theirs)}): no item that is there would be found"


def _other_indexes(old: Found, new: Found) -> list[str]:
    before: Mapping[str, list[str]] = _fields(old).get("Indexes", {})
    after: Mapping[str, list[str]] = _fields(new).get("Indexes", {})
    return [
        f"index {index} of {new.logical} is over {', '.join(fields)} from now on: an item is found by it once it is "
        "written again"
        for index, fields in after.items()
        if before.get(index, fields) != fields
    ]


def _compared(
    old: Found, new: Found, paths: list[str], is_replaced: bool, declared: Mapping[str, str], key: str | None
) -> Change:
    if key is not None:
        return _change("replace", new, [key], declared)
    if not paths:
        # A policy of keeping has changed at most, or metadata: CloudFormation notes it, and touches nothing.
        return _change("keep", new, [], declared)
    verdict, guilty = effect(new.type, paths)
    reasons = [_sentence(old, new, path) for path in _tops(paths)]
    if is_replaced or verdict == "replace":
        return _change(
            "replace", new, [*(f"{path} cannot be changed in place" for path in _tops(guilty)), *reasons], declared
        )
    if verdict == "maybe":
        reasons.insert(0, f"a change of {', '.join(_tops(guilty))} may mean a new one")
        return _change("replace" if new.type in DATA_STORES else "update", new, reasons, declared)
    return _change("update", new, reasons, declared)


def _tops(paths: Any) -> list[str]:
    """The properties that paths are of."""
    return list(dict.fromkeys(path.partition("/")[0] for path in paths))


def _sentence(old: Found, new: Found, key: str) -> str:
    """Why, in words: what a property was and what it becomes."""
    before, after = old.properties.get(key), new.properties.get(key)
    if new.type == "AWS::IAM::Role" and key == "Policies":
        return _rights(before, after)
    if (new.type, key) in SENTENCES:
        return SENTENCES[new.type, key]
    if before == after:
        return f"{key} refers to something that is replaced"
    texts = [json.dumps(value) if not isinstance(value, str) else value for value in (before, after)]
    if before is None:
        return f"{key} is new" if len(texts[1]) > LONGEST_VALUE else f"{key}: {texts[1]}"
    if after is None:
        return f"{key} is gone"
    return f"{key} is another" if max(map(len, texts)) > LONGEST_VALUE else f"{key}: {texts[0]} -> {texts[1]}"


def _rights(before: Any, after: Any) -> str:
    """What a role may do that it may not now, and the other way round."""
    old, new = _allowed(before), _allowed(after)
    gained = [f"+ {action} on {place}" for action, place in sorted(new - old)]
    lost = [f"- {action} on {place}" for action, place in sorted(old - new)]
    return f"its rights: {'; '.join([*gained, *lost]) or 'their conditions'}"


def _allowed(policies: Any) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for one in policies or ():
        for statement in one["PolicyDocument"]["Statement"]:
            places: list[Any] = statement["Resource"]
            for place in places:
                text = place if isinstance(place, str) else json.dumps(place.get("Fn::Sub", place)).strip('"')
                found |= {(str(action), text.rpartition("${AWS::AccountId}:")[2]) for action in statement["Action"]}
    return found


# Comparing


def _paths(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Paths at which two values differ: of mappings key by key, of lists place by place if they are equally long."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left, right = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in [*left, *(key for key in right if key not in left)]:
            path = f"{at}/{key}" if at else key
            if key not in left or key not in right:
                yield path
            else:
                yield from _paths(left[key], right[key], path)
    elif isinstance(old, list) and isinstance(new, list):
        ours: list[Any] = list(cast("Any", old))
        theirs: list[Any] = list(cast("Any", new))
        if len(ours) != len(theirs):
            yield at
        else:
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                yield from _paths(one, other, f"{at}/{index}")
    elif old != new:
        yield at


def _referring(value: Any, ids: set[str], stack: str, at: str = "") -> Iterator[str]:
    """Paths that refer to one of these resources of the same stack."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        for key, entry in entries.items():
            names = [entry] if key == "Ref" else entry[:1] if key == "Fn::GetAtt" else _mentioned(key, entry)
            if any((f"{stack}/{name}" if stack else name) in ids for name in names):
                yield at
            yield from _referring(entry, ids, stack, f"{at}/{key}" if at else key)
    elif isinstance(value, list):
        for index, entry in enumerate(list(cast("Any", value))):
            yield from _referring(entry, ids, stack, f"{at}/{index}")


def _mentioned(key: str, entry: Any) -> list[str]:
    if key != "Fn::Sub":
        return []
    text = entry if isinstance(entry, str) else str(entry[0])
    return [part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:]]


def _replaced(before: Mapping[str, Found], after: Mapping[str, Found]) -> set[str]:
    """All that is replaced, also because what it refers to is."""
    found: set[str] = set()
    for _ in range(len(after) + 1):
        more: set[str] = set()
        for id, one in after.items():
            old = before.get(id)
            if old is None or id in found:
                continue
            paths = [*_paths(old.properties, one.properties), *_referring(one.properties, found, one.stack)]
            if old.type != one.type or effect(one.type, paths)[0] == "replace":
                more.add(id)
        if not more:
            break
        found |= more
    return found
