"""Attempts at background deliveries, the same on every provider: which one it is, what becomes of it, what is kept.

An adapter says how a delivery reached it and how often, and does what its provider understands by the answer. What is
here only counts a delivery as done when its handler succeeded, when the handler's queue has its next attempt, or when
it is kept as a dead letter. What is raised or answered otherwise is the adapter's to report, so that it comes again.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from .drivers import ALWAYS, DeadLetter, Document, NewItem
from .envelopes import Envelope
from .invocation import Invocation, Outcome
from .letters import PARTITION, KeptLetter, Letters, kept_original
from .listeners import Listener, invocation_of
from .shapes import MalformedEvent
from .state_items import ABSENT, DAY, fields_of, put_unless, state_item

if TYPE_CHECKING:
    from .binding import Binding
    from .leases import Leases
    from .run_records import RunRecords, StartedRun

NEARLY = 0.9
"""Of a handler's time: with less than that left, an attempt would not have what it is promised."""
LOST = "the function ended, or was ended, during attempt {attempts}"
BEGUN = "begun"
"""Marks of deliveries of which an attempt was begun: beside a handler's letters, where its function may write."""
MARKS_KEPT = 2 * DAY
"""What tells of a change again does so for one."""


class Dispatches(Protocol):
    """The part of the Dispatcher that is used here."""

    def invoke(self, invocation: Invocation) -> Outcome: ...


class Attempts:
    """The attempts at the deliveries of one app; thread-safe as far as its handlers are.

    `send(listener, envelope, wait)` puts a delivery into its handler's queue, to come no earlier than in `wait`
    seconds; it raises what keeps it from there. `longest(listener)` are the seconds after which a delivery that starts
    now has ended or come again, also if its function is killed. `died(listener, letter)` is told of each dead letter
    that was kept.
    """

    def __init__(
        self,
        dispatcher: Dispatches,
        binding: "Binding",
        *,
        send: Callable[[Listener, Envelope, float], object],
        longest: Callable[[Listener], float],
        died: Callable[[Listener, DeadLetter], object],
    ) -> None:
        self._dispatcher = dispatcher
        self._binding = binding
        self._clock = binding.clock
        self._send = send
        self._longest = longest
        self._died = died

    # Attempts

    def attempt(self, listener: Listener, envelope: Envelope, attempt: int, left: float) -> Outcome:
        """Runs the handler, and keeps what came of it: after `failed`, the next attempt is the caller's to arrange.

        `left` are the seconds until the platform ends the function. Raises what the framework's table raises.
        """
        most = listener.retry.max_attempts
        if attempt > most:
            self._die(listener, envelope, most, LOST.format(attempts=most))
            if listener.kind == "task":
                error = LOST.format(attempts=most)
                self._runs().died(listener.name, envelope.id, most, envelope.enqueued_at, error)
            self._end_schedule(listener, envelope)
            return Outcome("dead", error=LOST.format(attempts=most))
        deadline = self._clock.now() + min(left, float(listener.timeout))
        if not self._begin_schedule(listener, envelope):
            return Outcome("succeeded")
        run: StartedRun | None = None
        if listener.kind == "task":
            run = self._runs().started(listener.name, envelope.id, attempt, envelope.enqueued_at)
        invocation = invocation_of(envelope, listener.name, attempt=attempt, deadline=deadline)
        outcome = self._dispatcher.invoke(invocation)
        if outcome.status != "succeeded":
            log_failure(invocation, outcome)
        if outcome.status == "dead":
            self._die(listener, envelope, attempt, outcome.error or "it failed, and does not say why")
        if run is not None:
            self._runs().ended(run, outcome)
        if outcome.status == "failed":
            self._extend_schedule(listener, envelope, outcome.retry_after)
        else:
            self._end_schedule(listener, envelope)
        return outcome

    def inline(self, listener: Listener, envelope: Envelope, attempt: int, left: float) -> bool:
        """An attempt where a delivery arrives; the next one is the queue's. Whether it is done or in the queue."""
        try:
            outcome = self.attempt(listener, envelope, attempt, left)
            if outcome.status == "failed":
                self._send(listener, envelope._replace(attempts=attempt), outcome.retry_after)
        except Exception:
            log_unsettled(listener)
            return False
        return True

    def once_inline(self, listener: Listener, envelope: Envelope, left: float) -> bool:
        """`inline` for what does not tell how often it came: if an attempt was begun before, the next is the queue's.

        What comes again may have ended its function: in the queue its attempts are counted, and it holds up nothing.
        A handler with a single attempt has none left then, so that of its attempts it is kept too that they ended: what
        comes twice without a failure runs twice, and is no dead letter.
        """
        is_only = listener.retry.max_attempts == 1
        try:
            mark = self._begun(listener, envelope)
        except Exception:
            log_unsettled(listener)
            return False
        if mark is not None and not (is_only and mark.get("ended")):
            return self.pass_on(listener, envelope._replace(attempts=1))
        done = self.inline(listener, envelope, envelope.attempts + 1, left)
        if done and is_only:
            self._end(listener, envelope)
        return done

    def pass_on(self, listener: Listener, envelope: Envelope) -> bool:
        """Puts a delivery into its handler's queue without an attempt. Whether it is there."""
        try:
            self._send(listener, envelope, 0.0)
        except Exception:
            log_unsettled(listener)
            return False
        return True

    def _begun(self, listener: Listener, envelope: Envelope) -> Document | None:
        """The mark of an attempt at a delivery that was begun before, None for the first; from now on there is one."""
        if put_unless(self._binding.state, self._mark(listener, envelope, ended=False), ABSENT) is not None:
            return None
        stored = self._binding.state.get(mark_key(listener), envelope.id)
        return {} if stored is None else fields_of(stored)

    def _end(self, listener: Listener, envelope: Envelope) -> None:
        try:
            self._binding.state.put(self._mark(listener, envelope, ended=True), ALWAYS)
        except Exception:
            # If it comes again it is taken for lost, and is kept.
            log().exception("that a delivery of %s has ended could not be kept", listener.name)

    def _mark(self, listener: Listener, envelope: Envelope, *, ended: bool) -> NewItem:
        now = self._clock.now()
        fields: Document = {"at": now, "ended": True} if ended else {"at": now}
        return state_item(mark_key(listener), envelope.id, fields, now + MARKS_KEPT)

    # Dead letters

    def _die(self, listener: Listener, envelope: Envelope, attempts: int, error: str) -> None:
        self.keep(
            listener,
            KeptLetter(
                DeadLetter(
                    envelope.id,
                    listener.name,
                    envelope.body,
                    attempts,
                    error,
                    envelope.enqueued_at,
                    self._clock.now(),
                    envelope.traceparent,
                ),
                listener.kind,
                dict(envelope.attributes),
                envelope.scheduled_at,
            ),
        )

    def keep(self, listener: Listener, kept: KeptLetter) -> None:
        """Keeps a dead letter, and tells of it. Raises what the framework's table raises."""
        Letters(self._binding.state, self._clock, listener.name).keep(kept)
        self._died(listener, kept.letter)

    def keep_original(self, listener: Listener, text: str, id: str, attempts: int, error: MalformedEvent) -> bool:
        """Keeps what cannot be understood with the handler's dead letters, as it came: no attempt would help.

        `id` tells it from others, and is the same each time that it comes. Whether it could be kept.
        """
        text = kept_original(listener.name, text)
        try:
            now = self._clock.now()
            letter = DeadLetter(id, listener.name, text, attempts, f"not understood: {error}", now, now, "")
            log().error("a delivery of %s is not understood: %s", listener.name, error)
            self.keep(listener, KeptLetter(letter, listener.kind, {}, None, text))
        except Exception:
            log().exception("what %s cannot understand could not be kept; it comes again", listener.name)
            return False
        return True

    # What is kept

    def _runs(self) -> "RunRecords":
        from .run_records import RunRecords

        return RunRecords(self._binding.state, self._clock)

    def _leases(self, listener: Listener) -> "Leases":
        from .leases import Leases

        return Leases(self._binding.state, self._clock, listener.name)

    def _begin_schedule(self, listener: Listener, envelope: Envelope) -> bool:
        if listener.kind != "schedule" or envelope.scheduled_at is None:
            return True
        decision = self._leases(listener).begin(
            envelope.scheduled_at,
            envelope.id,
            exclusive=listener.overlap == "skip",
            until=self._clock.now() + self._longest(listener),
        )
        if decision != "run":
            log().info("%s: the fire time %s is %s", listener.name, envelope.scheduled_at, decision)
        return decision == "run"

    def _extend_schedule(self, listener: Listener, envelope: Envelope, wait: float) -> None:
        if listener.kind == "schedule" and listener.overlap == "skip" and envelope.scheduled_at is not None:
            until = self._clock.now() + wait + self._longest(listener)
            self._leases(listener).extend(envelope.scheduled_at, envelope.id, until)

    def _end_schedule(self, listener: Listener, envelope: Envelope) -> None:
        if listener.kind == "schedule" and listener.overlap == "skip" and envelope.scheduled_at is not None:
            self._leases(listener).end(envelope.scheduled_at, envelope.id)


def mark_key(listener: Listener) -> str:
    """The partition of a handler's marks."""
    return f"{PARTITION}#{listener.name}#{BEGUN}"


def every(results: Iterable[bool]) -> bool:
    """Whether all hold; none is left out because an earlier one does not."""
    return False not in list(results)


def log_failure(invocation: Invocation, outcome: Outcome) -> None:
    what = "for good" if outcome.status == "dead" else f"and is tried again in {outcome.retry_after:.3g} s"
    log().error(
        "attempt %d of %s failed %s\n%s",
        invocation.attempt,
        invocation.handler,
        what,
        (outcome.traceback or "").rstrip() or outcome.error,
    )


def log_unsettled(listener: Listener) -> None:
    """Of the error that is being handled."""
    log().exception("a delivery of %s could not be settled; it comes again", listener.name)


def log() -> Any:
    import logging

    return logging.getLogger("portable.background")
