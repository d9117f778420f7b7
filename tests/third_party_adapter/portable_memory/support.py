"""What the adapter says of itself, for a portability matrix: a word for each group of features, and the exceptions."""

from portable.adapter import Support


def native(how: str) -> Support:
    return Support("native", how, ("memory",))


SUPPORT = {
    "http": native("Requests go straight to the Dispatcher."),
    "tables": native("Dicts, under one lock."),
    "buckets": native("Dicts of bytes, under one lock."),
    "tasks": native("A list of what is due."),
    "topics": native("A list of what is due, one entry for each subscriber."),
    "schedules": native("Fire times are queued when the clock passes them."),
    "deliveries": native("A list of what is due."),
    "idempotency": native("Records in a dict."),
    "settings": native("A dict."),
    "telemetry": native("The Dispatcher and the resources record; what is queued has the trace."),
    "adapter": native("Signed URLs are refused, and nothing else is."),
    "buckets.signed_urls": Support("refused", "There is no address at which somebody else could reach an object."),
}
