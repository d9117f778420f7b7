"""A process that runs background handlers, one delivery at a time; killable, so that a timeout is one."""

import socket
import time
from typing import Any

from portable.dispatch import Dispatcher
from portable.invocation import Invocation, Outcome

from .pool import Delivery, key_of, take, tell_hungry
from .transport import Channel


def work(channel: Channel, dispatcher: Dispatcher, pool: socket.socket) -> int:
    """Runs what it is given, and then what the pool has, until it is told to stop.

    One frame brings the outcome, and what was taken from the pool; taken nothing, it asks to be given something.
    """
    channel.send(["claim", None])
    while True:
        answer = channel.receive()
        if answer is None or answer == "stop":
            dispatcher.close()
            return 0
        delivery: Delivery | None = answer
        has_taken = False
        while delivery is not None:
            began = time.monotonic()
            outcome = dispatcher.invoke(invocation(delivery))._asdict()
            seconds = time.monotonic() - began
            delivery = take(pool)
            channel.send(["claim", outcome, seconds, None if delivery is None else key_of(delivery)])
            if delivery is not None:
                has_taken = True
            elif has_taken:
                tell_hungry(pool)


def invocation(delivery: Delivery) -> Invocation:
    """A claimed delivery as the Dispatcher takes it."""
    return Invocation(
        id=delivery["id"],
        kind=delivery["kind"],
        handler=delivery["handler"],
        body=delivery["body"],
        attempt=delivery["attempt"],
        enqueued_at=delivery["enqueued_at"],
        deadline=delivery["deadline"],
        traceparent=delivery["traceparent"],
        attributes=delivery["attributes"],
        scheduled_at=delivery["scheduled_at"],
    )


def outcome_of(value: dict[str, Any]) -> Outcome:
    """The other way round, in the supervisor."""
    return Outcome(**value)
