"""The rights of whoever deploys, as a role of one's own: https://cloud.google.com/iam/docs/creating-custom-roles

Each line is what the deployer calls; a test holds the two against each other. A deploy reads no data.
"""

from typing import Any

TITLE = "portable deploys"
PERMISSIONS: dict[str, tuple[str, ...]] = {
    "Project": ("resourcemanager.projects.get",),
    "Interfaces": ("serviceusage.services.enable", "serviceusage.services.get", "serviceusage.services.list"),
    "Accounts": (
        "iam.serviceAccounts.actAs", "iam.serviceAccounts.create", "iam.serviceAccounts.delete",
        "iam.serviceAccounts.list", "iam.serviceAccounts.update",
    ),
    "Access": (
        "cloudtasks.queues.getIamPolicy", "cloudtasks.queues.setIamPolicy", "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.setIamPolicy", "pubsub.subscriptions.getIamPolicy", "pubsub.subscriptions.setIamPolicy",
        "pubsub.topics.getIamPolicy", "pubsub.topics.setIamPolicy", "resourcemanager.projects.getIamPolicy",
        "resourcemanager.projects.setIamPolicy", "run.services.getIamPolicy", "run.services.setIamPolicy",
        "secretmanager.secrets.getIamPolicy", "secretmanager.secrets.setIamPolicy", "storage.buckets.getIamPolicy",
        "storage.buckets.setIamPolicy",
    ),
    "Artifacts": (
        "storage.buckets.create", "storage.buckets.get", "storage.objects.create", "storage.objects.delete",
        "storage.objects.get", "storage.objects.list",
    ),
    "Functions": (
        "cloudfunctions.functions.create", "cloudfunctions.functions.delete", "cloudfunctions.functions.get",
        "cloudfunctions.functions.list", "cloudfunctions.functions.update", "cloudfunctions.operations.get",
    ),
    "Data": (
        "datastore.databases.create", "datastore.databases.getMetadata", "datastore.databases.list",
        "datastore.databases.update", "datastore.indexes.create", "datastore.indexes.delete", "datastore.indexes.list",
        "datastore.indexes.update", "datastore.operations.get", "secretmanager.secrets.create",
        "secretmanager.secrets.get", "secretmanager.secrets.list", "secretmanager.secrets.update",
        "storage.buckets.list", "storage.buckets.update",
    ),
    "Messages": (
        "cloudscheduler.jobs.create", "cloudscheduler.jobs.delete", "cloudscheduler.jobs.get",
        "cloudscheduler.jobs.list", "cloudscheduler.jobs.update", "cloudtasks.queues.create", "cloudtasks.queues.get",
        "cloudtasks.queues.list", "cloudtasks.queues.pause", "cloudtasks.queues.purge", "cloudtasks.queues.resume",
        "cloudtasks.queues.update", "eventarc.operations.get", "eventarc.triggers.create", "eventarc.triggers.delete",
        "eventarc.triggers.get", "eventarc.triggers.list", "eventarc.triggers.update", "pubsub.subscriptions.create",
        "pubsub.subscriptions.delete", "pubsub.subscriptions.get", "pubsub.subscriptions.list",
        "pubsub.subscriptions.update", "pubsub.topics.attachSubscription", "pubsub.topics.create",
        "pubsub.topics.delete", "pubsub.topics.get", "pubsub.topics.list", "pubsub.topics.update",
    ),
    "Handover": (
        "pubsub.snapshots.create", "pubsub.snapshots.delete", "pubsub.snapshots.get", "pubsub.snapshots.list",
        "pubsub.snapshots.seek", "pubsub.subscriptions.consume",
    ),
    "Use": ("logging.logEntries.list", "run.routes.invoke"),
    "Values": (
        "secretmanager.versions.add", "secretmanager.versions.access", "secretmanager.versions.destroy",
        "secretmanager.versions.disable", "secretmanager.versions.get", "secretmanager.versions.list",
    ),
    "DeleteData": (
        "datastore.databases.bulkDelete", "datastore.databases.delete", "secretmanager.secrets.delete",
        "storage.buckets.delete",
    ),
}  # fmt: skip
"""`Handover` is for a subscriber with another filter, whose new subscription gets what the old one has not delivered:
Google asks for `consume` then, by which messages could also be read. Without it such a deploy is refused half-way.
`DeleteData` is for `portable destroy --delete-data`; leave it out, and nobody can. `Values` is for `portable secret`
and `portable config`, `Use` for `portable invoke` and `portable logs`."""


def policy() -> dict[str, Any]:
    """A role, as `gcloud iam roles create --file` takes it: JSON is YAML."""
    return {
        "title": TITLE,
        "description": "What portable deploy, destroy, rollback, logs, invoke, secret and config call",
        "stage": "GA",
        "includedPermissions": sorted(name for names in PERMISSIONS.values() for name in names),
    }
