"""Topics: one event, any number of subscribers, each with a queue, retries and dead letters of its own."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast, get_args, get_origin, overload

from .binding import Binding, Grant, Registry, Resource
from .dead_letters import DeadLetters
from .drivers import DeadLetterPage, DriverFactory, EventMessage, TopicDriver
from .errors import DeclarationError, InvalidArgument, Location, PortableError, caller_location
from .invocation import Invocation
from .messages import HandlerPayload, MessageCodec, at, model_name, new_message_id, outgoing_traceparent
from .patterns import Pattern
from .retries import check_retry
from .scalars import without_metadata
from .signatures import check_handler, has_parameters
from .specs import Delivery, RetryPolicy, TopicSpec

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Event", "Topic"]

T = TypeVar("T")
Subscriber = TypeVar("Subscriber", bound=Callable[..., Any])

ATTRIBUTE_NAME = Pattern(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
RESERVED = ("aws.", "amazon.", "goog")
"""Starts of names that a provider keeps for itself (SNS and SQS, Pub/Sub)."""
NO_XML = Pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0, and so an attribute on SNS, cannot carry."""
DICT: type[Any] = dict


class Event(NamedTuple, Generic[T]):
    """One event as a subscriber sees it that takes `Event[Note]` instead of `Note`; names as in CloudEvents 1.0.

    `id` is the same for every subscriber and every delivery of the event; `time` is when it was published (aware, UTC).
    """

    id: str
    time: "datetime"
    attributes: dict[str, str]
    data: T


class Topic(Resource[TopicDriver], Generic[T]):
    """A topic whose events carry a `T`, declared by `app.topic(...)`.

    Every subscriber that is there when an event is published gets it at least once, in no order, on its own: one that
    fails affects only itself. A subscriber added later sees later events only.
    """

    kind = "topic"
    verbs: tuple[str, ...] = ("publish", "publish_all", "dead_letters", "redrive", "discard")

    def __init__(self, registry: Registry, name: str, model: Any, *, location: Location) -> None:
        super().__init__(registry, name, location)
        self.model: Any = Any if model is None else model
        self.spec: TopicSpec = TopicSpec(name, registry.name, model_name(model), location)
        self._codec: MessageCodec[T] = MessageCodec(self.model)
        self._subscribers: dict[str, Callable[..., Any]] = {}
        self._letters: dict[str, DeadLetters] = {}

    def __repr__(self) -> str:
        return f"<Topic {self.id}>"

    def _make_driver(self, factory: DriverFactory) -> TopicDriver:
        return factory.topic(self.spec)

    def rebound(self) -> None:
        super().rebound()
        for letters in self._letters.values():
            letters.rebound()

    # Publishing

    def publish(self, event: T, *, attributes: dict[str, str] | None = None) -> str:
        """Publishes one event, durably once it returns; its id.

        The event is at most 128 KiB of JSON. `attributes` are at most 10 strings that subscribers can filter by: names
        of letters, digits and `_.-`, names and values at most 256 bytes each. Raises InvalidArgument for an event that
        is not what the topic carries or that JSON cannot carry, LimitExceeded for one that is too large; Throttled,
        Unavailable or Unknown for what the provider answers.
        """
        binding = self._registry.binding
        message = self._message(event, self._attributes(attributes, binding), binding)
        self._call("publish", None, self._driver.publish, [message])
        return message.id

    def publish_all(self, events: Iterable[T], *, attributes: dict[str, str] | None = None) -> list[str]:
        """Publishes several events, each with the same attributes; their ids, in order.

        All are checked before the first is published. Should the provider fail, some of them may have been published.
        """
        binding = self._registry.binding
        checked = self._attributes(attributes, binding)
        messages = [self._message(event, checked, binding) for event in events]
        if messages:
            self._call("publish_all", None, self._driver.publish, messages)
        return [message.id for message in messages]

    def _message(self, event: T, attributes: dict[str, str], binding: Binding) -> EventMessage:
        what = f"topic {self.name!r}: the event"
        try:
            data = self._codec.encode_json(event)
        except InvalidArgument as error:
            raise at(what, self.id, error) from None
        binding.profile.check("event_body_bytes", len(data), what, resource=self.id)
        now = binding.clock.now()
        return EventMessage(
            id=new_message_id(now),
            source=f"/{binding.app}",
            type=self._registry.qualify(self.name),
            time=now,
            attributes=dict(attributes),
            traceparent=outgoing_traceparent(),
            data=data,
        )

    def _attributes(self, attributes: object, binding: Binding) -> dict[str, str]:
        checked = check_attributes({} if attributes is None else attributes, f"topic {self.name!r}: attribute", self.id)
        check = binding.profile.check
        check("event_attributes", len(checked), f"topic {self.name!r}: the attributes", resource=self.id)
        for name, value in checked.items():
            what = f"topic {self.name!r}: attribute {name[:40]!r}"
            check("event_attribute_bytes", len(name), f"{what}, its name", resource=self.id, key=name)
            check("event_attribute_bytes", len(value.encode()), what, resource=self.id, key=name)
        return checked

    # Subscribing

    @overload
    def subscribe(self, function: Subscriber, /) -> Subscriber: ...
    @overload
    def subscribe(
        self,
        *,
        filter: dict[str, str] | None = None,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Callable[[Subscriber], Subscriber]: ...
    def subscribe(
        self,
        function: Callable[..., Any] | None = None,
        *,
        filter: dict[str, str] | None = None,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Any:
        """Calls the decorated function, which stays as it is, with every event: `@changed.subscribe`.

        It takes the event's data, or an `Event[...]` with its id, time and attributes, or nothing, and a Context if it
        wants. With `filter` it gets only events that have all these attributes with exactly these values. One event a
        call, at least once, in no order. Failures are tried again as declared (`max_attempts` 1-100), then kept with
        the dead letters. `timeout` is at most 540 seconds. `service` has the handler, and its permissions, in another
        service than the topic's. Raises DeclarationError.
        """
        location = caller_location()
        what = f"topic {self.name!r}: subscribe"
        retry = check_retry(what, RetryPolicy(max_attempts, min_backoff, max_backoff), location)
        wanted = check_filter(filter, what, location)

        def register(handler: Subscriber) -> Subscriber:
            check_handler(handler, location)
            registry = service or self._registry
            found = registry.register_handler(
                handler,
                Delivery("topic", self._registry.qualify(self.name), wanted, retry),
                timeout=timeout,
                decode=EventCodec(handler, self.model, location) if has_parameters(handler, location) else None,
                memory=memory,
                uses=uses,
                name=name,
            )
            qualified = registry.qualify(found.spec.name)
            self._subscribers[qualified] = handler
            self._letters[qualified] = DeadLetters(self._registry, qualified, found.spec.location, owner=self.id)
            return handler

        return register if function is None else register(function)

    # Dead letters

    def dead_letters(
        self, subscriber: str | Callable[..., Any], *, limit: int = 100, cursor: str | None = None
    ) -> DeadLetterPage:
        """At most `limit` (1-1000) events that a subscriber failed on for good, the oldest first.

        `subscriber` is the function, or its name in the app. A letter's `id` is the event's.
        """
        return self._of(subscriber).list(limit=limit, cursor=cursor)

    def redrive(self, subscriber: str | Callable[..., Any], id: str) -> None:
        """Delivers a dead letter to its subscriber anew, with a fresh count of attempts. Raises NotFound."""
        self._of(subscriber).redrive(id)

    def discard(self, subscriber: str | Callable[..., Any], id: str) -> None:
        """Drops a dead letter for good. Raises NotFound."""
        self._of(subscriber).discard(id)

    def _of(self, subscriber: object) -> DeadLetters:
        names = [name for name, function in self._subscribers.items() if subscriber in (name, function)]
        if len(names) != 1:
            shown = subscriber if isinstance(subscriber, str) else getattr(subscriber, "__name__", subscriber)
            raise InvalidArgument(
                f"{shown!r} is {'more than one' if names else 'no'} subscriber of topic {self.name!r}",
                hint=f"one of: {', '.join(names or self._subscribers) or 'there are none'}",
                resource=self.id,
            )
        return self._letters[names[0]]


class EventCodec(HandlerPayload[Any]):
    """The `decode` of a subscriber: the data, or the whole Event where it is annotated so.

    Without an annotation the data is what the topic carries.
    """

    def __init__(self, function: Callable[..., Any], model: Any, location: Location) -> None:
        super().__init__(function, location)
        self._model = model
        self._data: MessageCodec[Any] | None = None
        self._whole = False

    def _plan(self) -> MessageCodec[Any] | None:
        codec = self.codec
        if codec is None or self._data is not None:
            return self._data
        annotation: Any = without_metadata(codec.annotation)[0]
        self._whole = (get_origin(annotation) or annotation) is Event
        inner: Any = next(iter(get_args(annotation)), Any) if self._whole else codec.annotation
        self._data = MessageCodec(self._model if inner is Any else inner)
        return self._data

    def decode_json(self, raw: bytes | str) -> Any:
        """The data alone. Raises InvalidArgument."""
        codec = self._plan()
        return None if codec is None else codec.decode_json(raw)

    def decode_invocation(self, invocation: Invocation) -> Any:
        """What the subscriber gets. Raises InvalidArgument."""
        data = self.decode_json(invocation.body)
        if not self._whole:
            return data
        from datetime import UTC, datetime

        time = datetime.fromtimestamp(invocation.enqueued_at, UTC)
        return Event(invocation.id, time, dict(invocation.attributes), data)


def check_attributes(attributes: object, what: str, resource: str | None) -> dict[str, str]:
    """Attributes as every provider takes them but for their number and size. Raises InvalidArgument."""
    if not isinstance(attributes, DICT):
        raise InvalidArgument(f"{what}s {attributes!r:.100} are not a dict", resource=resource)
    found = cast("dict[object, object]", attributes)
    for name, value in found.items():
        if not isinstance(name, str) or ATTRIBUTE_NAME.fullmatch(name) is None:
            raise InvalidArgument(
                f"{what} {name!r:.100} is not letters, digits and `_.-`, a letter first", resource=resource
            )
        if name.lower().startswith(RESERVED):
            raise InvalidArgument(
                f"{what} {name!r:.100} starts as names that a provider keeps for itself",
                hint=f"not {', '.join(RESERVED)}",
                resource=resource,
            )
        if not isinstance(value, str) or not value or NO_XML.search(value) is not None:
            raise InvalidArgument(
                f"{what} {name!r:.100} is {value!r:.100}, not a text without control characters",
                hint="attributes are texts, and not empty; leave one out that has no value",
                resource=resource,
            )
    return cast("dict[str, str]", attributes)


def check_filter(filter: object, what: str, location: Location) -> tuple[tuple[str, str], ...]:
    """Attribute equalities in the order of their names. Raises DeclarationError."""
    if filter is None:
        return ()
    from .capabilities import load_profile

    profile = load_profile()
    try:
        checked = check_attributes(filter, "filter", None)
        profile.check("event_attributes", len(checked), "the filter")
        for name, value in checked.items():
            profile.check("event_attribute_bytes", len(name), f"filter {name[:40]!r}, its name")
            profile.check("event_attribute_bytes", len(value.encode()), f"filter {name[:40]!r}")
    except PortableError as error:
        raise DeclarationError(f"{what}: {error.message}", hint=error.hint, location=location) from None
    return tuple(sorted(checked.items()))
