"""A manifest -> what an app is in Google Cloud in one stage. Pure: no I/O, no clock, equal input, equal values.

    desired = translate(app.manifest().to_dict(), Stage("prod", is_prod=True), names, Sources({...}))

What becomes what, and why, is in docs/gcp.md; what cannot become anything is found by `faults.faults`. Values of params
and secrets are never in it: the command line writes them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup
from portable.errors import InvalidArgument

from .firestore_indexes import indexes
from .grouping import functions_of, groups_of
from .names import STAGE, Names
from .resources import Desired, Resource, ordered
from .roles import (
    EVERYBODY,
    INVOKE,
    PUBLISH,
    SUBSCRIBE,
    Binding,
    build_bindings,
    is_pushed,
    joined,
    kind_of,
    known,
    member,
    of_database,
    pubsub_agent,
    rights,
    storage_agent,
)
from .template_data import data, place_of
from .template_functions import Runtime, account, function
from .template_messages import background

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURE = "x86_64"
"""The only one that functions have: https://cloud.google.com/run/docs/container-contract"""
MOST_OUTPUTS = 200
OBJECT = re.compile(r"[A-Za-z0-9._/-]{1,1024}", re.ASCII)
NEEDED_APIS: tuple[str, ...] = (
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "firestore", "iam", "logging", "run",
    "storage",
)  # fmt: skip
"""Of every app. https://cloud.google.com/functions/docs/create-deploy-gcloud#before-you-begin"""
PLACEHOLDER = Names("app", "stage", "${PROJECT}", "${LOCATION}", "${NUMBER}", "${MARK}")


class Stage(NamedTuple):
    """A stage and how its functions run."""

    name: str
    is_prod: bool = False
    python: str = "3.13"


def translate(manifest: Mapping[str, Any], stage: Stage, names: Names, sources: Mapping[str, str]) -> Desired:
    """All resources of `Manifest.to_dict()`; `sources` is the zip of each function, by its id, in the release bucket.

    Raises InvalidArgument for a stage or sources that cannot be.
    """
    check_stage(stage)
    groups = groups_of(manifest)
    check_sources(groups, sources)
    runtime = Runtime(stage.python, sources)
    places = places_of(manifest, groups)
    made = [
        *(api(name, names) for name in apis(manifest)),
        *data(manifest, indexes(manifest), names, is_prod=stage.is_prod),
        *(one for group in groups for one in function(group, names, runtime, places[group.id])),
        *background(manifest, names),
    ]
    if groups:
        made.append(account("account:build", names.build_account(), "builds of functions", names))
    made += access(manifest, groups, {one.id: one for one in made}, names)
    return Desired(
        names.app,
        names.stage,
        stage.is_prod,
        ordered(made),
        functions_of(manifest, names),
        outputs_of(manifest, groups, names),
    )


def names_to_read(app: str, stage: str) -> Names:
    """The names of an app whose project is not known yet: with `${PROJECT}` and the like in them."""
    return Names(app, stage, PLACEHOLDER.project, PLACEHOLDER.location, PLACEHOLDER.number, PLACEHOLDER.mark)


def check_stage(stage: Stage) -> None:
    if STAGE.fullmatch(stage.name) is None:
        raise InvalidArgument(
            f"stage {stage.name!r} is not 1-16 lower-case letters and digits", hint="for instance dev, staging or prod"
        )
    if stage.python not in PYTHONS:
        raise InvalidArgument(
            f"Cloud Run functions have no Python {stage.python!r} that portable runs on", hint=", ".join(PYTHONS)
        )


def check_architecture(architecture: str | None) -> None:
    if architecture not in (None, ARCHITECTURE):
        raise InvalidArgument(f"Cloud Run functions have no architecture {architecture!r}", hint=ARCHITECTURE)


def check_sources(groups: Iterable[FunctionGroup], sources: Mapping[str, str]) -> None:
    for one in groups:
        key = sources.get(one.id)
        if key is None or OBJECT.fullmatch(key) is None:
            raise InvalidArgument(f"there is no zip for {one.id}: {key!r}")


def places_of(manifest: Mapping[str, Any], groups: Iterable[FunctionGroup]) -> dict[str, str]:
    """Where each function was declared: its handler, or the app."""
    handlers = {one["name"]: one for one in manifest["handlers"]}
    return {one.id: place_of(handlers[one.handlers[0]] if one.kind == "handler" else manifest["app"]) for one in groups}


# Interfaces


def apis(manifest: Mapping[str, Any]) -> list[str]:
    """The interfaces of Google's that have to be enabled, by what the app uses."""
    kinds = {kind_of(one) for one in manifest["handlers"] if one["trigger"]["type"] != "route"}
    verbs = {grant["verb"] for grant in manifest["grants"]}
    found = set(NEEDED_APIS)
    if kinds:
        found.add("cloudtasks")
    if manifest["topics"] or kinds & {"topic", "bucket", "table"}:
        found.add("pubsub")
    if "table" in kinds:
        found.add("eventarc")
    if "schedule" in kinds:
        found.add("cloudscheduler")
    if manifest["params"] or manifest["secrets"]:
        found.add("secretmanager")
    if "signed_url" in verbs:
        found.add("iamcredentials")
    return sorted(f"{name}.googleapis.com" for name in found)


def api(name: str, names: Names) -> Resource:
    return Resource(f"api:{name}", "api", names.in_project(f"services/{name}"), {}, name)


# Access


def access(
    manifest: Mapping[str, Any], groups: Iterable[FunctionGroup], there: Mapping[str, Resource], names: Names
) -> list[Resource]:
    """The policy of each resource, as far as it is ours: who is given which role on it."""
    about = known(manifest)
    found: dict[str, list[Binding]] = {}

    def give(target: str, binding: Binding) -> None:
        found.setdefault(target, []).append(binding)

    for one in groups:
        email = there[f"function:{one.id}"].body["serviceConfig"]["serviceAccountEmail"]
        for right in rights(about, one):
            if right.target == "database":
                give("project", of_database(right.role, [member(email)], names))
            else:
                give(right.target, Binding(right.role, (member(email),)))
        if one.answers_http:
            give(f"function:{one.id}", Binding(INVOKE, (EVERYBODY,)))
    if groups:
        for binding in build_bindings(names):
            give("project", binding)
    for handler in about.handlers.values():
        if handler["trigger"]["type"] != "route" and is_pushed(handler):
            # https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions
            give(f"dead-topic:{handler['name']}", Binding(PUBLISH, (pubsub_agent(names),)))
            give(f"subscription:{handler['name']}", Binding(SUBSCRIBE, (pubsub_agent(names),)))
    for id in there:
        if id.startswith("events:"):
            give(id, Binding(PUBLISH, (storage_agent(names),)))
    return [policy(target, joined(bindings), there, names) for target, bindings in sorted(found.items())]


def policy(target: str, bindings: Iterable[Binding], there: Mapping[str, Resource], names: Names) -> Resource:
    """Access to one resource; of a function it is the policy of the Cloud Run service that it is."""
    if target == "project":
        name, shown, where = f"projects/{names.project}", "the project", None
    else:
        one = there[target]
        name, shown, where = one.name.replace("/functions/", "/services/"), target, one.where
    return Resource(f"access:{target}", "access", name, {"bindings": [one.body() for one in bindings]}, shown, where)


# Outputs


def outputs_of(manifest: Mapping[str, Any], groups: Iterable[FunctionGroup], names: Names) -> dict[str, str]:
    """What people and the command line ask for: the URL of the app, and names of what holds data."""
    found = {"Database": names.database()}
    for one in groups:
        if one.answers_http:
            found["ApiUrl"] = names.url(functions_of(manifest, names)[one.id])
    kinds = (
        ("Bucket", "buckets", names.bucket),
        ("Table", "tables", names.collection),
        ("Topic", "topics", names.topic),
    )
    for kind, key, name_of in kinds:
        for spec in manifest[key]:
            if len(found) < MOST_OUTPUTS:
                found[f"{kind}{camel(spec['name'])}Name"] = name_of(spec["name"])
    return found


def camel(qualified: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", qualified))
