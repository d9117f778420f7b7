"""Every operation by its name. An operation checks before it writes, so that a refusal has changed nothing."""

from collections.abc import Callable
from typing import Any

from . import bucket_ops, queue_ops, schedule_ops, sweep_ops, table_ops, topic_ops, wiring_ops
from .session import Session

OPERATIONS: dict[str, Callable[[Session, dict[str, Any]], Any]] = {
    "bind": wiring_ops.bind,
    "bucket.commit": bucket_ops.commit,
    "bucket.delete": bucket_ops.delete,
    "probe": sweep_ops.probe,
    "queue.claim": queue_ops.claim,
    "queue.discard": queue_ops.discard,
    "queue.finish": queue_ops.finish,
    "queue.finish_many": queue_ops.finish_many,
    "queue.next_due": queue_ops.next_due,
    "queue.put_back": queue_ops.put_back,
    "queue.redrive": queue_ops.redrive,
    "queue.release": queue_ops.release,
    "queue.renew": queue_ops.renew,
    "queue.report": queue_ops.report,
    "queue.send": queue_ops.send,
    "schedule.due": schedule_ops.due,
    "schedule.fire": schedule_ops.fire,
    "schedule.pause": schedule_ops.pause,
    "schedule.skip": schedule_ops.skip,
    "settle": sweep_ops.settle,
    "sweep": sweep_ops.sweep,
    "table.batch": table_ops.batch,
    "table.declare": wiring_ops.declare,
    "table.delete": table_ops.delete,
    "table.increment": table_ops.increment,
    "table.put": table_ops.put,
    "table.reset": wiring_ops.reset,
    "table.transact": table_ops.transact,
    "topic.publish": topic_ops.publish,
}
