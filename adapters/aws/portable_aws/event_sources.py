"""STAND-IN of ours: Lambda's event source mappings, for apps that run in a test. Made from the documentation.

Takes what is there from real queues and streams, gives it to a function as the events that Lambda makes of it, and
deletes, keeps or repeats by the function's answer. It polls when it is told to, and never waits.
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import base64
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, cast

from .provision import Source

MOST_MESSAGES = 10
MOST_RECORDS = 100
MOST_REPEATS = 20
"""Of one record of a stream that a function does not take: it puts aside what fails by itself, so this is a fault."""

Invoke = Callable[[str, dict[str, Any]], Any]
"""(name of the function, event) -> the function's answer."""


class Refused(Exception):
    """A record of a stream that the function reported as failed again and again."""


class EventSources:
    """The mappings of one app."""

    def __init__(
        self, sources: list[Source], queues: dict[str, str], clients: Any, invoke: Invoke, account: str, region: str
    ) -> None:
        self._queues = [
            (source, queues[name]) for source in sources if (name := source.arn.rpartition(":")[2]) in queues
        ]
        self._streams = [source for source in sources if "/stream/" in source.arn]
        if len(self._queues) + len(self._streams) != len(sources):
            raise ValueError(f"not all of {sources} are queues or streams that were made")
        self._clients = clients
        self._invoke = invoke
        self._account = account
        self._region = region
        self._shards: dict[Source, dict[str, str]] = {source: {} for source in self._streams}
        self._read: set[str] = set()
        """The shards of which something was read."""

    def poll(self) -> int:
        """Takes what is there now from every source once; how many records that were."""
        return sum(self._poll_queue(source, url) for source, url in self._queues) + sum(
            self._poll_stream(source) for source in self._streams
        )

    # Queues

    def _poll_queue(self, source: Source, url: str) -> int:
        sqs = self._clients.sqs
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=MOST_MESSAGES,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        for batch in batches(messages, source.batch_size):
            event = {"Records": [message_record(message, source.arn, self._region) for message in batch]}
            failed = self._failed(source, event, [message["MessageId"] for message in batch])
            for message in batch:
                if message["MessageId"] not in failed:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def _failed(self, source: Source, event: dict[str, Any], ids: list[str]) -> set[str]:
        """Those of `ids` that the function reports as failed; all of them if it raises or answers nonsense."""
        try:
            answer = self._invoke(source.function, event)
            entries: list[dict[str, str]] = [] if answer is None else answer["batchItemFailures"]
            failed = {entry["itemIdentifier"] for entry in entries}
        except Exception:
            logging.getLogger("portable.background").exception("%s raised for %s", source.function, source.arn)
            return set(ids)
        # An identifier that is none of the batch's: Lambda takes the whole batch for failed.
        return failed if failed.issubset(ids) else set(ids)

    # Streams

    def _poll_stream(self, source: Source) -> int:
        streams, count = self._clients.dynamodbstreams, 0
        known = self._shards[source]
        for shard in self._shards_of(source.arn):
            if shard not in known:
                # From the beginning, as the template says: nothing is written before the mapping is there.
                known[shard] = self._start_of(source, shard)
        for shard, iterator in list(known.items()):
            position: str | None = iterator
            while position is not None:
                try:
                    page = streams.get_records(ShardIterator=position, Limit=MOST_RECORDS)
                except streams.exceptions.TrimmedDataAccessException:
                    if shard in self._read:
                        raise
                    # What DynamoDB Local says of an iterator that it gave while there was nothing to read yet.
                    page = streams.get_records(ShardIterator=self._start_of(source, shard), Limit=MOST_RECORDS)
                if page["Records"]:
                    self._read.add(shard)
                position = page.get("NextShardIterator")
                known[shard] = position or ""
                for batch in batches(page["Records"], source.batch_size):
                    self._deliver_changes(source, batch)
                count += len(page["Records"])
                if not page["Records"]:
                    break
            if position is None:
                known.pop(shard)
        return count

    def _start_of(self, source: Source, shard: str) -> str:
        """An iterator at the oldest record of a shard."""
        found: str = self._clients.dynamodbstreams.get_shard_iterator(
            StreamArn=source.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return found

    def _shards_of(self, arn: str) -> Iterator[str]:
        about = self._clients.dynamodbstreams.describe_stream(StreamArn=arn)["StreamDescription"]
        for shard in about["Shards"]:
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
                yield shard["ShardId"]

    def _deliver_changes(self, source: Source, records: list[dict[str, Any]]) -> None:
        """Repeats from the first record that failed, as Lambda does."""
        left = records
        for _ in range(MOST_REPEATS):
            event = {"Records": [self._change_record(record, source.arn) for record in left]}
            ids = [record["dynamodb"]["SequenceNumber"] for record in left]
            failed = self._failed(source, event, ids)
            if not failed:
                return
            left = left[min(ids.index(id) for id in failed) :]
        raise Refused(f"{source.function} did not take a change of {source.arn} in {MOST_REPEATS} attempts")

    def _change_record(self, record: dict[str, Any], arn: str) -> dict[str, Any]:
        """DynamoDB Local names no region and no account: the event has those of the app."""
        _, _, rest = arn.partition(":table/")
        real = f"arn:aws:dynamodb:{self._region}:{self._account}:table/{rest}"
        change: dict[str, Any] = plain(record)["dynamodb"]
        for image in ("OldImage", "NewImage"):
            if image in change:
                change[image] = {name: mended(value) for name, value in change[image].items()}
        return {**plain(record), "dynamodb": change, "awsRegion": self._region, "eventSourceARN": real}


def batches(records: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def message_record(message: dict[str, Any], arn: str, region: str) -> dict[str, Any]:
    """A message of SQS as it stands in an event: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    given: dict[str, dict[str, Any]] = message.get("MessageAttributes", {})
    attributes: dict[str, dict[str, Any]] = {
        name: {
            "dataType": value["DataType"],
            "stringListValues": [],
            "binaryListValues": [],
            **({"stringValue": value["StringValue"]} if "StringValue" in value else {}),
        }
        for name, value in given.items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def mended(attribute: dict[str, Any]) -> dict[str, Any]:
    """An attribute as DynamoDB's streams have it: those of DynamoDB Local write an empty map as nothing at all."""
    if not attribute:
        return {"M": {}}
    if "M" in attribute:
        entries: dict[str, dict[str, Any]] = attribute["M"]
        return {"M": {name: mended(entry) for name, entry in entries.items()}}
    if "L" in attribute:
        return {"L": list(map(mended, attribute["L"]))}
    return attribute


def plain(value: Any) -> Any:
    """Values of botocore as the JSON of an event has them."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return list(map(plain, cast("list[object]", value)))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.timestamp() if isinstance(value, datetime) else value
