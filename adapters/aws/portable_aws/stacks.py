"""Which stack each part of an app is in, and the templates that come of it.

One stack holds everything until a limit of CloudFormation demands more. Then what holds data, the HTTP API and what all
share stay in the root stack, and functions with their queues go to nested stacks by service. A part that is deployed
never moves: moving would mean to delete and create under the same name. So where things are is read from the template
that is deployed (`placement`), and only what is new is placed anew.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from portable.errors import LimitExceeded

from .template_parts import Link, Part, Resource, camel

MOST_RESOURCES = 500
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
MOST_BYTES = 1_000_000
MOST_PARAMETERS = 200
FULL_RESOURCES = 450
"""What a new stack is filled to: room for parts that grow, which must not have to move."""
FULL_BYTES = 900_000
METADATA = "Portable"
BUCKET_PARAMETER = "ArtifactBucket"
ROOT = ""
LISTED = ("Resources", "Parameters", "Outputs")
"""What a template has one line for each entry of."""


class Template(NamedTuple):
    """The root template and the nested ones by name, as values; `root_text()` is what is deployed."""

    root: dict[str, Any]
    nested: Mapping[str, dict[str, Any]]
    placement: dict[str, str]
    """The nested stack of each part that is in one, by the part's key."""
    in_root: tuple[str, ...]
    """The keys of the parts that are not."""
    texts: Mapping[str, str] = {}
    """The text of each, as far as it was made already; the root's name is empty."""

    def text(self, stack: str) -> str:
        found = self.texts.get(stack)
        return text_of(self.stacks()[stack]) if found is None else found

    def root_text(self) -> str:
        return self.text(ROOT)

    def files(self) -> dict[str, str]:
        """What has to be in the bucket of artefacts, by key: the nested templates."""
        return {key_of(text): text for text in (self.text(stack) for stack in self.nested)}

    def deployed_placement(self) -> dict[str, str]:
        """What `placement_of` reads from this template once it is deployed."""
        return placement_of(self.root)

    def stacks(self) -> dict[str, dict[str, Any]]:
        """All templates by name; the root's is empty."""
        return {ROOT: self.root, **self.nested}

    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource of all stacks by `STACK/LOGICAL` (the root's: `LOGICAL`)."""
        return {
            f"{stack}/{id}" if stack else id: value
            for stack, template in self.stacks().items()
            for id, value in template["Resources"].items()
        }


class Parsed(Mapping[str, dict[str, Any]]):
    """Templates by name as values, of which there are the texts: read when one is asked for, as no package does."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._values: dict[str, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self._values:
            self._values[name] = json.loads(self._texts[name])
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def text_of(template: Mapping[str, Any], resources: Mapping[str, str] | None = None) -> str:
    """The same template gives the same text: one line for each resource, parameter and output.

    Not indented further, because that is not done in C: a large app's plan would take seconds. `resources` are texts of
    the resources, which then stand last.
    """
    sections = [
        listed(key, {id: _flat(one) for id, one in value.items()})
        if key in LISTED and value
        else f"{_flat(key)}: {_flat(value)}"
        for key, value in template.items()
    ]
    if resources is not None:
        sections.append(listed("Resources", resources))
    return "{\n" + ",\n".join(sections) + "\n}\n"


def listed(section: str, entries: Mapping[str, str]) -> str:
    return f"{_flat(section)}: {{\n" + ",\n".join(f" {_flat(id)}: {one}" for id, one in entries.items()) + "\n}"


_flat = json.JSONEncoder(ensure_ascii=True).encode


class Written(NamedTuple):
    """A resource as it is where all that it refers to is in its stack: its text, and what it refers to."""

    text: str
    links: tuple[Link, ...]


class Between:
    """Stands between two resources that are written in one go."""


BETWEEN = "\x01"
"""As what: no list of a template has such a text in it."""


def written(resources: Iterable[Mapping[str, Resource]]) -> dict[str, Written]:
    """All resources as texts, by their ids. Once, and at once: to write them is most of the work."""
    ids: list[str] = []
    values: list[Any] = []
    links: list[list[Link]] = [[]]

    def referred(value: object) -> object:
        if isinstance(value, Link):
            links[-1].append(value)
            return value.here()
        if isinstance(value, Between):
            links.append([])
            return BETWEEN
        raise TypeError(f"{type(value).__name__} cannot be in a template")

    for some in resources:
        for id, value in some.items():
            ids.append(id)
            values += (value, Between())
    whole = json.JSONEncoder(ensure_ascii=True, default=referred, check_circular=False).encode(values)
    texts = whole[1:-1].split(f", {_flat(BETWEEN)}")
    return {
        id: Written(text.removeprefix(", "), tuple(found)) for id, text, found in zip(ids, texts, links, strict=False)
    }


def key_of(text: str) -> str:
    """Where a nested template lies: by what it says, so that a release's templates stay."""
    return f"templates/{hashlib.sha256(text.encode()).hexdigest()}.json"


def placement_of(root: Mapping[str, Any]) -> dict[str, str]:
    """Where parts are by a root template that was deployed: their stack by key, the root's name is empty."""
    known: Mapping[str, Any] = root.get("Metadata", {}).get(METADATA, {})
    return {**dict.fromkeys(known.get("Root", ()), ROOT), **dict(known.get("Stacks", {}))}


# Placing


class Load(NamedTuple):
    resources: int
    size: int

    def plus(self, other: "Load") -> "Load":
        return Load(self.resources + other.resources, self.size + other.size)

    @property
    def is_full(self) -> bool:
        return self.resources > FULL_RESOURCES or self.size > FULL_BYTES

    @property
    def is_over(self) -> bool:
        return self.resources > MOST_RESOURCES or self.size > MOST_BYTES


NOTHING = Load(0, 0)


def load_of(part: Part, texts: Mapping[str, Written]) -> Load:
    """How much of a stack a part takes; its size as JSON in one line."""
    between = len(_flat("")) + len(": ") + len(", ")
    return Load(len(part.resources), sum(len(id) + len(texts[id].text) + between for id in part.resources))


def place(parts: Sequence[Part], before: Mapping[str, str] | None, texts: Mapping[str, Written]) -> dict[str, str]:
    """The stack of every part by key. `before` is a deployed placement; None: nothing is deployed.

    What is deployed stays. What is new goes into the root while there is but one stack and it has room, else beside its
    owner or to its service.
    """
    loads: dict[str, Load] = {}
    services: dict[str, str] = {}
    fixed: set[str] = set()
    for part in parts:
        loads[part.key] = loads.get(part.key, NOTHING).plus(load_of(part, texts))
        services[part.key] = part.service
        if part.always_root:
            fixed.add(part.key)
    total = _sum(loads.values())
    if not before and not total.is_full:
        return dict.fromkeys(loads, ROOT)
    found: dict[str, str] = dict.fromkeys(fixed, ROOT)
    found.update({key: stack for key, stack in (before or {}).items() if key in loads and key not in fixed})
    free = [key for key in loads if key not in found]
    if before and not any(found.values()):
        room = _sum(loads[key] for key in found)
        for owner in sorted({_owner(key) for key in free}):
            keys = [key for key in free if _owner(key) == owner]
            grown = _sum([room, *(loads[key] for key in keys)])
            if not grown.is_full:
                room = grown
                found.update(dict.fromkeys(keys, ROOT))
        free = [key for key in free if key not in found]
    for service in sorted({services[key] for key in free}):
        keys = sorted(key for key in free if services[key] == service)
        if before:
            _add(keys, service, loads, found)
        else:
            _spread(keys, service, loads, found)
    return found


def _spread(keys: list[str], service: str, loads: Mapping[str, Load], found: dict[str, str]) -> None:
    """The parts of a service over as many stacks as it takes, by the hash of their names: others do not move them."""
    count = 1
    while True:
        bins: dict[str, list[str]] = {}
        for key in keys:
            digest = int(hashlib.sha256(_owner(key).encode()).hexdigest(), 16)
            bins.setdefault(stack_name(service, digest % count), []).append(key)
        if count >= len(keys) or not any(_sum(loads[key] for key in one).is_full for one in bins.values()):
            break
        count *= 2
    found.update({key: stack for stack, one in bins.items() for key in one})


def _add(keys: list[str], service: str, loads: Mapping[str, Load], found: dict[str, str]) -> None:
    """New parts where their owner is, or else into the first stack of their service that has room, or a new one."""
    for key in keys:
        names = [stack_name(service, index) for index in range(len(loads) + 1)]
        near = {found[other] for other in found if found[other] and _owner(other) == _owner(key)}
        candidates = [*sorted(near), *names]
        for stack in candidates:
            inside = _sum(loads[other] for other, where in found.items() if where == stack and other in loads)
            if not inside.plus(loads[key]).is_full or inside == NOTHING:
                found[key] = stack
                break


def _owner(key: str) -> str:
    """`function:handler:x` and `handler:x` belong together."""
    return key.removeprefix("function:")


def _sum(loads: Iterable[Load]) -> Load:
    total = NOTHING
    for load in loads:
        total = total.plus(load)
    return total


def stack_name(service: str, index: int) -> str:
    return f"{camel(service)}Stack{index or ''}"


# Putting together


def assemble(
    parts: Sequence[Part],
    known: Mapping[str, Written],
    *,
    description: str,
    bucket: Any,
    parameters: Mapping[str, Any],
    outputs: Mapping[str, Any],
    metadata: Mapping[str, Any],
    tags: Sequence[Mapping[str, str]],
    before: Mapping[str, str] | None = None,
) -> Template:
    """The templates of the parts, whose resources are in `known` as texts.

    `bucket` is where nested templates will lie, and the zips do.
    """
    placement = place(parts, before, known)
    home = {id: placement[part.key] for part in parts for id in part.resources}
    stacks: dict[str, dict[str, Resource]] = {ROOT: {}}
    for part in parts:
        stacks.setdefault(placement[part.key], {}).update(part.resources)
    texts: dict[str, str] = {}
    counts: dict[str, int] = {}
    hosts: dict[str, Resource] = {}
    for stack in sorted(name for name in stacks if name):
        needs: dict[str, Link] = {}
        after: set[str] = set()
        inside = {
            id: known[id].text
            if "DependsOn" not in value and all(home[link.logical] == stack for link in known[id].links)
            else _flat(_place_in(value, stack, home, needs, after))
            for id, value in sorted(stacks[stack].items())
        }
        passed: dict[str, Any] = {key: link.here() for key, link in sorted(needs.items())}
        declared: dict[str, Any] = {key: {"Type": "String"} for key in passed}
        if isinstance(bucket, dict) and any(f'"{BUCKET_PARAMETER}"' in text for text in inside.values()):
            declared[BUCKET_PARAMETER] = {"Type": "String"}
            passed[BUCKET_PARAMETER] = bucket
        head = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": f"{description}: {stack}",
            **({"Parameters": declared} if declared else {}),
        }
        texts[stack] = text_of(head, inside)
        counts[stack] = len(inside)
        properties: dict[str, Any] = {"TemplateURL": template_url(bucket, key_of(texts[stack]))}
        if passed:
            properties["Parameters"] = passed
        properties["Tags"] = [dict(tag) for tag in tags]
        hosts[stack] = {"Type": "AWS::CloudFormation::Stack"}
        # What is handed on as a parameter is waited for anyway.
        after -= {link.logical for link in needs.values()}
        if after:
            hosts[stack]["DependsOn"] = sorted(after)
        # A nested stack that goes takes its functions with it, and holds nothing else.
        hosts[stack] |= {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete", "Properties": properties}
    resources = {id: _place_in(value, ROOT, home, {}, set()) for id, value in stacks[ROOT].items()}
    where = {key: stack for key, stack in sorted(placement.items()) if stack}
    here = tuple(sorted(key for key, stack in placement.items() if not stack))
    root: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        "Metadata": {METADATA: {**metadata, "Root": list(here), **({"Stacks": where} if where else {})}},
        **({"Parameters": dict(parameters)} if parameters else {}),
        "Resources": {**resources, **hosts},
        **({"Outputs": dict(outputs)} if outputs else {}),
    }
    made = Template(root, Parsed(texts), where, here, {ROOT: text_of(root), **texts})
    check_limits(made.texts, {ROOT: len(root["Resources"]), **counts})
    return made


def check_limits(texts: Mapping[str, str], counts: Mapping[str, int]) -> None:
    """Raises LimitExceeded for a stack that CloudFormation would not take: then what holds data is too much for one.

    `counts` are the resources of each stack.
    """
    for name, text in texts.items():
        count, size = counts[name], len(text)
        if count > MOST_RESOURCES or size > MOST_BYTES:
            raise LimitExceeded(
                f"the stack {name or 'of the app'} would have {count} resources and {size} bytes; CloudFormation takes "
                f"{MOST_RESOURCES} and {MOST_BYTES}",
                limit="stack_resources" if count > MOST_RESOURCES else "stack_bytes",
                provider="aws",
                hint="two apps; tables, buckets, topics and routes are all in one stack",
            )


def template_url(bucket: Any, key: str) -> Any:
    host = "s3.${AWS::Region}.${AWS::URLSuffix}"
    if isinstance(bucket, dict):
        return {"Fn::Sub": f"https://${{{BUCKET_PARAMETER}}}.{host}/{key}"}
    return {"Fn::Sub": f"https://{bucket}.{host}/{key}"}


def _place_in(
    value: Resource, stack: str, home: Mapping[str, str], needs: dict[str, Link], after: set[str]
) -> Resource:
    """A resource as it stands in its stack: Links made references, dependencies those that are there."""
    waits: list[str] = []

    def link(one: Link) -> Any:
        where = home[one.logical]
        if where == stack:
            return one.here()
        if stack:
            after.add(where or one.logical)
        else:
            waits.append(where)
        if one.elsewhere is not None:
            return {"Fn::Sub": one.elsewhere} if "${" in one.elsewhere else one.elsewhere
        if where:
            raise ValueError(f"{one.logical} is in {where} and has no name that {stack or 'the root'} could know")
        needs[one.parameter()] = one
        return {"Ref": one.parameter()}

    found = cast("Resource", resolved(value, link))
    for id in value.get("DependsOn", ()):
        if home[id] == stack:
            waits.append(id)
        elif stack:
            after.add(home[id] or id)
        else:
            waits.append(home[id])
    found.pop("DependsOn", None)
    if waits:
        found = {"Type": found.pop("Type"), "DependsOn": sorted(set(waits)), **found}
    return found


def resolved(value: Any, link: Callable[[Link], Any]) -> Any:
    """A value with each Link in it replaced by what `link` makes of it."""
    # Most of a template are texts: a call for each would be most of the work.
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return {key: entry if type(entry) is str else resolved(entry, link) for key, entry in found.items()}
    if isinstance(value, list | tuple):
        return [entry if type(entry) is str else resolved(entry, link) for entry in cast("list[Any]", value)]
    return link(value) if isinstance(value, Link) else value
