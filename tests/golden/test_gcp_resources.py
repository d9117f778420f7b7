"""What the examples are in Google Cloud, as reviewed text."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from portable_gcp.grouping import groups_of
from portable_gcp.names import Names
from portable_gcp.translate import Stage, translate

from portable.cli.project import find_project, load_manifest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("example", "stage"),
    [("notes", Stage("dev")), ("fatfire", Stage("prod", is_prod=True))],
    ids=["notes", "fatfire"],
)
def test_the_resources_of_an_example_are_as_reviewed(
    example: str, stage: Stage, golden: Callable[[Path, str], None]
) -> None:
    manifest = load_manifest(find_project(str(ROOT / "examples" / example)))
    names = Names(manifest["app"]["name"], stage.name, "some-project", "europe-west1", "123456789012")
    sources = {one.id: f"zips/{one.id.replace(':', '-')}.zip" for one in groups_of(manifest)}
    made = translate(manifest, stage, names, sources)
    # Lines of the code move with every change of it.
    resources = {one.id: {"name": one.name, **one.body} for one in made.resources}
    value = {"resources": resources, "functions": made.functions, "outputs": made.outputs}
    golden(Path(__file__).with_name(f"{example}.gcp.json"), json.dumps(value, indent=1) + "\n")
