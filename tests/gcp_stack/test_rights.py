"""The judge of rights: it lets in whom Google's pages let in, and judges nothing that it does not know."""

import json
from typing import Any

import pytest
from portable_gcp import roles
from portable_gcp.names import Names

from .discovery import document
from .rights import DATA, DOCUMENTS, Asked, Need, Unjudged, allowed_by, holds, needs, permissions_of

DATABASE = "projects/p-1/databases/d"
ANNA = "anna@p-1.iam.gserviceaccount.com"
COMMIT = f"/v1/{DATABASE}/documents:commit"


def asked(service: str, verb: str, path: str, body: Any = None, **query: str) -> Asked:
    return Asked(service, verb, path, query, b"" if body is None else json.dumps(body).encode())


def policy(role: str, condition: str = "", member: str = f"serviceAccount:{ANNA}") -> dict[str, Any]:
    binding: dict[str, Any] = {"role": role, "members": [member]}
    return {"bindings": [{**binding, "condition": {"expression": condition}} if condition else binding]}


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (asked("firestore", "POST", f"/v1/{DATABASE}/documents:batchGet"), {("datastore.entities.get", DATABASE)}),
        (
            asked("firestore", "POST", f"/v1/{DATABASE}/documents/roots/a%2Fb:runQuery"),
            {("datastore.entities.get", DATABASE), ("datastore.entities.list", DATABASE)},
        ),
        (
            asked("firestore", "POST", COMMIT, {"writes": [{"update": {}, "currentDocument": {"exists": False}}]}),
            {("datastore.entities.create", DATABASE)},
        ),
        (
            asked("firestore", "POST", COMMIT, {"writes": [{"update": {}, "currentDocument": {"updateTime": "t"}}]}),
            {("datastore.entities.update", DATABASE)},
        ),
        (
            asked("firestore", "POST", COMMIT, {"writes": [{"update": {}}, {"delete": "x"}]}),
            {(f"datastore.entities.{one}", DATABASE) for one in ("create", "update", "delete")},
        ),
        (
            asked("cloudtasks", "POST", "/v2/projects/p-1/locations/l/queues/q/tasks"),
            {("cloudtasks.tasks.create", "projects/p-1/locations/l/queues/q")},
        ),
        (
            asked("pubsub", "POST", "/v1/projects/p-1/topics/t:publish"),
            {("pubsub.topics.publish", "projects/p-1/topics/t")},
        ),
        (
            asked("secretmanager", "GET", "/v1/projects/p-1/secrets/s/versions/latest:access"),
            {("secretmanager.versions.access", "projects/p-1/secrets/s")},
        ),
        (
            asked("iamcredentials", "POST", f"/v1/projects/-/serviceAccounts/{ANNA}:signBlob"),
            {("iam.serviceAccounts.signBlob", f"projects/p-1/serviceAccounts/{ANNA}")},
        ),
        (
            asked("storage", "GET", "/the-bucket/in/a%20b"),
            {("storage.objects.get", "projects/_/buckets/the-bucket")},
        ),
        (
            asked("storage", "POST", "/upload/storage/v1/b/the-bucket/o", uploadType="multipart"),
            {(f"storage.objects.{one}", "projects/_/buckets/the-bucket") for one in ("create", "delete")},
        ),
        (asked("storage", "PUT", "/upload/storage/v1/b/the-bucket/o", upload_id="1"), set()),
        (
            asked("storage", "POST", "/storage/v1/b/one-bucket/o/a/rewriteTo/b/two-bucket/o/b"),
            {
                ("storage.objects.get", "projects/_/buckets/one-bucket"),
                ("storage.objects.create", "projects/_/buckets/two-bucket"),
                ("storage.objects.delete", "projects/_/buckets/two-bucket"),
            },
        ),
    ],
    ids=lambda one: one.path if isinstance(one, Asked) else "",
)
def test_a_call_needs_what_googles_pages_say(call: Asked, wanted: set[tuple[str, str]]) -> None:
    assert set(needs(call)) == {Need(*one) for one in wanted}


@pytest.mark.parametrize(
    "call",
    [
        asked("firestore", "POST", f"/v1/{DATABASE}/documents:beginTransaction"),
        asked("cloudtasks", "DELETE", "/v2/projects/p-1/locations/l/queues/q"),
        asked("pubsub", "GET", "/v1/nothing"),
        asked("storage", "DELETE", "/the-bucket/in/a"),
        asked("storage", "GET", "/"),
    ],
    ids=lambda one: one.path,
)
def test_a_call_that_is_not_known_is_not_judged(call: Asked) -> None:
    with pytest.raises(Unjudged):
        needs(call)


def test_a_role_allows_its_members_what_it_holds_where_its_condition_does() -> None:
    need = Need("datastore.entities.update", DATABASE)
    here, there = f'resource.name == "{DATABASE}"', f'resource.name == "{DATABASE}2"'
    assert allowed_by(need, ANNA, [policy("roles/datastore.user")]) == "roles/datastore.user"
    assert allowed_by(need, ANNA, [policy("roles/datastore.user", here)]) == "roles/datastore.user"
    assert allowed_by(need, ANNA, [{}, policy("roles/datastore.user", here)]) == "roles/datastore.user"
    for other in (
        policy("roles/datastore.viewer"),
        policy("roles/datastore.user", there),
        policy("roles/datastore.user", member="serviceAccount:bert@p-1.iam.gserviceaccount.com"),
        policy("roles/datastore.user", member=f"user:{ANNA}"),
        {},
    ):
        assert allowed_by(need, ANNA, [other]) is None


def test_a_condition_of_a_form_that_is_not_known_is_not_judged() -> None:
    assert holds('resource.name.startsWith("projects/_/buckets/a/") || resource.name == "b"', "projects/_/buckets/a/x")
    assert not holds('resource.name.startsWith("projects/_/buckets/a/") || resource.name == "b"', "b2")
    for expression in ('resource.name != "a"', 'resource.name == "a" && true', "request.time < now"):
        with pytest.raises(Unjudged):
            holds(expression, "a")
    with pytest.raises(Unjudged):
        permissions_of("roles/owner")


def test_what_is_written_down_has_a_source_and_is_about_methods_and_roles_that_there_are() -> None:
    known = {method.id for name in DOCUMENTS.values() for method in document(name).methods}
    plain = {method for method in DATA["methods"] if not method.startswith("xml ")}
    assert plain <= known
    assert set(DATA["writes"]["methods"]) <= known
    entries = [*DATA["methods"].values(), DATA["writes"], *DATA["roles"].values()]
    assert all(one["source"].startswith("https://cloud.google.com/") for one in entries)
    given = {*roles.TABLE_VERBS.values(), *roles.OBJECT_VERBS.values(), roles.SIGN, roles.PUBLISH, roles.SUBSCRIBE}
    given |= {roles.READ_VALUE, roles.ENQUEUE, roles.INVOKE, roles.RECEIVE}
    assert given == set(DATA["roles"])
    named = roles.of_database(roles.USER, [], Names("shop", "dev", "p-1", "europe-west1", "1")).expression
    assert holds(named, "projects/p-1/databases/shop-dev")
