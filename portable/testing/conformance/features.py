"""Features: the promises of the suite, grouped and named. They are the rows of a portability matrix.

Each promise (a test of the suite, by the class that defines it) belongs to one feature: that whose pattern fits it and
is the longest. A test that is added to a class falls to the feature of its class, unless a longer pattern takes it.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple


class Feature(NamedTuple):
    """`patterns` are those of its promises; `capability` is what an adapter declares to lack if it refuses this."""

    id: str
    section: str
    title: str
    patterns: tuple[str, ...]
    capability: str | None = None


def _feature(id: str, section: str, title: str, patterns: str, capability: str | None = None) -> Feature:
    """Its patterns are `Class.a Class.b`, without the `Conformance` of the class and the `test_` of the test."""
    full = (pattern.partition(".") for pattern in patterns.split())
    return Feature(id, section, title, tuple(f"{own}Conformance.test_{test}" for own, _, test in full), capability)


FEATURES = (
    # HTTP
    _feature("http.routing", "HTTP", "routes, methods, 404, 405, HEAD and OPTIONS", "HttpRouting.*"),
    _feature(
        "http.paths",
        "HTTP",
        "paths are decoded once, malformed ones refused",
        "HttpRouting.a_malformed_path_* HttpRouting.a_path_parameter_* HttpRouting.literal_segments_* "
        "HttpRouting.a_trailing_slash_*",
    ),
    _feature("http.parameters", "HTTP", "parameters from path, query, headers and cookies", "HttpParameter.*"),
    _feature("http.bodies", "HTTP", "JSON and raw request bodies", "HttpBody.*"),
    _feature("http.forms", "HTTP", "forms and uploads in forms", "HttpForm.*"),
    _feature("http.answers", "HTTP", "answers: JSON, text, bytes, statuses, headers, cookies", "HttpAnswer.*"),
    _feature("http.problems", "HTTP", "errors become statuses with a code and an id", "HttpProblem.*"),
    _feature("http.middleware", "HTTP", "middleware", "HttpMiddleware.*"),
    _feature("http.cors", "HTTP", "CORS", "HttpCrossOrigin.*"),
    _feature("http.static", "HTTP", "static folders", "HttpStatic.*"),
    _feature("http.mounts", "HTTP", "mounted ASGI and WSGI applications", "HttpMount.*"),
    _feature("http.limits", "HTTP", "limits of requests and answers", "HttpLimit.*"),
    # Tables
    _feature("tables.items", "Tables", "items are put, read back at once and deleted", "Table.*"),
    _feature(
        "tables.conditions",
        "Tables",
        "conditional writes and versions",
        "Table.the_matrix_of_conditions_* Table.conditions_that_* Table.versions_* Table.an_item_made_anew_*",
    ),
    _feature("tables.updates", "Tables", "update: read, change, write if nobody else did", "Table.update_*"),
    _feature(
        "tables.increments",
        "Tables",
        "atomic increments",
        "Table.increment_* TableConcurrency.concurrent_increments_* TableConcurrency.increments_and_puts_*",
    ),
    _feature(
        "tables.tokens",
        "Tables",
        "an increment with a token is applied once",
        "Table.an_increment_with_a_token_* TableConcurrency.one_token_*",
    ),
    _feature(
        "tables.transactions",
        "Tables",
        "transactions within one partition key",
        "Table.a_transaction_* TableConcurrency.transfers_by_many_*",
    ),
    _feature("tables.batches", "Tables", "batches of any size", "Table.batch_*"),
    _feature(
        "tables.expiry",
        "Tables",
        "items that expire are absent from their second on",
        "Table.an_expired_item_* Table.writing_anew_* Table.an_item_that_has_expired_* Table.a_datetime_never_* "
        "Table.a_ttl_* Table.the_clock_of_the_run_*",
    ),
    _feature(
        "tables.keys",
        "Tables",
        "keys of any Unicode, ordered by their bytes",
        "TableTypes.every_odd_key_* TableTypes.sort_keys_* TableTypes.refused_keys_* TableTypes.uuid_date_and_enum_* "
        "TableTypes.what_is_no_item_with_a_key_*",
    ),
    _feature("tables.values", "Tables", "values come back equal and of their type", "TableTypes.*"),
    _feature(
        "tables.sizes",
        "Tables",
        "size and depth of an item",
        "TableTypes.depth_counts_* TableTypes.an_item_of_exactly_*",
    ),
    _feature("tables.queries", "Tables", "queries of one partition key, strongly consistent", "TableQuery.*"),
    _feature(
        "tables.pages",
        "Tables",
        "pages, limits and cursors",
        "TableQuery.limits_give_* TableQuery.a_limit_* TableQuery.paging_under_* TableQuery.a_cursor_* "
        "TableQuery.a_made_up_*",
    ),
    _feature(
        "tables.indexes",
        "Tables",
        "indexes, eventually consistent",
        "TableQuery.an_index_* TableQuery.the_second_field_* TableQuery.an_int_first_* TableQuery.items_without_* "
        "TableQuery.many_items_of_equal_* TableQuery.transactions_batches_* TableQuery.odd_index_* "
        "TableQuery.index_values_*",
    ),
    _feature("tables.scans", "Tables", "scans, for export", "TableQuery.a_scan_*"),
    _feature("tables.concurrency", "Tables", "many writers of one item", "TableConcurrency.*"),
    _feature("tables.changes", "Tables", "on_change: writes are told, at least once", "TableChange.* TableConsumer.*"),
    _feature("tables.programs", "Tables", "random programs answer as a dict does", "Model.a_table_*"),
    # Buckets
    _feature("buckets.objects", "Buckets", "objects are written, read and deleted", "Bucket.*"),
    _feature("buckets.data", "Buckets", "bytes and streams in and out", "BucketData.*"),
    _feature("buckets.ranges", "Buckets", "ranges", "BucketData.ranges_* BucketData.a_range_*"),
    _feature(
        "buckets.conditions",
        "Buckets",
        "versions and conditional writes",
        "Bucket.a_version_* Bucket.reading_changes_* Bucket.if_absent_* Bucket.if_version_* Bucket.the_version_of_* "
        "Bucket.conditions_* Bucket.deleting_a_version_*",
    ),
    _feature("buckets.copies", "Buckets", "copies", "Bucket.a_copy_* Bucket.an_object_is_not_copied_*"),
    _feature("buckets.concurrency", "Buckets", "many writers of one object", "BucketConcurrency.*"),
    _feature("buckets.keys", "Buckets", "keys", "BucketKey.*"),
    _feature("buckets.descriptions", "Buckets", "types and metadata", "BucketDescription.*"),
    _feature("buckets.lists", "Buckets", "lists in byte order, strongly consistent", "BucketList.*"),
    _feature("buckets.signed_urls", "Buckets", "signed URLs for downloads and uploads", "BucketUrl.*", "signed_urls"),
    _feature("buckets.events", "Buckets", "on_created and on_deleted", "BucketEvent.*"),
    _feature("buckets.programs", "Buckets", "random programs answer as a dict does", "Model.a_bucket_*"),
    # Tasks
    _feature("tasks.sends", "Tasks", "a task that was sent is run", "Task.*"),
    _feature("tasks.payloads", "Tasks", "payloads and results", "TaskPayload.*"),
    _feature("tasks.delays", "Tasks", "delays of up to 7 days, never early", "Task.a_delay*"),
    _feature(
        "tasks.retries",
        "Tasks",
        "attempts and waits as they are declared",
        "Task.a_failing_task_* Task.the_waits_* Task.it_starts_at_most_* Task.one_that_keeps_failing_* "
        "Task.leaving_by_*",
    ),
    _feature(
        "tasks.deduplication",
        "Tasks",
        "one run for sends with one dedup",
        "Task.a_second_send_* Task.other_dedups_* Task.any_text_of_1_to_256_* Task.any_other_dedup_*",
    ),
    _feature("tasks.runs", "Tasks", "state, result and progress of a run, kept 7 days", "TaskRun.*"),
    _feature(
        "tasks.dead_letters",
        "Tasks",
        "dead letters: listed, redriven, discarded, kept 14 days",
        "TaskRun.a_dead_letter_* TaskRun.many_dead_letters_* TaskRun.a_page_that_* TaskRun.a_redriven_* "
        "TaskRun.a_discarded_* TaskRun.a_letter_* TaskRun.dead_letters_*",
    ),
    _feature("tasks.programs", "Tasks", "random programs do as a model of a queue does", "Model.a_queue_*"),
    # Topics
    _feature("topics.events", "Topics", "every subscriber gets every event", "Topic.*"),
    _feature(
        "topics.filters",
        "Topics",
        "attributes, and filters on them",
        "Topic.a_filter_* Topic.what_no_attributes_* Topic.ten_attributes_*",
    ),
    _feature(
        "topics.failures",
        "Topics",
        "attempts and dead letters of each subscriber",
        "Topic.one_that_fails_* Topic.a_failed_delivery_* Topic.a_discarded_event_* Topic.data_that_a_subscriber_*",
    ),
    _feature(
        "topics.sizes",
        "Topics",
        "events of up to 128 KiB of any text",
        "Topic.any_text_* Topic.128_kib_*",
    ),
    # Schedules
    _feature("schedules.times", "Schedules", "every and cron fire at their times", "Schedule.*"),
    _feature(
        "schedules.zones",
        "Schedules",
        "time zones and daylight saving time",
        "Schedule.cron_in_a_zone_* Schedule.a_local_time_* Schedule.a_zone_*",
    ),
    _feature(
        "schedules.overlap",
        "Schedules",
        "missed and overlapping runs; a fire time is run once",
        "Schedule.times_that_pass_* Schedule.a_time_that_comes_* Schedule.a_run_may_be_delivered_*",
    ),
    _feature(
        "schedules.failures",
        "Schedules",
        "attempts and dead letters",
        "Schedule.without_retries_* Schedule.declared_retries_*",
    ),
    _feature(
        "schedules.dialect",
        "Schedules",
        "expressions that not all providers can run are refused",
        "Schedule.every_n_* Schedule.an_every_* Schedule.an_expression_*",
    ),
    # Background handlers of every kind
    _feature("deliveries.attempts", "Background handlers", "ids, attempts and deadlines of every kind", "Event.*"),
    _feature(
        "deliveries.letters",
        "Background handlers",
        "dead letters of every kind",
        "Event.after_the_last_attempt_* Event.a_redriven_letter_* Event.a_discarded_letter_* Event.letters_are_*",
    ),
    _feature(
        "deliveries.failures",
        "Background handlers",
        "whatever a handler raises is a failure, and holds up no other",
        "Event.whatever_a_handler_* Event.a_handler_that_always_fails_*",
    ),
    _feature("idempotency.calls", "Idempotency", "@idempotent: a repeated call is answered, not run", "Idempotency.*"),
    _feature(
        "idempotency.concurrency",
        "Idempotency",
        "duplicates at once, and calls that were lost",
        "Idempotency.a_duplicate_while_* Idempotency.of_many_* Idempotency.a_call_that_outlives_*",
    ),
    _feature("idempotency.results", "Idempotency", "results come back as they were", "IdempotentResult.*"),
    _feature("settings.values", "Params and secrets", "params and secrets are read as they were set", "Value.*"),
    _feature(
        "settings.cache",
        "Params and secrets",
        "a value is kept for five minutes, then read anew",
        "Value.a_value_is_kept_* Value.reading_does_not_* Value.what_is_missing_*",
    ),
    _feature(
        "telemetry.records",
        "Telemetry",
        "invocations and calls are recorded, with payloads, errors and parents",
        "Telemetry.*",
    ),
    _feature(
        "telemetry.traces",
        "Telemetry",
        "a request and all that follows from it is one trace",
        "Telemetry.a_request_and_all_*",
    ),
    _feature(
        "adapter.refusals", "The adapter itself", "what is refused is declared, and nothing else is", "Capability.*"
    ),
)  # fmt: skip
BY_ID = {feature.id: feature for feature in FEATURES}
REFUSAL = "CapabilityConformance.test_a_capability_works_or_is_refused_as_it_is_declared"
"""The promise that shows that what is declared to be lacking is refused."""


def promises() -> list[str]:
    """Every promise of the suite that is installed, sorted."""
    from portable.testing import conformance

    found: set[str] = set()
    for name in conformance.__all__:
        own: object = vars(conformance)[name]
        if isinstance(own, type) and name.endswith("Conformance"):
            found.update(getattr(own, test).__qualname__ for test in dir(own) if test.startswith("test_"))
    return sorted(found)


@cache
def feature_of(promise: str) -> Feature:
    """Raises LookupError for a promise that belongs to none, or to two by patterns of one length."""
    fitting = [
        (len(pattern), feature) for feature in FEATURES for pattern in feature.patterns if fnmatchcase(promise, pattern)
    ]
    longest = max((length for length, _ in fitting), default=0)
    best = [feature for length, feature in fitting if length == longest]
    if len(best) != 1:
        belongs = " and ".join(feature.id for feature in best) or "none"
        raise LookupError(f"{promise} belongs to {belongs} of the features in {__name__}: name it in one of them")
    return best[0]


def grouped(found: Iterable[str]) -> dict[str, list[str]]:
    """Promises by their feature's id, in the order of the features; every feature is there."""
    groups: dict[str, list[str]] = {feature.id: [] for feature in FEATURES}
    for promise in sorted(found):
        groups[feature_of(promise).id].append(promise)
    return groups


def sentence(promise: str) -> str:
    """A promise for people."""
    return promise.partition(".test_")[2].replace("_", " ")
