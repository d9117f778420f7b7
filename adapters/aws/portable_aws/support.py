"""What AWS does itself and what is made here out of what AWS has, by the features of the conformance suite.

The portability matrix shows it. Whether a promise holds is shown by runs of the suite; that AWS itself does it is a
claim of this file, with AWS's page. Services are those that take part, by the names of their APIs.
"""

from portable.adapter import Support

DOCS = "https://docs.aws.amazon.com/"
DYNAMODB = f"{DOCS}amazondynamodb/latest/developerguide/"
DYNAMODB_API = f"{DOCS}amazondynamodb/latest/APIReference/"
S3 = f"{DOCS}AmazonS3/latest/userguide/"
S3_API = f"{DOCS}AmazonS3/latest/API/"
SQS = f"{DOCS}AWSSimpleQueueService/latest/SQSDeveloperGuide/"
SNS = f"{DOCS}sns/latest/dg/"
SCHEDULER = f"{DOCS}scheduler/latest/UserGuide/"
LAMBDA = f"{DOCS}lambda/latest/dg/"

HTTP = ("apigateway", "lambda.http")
TABLE = ("dynamodb",)
BUCKET = ("s3",)
QUEUE = ("sqs", "lambda.queues", "dynamodb")
EVERY_TRIGGER = ("sqs", "sns", "s3", "scheduler", "dynamodb", "dynamodb.streams", "lambda.queues", "lambda.streams")
PROXY = f"{DOCS}apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"
CONDITIONS = f"{DYNAMODB}Expressions.ConditionExpressions.html"


def native(how: str, services: tuple[str, ...], source: str, *codes: str) -> Support:
    """AWS does it."""
    return Support("native", how, services, source, codes)


def emulated(how: str, services: tuple[str, ...], source: str, *codes: str) -> Support:
    """Made here out of what AWS has; `how` says what differs."""
    return Support("emulated", how, services, source, codes)


def behind_the_gateway(what: str) -> Support:
    return native(
        f"An HTTP API hands the request to Lambda; {what} by portable's own code, as everywhere.", HTTP, PROXY
    )


SUPPORT = {
    "http.routing": native(
        "An HTTP API hands every request to a function; which handler answers is found by portable's own code. An app "
        "with several functions takes routes of the API, of which there may be 300.",
        HTTP,
        f"{DOCS}apigateway/latest/developerguide/http-api-quotas.html",
        "P3403",
    ),
    "http.paths": native(
        "The path is taken as it stands in the URL and is decoded by portable; an HTTP API decodes it first, so an "
        "encoded character that needs no encoding cannot be told from a plain one.",
        HTTP,
        PROXY,
    ),
    "http.parameters": behind_the_gateway("parameters are read"),
    "http.bodies": native(
        "A function gets text as text and everything else in base64, which is undone; so a body has at most about "
        "4.5 MB, and 4 MiB everywhere.",
        HTTP,
        f"{LAMBDA}gettingstarted-limits.html",
    ),
    "http.forms": behind_the_gateway("forms are read"),
    "http.answers": native(
        "A function answers with status, headers, a list of cookies and a body, in base64 if that is no text.",
        HTTP,
        PROXY,
    ),
    "http.problems": behind_the_gateway("errors are answered"),
    "http.middleware": behind_the_gateway("middleware is called"),
    "http.cors": behind_the_gateway("CORS is answered, with CORS of the gateway turned off,"),
    "http.static": behind_the_gateway("files that lie in the bundle are answered"),
    "http.mounts": behind_the_gateway("mounted applications are called"),
    "http.limits": native(
        "Limits of API Gateway and Lambda are higher than portable's own, which are enforced in the function: a "
        "request that is too large for AWS itself is refused by AWS, in its own words.",
        HTTP,
        f"{DOCS}apigateway/latest/developerguide/http-api-quotas.html",
    ),
    "tables.items": native(
        "Items of a DynamoDB table on demand, read with strong consistency.",
        TABLE,
        f"{DYNAMODB}HowItWorks.ReadConsistency.html",
    ),
    "tables.conditions": native(
        "Condition expressions; an item's version is a number that each write makes larger.", TABLE, CONDITIONS
    ),
    "tables.updates": native(
        "A strongly consistent read and a write on the condition of its version.", TABLE, CONDITIONS
    ),
    "tables.increments": native(
        "An update expression that adds, with the bound as its condition.",
        TABLE,
        f"{DYNAMODB}Expressions.UpdateExpressions.html",
    ),
    "tables.tokens": emulated(
        "A token of DynamoDB applies a transaction once and does not tell the earlier result, so the result is written "
        "in the same transaction to the framework's table, where it stays for an hour: one more write for each.",
        TABLE,
        f"{DYNAMODB_API}API_TransactWriteItems.html",
    ),
    "tables.transactions": native(
        "TransactWriteItems, at most 100 items; AWS would also take several tables and partition keys, portable does "
        "not.",
        TABLE,
        f"{DYNAMODB_API}API_TransactWriteItems.html",
    ),
    "tables.batches": emulated(
        "Reads go by 100 and deletions by 25 in a batch, and what AWS leaves undone is sent again; puts go one by one, "
        "a few at a time, since a batch takes no condition: a call for each item.",
        TABLE,
        f"{DYNAMODB_API}API_BatchWriteItem.html",
    ),
    "tables.expiry": emulated(
        "DynamoDB erases expired items typically within two days and shows them until then, so every read and "
        "condition leaves them out: they are stored, and paid for, until AWS erases them.",
        TABLE,
        f"{DYNAMODB_API}API_UpdateTimeToLive.html",
        "P3208",
    ),
    "tables.keys": native(
        "Key attributes of text, ordered by their UTF-8 bytes.",
        TABLE,
        f"{DYNAMODB}HowItWorks.NamingRulesDataTypes.html",
    ),
    "tables.values": emulated(
        "DynamoDB has text, numbers of 38 digits, bytes, lists and maps; Decimals, moments and "
        "floats without a fraction are maps of one field that no document can have.",
        TABLE,
        f"{DYNAMODB}HowItWorks.NamingRulesDataTypes.html",
    ),
    "tables.sizes": native(
        "DynamoDB takes 400 KB with names; portable's 256 KiB of JSON always fit.",
        TABLE,
        f"{DYNAMODB}ServiceQuotas.html",
    ),
    "tables.queries": native(
        "Query with a key condition and strong consistency.", TABLE, f"{DYNAMODB_API}API_Query.html"
    ),
    "tables.pages": native(
        "Pages of Query, put together to the limit that was asked for; a cursor is bound by portable to the "
        "query that it belongs to.",
        TABLE,
        f"{DYNAMODB}Query.Pagination.html",
    ),
    "tables.indexes": native(
        "A global secondary index for each, with attributes of its own.", TABLE, f"{DYNAMODB}GSI.html", "P3104"
    ),
    "tables.scans": native("Scan.", TABLE, f"{DYNAMODB_API}API_Scan.html"),
    "tables.concurrency": native("Condition expressions decide, item by item.", TABLE, CONDITIONS),
    "tables.changes": native(
        "The table's stream starts the function; what fails goes on in an SQS queue, so that it holds up no other "
        "change. A shard serves two handlers well.",
        ("dynamodb", "dynamodb.streams", "sqs", "lambda.streams", "lambda.queues"),
        f"{DYNAMODB}Streams.html",
        "P3402",
        "P3208",
    ),
    "tables.programs": native("All verbs of tables together.", TABLE, CONDITIONS),
    "buckets.objects": native("Objects of a private S3 bucket.", BUCKET, f"{S3}Welcome.html"),
    "buckets.data": native(
        "GetObject and PutObject, multipart uploads for what is large.", BUCKET, f"{S3}mpuoverview.html"
    ),
    "buckets.ranges": native("Range of GetObject.", BUCKET, f"{S3_API}API_GetObject.html"),
    "buckets.conditions": emulated(
        "S3 compares ETags, which tell bytes apart and not writes; so buckets have versioning, the version is asked "
        "for first, and the write has its ETag as condition. An unconditional write of the very same bytes in between "
        "goes unnoticed.",
        ("s3.conditions",),
        f"{S3}conditional-writes.html",
    ),
    "buckets.copies": native("CopyObject.", ("s3.conditions",), f"{S3_API}API_CopyObject.html"),
    "buckets.concurrency": native(
        "Conditional writes decide; what S3 answers with 409 is sent again.",
        ("s3.conditions",),
        f"{S3}conditional-writes.html",
    ),
    "buckets.keys": native("Keys of S3, of which portable takes fewer.", BUCKET, f"{S3}object-keys.html"),
    "buckets.descriptions": native("Content-Type and user metadata of S3.", BUCKET, f"{S3}UsingMetadata.html"),
    "buckets.lists": native("ListObjectsV2, in the order of UTF-8 bytes.", BUCKET, f"{S3_API}API_ListObjectsV2.html"),
    "buckets.signed_urls": native(
        "Presigned URLs; one that was signed with a function's credentials ends with these, if that is earlier.",
        ("s3.signed",),
        f"{S3}using-presigned-url.html",
    ),
    "buckets.events": native(
        "Notifications of S3 to the handler's queue; over an SNS topic where prefixes of two handlers overlap, which "
        "S3 does not allow by itself.",
        ("s3.events", "sns", *QUEUE),
        f"{S3}notification-how-to-filtering.html",
        "P3405",
    ),
    "buckets.programs": native("All verbs of buckets together.", ("s3.conditions",), f"{S3}Welcome.html"),
    "tasks.sends": native(
        "A message in the SQS queue of the handler, which starts its function.", QUEUE, f"{LAMBDA}with-sqs.html"
    ),
    "tasks.payloads": native(
        "Bodies are JSON in ASCII, since SQS takes only characters of XML.",
        QUEUE,
        f"{DOCS}AWSSimpleQueueService/latest/APIReference/API_SendMessage.html",
    ),
    "tasks.delays": emulated(
        "SQS holds a message back for at most 15 minutes; what is due later is sent by a one-time schedule of "
        "EventBridge Scheduler, at most about a minute late, with a price of its own.",
        ("scheduler", *QUEUE),
        f"{SCHEDULER}managing-schedule-delete.html",
        "P3203",
    ),
    "tasks.retries": emulated(
        "SQS has no back-off: attempts are counted by the number of receives, and the wait is set by changing the "
        "message's visibility.",
        QUEUE,
        f"{SQS}sqs-visibility-timeout.html",
    ),
    "tasks.deduplication": emulated(
        "Standard queues have none: a record in the framework's table for 5 minutes, one more write for each send with "
        "a `dedup`.",
        QUEUE,
        f"{SQS}standard-queues.html",
    ),
    "tasks.runs": emulated(
        "AWS keeps no record of a message: state, progress and result are in the framework's table, which costs writes "
        "for each run.",
        QUEUE,
        f"{SQS}standard-queues.html",
    ),
    "tasks.dead_letters": emulated(
        "A dead-letter queue of SQS cannot be listed without taking messages out of it: letters are records in the "
        "framework's table; the native queue keeps what our code never saw.",
        QUEUE,
        f"{SQS}sqs-dead-letter-queues.html",
    ),
    "tasks.programs": emulated(
        "All verbs of tasks together, those emulated above among them.", QUEUE, f"{LAMBDA}with-sqs.html"
    ),
    "topics.events": native(
        "An SNS topic with the queue of each subscriber, raw delivery.",
        ("sns", *QUEUE),
        f"{SNS}sns-sqs-as-subscriber.html",
    ),
    "topics.filters": native(
        "Filter policies of SNS, which take five names; a filter of more is finished in the function, which is then "
        "started for events that it drops.",
        ("sns", *QUEUE),
        f"{SNS}subscription-filter-policy-constraints.html",
    ),
    "topics.failures": emulated(
        "As for tasks: attempts and waits by SQS visibility, dead letters in the framework's table.",
        ("sns", *QUEUE),
        f"{SQS}sqs-visibility-timeout.html",
    ),
    "topics.sizes": native(
        "SNS takes 256 KiB with attributes and envelope.",
        ("sns", *QUEUE),
        f"{DOCS}sns/latest/api/API_PublishBatch.html",
    ),
    "schedules.times": native(
        "A schedule of EventBridge Scheduler that sends to the handler's queue; it fires within its minute.",
        ("scheduler", *QUEUE),
        f"{SCHEDULER}schedule-types.html",
    ),
    "schedules.zones": native(
        "EventBridge Scheduler has time zones, with daylight saving time.",
        ("scheduler", *QUEUE),
        f"{SCHEDULER}schedule-types.html",
    ),
    "schedules.overlap": emulated(
        "EventBridge Scheduler starts runs beside one another and may tell of one time twice: a fire time is claimed, "
        "and a lease held, in the framework's table.",
        ("scheduler", *QUEUE),
        f"{SCHEDULER}what-is-scheduler.html",
    ),
    "schedules.failures": emulated(
        "As for tasks: attempts and waits by SQS visibility, dead letters in the framework's table.",
        ("scheduler", *QUEUE),
        f"{SQS}sqs-visibility-timeout.html",
    ),
    "schedules.dialect": native(
        "The five fields become Scheduler's six, by a translation; what not all providers can run is refused when it "
        "is declared.",
        (),
        f"{SCHEDULER}schedule-types.html",
    ),
    "deliveries.attempts": emulated(
        "Every background handler is fed by an SQS queue of its own, so that attempts and waits are counted alike: by "
        "receives, and by changing visibility.",
        EVERY_TRIGGER,
        f"{LAMBDA}services-sqs-errorhandling.html",
    ),
    "deliveries.letters": emulated(
        "Records in the framework's table, since a dead-letter queue of SQS cannot be listed.",
        EVERY_TRIGGER,
        f"{SQS}sqs-dead-letter-queues.html",
    ),
    "deliveries.failures": native(
        "A function reports which messages of a batch have failed; the others are done.",
        EVERY_TRIGGER,
        f"{LAMBDA}services-sqs-errorhandling.html",
    ),
    "idempotency.calls": emulated(
        "Records in the framework's table, made by a conditional write, which costs reads and writes for each call.",
        ("apigateway", "lambda.http", "s3.events", *QUEUE),
        CONDITIONS,
    ),
    "idempotency.concurrency": emulated(
        "The conditional write decides who runs; a record has the deadline of its call.", (*HTTP, *TABLE), CONDITIONS
    ),
    "idempotency.results": emulated("Results are kept in the record, as JSON.", (*HTTP, *TABLE), CONDITIONS),
    "settings.values": native(
        "Params in Parameter Store, secrets in Secrets Manager; neither takes an empty text, which is stored as a "
        "mark.",
        ("ssm", "secretsmanager"),
        f"{DOCS}systems-manager/latest/APIReference/API_PutParameter.html",
    ),
    "settings.cache": native(
        "A value is kept in the process by portable's own code, and read anew from AWS.",
        ("ssm", "secretsmanager"),
        f"{DOCS}secretsmanager/latest/apireference/API_GetSecretValue.html",
    ),
    "telemetry.records": native(
        "Portable's own code records; a deployed function writes a line of JSON for each invocation to its log.",
        (*HTTP, *QUEUE),
        f"{LAMBDA}monitoring-cloudwatchlogs-logformat.html",
    ),
    "telemetry.traces": emulated(
        "Messages carry the trace in their envelope, and items that are listened to in an attribute of their own, "
        "since streams have no place for it; deletions, increments and objects begin a trace of their own.",
        EVERY_TRIGGER,
        f"{DYNAMODB}Streams.html",
    ),
    "adapter.refusals": native("Nothing is refused.", (*HTTP, "s3.signed"), f"{S3}using-presigned-url.html"),
}
