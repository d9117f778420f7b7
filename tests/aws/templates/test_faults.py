"""What only a template can know is told with file and line before anything is deployed."""

import copy
from collections.abc import Callable
from typing import Any

from portable_aws.iam import known, rights, statements
from portable_aws.template_faults import faults, most_size, policy_size
from portable_aws.template_functions import function_name
from portable_aws.template_parts import naming
from portable_aws.translate import Bundle, Stage, translate

from portable import App
from portable.deploy.functions import group
from portable.manifest import build_manifest

Manifests = Callable[[str], dict[str, Any]]


def codes(manifest: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one.code, one.severity, str(one.location)) for one in faults(manifest, "dev")]


def test_the_examples_have_none(manifests: Manifests) -> None:
    for app in ("notes", "fatfire"):
        assert faults(manifests(app), "prod") == []


def test_two_resources_with_one_name_are_told_at_the_second(manifests: Manifests) -> None:
    manifest = manifests("notes")
    task = copy.deepcopy(next(one for one in manifest["handlers"] if one["name"] == "summarise"))
    task.update(name="summarise-dead", location={"file": "app.py", "line": 777})
    manifest["handlers"].append(task)
    assert codes(manifest) == [("P3401", "error", "app.py:777")]


def test_more_routes_than_an_api_has_are_told(manifests: Manifests) -> None:
    manifest = manifests("notes")
    manifest["app"]["functions"] = "handler"
    route = next(one for one in manifest["handlers"] if one["name"] == "read")
    for number in range(150):
        more = copy.deepcopy(route)
        more["name"] = f"read_{number}"
        more["trigger"]["path"] = f"/more/path-{number}"
        manifest["handlers"].append(more)
    assert [(code, severity) for code, severity, _ in codes(manifest)] == [("P3403", "warning")]
    manifest["app"]["functions"] = "service"
    assert codes(manifest) == []


def test_a_role_that_iam_would_refuse_is_told_at_its_handler() -> None:
    app = App("wide", targets=("aws",))
    tables = [app.table(f"table-with-a-rather-long-name-{number}", key="id") for number in range(120)]

    @app.task(uses=[table.can("get") for table in tables])
    def work() -> None: ...

    found = faults(build_manifest(app).to_dict(), "dev")
    assert [one.code for one in found] == ["P3404"]
    assert found[0].location is not None
    assert found[0].location.line == work.location.line
    assert "handler:work" in found[0].cause


def test_the_size_of_a_policy_is_that_of_its_text() -> None:
    place = {"Fn::Sub": "arn:${AWS::Partition}:s3:::b-${AWS::AccountId}-${AWS::Region}"}
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [place]}
    text = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],'
        '"Resource":["arn:aws-us-gov:s3:::b-000000000000-ap-southeast-1"]}]}'
    )
    assert policy_size([statement]) == len(text)


def test_what_is_not_told_can_be_made(manifests: Manifests) -> None:
    for app in ("notes", "fatfire", "everything:service", "everything:handler", "everything:app", "generated"):
        manifest = manifests(app)
        assert not [one for one in faults(manifest, "dev") if one.severity == "error"]
        assert translate(manifest, Stage("dev"), Bundle({one.id: "k.zip" for one in group(manifest)})).root["Resources"]


def test_no_role_is_larger_than_the_estimate_by_which_most_are_let_pass(manifests: Manifests) -> None:
    """With names as long as can be, functions that hold all handlers, and one for each."""
    checked = 0
    for app in ("notes", "fatfire"):
        for grouping in ("service", "app", "handler"):
            manifest = {**manifests(app), "app": {**manifests(app)["app"], "functions": grouping, "name": "a" * 40}}
            name, about = naming(manifest["app"]["name"], "s" * 16), known(manifest)
            for one in group(manifest):
                needed = rights(about, one, name, function_name(one, name))
                assert policy_size(statements(needed)) <= most_size(needed)
                checked += 1
    assert checked > 50
