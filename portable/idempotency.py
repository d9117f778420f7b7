"""`@idempotent`: a body that runs once per key, however often its delivery or request is repeated.

The state machine is that of Powertools for AWS Lambda
(https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/): a record in the framework's own table is
`running` until the handler's deadline, `done` with the result for as long as asked, and gone when the handler raises.
What is kept of the key and the arguments are hashes; of the result, its JSON.
"""

import json
from collections.abc import Callable
from functools import wraps
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast

from .binding import HANDLER_MARK, Binding, current_binding, current_context
from .context import Context
from .documents import encode, size_of
from .drivers import Condition, Document, NewItem, StoredItem, TableDriver
from .errors import Conflict, DeclarationError, InvalidArgument, Location, PortableError, caller_location
from .http import Headers, Response
from .idempotency_keys import Signature, digest, digestible, key_text, plan_key, signature_of

if TYPE_CHECKING:
    from .codec import Codec

__all__ = ["idempotent"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

WEEK = 7 * 24 * 3600
LONGEST_HANDLER = 3600.0
"""Of any provider; a call outside a handler has the portable 900 seconds."""
SORT_KEY = "idempotency"
GENERATORS = 0x20 | 0x200
ANY_ARGUMENTS = 0x04 | 0x08
COROUTINE = 0x80
TRIES = 3

# As Any: what they hold is not known, and nothing depends on it.
TUPLE: Any = tuple
ARRAYS: tuple[type[Any], ...] = (list, tuple)
BYTES: tuple[type[Any], ...] = (bytes, bytearray, memoryview)


def idempotent(
    key: str | Callable[..., object], *, expires_in: int = WEEK
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Runs the decorated function once per key and answers repetitions with the first result.

        @app.task()
        @idempotent("{order.id}")
        def charge(order: Order) -> Receipt: ...

    `key` is a template over the arguments, or a function whose parameters are named like some of them (or has one
    parameter, which gets the first argument). Keys of different functions are apart. `expires_in` is for how many
    seconds after its start a result is kept (7 days by default).

    While one call runs, a second with the same key raises Conflict (409 over HTTP), until the first one's deadline: a
    call that died is then taken to be lost and the next one runs. A later attempt of the same delivery runs at once.
    When the function raises, nothing is kept and the next call runs again: its effects before that are its own affair.
    The same key with other arguments raises InvalidArgument. Results must fit into JSON, or be bytes, a Response or
    `(body, status)`; a repeated result is made of its JSON by the return annotation. For sync and async functions,
    directly above the `def`. While no app is running it is a plain call. Raises DeclarationError for a key that names
    no parameter.
    """
    location = caller_location()
    if type(expires_in) is not int or expires_in < 1:
        raise DeclarationError(f"expires_in={expires_in!r} is not a whole number of seconds from 1", location=location)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        code = getattr(function, "__code__", None)
        signature = signature_of(function)
        if code is None or signature is None or code.co_flags & GENERATORS:
            raise DeclarationError(
                f"idempotent cannot wrap {function!r}",
                hint="put it directly above a def (or async def) that returns its result",
                location=location,
            )
        if code.co_flags & ANY_ARGUMENTS:
            raise DeclarationError(
                f"{function.__qualname__} takes *args or **kwargs, so its arguments cannot be told apart",
                hint="name its parameters",
                location=location,
            )
        check_order(function, location)
        once = Once(function, signature, plan_key(key, signature, location), expires_in)

        if code.co_flags & COROUTINE:

            async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                running = once.start(args, kwargs)
                if running is None:
                    return await cast("Any", function(*args, **kwargs))
                if isinstance(running, Replay):
                    return running.result
                try:
                    result = await cast("Any", function(*args, **kwargs))
                    item = running.item_of(result)
                except BaseException as error:
                    running.forget(error)
                    raise
                running.keep(item)
                return result

            return cast("Callable[P, R]", wraps(function)(run_async))

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            running = once.start(args, kwargs)
            if running is None:
                return function(*args, **kwargs)
            if isinstance(running, Replay):
                return cast("R", running.result)
            try:
                result = function(*args, **kwargs)
                item = running.item_of(result)
            except BaseException as error:
                running.forget(error)
                raise
            running.keep(item)
            return result

        return run

    return decorate


# Records


class Replay(NamedTuple):
    """The result of an earlier call."""

    result: Any


def check_order(function: Callable[..., Any], location: Location) -> None:
    """Raises DeclarationError for a function that is a handler already: the handler would have none of what follows."""
    if HANDLER_MARK in function.__dict__:
        raise DeclarationError(
            f"idempotent stands above what makes {function.__qualname__} a handler, so it would have no effect there",
            hint="put it directly above the def, below @app.post, @app.task and the like",
            location=location,
        )


class Once:
    """One decorated function: how its calls become records."""

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Signature,
        key: Callable[[dict[str, Any]], object],
        expires_in: int,
    ) -> None:
        self.function = function
        self.name: str = f"{function.__module__}:{function.__qualname__}"
        self.signature = signature
        self.key = key
        self.expires_in = expires_in
        self._decode: Callable[[str], Any] | None = None

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Running | Replay | None":
        """Running: the body is to be run, and the record is ours. None: nothing is to be kept."""
        binding = current_binding()
        if binding is None:
            return None
        arguments = self.signature.arguments(args, kwargs)
        if arguments is None:
            return None
        key = key_text(self.key(arguments))
        pk = f"idempotency#{digest(f'{self.name}#{key}')}"
        payload = digestible({name: value for name, value in arguments.items() if not isinstance(value, Context)})
        return self._claim(binding, pk, key, digest(payload))

    def _claim(self, binding: Binding, pk: str, key: str, payload: str) -> "Running | Replay":
        if binding.authorize is not None:
            binding.authorize("state", "idempotent")
        now, context = binding.clock.now(), current_context.get()
        document: Document = {
            "function": self.name,
            "state": "running",
            "arguments": payload,
            "delivery": "" if context is None else context.id,
            "attempt": 1 if context is None else context.attempt,
        }
        item = new_item(pk, document, now + remaining(now, context))
        table = binding.state
        condition = Condition(absent=True)
        for _ in range(TRIES):
            try:
                version = ask(table, table.put, item, condition)
                return Running(self, binding, item, version, now + self.expires_in)
            except Conflict:
                stored = ask(table, table.get, pk, SORT_KEY)
            if stored is None:
                # It ended or expired in between.
                condition = Condition(absent=True)
                continue
            known = document_of(stored)
            if known["arguments"] != payload:
                raise InvalidArgument(
                    f"{self.name}: the idempotency key {key!r} was used with other arguments",
                    hint="a key stands for one call; take everything that makes a difference into it",
                )
            if known["state"] == "done":
                return Replay(self.result_of(known))
            if not is_later_attempt(known, document):
                break
            # A platform starts a delivery's next attempt only when it holds the last one for ended.
            condition = Condition(version=stored.version)
        raise Conflict(
            f"{self.name} is running already for the idempotency key {key!r}",
            hint="try again when it has ended",
        )

    def result_of(self, document: Document) -> Any:
        """The result as the function returned it, by its return annotation."""
        kind, value = document["kind"], document["result"]
        if kind == "bytes":
            return value
        if kind == "response":
            return Response(value["body"], value["status"], headers=Headers(tuple(pair) for pair in value["headers"]))
        if kind == "answer":
            return (value["body"], *json.loads(value["rest"]))
        if self._decode is None:
            self._decode = decoder_of(self.function)
        result = self._decode(value)
        return tuple(result) if kind == "tuple" and isinstance(result, ARRAYS) else result


class Running:
    """A call that holds the record of its key."""

    def __init__(self, once: Once, binding: Binding, item: NewItem, version: str, expires_at: float) -> None:
        self._once = once
        self._binding = binding
        self._item = item
        self._version = version
        self._expires_at = expires_at

    def item_of(self, result: Any) -> NewItem:
        """The record of a finished call. Raises InvalidArgument or LimitExceeded for what cannot be kept."""
        document = {**self._item.document, "state": "done", **result_fields(result)}
        item = new_item(self._item.pk, document, self._expires_at)
        self._binding.profile.check(
            "item_bytes", size_of(item.encoded), f"{self._once.name}: the result, kept for idempotency"
        )
        return item

    def keep(self, item: NewItem) -> None:
        """Puts the result in the place of our claim."""
        table = self._binding.state
        try:
            ask(table, table.put, item, Condition(version=self._version))
        except Conflict:
            # Past the deadline another call has taken over; its result counts, and ours is still what we did.
            import logging

            logging.getLogger("portable.idempotency").warning(
                "%s ended after its deadline; another call with the same key may have run", self._once.name
            )

    def forget(self, error: BaseException) -> None:
        """Gives the key free, since nothing came of the call; `error` goes on to the caller in any case."""
        table = self._binding.state
        try:
            ask(table, table.delete, self._item.pk, SORT_KEY, Condition(version=self._version))
        except Conflict:
            error.add_note("its idempotency record had expired")
        except Exception as failure:
            error.add_note(f"its idempotency record stays until the deadline: {failure}")


def result_fields(result: Any) -> Document:
    from .codec import kept_json

    if isinstance(result, BYTES):
        return {"kind": "bytes", "result": bytes(result)}
    if isinstance(result, Response):
        headers = [[name, value] for name, value in result.headers.items()]
        return {
            "kind": "response",
            "result": {"status": result.status, "headers": headers, "body": result.body},
        }
    if isinstance(result, TUPLE):
        parts: list[Any] = list(result)
        if parts and isinstance(parts[0], bytes):
            return {"kind": "answer", "result": {"body": parts[0], "rest": kept_json(parts[1:])}}
        return {"kind": "tuple", "result": kept_json(parts)}
    return {"kind": "json", "result": kept_json(result)}


def codec_of(function: Callable[..., Any]) -> "Codec[Any] | None":
    """Of what the function's return annotation says; None where plain values do, as without one that resolves."""
    from typing import get_type_hints

    from .codec import Codec

    try:
        annotation: Any = get_type_hints(function, include_extras=True).get("return", Any)
    except (NameError, TypeError):
        annotation = Any
    codec: Codec[Any] = Codec(annotation)
    return None if annotation is None or annotation is type(None) or codec._plain is not None else codec


def decoder_of(function: Callable[..., Any]) -> Callable[[str], Any]:
    """JSON -> what the function returned."""
    codec = codec_of(function)
    if codec is None:
        return json.loads

    def decode(text: str) -> Any:
        try:
            return codec.adapter.validate_json(text, by_alias=True, by_name=True)
        except ValueError as error:
            raise Conflict(
                f"the kept result of {function.__qualname__} no longer fits its return annotation",
                hint="the code has changed since; use another key",
            ) from error

    return decode


def new_item(pk: str, document: Document, expires_at: float) -> NewItem:
    # Rounded up: a second too long is harmless, one too short lets two calls run.
    return NewItem(pk, SORT_KEY, document, encode(document), {}, -int(-expires_at // 1))


def document_of(stored: StoredItem) -> Document:
    from .documents import decode

    return stored.document if stored.document is not None else decode(stored.encoded or "{}")


def is_later_attempt(known: Document, ours: Document) -> bool:
    return bool(ours["delivery"]) and known["delivery"] == ours["delivery"] and ours["attempt"] > known["attempt"]


def remaining(now: float, context: Context | None) -> float:
    """Seconds until the call must have ended, at most the longest that any handler may take."""
    if context is None:
        return 900.0
    # Deadlines of requests are of the machine's clock, those of deliveries of the binding's; in production one.
    return min(LONGEST_HANDLER, max(1.0, context.deadline - now, context.deadline - time()))


def ask(table: TableDriver, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a method of the state table; errors leave as ours."""
    try:
        return method(*args, **kwargs)
    except PortableError:
        raise
    except Exception as error:
        kind = table.classify(error)
        if kind is None:
            raise
        raise kind(f"the idempotency record: {error}", resource="state") from error
