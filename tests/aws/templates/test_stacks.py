"""Which stack things are in: within CloudFormation's limits, and never moved by what others do."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from portable_aws.stacks import (
    FULL_RESOURCES,
    MOST_BYTES,
    MOST_PARAMETERS,
    MOST_RESOURCES,
    Template,
    key_of,
    placement_of,
    text_of,
)
from portable_aws.translate import Bundle, Stage, begin_translating, translate

from portable.deploy.functions import group

Manifests = Callable[[str], dict[str, Any]]
DEV = Stage("dev")


def translated(manifest: Mapping[str, Any], deployed: Mapping[str, str] | None = None) -> Template:
    return translate(manifest, DEV, Bundle({one.id: "k.zip" for one in group(manifest)}), deployed=deployed)


def homes(template: Template) -> dict[str, str]:
    """The stack of each resource by logical id."""
    found: dict[str, str] = {}
    for stack, value in template.stacks().items():
        for id, one in value["Resources"].items():
            if one["Type"] != "AWS::CloudFormation::Stack":
                assert id not in found
                found[id] = stack
    return found


def with_more(manifest: dict[str, Any], name: str, like: str) -> dict[str, Any]:
    """The same app with one more handler, like another one."""
    more = copy.deepcopy(manifest)
    handler = copy.deepcopy(next(one for one in more["handlers"] if one["name"] == like))
    handler["name"] = name
    if handler["trigger"]["type"] == "delivery" and handler["trigger"]["kind"] == "task":
        handler["trigger"]["source"] = name
    more["handlers"] = sorted([*more["handlers"], handler], key=lambda one: one["name"])
    return more


@pytest.fixture(scope="module")
def large(manifests: Manifests) -> dict[str, Any]:
    return manifests("generated")


@pytest.fixture(scope="module")
def nested(large: dict[str, Any]) -> Template:
    return translated(large)


def test_a_small_app_is_one_stack(manifests: Manifests) -> None:
    for app in ("notes", "fatfire", "everything"):
        made = translated(manifests(app))
        assert made.nested == {}
        assert made.placement == {}


def test_an_app_of_19_services_and_289_functions_is_within_every_limit(large: dict[str, Any], nested: Template) -> None:
    assert sum(value["Type"] == "AWS::Lambda::Function" for value in nested.resources().values()) == 289
    assert len(nested.resources()) > 2000
    assert len(nested.nested) >= 19
    for name, value in nested.stacks().items():
        assert len(value["Resources"]) <= MOST_RESOURCES, name
        assert len(text_of(value).encode()) <= MOST_BYTES, name
        assert len(value.get("Parameters", {})) <= MOST_PARAMETERS, name
        assert len(value.get("Outputs", {})) <= 200, name


def test_templates_are_begun_before_grants_are_known_and_are_the_same(large: dict[str, Any], nested: Template) -> None:
    ungranted = {name: value for name, value in large.items() if name not in ("grants", "widenings")}
    bundle = Bundle({one.id: "k.zip" for one in group(large)})
    rest = begin_translating(ungranted, DEV, bundle)
    assert rest(large).texts == nested.texts
    # Of other grants there are other roles, and nothing is left of those before.
    assert rest({**large, "grants": []}).texts == translated({**large, "grants": []}).texts != nested.texts


def test_cfn_lint_has_nothing_against_nested_templates(
    nested: Template, lint: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    """The root and the smallest nested one here; all of them in the slow run."""
    smallest = min(nested.nested.values(), key=lambda value: len(value["Resources"]))
    assert lint(nested.root) == []
    assert lint(smallest) == []


@pytest.mark.slow
def test_cfn_lint_has_nothing_against_any_of_19_nested_templates(
    nested: Template, lint: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    assert len(nested.nested) >= 19
    for name, value in nested.nested.items():
        assert lint(value) == [], name


def test_every_reference_of_a_stack_is_to_something_in_it(nested: Template) -> None:
    """Also dependencies; and each parameter of a nested stack is given."""
    checked = 0
    for name, value in nested.stacks().items():
        known = set(value["Resources"]) | set(value.get("Parameters", {}))
        for target in references(value["Resources"]):
            assert target in known or target.startswith("AWS::"), f"{name}: {target}"
            checked += 1
    assert checked > 2000
    hosts = {id: one for id, one in nested.root["Resources"].items() if one["Type"] == "AWS::CloudFormation::Stack"}
    assert set(hosts) == set(nested.nested)
    for id, host in hosts.items():
        assert set(host["Properties"].get("Parameters", {})) == set(nested.nested[id].get("Parameters", {}))


def references(value: Any) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "Ref":
                found.append(entry)
            elif key == "Fn::GetAtt":
                found.append(entry[0])
            elif key == "DependsOn":
                found += entry
            elif key == "Fn::Sub":
                text, given = (entry[0], set(entry[1])) if isinstance(entry, list) else (entry, set())
                names = {part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:]}
                found += sorted(names - given)
                found += references(entry[1]) if isinstance(entry, list) else []
            else:
                found += references(entry)
    elif isinstance(value, list):
        for entry in value:
            found += references(entry)
    return found


def test_stacks_wait_for_one_another_in_no_circle(nested: Template) -> None:
    check_order(nested)


def check_order(nested: Template) -> None:
    edges = {id: set(references(one)) & set(nested.root["Resources"]) for id, one in nested.root["Resources"].items()}
    done: set[str] = set()
    for _ in range(len(edges) + 1):
        ready = {id for id, needs in edges.items() if id not in done and needs <= done}
        done |= ready
        if not ready:
            break
    assert done == set(edges), f"in a circle: {sorted(set(edges) - done)[:10]}"


def test_what_holds_data_is_always_in_the_root(nested: Template) -> None:
    for value in nested.nested.values():
        kinds = {one["Type"] for one in value["Resources"].values()}
        assert not kinds & {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SNS::Topic"}


def test_a_nested_template_lies_under_a_name_made_of_what_it_says(nested: Template) -> None:
    files = nested.files()
    assert len(files) == len(nested.nested)
    for id, value in nested.nested.items():
        key = key_of(text_of(value))
        assert json.loads(files[key]) == value
        assert nested.root["Resources"][id]["Properties"]["TemplateURL"]["Fn::Sub"].endswith(f"/{key}")


def test_one_more_handler_moves_nothing_even_if_nothing_is_known_of_what_is_deployed(
    large: dict[str, Any], nested: Template
) -> None:
    before = homes(nested)
    like = next(one["name"] for one in large["handlers"] if one["trigger"]["type"] == "delivery")
    for number in range(5):
        more = with_more(large, f"{like}_more{number}", like)
        after = homes(translated(more))
        assert {id: after.get(id) for id in before} == before
        assert len(after) > len(before)


def test_an_app_that_grows_past_a_limit_moves_nothing_that_is_deployed(manifests: Manifests) -> None:
    """From one stack to many, handler by handler, each time from the template that was deployed before."""
    manifest = manifests("notes")
    made = translated(manifest)
    added = 0
    while not made.nested:
        for _ in range(10):
            manifest = with_more(manifest, f"summarise_{added}", "summarise")
            added += 1
        before = homes(made)
        made = translated(manifest, deployed=made.deployed_placement())
        after = homes(made)
        assert {id: after.get(id) for id in before} == before
        assert added < 100, "it never came to a second stack"
    assert len(made.root["Resources"]) <= FULL_RESOURCES + len(made.nested)
    before = homes(made)
    for name in ("summarise_3", "summarise_70"):
        less = copy.deepcopy(manifest)
        less["handlers"] = [one for one in less["handlers"] if one["name"] != name]
        after = homes(translated(less, deployed=made.deployed_placement()))
        assert {id: stack for id, stack in before.items() if id in after} == after


def test_the_placement_is_read_from_what_is_deployed(nested: Template, large: dict[str, Any]) -> None:
    read = placement_of(json.loads(nested.root_text()))
    assert read == nested.deployed_placement()
    assert homes(translated(large, deployed=read)) == homes(nested)


def test_an_app_in_one_function_with_more_than_a_stack_holds_is_split_by_handler(manifests: Manifests) -> None:
    manifest = manifests("notes")
    manifest["app"]["functions"] = "app"
    change = copy.deepcopy(next(one for one in manifest["handlers"] if one["name"] == "index"))
    change.update(name="changed", trigger={"type": "table", "table": "notes", "retry": change["trigger"]["retry"]})
    manifest["handlers"].append(change)
    for number in range(90):
        manifest = with_more(manifest, f"summarise_{number}", "summarise")
    made = translated(manifest)
    assert made.nested
    assert all(len(value["Resources"]) <= MOST_RESOURCES for value in made.stacks().values())
    assert sum(value["Type"] == "AWS::Lambda::Function" for value in made.resources().values()) == 1
    assert "AppTableNotesChanges" in made.root["Resources"]
    check_order(made)
