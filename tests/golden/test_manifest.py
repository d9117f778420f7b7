"""The manifest of an example and the published schema, as reviewed text."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from portable.cli.project import find_project, load_manifest
from portable.manifest import Manifest

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs/manifest.schema.json"
Golden = Callable[[Path, str], None]


def text_of(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def test_the_manifest_of_notes_is_as_reviewed(golden: Golden) -> None:
    manifest = load_manifest(find_project(str(ROOT / "examples/notes")))
    golden(Path(__file__).with_name("notes.manifest.json"), text_of(manifest))


def test_the_published_schema_is_the_generated_one(golden: Golden) -> None:
    golden(SCHEMA, text_of(Manifest.schema()))


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("example", ["notes", "fatfire"])
def test_the_manifests_of_the_examples_fit_the_schema(example: str) -> None:
    manifest = load_manifest(find_project(str(ROOT / "examples" / example)))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(manifest)
