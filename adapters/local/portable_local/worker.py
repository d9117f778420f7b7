"""A process that runs background handlers, one delivery at a time; killable, so that a timeout is one."""

from typing import Any

from portable.dispatch import Dispatcher
from portable.invocation import Invocation, Outcome

from .transport import Channel


def work(channel: Channel, dispatcher: Dispatcher) -> int:
    """Claims and runs until told to stop. One frame brings the outcome and asks for the next delivery."""
    outcome: dict[str, Any] | None = None
    while True:
        channel.send(["claim", outcome])
        answer = channel.receive()
        if answer is None or answer == "stop":
            dispatcher.close()
            return 0
        outcome = dispatcher.invoke(invocation(answer))._asdict()


def invocation(delivery: dict[str, Any]) -> Invocation:
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
