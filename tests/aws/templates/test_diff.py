"""Plans: what a change of an app means for what is deployed, with reasons, before AWS is asked."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from portable_aws.diff import KINDS, diff
from portable_aws.replacement import FILE, effect, rules
from portable_aws.stacks import Template
from portable_aws.translate import Bundle, Stage, translate

from portable.deploy.functions import group
from portable.deploy.plan import Change, Plan, plan_schema
from portable.errors import Conflict

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "docs/plan.schema.json"
Manifests = Callable[[str], dict[str, Any]]
DEV = Stage("dev")


def made(manifest: Mapping[str, Any], mark: str = "1", stage: Stage = DEV) -> Template:
    return translate(
        manifest, stage, Bundle({one.id: f"{one.id.replace(':', '-')}-{mark}.zip" for one in group(manifest)})
    )


def deployed(template: Template) -> dict[str, dict[str, Any]]:
    """As it comes back from AWS."""
    return dict(json.loads(json.dumps(template.stacks())))


@pytest.fixture
def notes(manifests: Manifests) -> dict[str, Any]:
    return manifests("notes")


def change(plan: Plan, id: str) -> Change:
    [found] = [one for one in plan.changes if one.id == id]
    return found


def changed(plan: Plan) -> set[str]:
    return {one.id for one in plan.changes if one.action != "keep"}


def table(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in manifest["tables"] if one["name"] == name)


def handler(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in manifest["handlers"] if one["name"] == name)


def test_what_is_not_deployed_is_created(notes: dict[str, Any]) -> None:
    plan = diff(None, made(notes))
    assert {one.action for one in plan.changes} == {"create"}
    assert len(plan.changes) == len(made(notes).resources())
    assert (plan.app, plan.stage, plan.provider) == ("notes", "dev", "aws")
    assert plan.endangered() == []


def test_what_is_deployed_is_kept(notes: dict[str, Any]) -> None:
    plan = diff(deployed(made(notes)), made(notes))
    assert plan.is_empty
    assert {one.action for one in plan.changes} == {"keep"}


def test_other_code_of_one_function_is_an_update_of_it_alone(notes: dict[str, Any]) -> None:
    keys = {one.id: "same.zip" for one in group(notes)}
    old = translate(notes, DEV, Bundle(keys))
    new = translate(notes, DEV, Bundle({**keys, "handler:index": "other.zip"}))
    plan = diff(deployed(old), new)
    assert changed(plan) == {"HandlerIndexFunction"}
    one = change(plan, "HandlerIndexFunction")
    assert (one.action, one.kind, one.name) == ("update", "function", "notes-dev-index")
    assert one.reasons == ("its code",)
    assert one.where == f"app.py:{handler(notes, 'index')['location']['line']}"


def test_a_new_handler_is_created_with_all_that_it_needs(notes: dict[str, Any]) -> None:
    more = copy.deepcopy(notes)
    more["handlers"].append({**copy.deepcopy(handler(notes, "index")), "name": "index_too"})
    plan = diff(deployed(made(notes)), made(more))
    found = {one.id for one in plan.changes if one.action == "create"}
    assert {"HandlerIndexTooFunction", "HandlerIndexTooQueue", "HandlerIndexTooSubscription"} <= found
    assert changed(plan) == found


def test_a_grant_that_is_gained_is_said_by_action_and_resource(notes: dict[str, Any]) -> None:
    more = copy.deepcopy(notes)
    grant = {"handler": "index", "resource": "table:notes", "verb": "get", "how": "exact", "locations": []}
    more["grants"].append(grant)
    plan = diff(deployed(made(notes)), made(more))
    assert changed(plan) == {"HandlerIndexRole"}
    assert change(plan, "HandlerIndexRole").reasons == ("its rights: + dynamodb:GetItem on table/notes-dev-notes",)
    back = diff(deployed(made(more)), made(notes))
    assert change(back, "HandlerIndexRole").reasons == ("its rights: - dynamodb:GetItem on table/notes-dev-notes",)


def test_a_longer_timeout_is_an_update_of_function_and_queue(notes: dict[str, Any]) -> None:
    more = copy.deepcopy(notes)
    handler(more, "index")["timeout"] = 100
    plan = diff(deployed(made(notes)), made(more))
    assert changed(plan) == {"HandlerIndexFunction", "HandlerIndexQueue"}
    before = handler(notes, "index")["timeout"] + 1
    assert change(plan, "HandlerIndexFunction").reasons == (f"Timeout: {before} -> 101",)
    assert change(plan, "HandlerIndexQueue").reasons == (f"VisibilityTimeout: {before * 6} -> 606",)


def test_a_table_that_is_declared_no_more_is_refused_by_name(notes: dict[str, Any]) -> None:
    less = copy.deepcopy(notes)
    less["tables"] = [one for one in less["tables"] if one["name"] != "runs"]
    less["grants"] = [one for one in less["grants"] if one["resource"] != "table:runs"]
    plan = diff(deployed(made(notes)), made(less))
    gone = change(plan, "TableRuns")
    assert (gone.action, gone.is_data_store, gone.endangers_data) == ("delete", True, True)
    assert gone.where == f"app.py:{table(notes, 'runs')['location']['line']}"
    with pytest.raises(Conflict, match="delete table notes-dev-runs") as refused:
        plan.check_data()
    assert "--lose notes-dev-runs" in (refused.value.hint or "")
    with pytest.raises(Conflict):
        plan.check_data(["notes-dev-words"])
    plan.check_data(["notes-dev-runs"])


def test_another_key_of_a_table_is_refused_though_aws_would_see_no_change(notes: dict[str, Any]) -> None:
    other = copy.deepcopy(notes)
    table(other, "notes")["key"] = ["id"]
    before, after = (made(one).root["Resources"]["TableNotes"] for one in (notes, other))
    assert before["Properties"] == after["Properties"]
    # It is an update all the same, so that the next plan knows of it.
    assert before["Metadata"] != after["Metadata"]
    plan = diff(deployed(made(notes)), made(other))
    assert [one.id for one in plan.endangered()] == ["TableNotes"]
    assert "(owner, id) and would be (id)" in change(plan, "TableNotes").reasons[0]


def test_another_name_of_a_table_is_one_that_goes_and_one_that_comes(notes: dict[str, Any]) -> None:
    other = copy.deepcopy(notes)
    table(other, "runs")["name"] = "all-runs"
    for one in other["grants"]:
        one["resource"] = one["resource"].replace("table:runs", "table:all-runs")
    plan = diff(deployed(made(notes)), made(other))
    assert change(plan, "TableRuns").action == "delete"
    assert change(plan, "TableAllRuns").action == "create"
    assert [one.name for one in plan.endangered()] == ["notes-dev-runs"]


def test_a_physical_name_that_changes_means_replacement(notes: dict[str, Any]) -> None:
    old = deployed(made(notes))
    old[""]["Resources"]["TableNotes"]["Properties"]["TableName"] = "what-it-was"
    plan = diff(old, made(notes))
    one = change(plan, "TableNotes")
    assert one.action == "replace"
    assert one.reasons == ("TableName cannot be changed in place", "TableName: what-it-was -> notes-dev-notes")
    assert [found.id for found in plan.endangered()] == ["TableNotes"]


def test_what_refers_to_something_that_is_replaced_changes_too(notes: dict[str, Any]) -> None:
    old = deployed(made(notes))
    old[""]["Resources"]["Api"]["Properties"]["ProtocolType"] = "WEBSOCKET"
    plan = diff(old, made(notes))
    replaced = {one.id for one in plan.changes if one.action == "replace"}
    assert replaced == {"Api", "ApiStage", "HttpIntegration", "ApiRouteDefault", "HttpPermission"}
    assert "refers to something that is replaced" in " ".join(change(plan, "ApiStage").reasons)


def test_two_indexes_at_once_are_told_as_two_updates(notes: dict[str, Any]) -> None:
    more = copy.deepcopy(notes)
    table(more, "words")["indexes"] = [
        {"name": name, "fields": ["note"], "types": ["str"]} for name in ("by_note", "by_other")
    ]
    plan = diff(deployed(made(notes)), made(more))
    assert change(plan, "TableWords").action == "update"
    assert plan.endangered() == []
    [step] = plan.steps
    assert "2 indexes (+ by_note, + by_other)" in step
    one = copy.deepcopy(more)
    table(one, "words")["indexes"].pop()
    assert diff(deployed(made(notes)), made(one)).steps == ()


def test_another_field_of_an_index_is_told(notes: dict[str, Any]) -> None:
    first, second = copy.deepcopy(notes), copy.deepcopy(notes)
    table(first, "words")["indexes"] = [{"name": "by_x", "fields": ["note"], "types": ["str"]}]
    table(second, "words")["indexes"] = [{"name": "by_x", "fields": ["word"], "types": ["str"]}]
    [step] = diff(deployed(made(first)), made(second)).steps
    assert "by_x" in step
    assert "written again" in step


def test_another_order_of_indexes_in_the_code_is_no_change(notes: dict[str, Any]) -> None:
    first, second = copy.deepcopy(notes), copy.deepcopy(notes)
    indexes = [{"name": name, "fields": ["note"], "types": ["str"]} for name in ("by_x", "by_y")]
    table(first, "words")["indexes"] = indexes
    table(second, "words")["indexes"] = indexes[::-1]
    assert made(first).root_text() == made(second).root_text()


def test_another_order_of_the_fields_of_a_key_is_another_key(notes: dict[str, Any]) -> None:
    first, second = copy.deepcopy(notes), copy.deepcopy(notes)
    table(first, "words")["key"] = ["word", "note"]
    table(second, "words")["key"] = ["note", "word"]
    one = change(diff(deployed(made(first)), made(second)), "TableWords")
    assert (one.action, one.endangers_data) == ("replace", True)
    assert "(word, note) and would be (note, word)" in one.reasons[0]


def test_another_place_of_a_declaration_is_no_change(notes: dict[str, Any]) -> None:
    moved = copy.deepcopy(notes)
    table(moved, "words")["location"]["line"] += 100
    assert diff(deployed(made(notes)), made(moved)).is_empty


def test_another_type_of_an_index_is_told(notes: dict[str, Any]) -> None:
    first, second = copy.deepcopy(notes), copy.deepcopy(notes)
    table(first, "words")["indexes"] = [{"name": "by_x", "fields": ["note"], "types": ["str"]}]
    table(second, "words")["indexes"] = [{"name": "by_x", "fields": ["note"], "types": ["int"]}]
    [step] = diff(deployed(made(first)), made(second)).steps
    assert "index by_x of table notes-dev-words has other fields or types" in step


def test_a_stage_that_becomes_prod_takes_no_data_away(notes: dict[str, Any]) -> None:
    plan = diff(deployed(made(notes)), made(notes, stage=Stage("dev", is_prod=True)))
    assert plan.endangered() == []
    assert "DeletionProtectionEnabled: false -> true" in change(plan, "TableNotes").reasons


@pytest.mark.slow
def test_nested_stacks_are_compared_resource_by_resource(manifests: Manifests) -> None:
    manifest = manifests("generated")
    old = made(manifest)
    more = copy.deepcopy(manifest)
    one = copy.deepcopy(next(found for found in more["handlers"] if found["trigger"]["type"] == "delivery"))
    one["name"] += "_more"
    more["handlers"].append(one)
    assert diff(deployed(old), old).is_empty
    keys = {one.id: f"{one.id.replace(':', '-')}-1.zip" for one in group(more)}
    plan = diff(deployed(old), translate(more, DEV, Bundle(keys), deployed=old.deployed_placement()))
    assert len(changed(plan)) > 5
    assert {one.action for one in plan.changes} == {"keep", "create"}


# What is shown


def test_the_text_names_what_changes_and_why(notes: dict[str, Any]) -> None:
    less = copy.deepcopy(notes)
    less["tables"] = [one for one in less["tables"] if one["name"] != "runs"]
    less["grants"] = [one for one in less["grants"] if one["resource"] != "table:runs"]
    handler(less, "index")["memory"] = 2048
    plan = diff(deployed(made(notes)), made(less))
    lines = plan.text().splitlines()
    assert lines[0].split() == ["-", "delete", "table", "notes-dev-runs", f"({change(plan, 'TableRuns').where})"]
    assert "    it is declared no more; AWS keeps it, and nothing manages it from then on" in lines
    assert "    it holds data: refused unless it is named" in lines
    assert "    MemorySize: 512 -> 2048" in lines
    assert lines[-1].startswith("notes in dev: 1 to delete, 3 to update, ")
    assert "notes-dev-notes" not in plan.text()
    assert "notes-dev-notes" in plan.text(kept=True)


def test_the_published_schema_is_the_generated_one_and_plans_fit_it(notes: dict[str, Any]) -> None:
    import os

    text = json.dumps(plan_schema(), indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text
    jsonschema.Draft202012Validator.check_schema(plan_schema())
    more = copy.deepcopy(notes)
    handler(more, "index")["memory"] = 2048
    for plan in (diff(None, made(notes)), diff(deployed(made(notes)), made(more))):
        value = json.loads(json.dumps(plan.to_dict()))
        jsonschema.validate(value, plan_schema())
        assert value["changes"]


# Replacement


def test_every_type_that_a_template_holds_is_in_the_packaged_data_and_has_a_word_for_people(
    template: Callable[[str, Stage], Template],
) -> None:
    used = {
        value["Type"]
        for app in ("notes", "fatfire", "everything:service", "everything:handler")
        for value in template(app, DEV).resources().values()
    }
    used |= {"AWS::CloudFormation::Stack"}
    assert used == set(rules())
    assert used == set(KINDS)


def test_the_packaged_data_is_what_awss_schemas_say(schemas: Any) -> None:
    """By the version of cfn-lint that made it; with another one, run adapters/aws/generate_replacement.py."""
    packaged = json.loads(FILE.read_text(encoding="utf-8"))
    for type_, rule in packaged["types"].items():
        schema = schemas.of(type_)
        for key, name in (("replaces", "createOnlyProperties"), ("may_replace", "conditionalCreateOnlyProperties")):
            assert rule[key] == sorted(path.removeprefix("/properties/") for path in schema.get(name) or ()), type_


@pytest.mark.parametrize(
    ("type_", "changed_paths", "verdict"),
    [
        ("AWS::DynamoDB::Table", ["TableName"], "replace"),
        ("AWS::DynamoDB::Table", ["KeySchema/0/AttributeName"], "maybe"),
        ("AWS::DynamoDB::Table", ["StreamSpecification", "Tags"], "none"),
        ("AWS::Lambda::Function", ["FunctionName"], "replace"),
        ("AWS::Lambda::Function", ["Architectures/0", "Runtime", "Code/S3Key"], "none"),
        ("AWS::SQS::Queue", ["VisibilityTimeout"], "none"),
        ("AWS::SQS::Queue", ["QueueName"], "replace"),
        ("AWS::SNS::Subscription", ["FilterPolicy/kind"], "none"),
        ("AWS::SNS::Subscription", ["TopicArn"], "replace"),
        ("AWS::Lambda::EventSourceMapping", ["EventSourceArn/Fn::GetAtt/0"], "replace"),
        ("AWS::Scheduler::Schedule", ["ScheduleExpression"], "none"),
        ("AWS::Unknown::Thing", ["Anything"], "replace"),
        ("AWS::Unknown::Thing", [], "none"),
    ],
)
def test_a_change_is_predicted_to_replace_or_not(type_: str, changed_paths: list[str], verdict: str) -> None:
    assert effect(type_, changed_paths)[0] == verdict
