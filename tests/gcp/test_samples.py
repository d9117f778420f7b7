"""Events as Google's own libraries make them: the message classes of google-events, and the requests of `cloudevents`.

Their fields are filled as the samples of https://github.com/googleapis/google-cloudevents are (testdata), with names of
the app of the tests in the places of examples.
"""

import json
from collections.abc import Callable, Generator
from typing import Any

import pytest
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from google.events.cloud import firestore_v1, pubsub_v1, storage_v1
from google.protobuf.json_format import MessageToDict

from tests.aws.lambdas import envelope
from tests.gcp.functions import AT, DOCUMENTS, NAMES, PROJECT, Function, Request, a_function, document

DONE = 204
ITEM = {"pk": "a", "sk": "b", "n": 7, "list": [1, [2.5]], "text": "é"}


@pytest.fixture
def gcp() -> Generator[Function]:
    with a_function() as found:
        yield found


def pubsub_data() -> dict[str, Any]:
    """MessagePublishedData-text.json; Pub/Sub itself repeats two fields: -duplicatedFields.json."""
    data = envelope("topic", {"a": 1}, attributes={"kind": "good"}).encode()
    message = pubsub_v1.PubsubMessage(data=data, attributes={"kind": "good"}, message_id="message-id", publish_time=AT)
    subscription = f"projects/{PROJECT}/subscriptions/{NAMES.subscription('heard')}"
    event = pubsub_v1.MessagePublishedData(message=message, subscription=subscription)
    found: dict[str, Any] = MessageToDict(pubsub_v1.MessagePublishedData.pb(event))
    found["message"] |= {
        "@type": "type.googleapis.com/google.pubsub.v1.PubsubMessage",
        "message_id": "message-id",
        "publish_time": AT,
    }
    return found


def storage_data() -> dict[str, Any]:
    """StorageObjectData-complex.json, in which numbers are numbers."""
    event = storage_v1.StorageObjectData(
        bucket=NAMES.bucket("files"),
        name="in/MyFile",
        generation=1588778055917163,
        metageneration=1,
        size=352,
        cache_control="no-cache",
        content_type="text/plain",
        etag="COu8mb3Dn+kCEAE=",
        kind="storage#object",
        id="sample-bucket/MyFile/1588778055917163",
        media_link="https://www.googleapis.com/download/storage/v1/b/sample-bucket/o/MyFile?alt=media",
        storage_class="MULTI_REGIONAL",
        time_created=AT,
        updated=AT,
        temporary_hold=False,
        crc32c="rTVTeQ==",
        md5_hash="kF8MuJ5+CTJxvyhHS1xzRg==",
    )
    found: dict[str, Any] = MessageToDict(storage_v1.StorageObjectData.pb(event))
    return {**found, "generation": 1588778055917163, "size": 352}


def firestore_data() -> bytes:
    """DocumentEventData-complex.json: what there was before is an empty document, not none."""
    written = document(ITEM, "a", "b")
    event = firestore_v1.DocumentEventData.from_json(
        json.dumps({"value": written, "oldValue": {}, "updateMask": {}}), ignore_unknown_fields=False
    )
    return bytes(firestore_v1.DocumentEventData.serialize(event))


EVENTS: dict[str, tuple[str, dict[str, str], Callable[[], Any]]] = {
    "heard": (
        "google.cloud.pubsub.topic.v1.messagePublished",
        {"source": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/{NAMES.topic('news')}"},
        pubsub_data,
    ),
    "stored": (
        "google.cloud.storage.object.v1.finalized",
        {
            "source": f"//storage.googleapis.com/projects/_/buckets/{NAMES.bucket('files')}",
            "subject": "objects/in/MyFile",
        },
        storage_data,
    ),
    "changed": (
        "google.cloud.firestore.document.v1.written",
        {
            "source": f"//firestore.googleapis.com/{DOCUMENTS.removesuffix('/documents')}",
            "subject": "documents/roots/a/items/b",
            "database": NAMES.database(),
            "document": "roots/a/items/b",
            "datacontenttype": "application/protobuf",
            "dataschema": "https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/firestore/v1/data.proto",
        },
        firestore_data,
    ),
}


def sent(handler: str, *, is_binary: bool) -> Request:
    """The event of a handler as `cloudevents` sends it over HTTP."""
    type_, attributes, data = EVENTS[handler]
    given = {"type": type_, "id": "e-1", "time": AT, "datacontenttype": "application/json", **attributes}
    event = CloudEvent(given, data())
    headers, body = to_binary(event) if is_binary else to_structured(event)
    return Request("/", {name.lower(): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "structured"])
@pytest.mark.parametrize("handler", EVENTS)
def test_an_event_of_googles_libraries_runs_its_handler(gcp: Function, handler: str, is_binary: bool) -> None:
    assert gcp.receive(sent(handler, is_binary=is_binary)) == DONE
    assert [letter.error for letter in gcp.letters(handler)] == []
    [(name, given, context)] = gcp.called.seen
    assert (name, context.attempt) == (handler, 1)
    if handler == "heard":
        assert given == {"a": 1}
    if handler == "stored":
        assert (given.bucket, given.key, given.size, given.version) == ("files", "in/MyFile", 352, "1588778055917163")
    if handler == "changed":
        assert (given.pk, given.sk, given.op, given.new) == ("a", "b", "upsert", ITEM)


def test_a_push_of_pubsub_with_all_that_it_has_runs_its_handler(gcp: Function) -> None:
    body = json.dumps({**pubsub_data(), "deliveryAttempt": 1}).encode()
    headers = {"content-type": "application/json", "user-agent": "CloudPubSub-Google", "from": "noreply@google.com"}
    assert gcp.receive(Request("/", headers, body)) == DONE
    assert gcp.called.names == ["heard"]
