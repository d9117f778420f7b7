"""A manifest -> the CloudFormation template of an app in one stage. Pure: no I/O, no clock, equal input, equal text.

    template = translate(app.manifest().to_dict(), Stage("prod", is_prod=True), Bundle({...}))

What becomes what, and why, is in docs/aws.md; what cannot become anything is found by `template_faults.faults`.
Values of params and secrets are never in it: the command line writes them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup, group
from portable.errors import InvalidArgument

from .iam import known
from .names import STAGE
from .stacks import BUCKET_PARAMETER, Template, assemble, written
from .template_data import STATE, bucket_id, data_parts, table_id, topic_id
from .template_functions import Runtime, base_id, function_name, function_part, give_role
from .template_http import API, http_parts
from .template_parts import Naming, Part, naming
from .template_queues import change_parts, handler_base, handler_part
from .template_schedules import scheduling_part

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURES = ("arm64", "x86_64")
LOG_DAYS = 30
PROD_LOG_DAYS = 365
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
MOST_OUTPUTS = 200
KEY = re.compile(r"[A-Za-z0-9._/-]{1,1024}", re.ASCII)


class Stage(NamedTuple):
    """A stage and how its functions run. `log_days` None: 30, on a prod stage 365."""

    name: str
    is_prod: bool = False
    python: str = "3.14"
    architecture: str = "arm64"
    log_days: int | None = None
    alarm_actions: tuple[str, ...] = ()
    """ARNs that alarms tell: topics of SNS, for instance."""


class Bundle(NamedTuple):
    """Where the zip of each function lies: its key by the group's id (portable.deploy.functions).

    `bucket` None: the template has a parameter for it, so that it can be made without an account.
    """

    keys: Mapping[str, str]
    bucket: str | None = None


def translate(
    manifest: Mapping[str, Any], stage: Stage, bundle: Bundle, *, deployed: Mapping[str, str] | None = None
) -> Template:
    """The template of `Manifest.to_dict()`.

    `deployed` is `stacks.placement_of` the root template that is deployed: what is there stays where it is.
    Raises InvalidArgument for a stage or bundle that cannot be.
    """
    return begin_translating(manifest, stage, bundle, deployed=deployed)(manifest)


def begin_translating(
    manifest: Mapping[str, Any], stage: Stage, bundle: Bundle, *, deployed: Mapping[str, str] | None = None
) -> Callable[[Mapping[str, Any]], Template]:
    """Nearly all of `translate`, of a manifest whose grants are not known yet; what it answers takes the whole one."""
    check_stage(stage)
    groups = group(manifest)
    check_bundle(groups, bundle)
    name = naming(manifest["app"]["name"], stage.name)
    bucket: Any = bundle.bucket if bundle.bucket is not None else {"Ref": BUCKET_PARAMETER}
    functions = functions_with(groups, stage, name, bucket, bundle.keys)
    parts = parts_of(manifest, groups, stage, name, functions)
    texts = written(one.resources for one in parts)
    metadata = {"App": name.app, "Stage": name.stage, "IsProd": stage.is_prod, "Declared": declared_at(manifest)}
    outputs = outputs_of(manifest, groups)

    def rest(whole: Mapping[str, Any]) -> Template:
        about = known(whole)
        roles = [give_role(part, one, name, about) for part, one in zip(functions, groups, strict=True)]
        return assemble(
            parts,
            {**texts, **written(roles)},
            description=f"{name.app}, stage {name.stage}, by portable",
            bucket=bucket,
            # Without functions nothing would use it, and cfn-lint takes that for a mistake.
            parameters={}
            if bundle.bucket is not None or not groups
            else {
                BUCKET_PARAMETER: {
                    "Type": "String",
                    "Description": "The bucket in which the zips of the functions lie",
                }
            },
            outputs=outputs,
            metadata=metadata,
            tags=name.tag_list(name.app),
            before=deployed,
        )

    return rest


def functions_with(
    groups: Sequence[FunctionGroup], stage: Stage, name: Naming, bucket: Any, keys: Mapping[str, str]
) -> list[Part]:
    """The part of each function, without its role."""
    days = stage.log_days or (PROD_LOG_DAYS if stage.is_prod else LOG_DAYS)
    runtime = Runtime(stage.python, stage.architecture, days, stage.alarm_actions, bucket, keys)
    return [function_part(one, name, runtime) for one in groups]


def parts_of(
    manifest: Mapping[str, Any],
    groups: Sequence[FunctionGroup],
    stage: Stage,
    name: Naming,
    functions: Sequence[Part],
) -> list[Part]:
    of_handler = {handler: one for one in groups for handler in one.handlers}
    parts = data_parts(manifest, name, is_prod=stage.is_prod)
    scheduling = scheduling_part(manifest, name)
    if scheduling is not None:
        parts.append(scheduling)
    parts += [*http_parts(manifest, groups, name), *change_parts(manifest, groups, name)]
    parts += functions
    parts += [
        handler_part(manifest, handler, of_handler[handler["name"]], name, stage.alarm_actions)
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] != "route"
    ]
    return parts


def check_stage(stage: Stage) -> None:
    if STAGE.fullmatch(stage.name) is None:
        raise InvalidArgument(
            f"stage {stage.name!r} is not 1-16 lower-case letters and digits", hint="for instance dev, staging or prod"
        )
    if stage.python not in PYTHONS:
        raise InvalidArgument(f"Lambda has no Python {stage.python!r} that portable runs on", hint=", ".join(PYTHONS))
    if stage.architecture not in ARCHITECTURES:
        raise InvalidArgument(f"Lambda has no architecture {stage.architecture!r}", hint=" or ".join(ARCHITECTURES))
    if stage.log_days is not None and stage.log_days not in RETENTIONS:
        raise InvalidArgument(
            f"CloudWatch keeps no logs for {stage.log_days!r} days", hint=f"one of {', '.join(map(str, RETENTIONS))}"
        )


def check_bundle(groups: Sequence[FunctionGroup], bundle: Bundle) -> None:
    for one in groups:
        key = bundle.keys.get(one.id)
        if key is None or KEY.fullmatch(key) is None:
            raise InvalidArgument(f"the bundle has no zip for {one.id}: {key!r}")


def outputs_of(manifest: Mapping[str, Any], groups: Sequence[FunctionGroup]) -> dict[str, Any]:
    """What people and the command line ask for: the URL of the API, and names of what holds data."""
    found: dict[str, Any] = {}
    if any(one.answers_http for one in groups):
        found["ApiUrl"] = {"Description": "Where the app answers", "Value": {"Fn::GetAtt": [API, "ApiEndpoint"]}}
    found["StateTable"] = {"Description": "The framework's own table", "Value": {"Ref": STATE}}
    kinds = (("bucket", "buckets", bucket_id), ("table", "tables", table_id), ("topic", "topics", topic_id))
    for kind, key, id_of in kinds:
        for spec in manifest[key]:
            if len(found) < MOST_OUTPUTS:
                id = id_of(spec["name"])
                found[f"{id}Name"] = {"Description": f"{kind} {spec['name']}", "Value": {"Ref": id}}
    return found


def declared_at(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Where in the code what is in the template was declared, by the beginning of its logical ids: for plans."""
    found: dict[str, str] = {}
    for kind, id_of in (("tables", table_id), ("buckets", bucket_id), ("topics", topic_id)):
        for spec in manifest[kind]:
            found[id_of(spec["name"])] = place_of(spec)
    groups = {one.handlers[0]: one for one in group(manifest) if one.kind == "handler"}
    for handler in manifest["handlers"]:
        if handler["trigger"]["type"] != "route" or handler["name"] in groups:
            found[handler_base(handler["name"])] = place_of(handler)
    for service in manifest["services"]:
        base = base_id_of_service(service["name"], manifest["app"]["name"])
        found[base] = place_of(service)
    return dict(sorted(found.items()))


def base_id_of_service(service: str, app: str) -> str:
    return base_id(FunctionGroup(f"http:{service}", "http", service, (), (), (), (), 0, 0), app)


def place_of(spec: Mapping[str, Any]) -> str:
    return f"{spec['location']['file']}:{spec['location']['line']}"


def functions_of(manifest: Mapping[str, Any], stage: str) -> dict[str, str]:
    """The physical name of each function by the group's id."""
    name = naming(manifest["app"]["name"], stage)
    return {one.id: function_name(one, name) for one in group(manifest)}
