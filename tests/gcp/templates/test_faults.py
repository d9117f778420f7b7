"""What only the resources of Google Cloud show is told with its place in the code."""

from typing import Any

from portable_gcp.faults import faults

from portable import App
from portable.cli.project import find_project, load_manifest
from portable.manifest import build_manifest
from tests.gcp.templates.conftest import GROUPINGS, Make


def codes(app: App) -> list[tuple[str, str]]:
    manifest = build_manifest(app, with_grants=False).to_dict()
    return [(one.code, one.severity) for one in faults(manifest, "prod")]


def test_the_examples_have_no_errors() -> None:
    for example in ("notes", "fatfire"):
        found = faults(load_manifest(find_project(f"examples/{example}")), "prod")
        assert [one for one in found if one.severity != "note"] == []


def test_the_dead_letter_topic_of_one_and_the_subscription_of_another_are_told_at_the_second() -> None:
    app = App("shop", targets=("gcp",))
    placed = app.topic("placed")

    @placed.subscribe(name="hear")
    def hear(event: dict[str, Any]) -> None: ...

    @placed.subscribe(name="hear-dead")
    def bury(event: dict[str, Any]) -> None: ...

    found = faults(build_manifest(app, with_grants=False).to_dict(), "prod")
    assert {one.code for one in found} == {"P3204", "P3401"}
    assert any("would be one subscription, shop-prod-hear-dead" in one.cause for one in found)
    assert all(one.location is not None and "test_faults.py" in str(one.location) for one in found)


def test_a_bucket_that_google_would_refuse_is_told() -> None:
    app = App("shop", targets=("gcp",))
    app.bucket("google-takeout")
    assert codes(app) == [("P3401", "error")]


def test_functions_that_become_one_are_told_once(everything: Make) -> None:
    for functions in GROUPINGS:
        found = [one for one in faults(everything(functions).manifest, "prod") if one.code == "P3406"]
        assert len(found) == (0 if functions == "app" else 1)
        assert all(one.severity == "note" and one.provider == "gcp" for one in found)
