"""The printed rights are those that the deployer uses, by Google's own names of its methods. Over our fake."""

import re
from typing import Any, get_args

import pytest
from portable_gcp.deploy_policy import PERMISSIONS, policy
from portable_gcp.stage_values import GcpValues
from portable_gcp.values import Kind

from portable import App
from portable.errors import DeployFailed
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop, app_of
from tests.gcp.deployer.test_listening import hearing
from tests.gcp.faulty import between
from tests.gcp_stack.control_plane import documents
from tests.gcp_stack.discovery import document
from tests.gcp_stack.fixtures import OVERRIDE, GcpServices, gcp_services
from tests.gcp_stack.front import error
from tests.gcp_stack.server import Reply, Request

__all__ = ["gcp_services"]

RIGHTS = {
    # The permission of a method is its path and verb in most interfaces: `cloudtasks.projects.locations.queues.create`
    # needs `cloudtasks.queues.create`. These are called otherwise: https://cloud.google.com/iam/docs/permissions-reference
    "cloudresourcemanager.projects.get": "resourcemanager.projects.get",
    "cloudresourcemanager.projects.getIamPolicy": "resourcemanager.projects.getIamPolicy",
    "cloudresourcemanager.projects.setIamPolicy": "resourcemanager.projects.setIamPolicy",
    "pubsub.projects.subscriptions.seek": "pubsub.snapshots.seek",
    "firestore.projects.databases.get": "datastore.databases.getMetadata",
    "firestore.projects.databases.patch": "datastore.databases.update",
    "firestore.projects.databases.bulkDeleteDocuments": "datastore.databases.bulkDelete",
    "firestore.projects.databases.collectionGroups.fields.list": "datastore.indexes.list",
    "firestore.projects.databases.collectionGroups.fields.patch": "datastore.indexes.update",
    "serviceusage.services.batchGet": "serviceusage.services.get",
    "serviceusage.operations.get": "serviceusage.services.get",
    "serviceusage.services.generateServiceIdentity": "serviceusage.services.enable",
    "storage.notifications.insert": "storage.buckets.update",
    "storage.notifications.list": "storage.buckets.get",
    "storage.notifications.delete": "storage.buckets.update",
    "storage.projects.serviceAccount.get": "resourcemanager.projects.get",
    "logging.entries.list": "logging.logEntries.list",
    "secretmanager.projects.secrets.addVersion": "secretmanager.versions.add",
}
CHANGED: dict[str, dict[str, Any]] = {
    "buckets": {"lifecycle": {}},
    "databases": {"pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED"},
    "functions": {"labels": {}},
    "jobs": {"retryConfig": {}},
    "queues": {"retryConfig": {}},
    "secrets": {"labels": {}},
    "serviceAccounts": {"displayName": ""},
    "subscriptions": {"retryPolicy": {}},
    "topics": {"labels": {}},
    "triggers": {"labels": {}},
}
VERBS = {"patch": "update", "insert": "create"}


def granted() -> set[str]:
    return set(policy()["includedPermissions"])


def permission(call: str) -> str:
    """What a request needs: by the method that a discovery document says it is."""
    service, verb, path = call.split()
    if path.startswith("/upload/storage/"):
        return "storage.objects.create"
    path = path.replace("/download/storage/", "/storage/")
    found = (documents().get(service) or document("storage.v1")).find(verb, path)
    assert found is not None, call
    id = found.method.id
    if id in RIGHTS:
        return RIGHTS[id]
    parts = id.split(".")
    noun, act = parts[-2], VERBS.get(parts[-1], parts[-1])
    area = {"firestore": "datastore"}.get(service, service)
    return f"{area}.{noun}.{act}"


def test_every_call_of_the_deployer_is_allowed(shop: Shop, google: Google) -> None:
    whole = app_of(buckets=("files",), indexes=("by_day",), is_whole=True)
    shop.plan(whole)
    shop.deploy(whole)
    shop.plan(whole, drift=True)
    for name, one in google.project.resources.items():
        # Something of everything is another, so that all of it is updated.
        kind = name.split("/")[-2]
        if kind in CHANGED and "artifacts" not in str(one):
            one |= CHANGED[kind]
    shop.deploy(whole)
    google.project.failing[next(name for name in google.project.resources if "/functions/" in name)] = "broken"
    with pytest.raises(DeployFailed):
        shop.deploy(whole, code="2")
    google.project.failing.clear()
    shop.deploy(app_of(), code="3", lose=("files", "rate", "key"))
    shop.rollback(1)
    list(shop.deployer.logs(None, "pack", 0, None))
    shop.destroy("table:orders", "files", "key", "rate", app=whole)
    shop.destroy("database", app=whole)
    needed = {permission(call): call for call in google.calls}
    assert len(needed) > 50
    assert {right: call for right, call in needed.items() if right not in granted()} == {}
    # And nothing is printed that nothing calls, but what other verbs than these need.
    unused = granted() - set(needed)
    others = {*PERMISSIONS["Values"], *PERMISSIONS["Use"], *PERMISSIONS["Handover"]}
    rarely = {
        "cloudfunctions.functions.get",  # while Google is at work on one, and `portable invoke`
        "iam.serviceAccounts.actAs",  # no call of its own: to give a function, a queue or a trigger its account
        "iam.serviceAccounts.getIamPolicy",  # signed URLs
        "iam.serviceAccounts.setIamPolicy",
        "pubsub.topics.attachSubscription",  # no call of its own: to make a subscription
        "serviceusage.services.list",  # Google asks for it with batchGet
        "storage.objects.delete",  # a bucket that is deleted with what is in it, and rewriting an object
        "cloudscheduler.jobs.get",  # what is there already, since the answer to its creation was lost
        "eventarc.triggers.get",
        "pubsub.subscriptions.get",
        "pubsub.topics.get",
        "secretmanager.secrets.get",
        "datastore.databases.getMetadata",
    }  # fmt: skip
    assert unused - others - rarely == set()


def test_another_filter_needs_what_is_for_a_handover_and_no_more(shop: Shop, google: Google) -> None:
    shop.deploy(hearing("new"))
    google.calls.clear()
    shop.deploy(hearing("old"))
    needed = {permission(call) for call in google.calls}
    assert needed - granted() == set()
    assert set(PERMISSIONS["Handover"]) - needed == {
        "pubsub.subscriptions.consume",  # no call of its own: to make a snapshot, and to be led back to one
        "pubsub.snapshots.get",  # one whose creation was in doubt
        "pubsub.snapshots.list",  # what an interrupted run has left
    }


def test_what_is_there_already_is_looked_at_by_the_same_rights(shop: Shop, google: Google) -> None:
    """The answer to each creation was lost, and the next attempt hears that it is there."""

    def taken(when: str, service: str, request: Request) -> Reply | None:
        makes = request.verb == "POST" and ":" not in request.path.rpartition("/")[2]
        topics = service == "pubsub" and request.verb == "PUT"
        if when == "after" and service != "storage" and (makes or topics):
            while google.project.waiting:
                google.project.tick()
            return error("ALREADY_EXISTS", "it is there")
        return None

    google.hook = taken
    whole = app_of(buckets=("files",), is_whole=True)
    shop.deploy(whole)
    needed = {permission(call): call for call in google.calls}
    assert {
        "cloudtasks.queues.get", "cloudscheduler.jobs.get", "eventarc.triggers.get", "pubsub.topics.get",
        "pubsub.subscriptions.get", "secretmanager.secrets.get", "cloudfunctions.functions.get",
        "datastore.databases.getMetadata",
    } <= set(needed)  # fmt: skip
    assert {right: call for right, call in needed.items() if right not in granted()} == {}


def test_every_call_about_params_and_secrets_is_allowed(gcp_services: GcpServices) -> None:
    values = GcpValues("shop", "dev", "rights")
    with between(gcp_services.services.endpoint) as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"{OVERRIDE}SECRETMANAGER", found.endpoint)
        for kind in get_args(Kind):
            values.write(kind, "x", "1")
            values.write(kind, "x", "2")
            values.names(kind)
            values.read_param("x")
            values.write(kind, "x", None)
    seen = {permission(f"secretmanager {one.verb} {one.path}") for one in found.asked}
    assert len(seen) > 5
    assert seen - granted() == set()


def test_a_role_is_one_that_google_takes() -> None:
    role: dict[str, Any] = policy()
    assert len(role["title"]) <= 100
    assert len(role["description"]) <= 300
    assert all(re.fullmatch(r"[a-z]+\.[A-Za-z]+\.[A-Za-z]+", one) for one in role["includedPermissions"])
    assert len(role["includedPermissions"]) == len(set(role["includedPermissions"])) <= 3000


def test_nothing_in_it_reads_data_but_what_a_handover_needs() -> None:
    assert "pubsub.subscriptions.consume" in PERMISSIONS["Handover"]
    others = granted() - set(PERMISSIONS["Handover"])
    assert not others & {
        "datastore.entities.get", "datastore.entities.list", "datastore.entities.create",
        "pubsub.subscriptions.consume", "cloudtasks.tasks.create",
        "iam.serviceAccountKeys.create", "iam.serviceAccounts.getAccessToken",
    }  # fmt: skip


def test_signed_urls_need_the_policy_of_an_account(shop: Shop, google: Google) -> None:
    app = App("shop", targets=("gcp",))
    files = app.bucket("files")

    @app.get("/", uses=[files.can("signed_url")])
    def link() -> str:
        return ""

    from portable.manifest import build_manifest

    options = shop.options(app)._replace(manifest=build_manifest(app).to_dict())
    from portable.adapter import Choices
    from tests.gcp.deployer.shop import Watching

    shop.deployer.deploy(options, Choices(), Watching())
    name = "projects/portable-test/serviceAccounts/shop-dev--http@portable-test.iam.gserviceaccount.com"
    assert google.project.policies[name]["bindings"][0]["role"] == "roles/iam.serviceAccountTokenCreator"
    assert {"iam.serviceAccounts.setIamPolicy"} <= {permission(call) for call in google.calls}
