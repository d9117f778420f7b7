"""What an app is in Google Cloud: complete, within Google's rules, and made by pure functions."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from portable_gcp.grouping import groups_of
from portable_gcp.names import Names, marked
from portable_gcp.resources import ORDER, RANKS, Desired, Resource, from_json, rank, to_json
from portable_gcp.template_messages import attribute_filter, object_filter
from portable_gcp.translate import Stage, names_to_read, translate

from portable.errors import InvalidArgument
from portable.specs import Grouping
from tests.gcp.templates.conftest import DEV, GROUPINGS, PROD, Make, names_of, translated
from tests.gcp_stack.control_plane import NAMES
from tests.gcp_stack.discovery import Document, document

SCHEMAS: dict[str, tuple[str, str]] = {
    "account": ("iam.v1", "ServiceAccount"),
    "bucket": ("storage.v1", "Bucket"),
    "database": ("firestore.v1", "GoogleFirestoreAdminV1Database"),
    "field": ("firestore.v1", "GoogleFirestoreAdminV1Field"),
    "function": ("cloudfunctions.v2", "Function"),
    "index": ("firestore.v1", "GoogleFirestoreAdminV1Index"),
    "job": ("cloudscheduler.v1", "Job"),
    "notification": ("storage.v1", "Notification"),
    "queue": ("cloudtasks.v2", "Queue"),
    "secret": ("secretmanager.v1", "Secret"),
    "subscription": ("pubsub.v1", "Subscription"),
    "topic": ("pubsub.v1", "Topic"),
    "trigger": ("eventarc.v1", "Trigger"),
}
by_grouping = pytest.mark.parametrize("functions", GROUPINGS)


@by_grouping
def test_every_value_is_one_that_google_has_and_takes(functions: Grouping, everything: Make) -> None:
    seen: set[str] = set()
    for one in everything(functions).desired.resources:
        if one.kind in SCHEMAS:
            seen.add(one.kind)
            name, schema = SCHEMAS[one.kind]
            found = document(name)
            found.check(schema, one.body)
            assert read_only(found, schema, one.body) == [], one.id
        elif one.kind == "access":
            document("cloudresourcemanager.v3").check("Policy", one.body)
    assert seen == set(SCHEMAS)


def read_only(found: Document, schema: str, value: Mapping[str, Any], at: str = "") -> list[str]:
    """Fields that only Google sets."""
    names: list[str] = []
    for key, one in value.items():
        about = found.schemas[schema].get("properties", {}).get(key, {})
        if about.get("readOnly"):
            names.append(f"{at}{key}")
        if "$ref" in about and isinstance(one, dict):
            names += read_only(found, about["$ref"], one, f"{at}{key}.")
    return names


def test_a_value_that_google_does_not_have_would_be_told(everything: Make) -> None:
    body = everything().body("queue:pay")
    with pytest.raises(ValueError, match="Cannot find field"):
        document("cloudtasks.v2").check("Queue", {**body, "retries": 3})
    target = {**body["httpTarget"], "httpMethod": "SEND"}
    with pytest.raises(ValueError, match="none of"):
        document("cloudtasks.v2").check("Queue", {**body, "httpTarget": target})


@by_grouping
@pytest.mark.parametrize("stage", [DEV, PROD], ids=["dev", "prod"])
def test_every_name_is_one_that_its_service_takes(functions: Grouping, stage: Stage, everything: Make) -> None:
    for one in everything(functions, stage).desired.resources:
        parts = one.name.split("/")
        if one.kind == "access" or parts[-2] not in NAMES:
            continue
        name = parts[-1].partition("@")[0]
        assert re.fullmatch(NAMES[parts[-2]], name, re.ASCII), one.name


def test_long_names_are_cut_and_told_apart() -> None:
    app, service = "a" * 40, "s" * 60
    names = Names(app, "production", "p", "europe-west1", "123456789012")
    first, second = (f"{service}.{'h' * 60}{end}" for end in "xy")
    for of, most in (
        (names.function, 49), (names.queue, 100), (names.topic, 255), (names.subscription, 250), (names.bucket, 63),
        (lambda handler: names.trigger(handler, "roots/*/orders/*"), 63), (names.job, 500),
        (lambda handler: names.pushed_subscription(handler, names.topic(handler), "a filter"), 255),
    ):  # fmt: skip
        made = of(first), of(second)
        assert made[0] != made[1]
        assert all(len(name) <= most for name in made)
    accounts = {names.account(names.function(one)) for one in (first, second)}
    assert len(accounts) == 2
    assert all(6 <= len(one) <= 30 for one in accounts)
    assert len(f"{names.function(first)}-123456789012") <= 63, "a label of the address"
    short = Names("a", "b", "p", "r")
    assert len(short.database()) >= 4
    assert len(short.account("a-b-c")) >= 6


@by_grouping
def test_nothing_is_made_before_what_it_names(functions: Grouping, everything: Make) -> None:
    resources = everything(functions).desired.resources
    ranks = {one.name: rank(one) for one in resources if one.kind != "access"}
    for one in resources:
        if one.kind == "access":
            target = one.name.replace("/services/", "/functions/")
            assert ranks.get(target, 0) < rank(one)
            continue
        for text in texts(one.body):
            named = text.removeprefix("//pubsub.googleapis.com/")
            if named in ranks and named != one.name:
                assert ranks[named] < rank(one) or named.startswith("projects/some-project/databases/"), (one.id, named)
    assert [rank(one) for one in resources] == sorted(rank(one) for one in resources)
    assert set(RANKS) == {kind for kinds in ORDER for kind in kinds}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


@by_grouping
def test_everything_that_takes_labels_says_app_stage_and_service(functions: Grouping, everything: Make) -> None:
    for one in everything(functions).desired.resources:
        if (
            one.kind in SCHEMAS
            and "labels" in document(SCHEMAS[one.kind][0]).schemas[SCHEMAS[one.kind][1]]["properties"]
        ):
            assert {"app", "stage", "service"} <= set(one.body["labels"]), one.id
            assert all(re.fullmatch(r"[a-z0-9_-]{0,63}", value) for value in one.body["labels"].values())


# Functions


def test_all_that_people_call_is_one_function_and_nothing_else_is_open_to_them(everything: Make) -> None:
    for functions in GROUPINGS:
        made = everything(functions)
        open_to_all = [
            one.id for one in made.desired.resources if one.kind == "access" and "allUsers" in json.dumps(one.body)
        ]
        assert open_to_all == ["access:function:http:everything"], functions
        assert (
            made.body("function:http:everything")["serviceConfig"]["environmentVariables"]["PORTABLE_SERVES"] == "http"
        )
        for one in made.desired.resources:
            if one.kind == "function" and one.id != "function:http:everything":
                assert one.body["serviceConfig"]["environmentVariables"]["PORTABLE_SERVES"] == "background"


def test_every_handler_is_in_exactly_one_function(everything: Make) -> None:
    for functions in GROUPINGS:
        manifest = everything(functions).manifest
        groups = groups_of(manifest)
        handlers = [name for one in groups for name in one.handlers]
        assert sorted(handlers) == sorted(handler["name"] for handler in manifest["handlers"])
        assert sorted(path for one in groups for path in one.mounts) == ["/legacy"]
        assert sorted(path for one in groups for path in one.statics) == ["/shop/assets"]
    assert [one.id for one in groups_of(everything("app").manifest)] == ["background", "http:everything"]


def test_a_function_has_time_beyond_its_handlers_and_their_memory(everything: Make) -> None:
    assert everything().body("function:handler:pay")["serviceConfig"]["timeoutSeconds"] == 902
    assert everything().body("function:http:everything")["serviceConfig"]["timeoutSeconds"] == 30
    assert everything("app").body("function:background")["serviceConfig"]["timeoutSeconds"] == 902
    assert everything().body("function:handler:pay")["serviceConfig"]["availableMemory"] == "512Mi"


def test_a_function_is_built_by_an_account_of_its_own_from_the_zip_that_is_named(everything: Make) -> None:
    build = everything().body("function:handler:pay")["buildConfig"]
    assert build["serviceAccount"].startswith("projects/some-project/serviceAccounts/everything-dev--build@")
    assert build["source"]["storageSource"]["object"] == "zips/handler-pay.zip"
    assert build["environmentVariables"]["GOOGLE_FUNCTION_SOURCE"] == "portable_entry.py"
    assert (build["runtime"], build["entryPoint"]) == ("python313", "handler")


def test_nothing_secret_and_no_value_of_a_param_is_in_the_resources(everything: Make) -> None:
    for functions in GROUPINGS:
        text = json.dumps(to_json(everything(functions).desired.resources))
        assert "never-in-a-template" not in text


@pytest.mark.parametrize(
    "stage", [Stage("Dev"), Stage("dev-1"), Stage("a" * 17), Stage("1a"), Stage("dev", python="3.10"), Stage("")]
)
def test_a_stage_that_cannot_be_is_refused(stage: Stage, everything: Make) -> None:
    with pytest.raises(InvalidArgument):
        translated(everything().manifest, stage)


def test_sources_without_a_functions_zip_are_refused(everything: Make) -> None:
    manifest = everything().manifest
    with pytest.raises(InvalidArgument, match="there is no zip for handler:audit"):
        translate(manifest, DEV, names_of(manifest), {})


# Messages


@by_grouping
def test_every_background_handler_has_a_queue_that_leads_to_its_function(functions: Grouping, everything: Make) -> None:
    made = everything(functions)
    names = names_of(made.manifest)
    for one in groups_of(made.manifest):
        for handler in one.background:
            target = made.body(f"queue:{handler}")["httpTarget"]
            url = names.url(made.desired.functions[one.id])
            assert f"https://{target['uriOverride']['host']}" == url == target["oidcToken"]["audience"]
            email = made.body(f"function:{one.id}")["serviceConfig"]["serviceAccountEmail"]
            assert target["oidcToken"]["serviceAccountEmail"] == email
            allowed = made.body(f"access:function:{one.id}")["bindings"]
            assert allowed == [{"role": "roles/run.invoker", "members": [f"serviceAccount:{email}"]}]


def test_subscribers_have_subscriptions_that_last_with_dead_letters_and_their_filter(everything: Make) -> None:
    made = everything()
    one = made.body("subscription:index")
    assert one["messageRetentionDuration"] == "604800s"
    assert one["expirationPolicy"] == {}
    assert one["ackDeadlineSeconds"] == 302
    assert one["filter"] == 'attributes."kind" = "new" AND attributes."region" = "eu"'
    assert "filter" not in made.body("subscription:audit")
    # Google changes neither topic nor filter, so that with another one it is another subscription.
    for name in ("index", "audit"):
        body = made.body(f"subscription:{name}")
        mark = marked(f"{body['topic'].rpartition('/')[2]} {body.get('filter', '')}")
        assert made.desired.by_id()[f"subscription:{name}"].name.endswith(
            f"/subscriptions/everything-dev-{name}-{mark}"
        )
    dead = made.desired.by_id()["dead-topic:index"].name
    assert one["deadLetterPolicy"]["deadLetterTopic"] == dead
    # A topic that nobody has subscribed to keeps nothing.
    assert made.body("dead-subscription:index")["topic"] == dead
    agent = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    for target, role in (
        ("dead-topic:index", "roles/pubsub.publisher"),
        ("subscription:index", "roles/pubsub.subscriber"),
    ):
        assert {"role": role, "members": [agent]} in made.body(f"access:{target}")["bindings"]


def test_a_bucket_tells_one_topic_and_each_handler_hears_its_own_prefix_and_event(everything: Make) -> None:
    made = everything()
    assert made.body("notification:uploads")["event_types"] == ["OBJECT_DELETE", "OBJECT_FINALIZE"]
    filters = {name: made.body(f"subscription:{name}")["filter"] for name in ("received", "received_too", "removed")}
    finalized = 'attributes.eventType = "OBJECT_FINALIZE"'
    assert filters == {
        "received": f'{finalized} AND hasPrefix(attributes.objectId, "inbox/a@b/")',
        "received_too": f'{finalized} AND hasPrefix(attributes.objectId, "inbox/")',
        "removed": 'attributes.eventType = "OBJECT_DELETE"',
    }
    assert "notification:plain" not in made.desired.by_id()


def test_a_filter_is_never_longer_than_pubsub_takes() -> None:
    wanted = {f"name{number}": "v" * 60 for number in range(6)}
    made = attribute_filter(wanted)
    assert 0 < len(made.encode()) <= 256
    assert made.startswith('attributes."name0" = "')
    assert attribute_filter({'a"\\': "ü"}) == 'attributes."a\\"\\\\" = "ü"'
    assert object_filter("created", "p" * 300) == 'attributes.eventType = "OBJECT_FINALIZE"'
    assert attribute_filter({}) == ""


def test_handlers_of_changes_have_a_trigger_each_that_names_them(everything: Make) -> None:
    made = everything()
    found = {one.id: one.body for one in made.desired.resources if one.kind == "trigger"}
    assert sorted(found) == ["trigger:changed", "trigger:changed_as_well", "trigger:shop.changed_too"]
    body = found["trigger:changed"]
    assert body["eventDataContentType"] == "application/protobuf"
    assert {one["attribute"]: one["value"] for one in body["eventFilters"]} == {
        "type": "google.cloud.firestore.document.v1.written",
        "database": "everything-dev",
        "document": "roots/*/orders/*",
    }
    assert body["destination"]["cloudRun"] == {
        "service": "everything-dev-changed",
        "region": "europe-west1",
        "path": "/changes/changed",
    }


def test_a_schedule_is_a_job_with_the_deadline_of_its_handler(everything: Make) -> None:
    body = everything().body("job:sweep")
    assert (body["schedule"], body["timeZone"], body["attemptDeadline"]) == ("*/15 * * * *", "Etc/UTC", "302s")
    assert body["httpTarget"]["uri"] == body["httpTarget"]["oidcToken"]["audience"] + "/"
    # Five attempts are over in minutes.
    assert (body["retryConfig"]["retryCount"], body["retryConfig"]["maxRetryDuration"]) == (5, "900s")


# Data


def test_a_prod_stage_can_be_restored_and_its_database_cannot_be_deleted_by_mistake(everything: Make) -> None:
    body = everything("service", PROD).body("database")
    assert body["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert body["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    assert everything().body("database")["deleteProtectionState"] == "DELETE_PROTECTION_DISABLED"


def test_buckets_are_private_and_have_one_kind_of_rights(everything: Make) -> None:
    for one in everything().desired.resources:
        if one.kind == "bucket":
            assert one.body["iamConfiguration"] == {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": "enforced",
            }


def test_indexes_and_policies_are_those_of_the_generated_document(everything: Make) -> None:
    made = everything()
    found = [one for one in made.desired.resources if one.kind == "index"]
    assert {one.body["queryScope"] for one in found} == {"COLLECTION_GROUP"}
    assert len(found) == 4
    assert made.body("field:orders.ttl")["ttlConfig"] == {}
    assert made.body("field:-state.ttl")["ttlConfig"] == {}
    assert "field:quiet.ttl" not in made.desired.by_id()


# What is known without an account


def test_interfaces_are_those_that_the_app_uses(everything: Make) -> None:
    whole = {one.shown.partition(".")[0] for one in everything().desired.resources if one.kind == "api"}
    assert {"cloudtasks", "pubsub", "eventarc", "cloudscheduler", "secretmanager", "iamcredentials"} <= whole
    from portable import App
    from portable.manifest import build_manifest

    bare = translated(build_manifest(App("bare", targets=("gcp",))).to_dict())
    found = {one.shown.partition(".")[0] for one in bare.resources if one.kind == "api"}
    assert found & {"cloudtasks", "pubsub", "eventarc", "cloudscheduler", "secretmanager", "iamcredentials"} == set()
    assert "cloudfunctions" in found


def test_a_package_has_the_same_with_places_for_what_is_the_projects(everything: Make) -> None:
    made = everything()
    sources = {one.id: f"zips/{one.id.replace(':', '-')}.zip" for one in groups_of(made.manifest)}
    packed = translate(made.manifest, DEV, names_to_read("everything", "dev"), sources)
    names = names_of(made.manifest)
    text = json.dumps(to_json(packed.resources))
    for place, value in (
        ("${PROJECT}", "some-project"), ("${LOCATION}", "europe-west1"), ("${NUMBER}", "123456789012"),
        ("${MARK}", names.mark),
    ):  # fmt: skip
        text = text.replace(place, value)
    text = text.replace("EUROPE-WEST1", "europe-west1")
    text = text.replace("${LOCATION}".upper(), "europe-west1")
    wanted = json.dumps(to_json(made.desired.resources)).replace("EUROPE-WEST1", "europe-west1")
    assert json.loads(text) == json.loads(wanted)


def test_resources_are_the_same_after_they_were_written_down(everything: Make) -> None:
    made = everything().desired.resources
    assert from_json(json.loads(json.dumps(to_json(made)))) == made


def test_the_resources_are_the_same_in_every_process(everything: Make) -> None:
    code = (
        "import json, sys; from portable_gcp.resources import to_json; from portable.manifest import build_manifest;"
        "from tests.aws.templates.everything import make; from tests.gcp.templates.conftest import translated;"
        "print(json.dumps(to_json(translated(build_manifest(make('service')).to_dict()).resources)))"
    )
    said = []
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, check=True, timeout=120,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        said.append(done.stdout)
    assert said[0] == said[1]
    assert from_json(json.loads(said[0])) == everything().desired.resources


def test_a_line_that_moves_changes_no_resource(everything: Make) -> None:
    manifest = json.loads(json.dumps(everything().manifest))
    for handler in manifest["handlers"]:
        handler["location"]["line"] += 7
    moved: Desired = translated(manifest)
    assert [bare(one) for one in moved.resources] == [bare(one) for one in everything().desired.resources]


def bare(one: Resource) -> Resource:
    return one._replace(where=None)


def test_outputs_tell_the_url_and_the_names_of_what_holds_data(everything: Make) -> None:
    outputs = everything().desired.outputs
    assert outputs["ApiUrl"] == "https://everything-dev--http-123456789012.europe-west1.run.app"
    assert outputs["BucketUploadsName"].startswith("everything-dev-uploads-")
    assert outputs["TableOrdersName"] == "orders"
    assert outputs["Database"] == "everything-dev"
