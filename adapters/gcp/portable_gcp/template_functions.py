"""Functions of Cloud Run (second generation) with their service accounts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup

from .grouping import function_name
from .names import Names
from .resources import Resource, labels, mark

ENTRY, ENTRY_FILE = "handler", "portable_entry.py"
MOST_SECONDS = 3600
"""https://cloud.google.com/functions/quotas: of a function that is called by HTTP, which all of ours are."""
MARGIN_SECONDS = 2
"""More than its handlers have, so that a handler that runs out of time is answered by us, not cut off by Cloud Run."""
MOST_INSTANCES = 100
SOURCE_DATE = "315532801"
"""1980: with it Python's compiler makes byte code that is compared with the source's hash, not its time. The builder
compiles anew what lies in the folder, and gives all files one made-up time after that: byte code of the usual kind
would be thrown away at each start. https://docs.python.org/3/library/py_compile.html"""
SERVES_HTTP, SERVES_BACKGROUND = "http", "background"
"""Whom a function answers: people, or what only Google's services send."""


class Runtime(NamedTuple):
    """What all functions of a stage have in common. `sources` is the zip of each function, a key in the bucket."""

    python: str
    sources: Mapping[str, str]


def function_seconds(group: FunctionGroup) -> int:
    return min(group.timeout + MARGIN_SECONDS, MOST_SECONDS)


def memory_text(megabytes: int) -> str:
    return f"{megabytes // 1024}Gi" if megabytes % 1024 == 0 else f"{megabytes}Mi"


def environment(group: FunctionGroup, names: Names) -> dict[str, str]:
    """What a function is told: where it is, and who may call it."""
    return {
        "PORTABLE_STAGE": names.stage,
        "PORTABLE_PROJECT": names.project,
        "PORTABLE_PROJECT_NUMBER": names.number,
        "PORTABLE_LOCATION": names.location,
        "PORTABLE_SERVES": SERVES_HTTP if group.kind == "http" else SERVES_BACKGROUND,
    }


def described(group: FunctionGroup) -> str:
    if group.kind == "handler":
        return group.handlers[0]
    return f"{'HTTP' if group.kind == 'http' else 'all background handlers'} of {group.service}"


def function(group: FunctionGroup, names: Names, runtime: Runtime, where: str | None) -> list[Resource]:
    """The function and its account."""
    physical = function_name(group, names)
    email = names.service_account(physical)
    return [
        account(f"account:{group.id}", email, described(group), names),
        Resource(
            f"function:{group.id}",
            "function",
            names.in_location(f"functions/{physical}"),
            {
                "description": described(group),
                "environment": "GEN_2",
                "labels": labels(names.app, names.stage, group.service),
                "buildConfig": {
                    "runtime": f"python{runtime.python.replace('.', '')}",
                    "entryPoint": ENTRY,
                    "environmentVariables": {"GOOGLE_FUNCTION_SOURCE": ENTRY_FILE, "SOURCE_DATE_EPOCH": SOURCE_DATE},
                    "serviceAccount": names.in_project(f"serviceAccounts/{names.build_account()}"),
                    "source": {
                        "storageSource": {"bucket": names.release_bucket(), "object": runtime.sources[group.id]}
                    },
                },
                "serviceConfig": {
                    "availableMemory": memory_text(group.memory),
                    "timeoutSeconds": function_seconds(group),
                    "maxInstanceCount": MOST_INSTANCES,
                    "maxInstanceRequestConcurrency": 1,
                    "environmentVariables": environment(group, names),
                    "ingressSettings": "ALLOW_ALL",
                    "allTrafficOnLatestRevision": True,
                    "serviceAccountEmail": email,
                },
            },
            described(group),
            where,
        ),
    ]


def account(id: str, email: str, what: str, names: Names) -> Resource:
    name = names.in_project(f"serviceAccounts/{email}")
    body: dict[str, Any] = {"displayName": what[:100], "description": mark(names.app, names.stage)}
    return Resource(id, "account", name, body, email.partition("@")[0])
