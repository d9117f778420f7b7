"""What Google Cloud does itself and what is made here out of what it has, by the features of the conformance suite.

The portability matrix shows it. Whether a promise holds is shown by runs of the suite; that Google itself does it is a
claim of this file, with Google's page. Services are those that take part, by the names of their APIs.
"""

from portable.adapter import Support

DOCS = "https://cloud.google.com/"
FIRESTORE = f"{DOCS}firestore/docs/"
FIRESTORE_API = f"{DOCS}firestore/docs/reference/rest/v1/"
QUOTAS = f"{DOCS}firestore/quotas"
STORAGE = f"{DOCS}storage/docs/"
TASKS = f"{DOCS}tasks/docs/"
PUBSUB = f"{DOCS}pubsub/docs/"
SCHEDULER = f"{DOCS}scheduler/docs/"
RUN = f"{DOCS}run/docs/"

HTTP = ("run.http",)
TABLE = ("firestore",)
BUCKET = ("storage",)
QUEUE = ("cloudtasks", "run.background", "firestore")
PUSHED = ("pubsub", *QUEUE)
EVERY_TRIGGER = (
    "cloudtasks", "pubsub", "storage.events", "cloudscheduler", "eventarc", "run.background", "firestore"
)  # fmt: skip
CONTRACT = f"{RUN}container-contract"
COMMIT = f"{FIRESTORE_API}projects.databases.documents/commit"
PRECONDITIONS = f"{STORAGE}request-preconditions"
HANDLER = f"{TASKS}creating-http-target-tasks"


def native(how: str, services: tuple[str, ...], source: str, *codes: str) -> Support:
    """Google Cloud does it."""
    return Support("native", how, services, source, codes)


def emulated(how: str, services: tuple[str, ...], source: str, *codes: str) -> Support:
    """Made here out of what Google Cloud has; `how` says what differs."""
    return Support("emulated", how, services, source, codes)


def in_the_function(what: str) -> Support:
    return native(
        f"Cloud Run hands over the request as it is; {what} by portable's own code, as everywhere.", HTTP, CONTRACT
    )


SUPPORT = {
    "http.routing": native(
        "All of an app's routes are one Cloud Run function, whatever its grouping: Google has nothing like a gateway "
        "that costs nothing while nobody calls. Paths that Cloud Run keeps for itself never arrive.",
        HTTP,
        f"{DOCS}run/docs/known-issues",
    ),
    "http.paths": native(
        "The path is taken as it stands in the request and is decoded by portable; Google's front decodes some escapes "
        "first, so that `%41` cannot be told from `A`.",
        HTTP,
        CONTRACT,
    ),
    "http.parameters": native(
        "Parameters are read by portable's own code; headers whose names have underscores are dropped by gunicorn, the "
        "server of functions-framework.",
        HTTP,
        CONTRACT,
        "P3211",
    ),
    "http.bodies": native(
        "Bytes as they were sent; Cloud Run takes 32 MiB, and portable 4 MiB everywhere.", HTTP, f"{DOCS}run/quotas"
    ),
    "http.forms": in_the_function("forms are read"),
    "http.answers": native("A function answers with status, headers and bytes.", HTTP, CONTRACT),
    "http.problems": in_the_function("errors are answered"),
    "http.middleware": in_the_function("middleware is called"),
    "http.cors": in_the_function("CORS is answered"),
    "http.static": in_the_function("files that lie in the bundle are answered"),
    "http.mounts": in_the_function("mounted applications are called"),
    "http.limits": native(
        "Limits of Cloud Run are higher than portable's own, which are enforced in the function. What Google's front "
        "adds to the headers does not count.",
        HTTP,
        f"{DOCS}run/quotas",
    ),
    "tables.items": native(
        "Documents of one Firestore database in native mode for each stage, read with strong consistency.",
        TABLE,
        f"{FIRESTORE}understand-reads-writes-scale",
        "P3204",
    ),
    "tables.conditions": native(
        "Preconditions of a commit: whether a document exists, and its update time, which is the item's version.",
        TABLE,
        f"{FIRESTORE_API}Precondition",
    ),
    "tables.updates": native(
        "A strongly consistent read and a commit on the condition of the update time.",
        TABLE,
        f"{FIRESTORE_API}Precondition",
    ),
    "tables.increments": native(
        "A read and a commit on the condition of the update time, since Firestore's own increment knows no bound and "
        "no absent item: those who count the same item at once wait for each other.",
        TABLE,
        f"{FIRESTORE_API}Precondition",
        "P3209",
    ),
    "tables.tokens": emulated(
        "Firestore has none: the result is written in the same commit to the framework's collection, where it stays "
        "for an hour: one more read and write for each.",
        TABLE,
        COMMIT,
    ),
    "tables.transactions": native(
        "One commit with a precondition for each item; Firestore would also take several tables and partition keys, "
        "portable does not.",
        TABLE,
        COMMIT,
    ),
    "tables.batches": native(
        "batchGet, and commits of several writes.",
        TABLE,
        f"{FIRESTORE_API}projects.databases.documents/batchGet",
    ),
    "tables.expiry": emulated(
        "Firestore erases expired documents typically within 24 hours and shows them until then, so every read and "
        "condition leaves them out: they are stored, and paid for, until Google erases them.",
        TABLE,
        f"{FIRESTORE}ttl",
        "P3208",
    ),
    "tables.keys": emulated(
        "Names of documents may not have all characters: keys go through an escape that keeps the order of their "
        "bytes.",
        TABLE,
        f"{QUOTAS}#collections_documents_and_fields",
    ),
    "tables.values": emulated(
        "Firestore has integers of 64 bits, doubles, text, bytes, moments, lists and maps; Decimals and lists in lists "
        "are maps of one field that no document can have.",
        TABLE,
        f"{FIRESTORE}manage-data/data-types",
    ),
    "tables.sizes": native("A document of Firestore has 1 MiB, more than portable's 256 KiB of JSON.", TABLE, QUOTAS),
    "tables.queries": native(
        "A query of the collection below the partition key, in the order of the sort key.",
        TABLE,
        f"{FIRESTORE_API}projects.databases.documents/runQuery",
    ),
    "tables.pages": native(
        "Pages begin behind the last document of the one before; a cursor is bound by portable to the query that it "
        "belongs to.",
        TABLE,
        f"{FIRESTORE}query-data/query-cursors",
    ),
    "tables.indexes": native(
        "A composite index of the collection group for each, made by the deploy; projected fields of their own.",
        TABLE,
        f"{FIRESTORE}query-data/indexing",
    ),
    "tables.scans": native("A query of the collection group.", TABLE, f"{FIRESTORE}query-data/queries"),
    "tables.concurrency": native(
        "Preconditions decide, item by item; a document takes about one sustained write a second.",
        TABLE,
        f"{FIRESTORE}best-practices",
        "P3209",
    ),
    "tables.changes": native(
        "A trigger of Eventarc calls the handler's function; what fails goes on in its Cloud Tasks queue. Eventarc "
        "does not tell how often it has tried, so that each attempt is marked in the framework's collection: one more "
        "write. It tries for 24 hours: the changes of a function that cannot start for longer than that are lost, and "
        "are no dead letters.",
        ("eventarc", *QUEUE),
        f"{DOCS}eventarc/docs/run/route-trigger-cloud-firestore",
        "P3208",
    ),
    "tables.programs": native("All verbs of tables together.", TABLE, COMMIT),
    "buckets.objects": native("Objects of a private bucket of Cloud Storage.", BUCKET, f"{STORAGE}introduction"),
    "buckets.data": native(
        "Downloads and uploads of the JSON and XML interfaces, resumable ones for what is large.",
        BUCKET,
        f"{STORAGE}resumable-uploads",
    ),
    "buckets.ranges": native("Range of a download.", BUCKET, f"{STORAGE}xml-api/get-object-download"),
    "buckets.conditions": native(
        "Preconditions on the object's generation, which is its version.", ("storage.conditions",), PRECONDITIONS
    ),
    "buckets.copies": native(
        "Rewrites within the bucket, each call going on where the last one ended.",
        ("storage.conditions",),
        f"{STORAGE}json_api/v1/objects/rewrite",
    ),
    "buckets.concurrency": native(
        "Preconditions decide; an object takes about one write a second, and what is refused for that is sent again.",
        ("storage.conditions",),
        PRECONDITIONS,
        "P3210",
    ),
    "buckets.keys": native(
        "Names of Cloud Storage, of which portable takes fewer.", BUCKET, f"{STORAGE}objects#naming"
    ),
    "buckets.descriptions": native("Content-Type and custom metadata of Cloud Storage.", BUCKET, f"{STORAGE}metadata"),
    "buckets.lists": native(
        "Listings of Cloud Storage, in the order of UTF-8 bytes.", BUCKET, f"{STORAGE}json_api/v1/objects/list"
    ),
    "buckets.signed_urls": native(
        "Signed URLs, version 4, with the key that Google keeps for the function's account: a call of signBlob for "
        "each.",
        ("storage.signed", "iamcredentials"),
        f"{STORAGE}access-control/signed-urls",
    ),
    "buckets.events": native(
        "Notifications of the bucket through a Pub/Sub topic, pushed to the function of each handler. Of an object "
        "that is written over nobody is told that it was deleted.",
        ("storage.events", *PUSHED),
        f"{STORAGE}pubsub-notifications",
    ),
    "buckets.programs": native("All verbs of buckets together.", ("storage.conditions",), f"{STORAGE}introduction"),
    "tasks.sends": native("A task in the Cloud Tasks queue of the handler, which calls its function.", QUEUE, HANDLER),
    "tasks.payloads": native(
        "A task has 100 KB with all that belongs to it; what is larger when it is tried again lies in the framework's "
        "collection, and the task says where.",
        QUEUE,
        f"{DOCS}tasks/docs/quotas",
    ),
    "tasks.delays": native("A task has a time from which it may be sent.", QUEUE, f"{TASKS}creating-http-target-tasks"),
    "tasks.retries": emulated(
        "The back-off of Cloud Tasks is a queue's and has no jitter: a failed attempt puts a task of its own into the "
        "queue, with its wait. Cloud Tasks' own retries are for functions that were ended.",
        QUEUE,
        HANDLER,
    ),
    "tasks.deduplication": emulated(
        "Names of tasks would do it and slow down a queue: a record in the framework's collection for 5 minutes, one "
        "more write for each send with a `dedup`.",
        QUEUE,
        f"{TASKS}reference/rest/v2/projects.locations.queues.tasks/create",
    ),
    "tasks.runs": emulated(
        "A task is gone when it is done: state, progress and result are in the framework's collection, which costs "
        "writes for each run.",
        QUEUE,
        HANDLER,
    ),
    "tasks.dead_letters": emulated(
        "Cloud Tasks has none, and deletes what fails for good: letters are records in the framework's collection.",
        QUEUE,
        f"{TASKS}configuring-queues",
    ),
    "tasks.programs": emulated("All verbs of tasks together, those emulated above among them.", QUEUE, HANDLER),
    "topics.events": native(
        "A Pub/Sub topic with a subscription that pushes for each handler, kept for 7 days.", PUSHED, f"{PUBSUB}push"
    ),
    "topics.filters": native(
        "Filters of subscriptions, of at most 256 bytes; a longer one is finished in the function.",
        PUSHED,
        f"{PUBSUB}subscription-message-filter",
    ),
    "topics.failures": emulated(
        "The first attempt is made where the event is pushed, the next ones are tasks in the handler's queue. What "
        "Pub/Sub could not push at all ends in its dead-letter topic, and is moved to the other letters when they are "
        "listed. A push that comes again counts as one attempt, also if Cloud Run had no place for it.",
        PUSHED,
        f"{PUBSUB}handling-failures",
    ),
    "topics.sizes": native("A message of Pub/Sub has 10 MB.", PUSHED, f"{DOCS}pubsub/quotas"),
    "schedules.times": native(
        "A job of Cloud Scheduler that calls the handler's function.",
        ("cloudscheduler", *QUEUE),
        f"{SCHEDULER}configuring/cron-job-schedules",
    ),
    "schedules.zones": emulated(
        "What Cloud Scheduler does with hours that clocks skip or repeat is not documented: the job of a schedule in "
        "such a zone fires in UTC at all times that can be meant, and the function drops those that are not.",
        ("cloudscheduler", *QUEUE),
        f"{SCHEDULER}configuring/cron-job-schedules",
        "P3206",
    ),
    "schedules.overlap": emulated(
        "A fire time is claimed, and a lease held, in the framework's collection, over all attempts.",
        ("cloudscheduler", *QUEUE),
        f"{SCHEDULER}overview",
    ),
    "schedules.failures": emulated(
        "The first attempt is made where the job calls, the next ones are tasks in the handler's queue; dead letters "
        "are in the framework's collection.",
        ("cloudscheduler", *QUEUE),
        f"{SCHEDULER}configuring/retry-jobs",
    ),
    "schedules.dialect": native(
        "The five fields are Cloud Scheduler's own; what not all providers can run is refused when it is declared.",
        (),
        f"{SCHEDULER}configuring/cron-job-schedules",
    ),
    "deliveries.attempts": emulated(
        "Every background handler has a Cloud Tasks queue of its own: whatever brings a delivery, its next attempt is "
        "a task there, so that attempts and waits are counted alike.",
        EVERY_TRIGGER,
        HANDLER,
    ),
    "deliveries.letters": emulated(
        "Records in the framework's collection; what Pub/Sub keeps in a dead-letter topic is moved there.",
        EVERY_TRIGGER,
        f"{PUBSUB}handling-failures",
    ),
    "deliveries.failures": native(
        "A request that is not answered with 2xx comes again; each has one delivery.", EVERY_TRIGGER, HANDLER
    ),
    "idempotency.calls": emulated(
        "Records in the framework's collection, made by a conditional write, which costs reads and writes for each "
        "call.",
        ("run.http", "storage.events", *PUSHED),
        COMMIT,
    ),
    "idempotency.concurrency": emulated(
        "The conditional write decides who runs; a record has the deadline of its call.", (*HTTP, *TABLE), COMMIT
    ),
    "idempotency.results": emulated("Results are kept in the record, as JSON.", (*HTTP, *TABLE), COMMIT),
    "settings.values": native(
        "Params and secrets in Secret Manager, which takes no empty value: that is stored as a mark.",
        ("secretmanager",),
        f"{DOCS}secret-manager/docs/overview",
    ),
    "settings.cache": native(
        "A value is kept in the process by portable's own code, and read anew from Secret Manager.",
        ("secretmanager",),
        f"{DOCS}secret-manager/docs/access-secret-version",
    ),
    "telemetry.records": native(
        "Portable's own code records; a deployed function writes a line of JSON for each invocation to its log.",
        (*HTTP, *QUEUE),
        f"{DOCS}logging/docs/structured-logging",
    ),
    "telemetry.traces": emulated(
        "Messages carry the trace in their envelope, and items that are listened to in a field of their own; "
        "deletions, increments and objects begin a trace of their own.",
        EVERY_TRIGGER,
        f"{DOCS}trace/docs/trace-context",
    ),
    "adapter.refusals": native(
        "Nothing is refused.", (*HTTP, "storage.signed"), f"{STORAGE}access-control/signed-urls"
    ),
}
