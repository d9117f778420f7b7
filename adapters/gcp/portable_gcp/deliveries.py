"""Background deliveries on Cloud Run: what is answered to what arrives, and how the next attempt comes about.

A request that is answered with 2xx does not come again, and every other one does. So an attempt is made where a
delivery arrives, whichever service brought it; the next one is a task in the handler's own queue, with exactly the
wait that it is to have, and the arrival is done. What the services do themselves, trying again what was not answered
well, is for what never came to an answer: a function that was ended, or could not start, or could not write to the
queue.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from portable.attempts import Attempts, Dispatches, every, log, log_unsettled
from portable.drivers import DeadLetter
from portable.envelopes import Envelope, encode
from portable.listeners import Listener, listeners_of
from portable.shapes import MalformedEvent, a_document

from .arrivals import Arrival, Wiring, arrival_of
from .cloud_tasks import Queue
from .events import envelope_of, original_of
from .names import Names

if TYPE_CHECKING:
    from portable.app import App
    from portable.binding import Binding

INVOKE = "/invoke"
"""Where `portable invoke` asks for a run of a handler."""
DONE, NOT_UNDERSTOOD, AGAIN = 204, 400, 500
LONGEST_PUSH = 600
"""Seconds after which Pub/Sub and Scheduler have tried again: template_messages.py says so to them."""
LONGEST_BACKOFF = 3600
"""The same of a queue whose handler has no shorter one: its own retries have the handler's back-off."""


class Deliveries:
    """The background deliveries of one app; thread-safe as far as its handlers are."""

    def __init__(self, app: "App", dispatcher: Dispatches, names: Names, clients: Any, binding: "Binding") -> None:
        self._app = app
        self._dispatcher = dispatcher
        self._names = names
        self._clients = clients
        self._binding = binding
        self._queues: dict[str, Queue] = {}
        self._listeners = listeners_of(app)
        self._wiring = Wiring(self._listeners, names)
        self._attempts = Attempts(dispatcher, binding, send=self._send, longest=longest, died=self._count)

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request; `headers` have lower-case names.

        204: all of it is done, kept or in a queue. 500: it is to come again. 400: it is for no handler, which is logged
        and, since it comes again, ends in the dead letters of the service that sends it.
        """
        try:
            if path == INVOKE:
                return 200, self._invoked(body)
            arrival = arrival_of(path, headers, body, self._wiring)
        except MalformedEvent as error:
            log().error("a delivery was not understood: %s", error)
            return NOT_UNDERSTOOD, f"{error}\n".encode("utf-8", "backslashreplace")
        return (DONE if every(self._deliver(arrival, one, body) for one in arrival.listeners) else AGAIN), b""

    def _deliver(self, arrival: Arrival, listener: Listener, body: bytes) -> bool:
        """Whether an arrival is done for one of its handlers."""
        attempts = self._attempts
        try:
            if arrival.way == "task":
                arrival = arrival._replace(content=self._queue(listener).opened(body))
            envelope = envelope_of(arrival, listener)
        except MalformedEvent as error:
            text = original_of(arrival, body)
            return attempts.keep_original(listener, text, arrival.id, arrival.begun, error)
        except Exception:
            # What was laid down for a task could not be read now.
            log_unsettled(listener)
            return False
        if envelope is None:
            return True
        left = float(listener.timeout)
        if arrival.way == "task":
            return attempts.inline(listener, envelope, envelope.attempts + arrival.begun, left)
        if arrival.way != "push":
            # Neither Scheduler nor Eventarc tells how often it has tried.
            return attempts.once_inline(listener, envelope, left)
        if arrival.begun == 1:
            return attempts.inline(listener, envelope, envelope.attempts + 1, left)
        # An attempt may have ended its function, or Cloud Run may have had no place for it: that is not told. In the
        # queue it is, and what was never begun is not taken for dead.
        begun = min(1, listener.retry.max_attempts - 1)
        return attempts.pass_on(listener, envelope._replace(attempts=envelope.attempts + begun))

    def _invoked(self, body: bytes) -> bytes:
        """`portable invoke`: only who may call the function gets here."""
        import json

        from portable.direct import KEY, answer

        event = a_document(body)
        if KEY not in event:
            raise MalformedEvent(f"the request to {INVOKE} has no {KEY}")
        name = event.get("handler")
        timeout = next((one.timeout for one in self._listeners if one.name == name), 0)
        return json.dumps(answer(event, self._dispatcher, float(timeout), self._binding.clock.now())).encode()

    def _queue(self, listener: Listener) -> Queue:
        found = self._queues.get(listener.name)
        if found is None:
            state, clock = self._binding.state, self._binding.clock
            found = self._queues[listener.name] = Queue(
                self._names, self._clients, state, clock, listener.name, timeout=listener.timeout
            )
        return found

    def _send(self, listener: Listener, envelope: Envelope, wait: float) -> None:
        self._queue(listener).send(encode(envelope), wait)

    def _count(self, listener: Listener, letter: DeadLetter) -> None:
        from .cloud_logs import count_dead_letter

        count_dead_letter(self._app.name, self._names.stage, listener.name, letter)


def longest(listener: Listener) -> float:
    """Until when a delivery that started now has ended or come again, also if its function is killed."""
    return listener.timeout + LONGEST_PUSH + min(listener.retry.max_backoff, LONGEST_BACKOFF)
