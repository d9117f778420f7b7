"""The list of what is in a bundle, by CycloneDX's own schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from portable.deploy.sbom import Component, component_of, sbom

COMPONENTS = [
    Component("Pillow", "11.1", "MIT-CMU", "", {"SHA-256": "0" * 64}, []),
    Component("own_thing", "1!2.0+local", "", "our own licence", {}, ["pillow", "absent"]),
    Component("bare", "1", "", "", {}, []),
]


def document(components: list[Component] = COMPONENTS, digest: str = "ab" * 32) -> dict[str, Any]:
    return sbom("shop", "1", components, digest, {"python": "3.13"})


def fault(value: object) -> str | None:
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(value))
    return None if found is None else str(found)


def test_it_is_valid_by_the_schema() -> None:
    assert fault(document()) is None
    assert fault(document([])) is None


def test_the_schema_would_find_a_mistake() -> None:
    wrong = document()
    wrong["components"][1]["hashes"] = [{"alg": "SHA-256", "content": "short"}]
    assert fault(wrong) is not None


def test_it_says_of_each_what_it_is_and_what_it_needs() -> None:
    made = document()
    by_name = {one["name"]: one for one in made["components"]}
    assert list(by_name) == ["portable-serverless", "bare", "own_thing", "Pillow"]
    assert by_name["Pillow"] == {
        "type": "library",
        "bom-ref": "pkg:pypi/pillow@11.1",
        "name": "Pillow",
        "version": "11.1",
        "purl": "pkg:pypi/pillow@11.1",
        "hashes": [{"alg": "SHA-256", "content": "0" * 64}],
        "licenses": [{"expression": "MIT-CMU"}],
    }
    assert by_name["own_thing"]["purl"] == "pkg:pypi/own-thing@1%212.0%2Blocal"
    needs = {one["ref"]: one["dependsOn"] for one in made["dependencies"]}
    assert needs["pkg:pypi/own-thing@1%212.0%2Blocal"] == ["pkg:pypi/pillow@11.1"]
    assert set(needs["app:shop"]) == set(needs) - {"app:shop"}


def test_it_is_the_same_for_the_same_bundle_and_another_for_another() -> None:
    assert document() == document(list(reversed(COMPONENTS)))
    assert document()["serialNumber"] != document(digest="cd" * 32)["serialNumber"]


@pytest.mark.parametrize(
    ("metadata", "expression", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: ignored", "MIT OR Apache-2.0", ""),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT", ""),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License", "BSD-3-Clause", ""),
        ("License: Our own\n  of several lines", "", "Our own"),
        ("Classifier: License :: Other/Proprietary License", "", "Other/Proprietary License"),
        ("", "", ""),
    ],
    ids=["expression", "classifier", "both", "text", "proprietary", "none"],
)
def test_licences_are_read_from_metadata_of_any_age(
    write: Callable[..., Path], metadata: str, expression: str, licence: str
) -> None:
    head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
    folder = write(
        {"METADATA": f"{head}{metadata}\n", "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n"}, "a-1.dist-info"
    )
    found = component_of(folder, {})
    assert (found.expression, found.licence) == (expression, licence)
    assert fault(document([found])) is None


def test_the_hash_is_that_of_the_wheel_that_was_unpacked(write: Callable[..., Path]) -> None:
    tags = "Tag: cp313-cp313-manylinux_2_17_aarch64\nTag: cp313-cp313-manylinux2014_aarch64\n"
    folder = write({"METADATA": "Name: fast\nVersion: 1\n", "WHEEL": tags}, "fast-1.dist-info")
    wheels = [
        {"url": "https://example.com/fast-1-cp313-cp313-manylinux_2_17_x86_64.whl", "hashes": {"sha256": "a" * 64}},
        {"url": "https://example.com/fast-1-cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
         "hashes": {"sha256": "b" * 64}},
    ]  # fmt: skip
    assert component_of(folder, {"fast": wheels}).hashes == {"SHA-256": "b" * 64}
    assert component_of(folder, {"fast": wheels[:1] * 2}).hashes == {}
