"""Rights of functions: a verb is exactly its roles, and no function has what none of its handlers does."""

from typing import Any

import pytest
from portable_gcp.grouping import groups_of
from portable_gcp.roles import Binding, Right, granted, joined, known, rights, triggered

from portable.binding import Resource
from portable.buckets import Bucket
from portable.config import Param, Secret
from portable.dead_letters import DeadLetters
from portable.tables import Table
from portable.tasks import Task
from portable.topics import Topic
from tests.gcp.templates.conftest import GROUPINGS, Make

READ, WRITE = ("roles/datastore.viewer", "database"), ("roles/datastore.user", "database")
LOOK, CHANGE = ("roles/storage.objectViewer", "bucket:files"), ("roles/storage.objectUser", "bucket:files")
SIGN = ("roles/iam.serviceAccountTokenCreator", "account:handler:f")
PUBLISH = ("roles/pubsub.publisher", "topic:placed")
ENQUEUE = ("roles/cloudtasks.enqueuer", "queue:pay")
PULL = ("roles/pubsub.subscriber", "dead-subscription:hear")
HANDLERS: dict[str, Any] = {
    "pay": {"name": "pay", "trigger": {"type": "delivery", "kind": "task", "source": "pay"}},
    "hear": {"name": "hear", "trigger": {"type": "delivery", "kind": "topic", "source": "placed"}},
    "other": {"name": "other", "trigger": {"type": "delivery", "kind": "topic", "source": "sent"}},
}
EXPECTED: dict[tuple[str, str], set[tuple[str, str]]] = {
    **{("table:words", verb): {READ} for verb in (
        "get", "require", "get_entry", "query", "query_index", "batch_get", "scan",
    )},
    **{("table:words", verb): {WRITE} for verb in (
        "put", "update", "delete", "increment", "transact", "batch_write",
    )},
    **{("bucket:files", verb): {LOOK} for verb in ("get", "require", "open", "read_range", "head", "list")},
    **{("bucket:files", verb): {CHANGE} for verb in ("put", "delete", "copy")},
    ("bucket:files", "signed_url"): {CHANGE, SIGN},
    ("topic:placed", "publish"): {PUBLISH},
    ("topic:placed", "publish_all"): {PUBLISH},
    ("topic:placed", "dead_letters"): {WRITE, PULL},
    ("topic:placed", "redrive"): {WRITE, PULL, ("roles/cloudtasks.enqueuer", "queue:hear")},
    ("topic:placed", "discard"): {WRITE, PULL},
    ("param:rate", "get"): {("roles/secretmanager.secretAccessor", "param:rate")},
    ("secret:key", "get"): {("roles/secretmanager.secretAccessor", "secret:key")},
    ("task:pay", "send"): {WRITE, ENQUEUE},
    ("task:pay", "run"): {READ},
    ("task:pay", "report"): {WRITE},
    ("task:pay", "dead_letters"): {WRITE},
    ("task:pay", "redrive"): {WRITE, ENQUEUE},
    ("task:pay", "discard"): {WRITE},
    ("dead-letters:pay", "dead_letters"): {WRITE},
    ("dead-letters:pay", "redrive"): {WRITE, ENQUEUE},
    ("dead-letters:pay", "discard"): {WRITE},
    ("state", "idempotent"): {WRITE},
}  # fmt: skip


@pytest.mark.parametrize(("resource", "verb"), sorted(EXPECTED))
def test_a_verb_is_exactly_its_roles_on_its_resource(resource: str, verb: str) -> None:
    assert set(granted(resource, verb, HANDLERS, "handler:f")) == EXPECTED[resource, verb]


def test_every_verb_that_there_is_has_its_roles() -> None:
    kinds: tuple[type[Resource[Any]], ...] = (Table, Bucket, Topic, Task, Param, Secret, DeadLetters)
    listed = {(resource.partition(":")[0], verb) for resource, verb in EXPECTED}
    assert {(kind.kind, verb) for kind in kinds for verb in kind.verbs} | {("state", "idempotent")} == listed


def test_a_verb_that_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no roles of Google's for 'drop' on table:words"):
        granted("table:words", "drop", HANDLERS, "handler:f")


@pytest.mark.parametrize("kind", ["task", "topic", "bucket", "schedule", "table"])
def test_a_trigger_has_what_it_needs_and_no_more(kind: str) -> None:
    type_ = "delivery" if kind in ("task", "topic") else kind
    handler = {"name": "pay", "trigger": {"type": type_, "kind": kind}}
    wanted = {WRITE, ENQUEUE, ("roles/run.invoker", "function:handler:pay")}
    if kind == "table":
        wanted.add(("roles/eventarc.eventReceiver", "project"))
    assert set(triggered(handler, "handler:pay")) == wanted


def test_a_function_has_the_rights_of_its_own_handlers_only(everything: Make) -> None:
    made = everything()
    about = known(made.manifest)
    found = {one.id: set(rights(about, one)) for one in groups_of(made.manifest)}
    assert ("roles/storage.objectUser", "bucket:uploads") in found["http:everything"]
    assert not any(target.startswith("bucket:") for _, target in found["handler:pay"])
    # What reads and writes needs no right to read beside the one to write.
    assert Right("roles/datastore.viewer", "database") not in found["http:everything"]
    assert found["http:everything"] >= {Right("roles/cloudtasks.enqueuer", "queue:pay")}
    assert all(role != "roles/run.invoker" for role, _ in found["http:everything"])


def test_no_right_is_to_more_than_a_thing_but_where_google_has_nothing_finer(everything: Make) -> None:
    for functions in GROUPINGS:
        made = everything(functions)
        for binding in made.body("access:project")["bindings"]:
            role = binding["role"]
            if role in ("roles/datastore.user", "roles/datastore.viewer"):
                database = 'resource.name == "projects/some-project/databases/everything-dev"'
                assert binding["condition"]["expression"] == database
            elif role == "roles/storage.objectViewer":
                assert "startsWith" in binding["condition"]["expression"]
            else:
                # Of Eventarc, and of builds.
                assert role in (
                    "roles/artifactregistry.writer", "roles/eventarc.eventReceiver", "roles/logging.logWriter",
                )  # fmt: skip
        for one in made.desired.resources:
            if one.kind == "access":
                members = [member for binding in one.body["bindings"] for member in binding["members"]]
                assert not any(
                    member.startswith(("user:", "group:", "domain:", "allAuthenticated")) for member in members
                )


def test_bindings_of_one_role_and_condition_are_one(everything: Make) -> None:
    made = joined([Binding("r", ("b",)), Binding("r", ("a",)), Binding("r", ("c",), "t", "x"), Binding("q", ("a",))])
    assert made == [Binding("q", ("a",)), Binding("r", ("a", "b")), Binding("r", ("c",), "t", "x")]
    for one in everything().desired.resources:
        if one.kind == "access":
            keys = [(item["role"], str(item.get("condition"))) for item in one.body["bindings"]]
            assert len(keys) == len(set(keys)), one.id
