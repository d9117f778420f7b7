"""Changes of a table's items, from Firestore's events about their documents.

https://cloud.google.com/eventarc/docs/run/route-trigger-cloud-firestore
"""

from typing import Any

from portable.changes import change_body
from portable.documents import encode
from portable.envelopes import Envelope
from portable.shapes import MalformedEvent, is_unicode

from .document_events import documents_of
from .firestore_items import deleted_version, is_expired, keys_of, stored_item, traceparent_of, version_of


def change_envelope(data: Any, table: str, id: str, at: float | None, collection: str) -> Envelope | None:
    """A change of the app's `table`; None for what is none to it: the end of an item whose time was over.

    `data` are the bytes of the event, `at` is when it happened, `collection` is the table's. Raises MalformedEvent.
    """
    if not isinstance(data, bytes):
        raise MalformedEvent("the event of Firestore has no protocol buffer in it (application/protobuf)")
    if at is None:
        raise MalformedEvent("the event of Firestore does not tell when it happened")
    found = documents_of(data)
    shown = found.new or found.old
    assert shown is not None
    encoded: str | None = None
    traceparent = ""
    try:
        if shown["name"].split("/")[-2] != collection:
            raise MalformedEvent(f"the event is about {collection!r:.80}, and has the document {shown['name']!r:.200}")
        pk, sk = keys_of(shown["name"])
        if found.new is None:
            if is_expired(shown, int(at)):
                # Erased by Firestore, or by who no longer saw it.
                return None
            version = deleted_version(version_of(shown))
        else:
            document = stored_item(shown).document
            assert document is not None
            encoded, version, traceparent = encode(document), version_of(shown), traceparent_of(shown)
        body = change_body(table, pk, sk, encoded, version, at)
        body.encode()
    except MalformedEvent:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise MalformedEvent(f"the document of the event is none of portable's: {error!r:.200}") from None
    if not is_unicode(traceparent):
        raise MalformedEvent("the document's trace is none")
    return Envelope("table", id, body, at, traceparent)
