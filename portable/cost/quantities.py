"""What a provider counts of the traffic: its services' own units, each with how it was worked out.

What is not known of a call (how large an item is) is taken as the least that is billed, and `how` says so.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .invocations import billed_memory, gcp_vcpu
from .prices import BYTES
from .traffic import CallTraffic, Traffic

QUEUED = ("task", "topic", "schedule", "bucket")
"""The kinds that come from a queue on AWS; changes of tables come from a stream, whose reads cost nothing."""
TABLE_READS = ("get", "require", "get_entry", "query", "query_index", "scan", "batch_get")
TABLE_WRITES = ("put", "increment", "batch_write")
BUCKET_READS = ("get", "require", "open", "read_range", "head")
BUCKET_WRITES = ("put", "copy", "list")
PUBLISHES = ("publish", "publish_all")
RU_WRITE = 5.5
"""Request units of an insert of 1 KB in Cosmos DB, about."""


class Quantity(NamedTuple):
    """So much of what is priced as `capability` `name` of a provider ("": nothing that has a price) in a month."""

    service: str
    capability: str
    name: str
    what: str
    amount: float
    counted: str
    how: str
    shares_free: str | None = None
    """The price whose free tier it shares."""


class Counts:
    """The traffic as sums, multiplied to a month."""

    def __init__(self, traffic: Traffic, factor: float) -> None:
        self.traffic = traffic
        self.factor = factor

    def calls(self, kind: str, verbs: Iterable[str]) -> list[CallTraffic]:
        wanted = frozenset(verbs)
        return [call for call in self.traffic.calls if call.resource.startswith(f"{kind}:") and call.verb in wanted]

    def count(self, kind: str, *verbs: str) -> float:
        return sum(call.times for call in self.calls(kind, verbs)) * self.factor

    def invocations(self, *kinds: str) -> float:
        return sum(one.times for one in self.traffic.handlers if not kinds or one.kind in kinds) * self.factor

    def deliveries(self, *kinds: str) -> float:
        return sum(one.deliveries for one in self.traffic.handlers if one.kind in kinds) * self.factor

    def compute(self, provider: str, weigh: Callable[[int], float]) -> float:
        """The seconds as the provider bills them, each times what `weigh` says of the memory."""
        return (
            sum(one.billed.get(provider, one.seconds) * weigh(one.memory) for one in self.traffic.handlers)
            * self.factor
        )

    def answered_bytes(self) -> float:
        return sum(one.response_bytes for one in self.traffic.handlers if one.kind == "http") * self.factor

    def log_bytes(self) -> float:
        return self.traffic.log_bytes * self.factor


def quantities(traffic: Traffic, provider: str, factor: float) -> Iterator[Quantity]:
    """All that is not 0."""
    counts = Counts(traffic, factor)
    found = {"aws": aws, "gcp": gcp, "azure": azure}[provider](counts)
    return (quantity for quantity in found if quantity.amount > 0)


# Units of reads


def units(call: CallTraffic, size: int) -> float:
    """Reads in units of `size` bytes, rounded up for each call by its mean; one for each of which nothing is known."""
    known = math.ceil(call.bytes / call.measured / size) if call.measured else 1
    return call.times * max(1, known)


def documents(call: CallTraffic) -> float:
    """Documents that were read: at least one for each call."""
    mean = call.items / call.measured if call.measured else 1.0
    return call.times * max(1.0, mean)


def how_read(calls: list[CallTraffic], what: str) -> str:
    counted, measured = sum(call.times for call in calls), sum(call.measured for call in calls)
    if measured == counted:
        return f"{what}, by what the reads gave"
    return f"{what}; of {counted - measured} of {counted} calls the size is not known, and taken as the least"


def index_writes(counts: Counts) -> float:
    """Writes with those of the indexes, which take one each."""
    total = 0.0
    for call in counts.calls("table", (*TABLE_WRITES, "delete", "transact", "update")):
        table = call.resource.partition(":")[2]
        each = 2 if call.verb == "transact" else 1
        # Half of what is called update reads.
        count = call.times / 2 if call.verb == "update" else call.times
        total += count * each * (1 + counts.traffic.indexes.get(table, 0))
    return total * counts.factor


def read_calls(counts: Counts) -> list[CallTraffic]:
    """Reads, and the half of `update` that is one."""
    updates = [
        call._replace(times=call.times // 2, measured=0, items=0, bytes=0)
        for call in counts.calls("table", ("update",))
    ]
    return [*counts.calls("table", TABLE_READS), *updates]


# Providers


def aws(counts: Counts) -> Iterator[Quantity]:
    invocations = counts.invocations()
    yield Quantity("Lambda", "functions", "requests", "requests", invocations, "requests", "one for each attempt")
    yield Quantity(
        "Lambda",
        "functions",
        "compute_arm",
        "compute",
        counts.compute("aws", lambda memory: memory / 1024),
        "GB-seconds",
        "measured seconds in steps of 1 ms times the memory of each function",
        "compute_x86",
    )
    yield Quantity(
        "API Gateway",
        "http",
        "http_api_requests",
        "requests",
        counts.invocations("http"),
        "requests",
        "one for each request",
    )
    reads = read_calls(counts)
    yield Quantity(
        "DynamoDB",
        "data",
        "read_units",
        "reads",
        sum(units(call, 4096) for call in reads) * counts.factor,
        "units",
        how_read(reads, "4 KB each, strongly consistent"),
    )
    yield Quantity(
        "DynamoDB",
        "data",
        "write_units",
        "writes",
        index_writes(counts),
        "units",
        "one each of 1 KB, one more for each index, twice in a transaction",
    )
    yield Quantity(
        "DynamoDB", "data", "storage", "storage", gigabytes(counts, "table"), "GB", "what the tables hold here"
    )
    yield from bucket(counts, "S3", "write_requests", "read_requests")
    yield Quantity(
        "S3", "storage", "storage", "storage", gigabytes(counts, "bucket"), "GB", "what the buckets hold here"
    )
    deliveries, attempts = counts.deliveries(*QUEUED), counts.invocations(*QUEUED)
    yield Quantity(
        "SQS",
        "queue",
        "requests_standard",
        "messages",
        deliveries * 3 + max(0.0, attempts - deliveries),
        "requests",
        "send, receive and delete of each delivery, one receive more for each attempt after the first; no idle polls",
    )
    yield Quantity(
        "SNS",
        "events",
        "sns_publishes",
        "events",
        counts.count("topic", *PUBLISHES),
        "requests",
        "one for each publish",
    )
    yield Quantity(
        "EventBridge Scheduler",
        "schedule",
        "invocations",
        "runs",
        counts.deliveries("schedule"),
        "runs",
        "one for each run",
    )
    yield Quantity(
        "Secrets Manager",
        "secrets",
        "secret_month",
        "secrets",
        float(counts.traffic.secrets),
        "secrets",
        "those declared",
    )
    yield secret_reads(counts, "Secrets Manager", "secret_reads")
    yield Quantity(
        "CloudWatch",
        "observability",
        "logs_ingested",
        "logs",
        counts.log_bytes() / BYTES["GB"],
        "GB",
        "lines as long as here",
    )
    yield Quantity(
        "data transfer",
        "egress",
        "internet",
        "answers",
        counts.answered_bytes() / BYTES["GB"],
        "GB",
        "the bodies of answers",
    )


def gcp(counts: Counts) -> Iterator[Quantity]:
    yield Quantity(
        "Cloud Run", "functions", "requests", "requests", counts.invocations(), "requests", "one for each attempt"
    )
    yield Quantity(
        "Cloud Run",
        "functions",
        "compute_vcpu",
        "vCPU",
        counts.compute("gcp", gcp_vcpu),
        "vCPU-seconds",
        "measured seconds in steps of 100 ms times the vCPU that goes with the memory",
    )
    yield Quantity(
        "Cloud Run",
        "functions",
        "compute_memory",
        "memory",
        counts.compute("gcp", lambda memory: memory / 1024),
        "GiB-seconds",
        "measured seconds in steps of 100 ms times the memory",
    )
    reads = read_calls(counts)
    yield Quantity(
        "Firestore",
        "data",
        "reads",
        "reads",
        sum(documents(call) for call in reads) * counts.factor,
        "documents",
        how_read(reads, "a document each, one at least for each call"),
    )
    updates = counts.count("table", "update") / 2
    writes = counts.count("table", *TABLE_WRITES, "transact") + updates
    yield Quantity(
        "Firestore", "data", "writes", "writes", writes, "documents", "one for each call, a transaction counted as one"
    )
    yield Quantity(
        "Firestore", "data", "deletes", "deletes", counts.count("table", "delete"), "documents", "one for each call"
    )
    yield Quantity(
        "Firestore", "data", "storage", "storage", gigabytes(counts, "table", "GiB"), "GiB", "what the tables hold here"
    )
    yield from bucket(counts, "Cloud Storage", "class_a_operations", "class_b_operations")
    yield Quantity(
        "Cloud Storage",
        "storage",
        "storage",
        "storage",
        gigabytes(counts, "bucket"),
        "GB",
        "what the buckets hold here",
    )
    yield Quantity(
        "Cloud Tasks",
        "queue",
        "operations",
        "tasks",
        counts.deliveries("task") + counts.invocations("task"),
        "operations",
        "one to enqueue, one for each attempt",
    )
    yield Quantity(
        "Pub/Sub",
        "events",
        "throughput",
        "events",
        pubsub_bytes(counts) / BYTES["TiB"],
        "TiB",
        "publishing and each delivery, 1 KB at least",
    )
    yield Quantity(
        "Cloud Scheduler",
        "schedule",
        "job_month",
        "schedules",
        float(counts.traffic.schedules),
        "jobs",
        "those declared",
    )
    yield Quantity(
        "Secret Manager",
        "secrets",
        "version_month",
        "secrets",
        float(counts.traffic.secrets),
        "versions",
        "one of each declared secret",
    )
    yield secret_reads(counts, "Secret Manager", "reads")
    yield Quantity(
        "Cloud Logging",
        "observability",
        "logs_ingested",
        "logs",
        counts.log_bytes() / BYTES["GiB"],
        "GiB",
        "lines as long as here",
    )
    yield Quantity(
        "data transfer",
        "egress",
        "internet",
        "answers",
        counts.answered_bytes() / BYTES["GiB"],
        "GiB",
        "the bodies of answers",
    )


def azure(counts: Counts) -> Iterator[Quantity]:
    yield Quantity(
        "Functions", "functions", "requests", "executions", counts.invocations(), "executions", "one for each attempt"
    )
    yield Quantity(
        "Functions",
        "functions",
        "compute",
        "compute",
        counts.compute("azure", lambda memory: billed_memory("azure", memory) / 1024),
        "GB-seconds",
        "measured seconds, 1 s at least, in steps of 100 ms, times the whole size of the instance",
    )
    reads = read_calls(counts)
    read_units = sum(units(call, 1024) for call in reads) * counts.factor * 2
    yield Quantity(
        "Cosmos DB",
        "data",
        "request_units",
        "request units",
        read_units + index_free_writes(counts) * RU_WRITE,
        "RU",
        how_read(reads, f"2 RU for each KB read strongly, {RU_WRITE} for each write of 1 KB"),
    )
    yield Quantity(
        "Cosmos DB", "data", "storage", "storage", gigabytes(counts, "table"), "GB", "what the tables hold here"
    )
    yield from bucket(counts, "Blob Storage", "write_operations", "read_operations")
    yield Quantity(
        "Blob Storage", "storage", "storage", "storage", gigabytes(counts, "bucket"), "GB", "what the buckets hold here"
    )
    deliveries, attempts = counts.deliveries("task"), counts.invocations("task")
    yield Quantity(
        "Queue Storage",
        "queue",
        "class_1_operations",
        "tasks put and got",
        deliveries + attempts,
        "operations",
        "one to put, one to get for each attempt; no idle polls",
    )
    yield Quantity(
        "Queue Storage",
        "queue",
        "class_2_operations",
        "tasks deleted",
        deliveries,
        "operations",
        "one for each delivery",
    )
    yield Quantity(
        "Event Grid",
        "events",
        "event_grid_operations",
        "events",
        counts.count("topic", *PUBLISHES) + counts.invocations("topic", "bucket"),
        "operations",
        "one to publish, one for each attempt to deliver",
    )
    yield secret_reads(counts, "Key Vault", "operations")
    yield Quantity(
        "Azure Monitor",
        "observability",
        "logs_ingested",
        "logs",
        counts.log_bytes() / BYTES["GB"],
        "GB",
        "lines as long as here",
    )
    yield Quantity(
        "data transfer",
        "egress",
        "internet",
        "answers",
        counts.answered_bytes() / BYTES["GB"],
        "GB",
        "the bodies of answers",
    )


# What they share


def bucket(counts: Counts, service: str, writes: str, reads: str) -> Iterator[Quantity]:
    yield Quantity(
        service,
        "storage",
        writes,
        "writes",
        counts.count("bucket", *BUCKET_WRITES),
        "requests",
        "puts, copies and lists",
    )
    yield Quantity(
        service, "storage", reads, "reads", counts.count("bucket", *BUCKET_READS), "requests", "one for each read"
    )
    yield Quantity(
        service, "storage", "", "deletes", counts.count("bucket", "delete"), "requests", "one for each delete"
    )


def secret_reads(counts: Counts, service: str, name: str) -> Quantity:
    amount = counts.count("secret", "get")
    return Quantity(
        service, "secrets", name, "reads", amount, "reads", "at most: a process keeps a value for 5 minutes"
    )


def gigabytes(counts: Counts, kind: str, unit: str = "GB") -> float:
    """What is stored is stored all month: no factor."""
    return counts.traffic.stored.get(kind, 0) / BYTES[unit]


def index_free_writes(counts: Counts) -> float:
    """Writes where an index is a part of the write's own price."""
    updates = counts.count("table", "update") / 2
    return counts.count("table", *TABLE_WRITES, "transact", "delete") + updates


def pubsub_bytes(counts: Counts) -> float:
    """Events published, and what their subscribers got; each 1 KB at least."""
    delivered = 0.0
    for one in counts.traffic.handlers:
        if one.kind in ("topic", "bucket") and one.times:
            delivered += one.times * max(1024.0, one.request_bytes / one.times)
    return (sum(call.times for call in counts.calls("topic", PUBLISHES)) * 1024.0 + delivered) * counts.factor
