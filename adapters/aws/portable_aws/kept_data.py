"""What a deploy does so that data outlives it: names for good, and going back without taking data away. Pure.

A rollback is of code and configuration: tables and buckets that have come since then stay, and so does what protects
them. They lose what leads to functions that are not there any more.
"""

import copy
from collections.abc import Mapping
from typing import Any, cast

from .diff import DATA_STORES
from .releases import nested_keys
from .stacks import METADATA, ROOT, Template, key_of, text_of
from .template_data import TABLE, protection

NAMES = ("BucketName", "TableName")
LOGS, RETENTION, FOREVER = "AWS::Logs::LogGroup", "RetentionInDays", float("inf")
GUARDS = frozenset({"AWS::S3::BucketPolicy"})
"""What belongs to a data store and goes nowhere without it."""


def with_names_for_good(template: Template, account: str, region: str) -> Template:
    """The same with the names of data stores as texts, without references.

    CloudFormation takes over what an earlier destroy has kept only if its name is a text of the template:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    root = copy.deepcopy(template.root)
    for one in root["Resources"].values():
        properties = one.get("Properties", {})
        for key in NAMES:
            value: Any = properties.get(key) if one["Type"] in DATA_STORES else None
            if isinstance(value, dict) and "Fn::Sub" in value:
                text = str(cast("Any", value)["Fn::Sub"])
                properties[key] = text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
    return template._replace(root=root)


def with_data_kept(wanted: Template, deployed: Template) -> Template:
    """`wanted`, and the data stores that `deployed` has beyond it. Parts keep their place.

    Whether the stage is production stays too, and with it what protects tables: only a deploy with --no-prod ends that.
    Logs are kept as long as they are now at least: what is older than a shorter time would be gone at once.
    """
    wanted = _with_logs_kept(_with_guards_kept(wanted, deployed), deployed)
    old = deployed.root["Resources"]
    stores = {id for id, one in old.items() if one["Type"] in DATA_STORES and id not in wanted.root["Resources"]}
    if not stores:
        return wanted
    guards = {
        id
        for id, one in old.items()
        if one["Type"] in GUARDS and id not in wanted.root["Resources"] and _refers(one, stores)
    }
    root = copy.deepcopy(wanted.root)
    for id in sorted(stores | guards):
        root["Resources"][id] = _alone(old[id], {*root["Resources"], *stores, *guards})
    known, before = root["Metadata"][METADATA], deployed.root["Metadata"][METADATA]
    declared = {id: one for id, one in before.get("Declared", {}).items() if id in stores}
    known["Declared"] = {**declared, **known.get("Declared", {})}
    more = set(deployed.in_root) - set(wanted.in_root) - set(wanted.placement)
    parts = sorted({*wanted.in_root, *(part for part in more if part.partition(":")[0] in ("table", "bucket"))})
    known["Root"] = parts
    return wanted._replace(root=root, in_root=tuple(parts))


def _with_guards_kept(wanted: Template, deployed: Template) -> Template:
    root = copy.deepcopy(wanted.root)
    old = deployed.root["Resources"]
    is_prod = bool(deployed.root["Metadata"][METADATA].get("IsProd"))
    root["Metadata"][METADATA]["IsProd"] = is_prod
    for id, one in root["Resources"].items():
        if one["Type"] != TABLE:
            continue
        # A table that is not there any more is made as one of this stage.
        before = old.get(id, {}).get("Properties") or protection(is_prod=is_prod)
        for key in protection(is_prod=is_prod):
            if key in before:
                one["Properties"][key] = before[key]
    return wanted._replace(root=root)


def _with_logs_kept(wanted: Template, deployed: Template) -> Template:
    now = {id: days for one in deployed.stacks().values() for id, days in _retentions(one).items()}
    if not now:
        return wanted
    longest = max(now.values())
    root, nested = copy.deepcopy(wanted.root), dict(wanted.nested)
    keys = nested_keys(root)
    for stack, template in wanted.stacks().items():
        # A function that is not there any more is made as one of this stage.
        short = {id for id, days in _retentions(template).items() if days < now.get(id, longest)}
        if not short:
            continue
        changed = root if stack == ROOT else copy.deepcopy(template)
        for id in short:
            properties = changed["Resources"][id]["Properties"]
            properties.pop(RETENTION)
            if now.get(id, longest) != FOREVER:
                properties[RETENTION] = now.get(id, longest)
        if stack != ROOT:
            nested[stack] = changed
            url = root["Resources"][stack]["Properties"]
            url["TemplateURL"] = _replaced(url["TemplateURL"], keys[stack], key_of(text_of(changed)))
    return wanted._replace(root=root, nested=nested)


def _retentions(template: Mapping[str, Any]) -> dict[str, float]:
    """For how many days each group of logs keeps them."""
    return {
        id: one.get("Properties", {}).get(RETENTION, FOREVER)
        for id, one in template["Resources"].items()
        if one["Type"] == LOGS
    }


def _replaced(url: Any, old: str, new: str) -> Any:
    return url.replace(old, new) if isinstance(url, str) else {"Fn::Sub": str(url["Fn::Sub"]).replace(old, new)}


def _alone(resource: Mapping[str, Any], there: set[str]) -> dict[str, Any]:
    """A resource without the properties that lead to what is not there."""
    found = copy.deepcopy(dict(resource))
    properties = cast("dict[str, Any]", found.get("Properties", {}))
    for key in [key for key, value in properties.items() if not _known(value, there)]:
        del properties[key]
    waits = [id for id in found.pop("DependsOn", ()) if id in there]
    if waits:
        found["DependsOn"] = waits
    return found


def _known(value: Any, there: set[str]) -> bool:
    return all(name in there or name.startswith("AWS::") or name == "ArtifactBucket" for name in mentioned(value))


def _refers(value: Any, ids: set[str]) -> bool:
    return any(name in ids for name in mentioned(value))


def mentioned(value: Any) -> set[str]:
    """The logical ids and parameters that a value refers to."""
    if isinstance(value, Mapping):
        found: set[str] = set()
        for key, entry in cast("Mapping[str, Any]", value).items():
            if key == "Ref":
                found.add(str(entry))
            elif key == "Fn::GetAtt":
                names = cast("list[str]", entry) if isinstance(entry, list) else str(entry).split(".")
                found.add(names[0])
            else:
                if key == "Fn::Sub":
                    text = entry if isinstance(entry, str) else str(entry[0])
                    found |= {part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:]}
                found |= mentioned(entry)
        return found
    if isinstance(value, list | tuple):
        return {name for entry in cast("list[Any]", value) for name in mentioned(entry)}
    return set()
