"""Templates as CloudFormation will see them: held against cfn-lint, AWS's own schemas, and what the design promises."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from portable_aws.layout import index_name
from portable_aws.names import Names
from portable_aws.stacks import Template
from portable_aws.translate import Bundle, Stage, translate

from portable import App
from portable.deploy.functions import group
from portable.errors import InvalidArgument

Make = Callable[[str, Stage], Template]
Manifests = Callable[[str], dict[str, Any]]
PROD = Stage("prod", is_prod=True)
DEV = Stage("dev")
APPS = ["notes", "fatfire", "everything:service", "everything:app", "everything:handler"]
ROOT = Path(__file__).parents[3]
DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")


def of_type(template: Template, type_: str) -> dict[str, dict[str, Any]]:
    found = {id: value for id, value in template.resources().items() if value["Type"] == type_}
    assert found, f"the template has no {type_}"
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


@pytest.mark.parametrize(
    ("app", "stage"),
    [
        ("notes", PROD),
        ("fatfire", PROD),
        ("everything:service", PROD),
        pytest.param("everything:app", DEV, marks=pytest.mark.slow),
        pytest.param("everything:handler", DEV, marks=pytest.mark.slow),
    ],
    ids=["notes", "fatfire", "by service", "in one", "by handler"],
)
def test_cfn_lint_has_nothing_against_the_template(
    app: str, stage: Stage, template: Make, lint: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    for part in template(app, stage).stacks().values():
        assert lint(part) == []


def test_an_app_without_functions_has_no_parameter_that_nothing_uses(
    lint: Callable[[Mapping[str, Any]], list[str]],
) -> None:
    app = App("store", targets=("aws",))
    app.table("notes", key="id")
    app.bucket("files")
    template = translate(app.manifest().to_dict(), DEV, Bundle({}))
    assert "Parameters" not in template.root
    assert lint(template.root) == []


def test_cfn_lint_would_say_if_something_were_wrong(
    template: Make, lint: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    broken = json.loads(template("notes", DEV).root_text())
    broken["Resources"]["HandlerIndexFunction"]["Properties"]["Runtime"] = "python2.6"
    assert any("python2.6" in match for match in lint(broken))


@pytest.mark.parametrize("app", APPS)
def test_every_property_is_one_that_aws_has(app: str, template: Make, schemas: Any) -> None:
    checked = 0
    for id, value in template(app, PROD).resources().items():
        schema = schemas.of(value["Type"])
        unknown = set(value["Properties"]) - set(schema["properties"])
        read_only = {path.removeprefix("/properties/") for path in schema.get("readOnlyProperties") or ()}
        assert not unknown, f"{id}: {unknown}"
        assert not set(value["Properties"]) & read_only, id
        assert set(schema.get("required") or ()) <= set(value["Properties"]), id
        checked += len(value["Properties"])
    assert checked > 100


@pytest.mark.parametrize("app", APPS)
def test_everything_that_takes_tags_says_app_stage_and_service(app: str, template: Make, schemas: Any) -> None:
    checked = 0
    for id, value in template(app, PROD).resources().items():
        tagging = schemas.of(value["Type"]).get("tagging") or {}
        if not tagging.get("taggable"):
            continue
        tags = value["Properties"][tagging["tagProperty"].removeprefix("/properties/")]
        found = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        assert set(found) == {"app", "stage", "service"}, id
        assert found["stage"] == "prod"
        checked += 1
    assert checked > 20


def test_the_service_of_a_tag_is_the_one_that_declares_it(template: Make) -> None:
    queue = template("everything:service", DEV).root["Resources"]["ShopHandlerShipQueue"]
    assert {"Key": "service", "Value": "shop"} in queue["Properties"]["Tags"]


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("stage", [DEV, PROD], ids=["dev", "prod"])
def test_what_holds_data_is_kept_when_it_leaves_the_template(app: str, stage: Stage, template: Make) -> None:
    kept = {id for id, value in template(app, stage).resources().items() if value["Type"] in DATA}
    assert kept
    for id in kept:
        value = template(app, stage).resources()[id]
        assert (value["DeletionPolicy"], value["UpdateReplacePolicy"]) == ("Retain", "Retain"), id


def test_a_prod_stage_can_be_restored_and_its_tables_cannot_be_deleted_by_mistake(template: Make) -> None:
    for stage in (DEV, PROD):
        for value in of_type(template("notes", stage), "AWS::DynamoDB::Table").values():
            properties = value["Properties"]
            assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is stage.is_prod
            assert properties["DeletionProtectionEnabled"] is stage.is_prod
            assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_a_table_has_what_is_declared_and_a_stream_only_where_somebody_listens(template: Make) -> None:
    resources = template("everything:service", DEV).root["Resources"]
    orders, quiet = resources["TableOrders"]["Properties"], resources["ShopTableQuiet"]["Properties"]
    types = {one["AttributeName"]: one["AttributeType"] for one in orders["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "by_total#1": "S", "by_total#2": "N", "t#1": "S", "t#2": "S"}
    assert [index["IndexName"] for index in orders["GlobalSecondaryIndexes"]] == ["by_total", "index.t"]
    assert orders["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert "StreamSpecification" in orders
    assert not {"StreamSpecification", "TimeToLiveSpecification", "GlobalSecondaryIndexes"} & set(quiet)
    assert "StreamSpecification" in resources["ShopTableSingle"]["Properties"]


def test_no_two_indexes_of_a_table_have_one_name() -> None:
    names = ["t", "by", "a1", "index-t", "index-by", "index_by", "x" * 63]
    assert len({index_name(name) for name in names}) == len(names)
    assert all(3 <= len(index_name(name)) <= 255 for name in names)


def test_buckets_are_private_encrypted_and_answer_over_tls_only(template: Make) -> None:
    made = template("everything:service", DEV)
    policies = of_type(made, "AWS::S3::BucketPolicy")
    for id, value in of_type(made, "AWS::S3::Bucket").items():
        properties = value["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        [statement] = policies[f"{id}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_queue_waits_six_timeouts_and_gives_up_after_our_own_attempts(template: Make, manifests: Manifests) -> None:
    made = template("everything:service", DEV).root["Resources"]
    handlers = {one["name"]: one for one in manifests("everything:service")["handlers"]}
    for id, name in (("HandlerPay", "pay"), ("ShopHandlerShip", "shop.ship"), ("HandlerSweep", "sweep")):
        queue, function = made[f"{id}Queue"]["Properties"], made[f"{id}Function"]["Properties"]
        assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
        assert function["Timeout"] >= handlers[name]["timeout"]
        attempts = handlers[name]["trigger"]["retry"]["max_attempts"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] == max(5, attempts + 2)
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{id}Dead", "Arn"]}
        assert made[f"{id}Dead"]["Properties"]["MessageRetentionPeriod"] == 14 * 86400


def test_a_function_takes_one_delivery_at_a_time_and_says_which_failed(template: Make) -> None:
    for value in of_type(template("everything:service", DEV), "AWS::Lambda::EventSourceMapping").values():
        assert value["Properties"]["BatchSize"] == 1
        assert value["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("app", APPS)
def test_no_function_is_mapped_to_one_source_twice(app: str, template: Make) -> None:
    """Which Lambda refuses: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    mappings = of_type(template(app, DEV), "AWS::Lambda::EventSourceMapping")
    pairs = [
        (json.dumps(one["Properties"]["FunctionName"]), json.dumps(one["Properties"]["EventSourceArn"]))
        for one in mappings.values()
    ]
    assert len(set(pairs)) == len(pairs)


def test_every_handler_of_changes_has_its_stream(template: Make) -> None:
    for app, streams in (("everything:service", 3), ("everything:handler", 3), ("everything:app", 2)):
        mappings = of_type(template(app, DEV), "AWS::Lambda::EventSourceMapping").values()
        assert sum("StreamArn" in json.dumps(one["Properties"]["EventSourceArn"]) for one in mappings) == streams


def test_what_a_stream_gives_up_goes_to_the_dead_queue(template: Make) -> None:
    changes = template("everything:service", DEV).root["Resources"]["HandlerChangedChanges"]["Properties"]
    assert changes["BisectBatchOnFunctionError"] is True
    assert changes["EventSourceArn"] == {"Fn::GetAtt": ["TableOrders", "StreamArn"]}
    destination = changes["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::GetAtt": ["HandlerChangedDead", "Arn"]}


def test_a_subscription_is_raw_and_filtered_by_attributes(template: Make) -> None:
    resources = template("everything:service", DEV).root["Resources"]
    filtered = resources["HandlerIndexSubscription"]["Properties"]
    assert filtered["RawMessageDelivery"] is True
    assert filtered["FilterPolicy"] == {"kind": ["new"], "region": ["eu"]}
    assert "FilterPolicy" not in resources["HandlerAuditSubscription"]["Properties"]
    [sender] = resources["HandlerIndexSenders"]["Properties"]["PolicyDocument"]["Statement"]
    assert sender["Principal"] == {"Service": "sns.amazonaws.com"}
    assert sender["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "TopicOrderPlaced"}}}


def test_events_with_overlapping_prefixes_go_by_a_topic_and_others_straight_to_the_queue(template: Make) -> None:
    resources = template("everything:service", DEV).root["Resources"]
    bucket = resources["BucketUploads"]
    notifications = bucket["Properties"]["NotificationConfiguration"]
    assert [one["Event"] for one in notifications["TopicConfigurations"]] == ["s3:ObjectCreated:*"]
    assert [one["Event"] for one in notifications["QueueConfigurations"]] == ["s3:ObjectRemoved:*"]
    assert bucket["DependsOn"] == ["BucketUploadsEventsSenders", "HandlerRemovedSenders"]
    for handler in ("HandlerReceived", "HandlerReceivedToo"):
        assert resources[f"{handler}Subscription"]["Properties"]["TopicArn"] == {"Ref": "BucketUploadsEvents"}


def test_a_prefix_is_written_as_s3_wants_it(template: Make) -> None:
    from portable_aws.template_data import s3_prefix

    assert s3_prefix("inbox/") == "inbox/"
    assert s3_prefix("a@b=c+d~e,f(g)!") == "a%40b%3Dc%2Bd%7Ee%2Cf(g)!"
    [queue] = template("notes", DEV).root["Resources"]["BucketFiles"]["Properties"]["NotificationConfiguration"][
        "QueueConfigurations"
    ]
    assert queue["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "inbox/"}]}}


def test_nothing_secret_and_no_value_of_a_param_is_in_the_template(template: Make) -> None:
    for app in ("everything:service", "fatfire"):
        for value in template(app, PROD).resources().values():
            assert value["Type"] not in ("AWS::SSM::Parameter", "AWS::SecretsManager::Secret")
        assert "never-in-a-template" not in template(app, PROD).root_text()


def test_functions_are_arm64_with_a_current_python_and_know_only_stage_and_account(template: Make) -> None:
    for value in of_type(template("notes", DEV), "AWS::Lambda::Function").values():
        properties = value["Properties"]
        assert properties["Architectures"] == ["arm64"]
        assert properties["Runtime"] == "python3.14"
        assert properties["Handler"] == "portable_entry.handler"
        assert properties["Environment"]["Variables"] == {
            "PORTABLE_STAGE": "dev",
            "PORTABLE_ACCOUNT": {"Ref": "AWS::AccountId"},
        }


def test_architecture_python_retention_and_alarms_are_the_stages(manifests: Manifests) -> None:
    manifest = manifests("notes")
    topic = "arn:aws:sns:eu-central-1:123456789012:on-call"
    stage = Stage("qa", python="3.11", architecture="x86_64", log_days=7, alarm_actions=(topic,))
    made = translate(manifest, stage, Bundle({one.id: "k.zip" for one in group(manifest)}, "our-zips"))
    function = made.root["Resources"]["HandlerIndexFunction"]["Properties"]
    assert (function["Runtime"], function["Architectures"]) == ("python3.11", ["x86_64"])
    assert function["Code"] == {"S3Bucket": "our-zips", "S3Key": "k.zip"}
    assert made.root["Resources"]["HandlerIndexLogs"]["Properties"]["RetentionInDays"] == 7
    alarms = of_type(made, "AWS::CloudWatch::Alarm")
    assert all(alarm["Properties"]["AlarmActions"] == [topic] for alarm in alarms.values())
    assert "Parameters" not in made.root


@pytest.mark.parametrize(
    "stage",
    [Stage("Prod"), Stage("a-b"), Stage("x" * 17), Stage("dev", python="3.10"), Stage("dev", architecture="arm"),
     Stage("dev", log_days=8)],
    ids=["capital", "hyphen", "long", "python", "architecture", "days"],
)  # fmt: skip
def test_a_stage_that_cannot_be_is_refused(stage: Stage, manifests: Manifests) -> None:
    manifest = manifests("notes")
    with pytest.raises(InvalidArgument):
        translate(manifest, stage, Bundle({one.id: "k.zip" for one in group(manifest)}))


def test_a_bundle_without_a_functions_zip_is_refused(manifests: Manifests) -> None:
    with pytest.raises(InvalidArgument, match="handler:index"):
        translate(manifests("notes"), DEV, Bundle({"http:notes": "k.zip"}))


def test_every_background_handler_has_alarms_on_its_dead_queue_its_letters_and_its_function(template: Make) -> None:
    resources = template("everything:service", DEV).root["Resources"]
    queues = [id for id in resources if id.endswith("Queue")]
    assert len(queues) == 12
    for id in queues:
        base = id.removesuffix("Queue")
        metrics = [resources[f"{base}{what}"]["Properties"]["MetricName"] for what in ("Depth", "Letters", "Errors")]
        assert metrics == ["ApproximateNumberOfMessagesVisible", "DeadLetters", "Errors"]


@pytest.mark.parametrize("app", APPS)
def test_no_name_is_made_but_by_the_functions_that_both_halves_call(
    app: str, template: Make, manifests: Manifests
) -> None:
    manifest = manifests(app)
    names = Names(manifest["app"]["name"], "dev", "${AWS::AccountId}", "${AWS::Region}")
    functions = {names.app_function(), *(names.function(one["name"]) for one in manifest["handlers"])}
    functions |= {names.http_function(one["name"]) for one in manifest["services"]}
    known = {names.stack(), names.state_table(), names.schedule_group(), names.scheduler_role(), *functions}
    known |= {names.role(function) for function in functions} | {names.log_group(function) for function in functions}
    for kind, of in (("tables", names.table), ("buckets", names.bucket), ("topics", names.topic)):
        known |= {of(one["name"]) for one in manifest[kind]}
    known |= {names.bucket_events(one["name"]) for one in manifest["buckets"]}
    for one in manifest["handlers"]:
        known |= {names.queue(one["name"]), names.dead_queue(one["name"]), names.schedule(one["name"])}
    checked = 0
    pattern = re.compile("(Table|Function|Queue|Topic|Bucket|Role|Group|LogGroup)?Name")
    for id, value in template(app, DEV).resources().items():
        for key, given in value["Properties"].items():
            is_own = not key.startswith(("Stage", "Metric")) and not value["Type"].endswith(("Mapping", "Permission"))
            if pattern.fullmatch(key) and is_own:
                if isinstance(given, dict) and "Ref" in given:
                    continue
                text = given["Fn::Sub"] if isinstance(given, dict) else given
                assert text in known, f"{id}: {key} is {text}"
                checked += 1
    assert checked > 20


def test_the_text_is_the_same_in_every_process(template: Make) -> None:
    code = (
        "import sys, json; from portable_aws.translate import *; from portable.deploy.functions import group;"
        "m = json.load(sys.stdin); b = Bundle({g.id: f\"zips/{g.id.replace(':', '-')}.zip\" for g in group(m)});"
        "print(translate(m, Stage('dev'), b).root_text(), end='')"
    )
    from portable.cli.project import find_project, load_manifest

    manifest = json.dumps(load_manifest(find_project(str(ROOT / "examples/notes"))))
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=manifest,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        found.add(done.stdout)
    assert found == {template("notes", DEV).root_text()}


def test_a_line_that_moves_changes_no_resource(manifests: Manifests) -> None:
    manifest, moved = manifests("notes"), manifests("notes")
    for one in (*moved["handlers"], *moved["tables"]):
        one["location"]["line"] += 7
    keys = {one.id: "k.zip" for one in group(manifest)}
    before, after = (translate(one, DEV, Bundle(keys)).root for one in (manifest, moved))
    assert before["Resources"] == after["Resources"]
    assert before["Metadata"] != after["Metadata"]


def test_outputs_tell_the_url_and_the_names_of_what_holds_data(template: Make) -> None:
    outputs = template("notes", DEV).root["Outputs"]
    assert outputs["ApiUrl"]["Value"] == {"Fn::GetAtt": ["Api", "ApiEndpoint"]}
    assert outputs["BucketFilesName"]["Value"] == {"Ref": "BucketFiles"}
    assert {"StateTable", "TableNotesName", "TopicNoteChangedName"} <= set(outputs)


def test_logical_ids_are_told_apart_whatever_the_names() -> None:
    from portable_aws.template_parts import logical

    names = ["a_b", "a-b", "aB", "A_b", "a_1b", "a1b", "ab", "s.a_b", "handler.a_b", "table.a_b", "s-a.b", "s.a_bq"]
    found = {logical("Handler", name, what) for name in names for what in ("Queue", "Function", "")}
    assert len(found) == 3 * len(names)
    assert all(re.fullmatch("[A-Za-z0-9]+", id) for id in found)
    assert logical("Handler", "core.after_import", "Queue") == "CoreHandlerAfterImportQueue"


def test_the_alarm_on_dead_letters_watches_what_the_running_half_counts(
    template: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portable_aws import lambda_logs

    from portable import log_lines
    from portable.drivers import DeadLetter

    lines: list[str] = []
    monkeypatch.setattr(log_lines, "write", lines.append)
    monkeypatch.setattr(log_lines, "_printed", True)
    letter = DeadLetter("1", "shop.ship", "null", 5, "no", 0.0, 1.0, "")
    lambda_logs.count_dead_letter("everything", "dev", "shop.ship", letter, 1.0)
    [line] = [json.loads(line) for line in lines]
    [metric] = line["_aws"]["CloudWatchMetrics"]
    alarm = template("everything:service", DEV).root["Resources"]["ShopHandlerShipLetters"]["Properties"]
    assert (metric["Namespace"], metric["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert metric["Dimensions"] == [list(dimensions)]
    assert {key: line[key] for key in dimensions} == dimensions
