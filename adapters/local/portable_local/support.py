"""How the local runtime does the features of the conformance suite; for the portability matrix.

There is no provider behind it: what the suite runs is what users run, so that all of it is native and needs no page.
"""

from portable.adapter import Support

RUNTIME = ("runtime",)


def native(how: str) -> Support:
    return Support("native", how, RUNTIME)


SUPPORT = {
    "http": native("The request is given to the router, as the server of `portable dev` gives it."),
    "tables": native("SQLite in the data folder; one process writes, in transactions."),
    "buckets": native("Files in the data folder, described in SQLite and replaced whole."),
    "tasks": native("A queue in SQLite; what was sent survives a crash."),
    "topics": native("A queue in SQLite for each subscriber, filled in the transaction that publishes."),
    "schedules": native("Fire times are computed by portable, and queued in SQLite."),
    "deliveries": native("One queue in SQLite for all kinds of handlers."),
    "idempotency": native("Records in a table of the framework's own, in SQLite."),
    "settings": native("A file in the data folder that only the user may read."),
    "telemetry": native("The Dispatcher and the resources record, as everywhere; envelopes carry the trace."),
    "adapter": native("Nothing is refused."),
    "tables.indexes": native("Indexes in SQLite, read with a lag at random of up to half a second, as elsewhere."),
    "tables.changes": native("A change is queued in the transaction that writes the item."),
    "buckets.signed_urls": native("URLs of the app's own server, signed with a key in the data folder."),
    "buckets.events": native("An event is queued in the transaction that describes the object."),
}
