"""Apps whose templates the tests look at, and AWS's own word on each: cfn-lint and the schemas that it carries."""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from portable_aws.stacks import Template
from portable_aws.translate import Bundle, Stage, translate

from portable import App
from portable.cli.project import find_project, load_manifest
from portable.deploy.functions import group

ROOT = Path(__file__).parents[3]
PROD = Stage("prod", is_prod=True)
DEV = Stage("dev")


def bundle_of(manifest: Mapping[str, Any], mark: str = "") -> Bundle:
    return Bundle({one.id: f"zips/{one.id.replace(':', '-')}{mark}.zip" for one in group(manifest)})


def everything() -> ModuleType:
    """The module of the app that declares everything."""
    if "portable_everything" not in sys.modules:
        file = Path(__file__).with_name("everything.py")
        spec = importlib.util.spec_from_file_location("portable_everything", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["portable_everything"] = module
        spec.loader.exec_module(module)
    return sys.modules["portable_everything"]


def generated(services: int = 19, functions: int = 289) -> dict[str, Any]:
    """The manifest of an app of many services: each has a table and routes, the rest are background handlers."""
    from portable import Service

    app = App("generated", targets=("aws",))
    parts = [Service(f"service-{number}") for number in range(services)]
    for number, part in enumerate(parts):
        table = part.table("things", key="id")

        def read(id: str) -> None: ...

        read.__name__ = f"read_{number}"
        part.get("/things/{id}", uses=[table.can("get")])(read)
        app.include(part, prefix=f"/service-{number}")
    for number in range(functions - services):
        part = parts[number % services]

        def work() -> None: ...

        work.__name__ = f"work_{number}"
        if number % 5:
            part.task()(work)
        else:
            part.every(minutes=30)(work)
    return app.manifest().to_dict()


class Schemas(NamedTuple):
    """AWS's schema of each type of resource, as cfn-lint carries it."""

    of: Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    return Schemas(lambda type_: dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema))


@pytest.fixture(scope="session")
def manifests() -> Callable[[str], dict[str, Any]]:
    """A manifest by the name of its app: `notes`, `fatfire`, `everything:handler` (by grouping), `generated`."""
    known: dict[str, str] = {}

    def manifest(name: str) -> dict[str, Any]:
        if name not in known:
            kind, _, functions = name.partition(":")
            if kind == "everything":
                found = everything().make(functions or "service").manifest().to_dict()
            elif kind == "generated":
                found = generated()
            else:
                found = load_manifest(find_project(str(ROOT / "examples" / name)))
            known[name] = json.dumps(found)
        return dict(json.loads(known[name]))

    return manifest


@pytest.fixture(scope="session")
def template(manifests: Callable[[str], dict[str, Any]]) -> Callable[[str, Stage], Template]:
    known: dict[tuple[str, Stage], Template] = {}

    def make(name: str, stage: Stage = DEV) -> Template:
        if (name, stage) not in known:
            manifest = manifests(name)
            known[name, stage] = translate(manifest, stage, bundle_of(manifest))
        return known[name, stage]

    return make


@pytest.fixture(scope="session")
def lint() -> Callable[[Mapping[str, Any]], list[str]]:
    """What cfn-lint has against a template."""

    def run(template: Mapping[str, Any]) -> list[str]:
        from cfnlint.api import lint
        from cfnlint.config import ManualArgs

        return [str(match) for match in lint(json.dumps(template), config=ManualArgs(regions=["eu-central-1"]))]

    return run
