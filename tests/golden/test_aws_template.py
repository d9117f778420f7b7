"""The templates of the examples, as reviewed text."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from portable_aws.translate import Bundle, Stage, translate

from portable.cli.project import find_project, load_manifest
from portable.deploy.functions import group

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("example", "stage"),
    [("notes", Stage("dev")), ("fatfire", Stage("prod", is_prod=True))],
    ids=["notes", "fatfire"],
)
def test_the_template_of_an_example_is_as_reviewed(
    example: str, stage: Stage, golden: Callable[[Path, str], None]
) -> None:
    manifest = load_manifest(find_project(str(ROOT / "examples" / example)))
    keys = {one.id: f"zips/{one.id.replace(':', '-')}.zip" for one in group(manifest)}
    made = translate(manifest, stage, Bundle(keys))
    # Lines of the code move with every change of it.
    del made.root["Metadata"]["Portable"]["Declared"]
    golden(Path(__file__).with_name(f"{example}.template.json"), json.dumps(made.root, indent=1) + "\n")
