"""Apps whose resources the tests look at, for Google Cloud, and Google's discovery documents on each."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from portable_gcp.grouping import groups_of
from portable_gcp.names import Names
from portable_gcp.resources import Desired
from portable_gcp.translate import Stage, translate

from portable import App
from portable.manifest import build_manifest
from portable.specs import Grouping
from tests.aws.templates.everything import make

PROD, DEV = Stage("prod", is_prod=True), Stage("dev")
NUMBER, REGION, PROJECT = "123456789012", "europe-west1", "some-project"
GROUPINGS: tuple[Grouping, ...] = ("service", "app", "handler")


def names_of(manifest: Mapping[str, Any], stage: Stage = DEV) -> Names:
    return Names(manifest["app"]["name"], stage.name, PROJECT, REGION, NUMBER)


def translated(manifest: Mapping[str, Any], stage: Stage = DEV) -> Desired:
    sources = {one.id: f"zips/{one.id.replace(':', '-')}.zip" for one in groups_of(manifest)}
    return translate(manifest, stage, names_of(manifest, stage), sources)


class Made(NamedTuple):
    """An app, and what it is in Google Cloud."""

    app: App
    manifest: dict[str, Any]
    desired: Desired

    def body(self, id: str) -> dict[str, Any]:
        return self.desired.by_id()[id].body


Make = Callable[..., Made]


@pytest.fixture(scope="session")
def everything() -> Make:
    """What the app that declares everything is, by its grouping and stage: made once."""
    kept: dict[Any, Made] = {}

    def of(functions: Grouping = "service", stage: Stage = DEV) -> Made:
        if (functions, stage) not in kept:
            app = make(functions)
            manifest = build_manifest(app).to_dict()
            kept[functions, stage] = Made(app, manifest, translated(manifest, stage))
        return kept[functions, stage]

    return of
