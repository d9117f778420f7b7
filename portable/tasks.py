"""Tasks: functions whose runs are queued, tried again when they fail, and kept when they fail for good."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from .binding import Grant, Registry, Resource
from .codec import Codec
from .context import Context
from .dead_letters import DeadLetters
from .drivers import DeadLetterPage, DriverFactory, RunRecord, RunState, TaskDriver, TaskMessage
from .errors import Conflict, DeclarationError, InvalidArgument, Location, NotFound, TaskFailed, caller_location
from .messages import (
    HandlerPayload,
    MessageCodec,
    at,
    check_message_id,
    model_name,
    new_message_id,
    outgoing_traceparent,
)
from .retries import check_retry
from .signatures import ABSENT, check_handler, function_location, function_name, has_parameters, return_annotation
from .specs import Delivery, RetryPolicy, TaskSpec

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Task", "TaskDeclaration", "TaskFunction", "TaskRun"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")
N = TypeVar("N")

DEFAULT_RETRY = RetryPolicy()
DEFAULT_TIMEOUT = 300
DEDUP_BYTES = 256
NUMBERS: tuple[type, ...] = (int, float)
ENDED = ("dead", "discarded")


class Task(Resource[TaskDriver], Generic[T, R]):
    """A function that runs later, declared by `@app.task()`: `T` is its payload (None without one), `R` its result.

    At least once and in no order: a run may be delivered twice. At most `max_attempts` starts, of which a crash is one,
    with growing waits between; then its delivery is kept with the dead letters for 14 days. Calling the task is a plain
    call of the function.

    Every method raises InvalidArgument or LimitExceeded before any I/O for what no provider could take, and Throttled,
    Unavailable or Unknown for what the provider answers.
    """

    kind = "task"
    verbs: tuple[str, ...] = ("send", "run", "report", "dead_letters", "redrive", "discard")

    def __init__(
        self,
        registry: Registry,
        function: Callable[..., Any],
        *,
        retry: RetryPolicy,
        timeout: int,
        memory: int | None,
        uses: list[Grant] | None,
        name: str | None,
        location: Location,
    ) -> None:
        check_handler(function, location)
        found = check_task_name(name, location) if name is not None else function_name(function)
        super().__init__(registry, found, location)
        check_retry(f"task {found!r}", retry, location)
        self._retry = retry
        self._timeout = timeout
        self._function = function
        self._payload: HandlerPayload[T] | None = (
            HandlerPayload(function, location) if has_parameters(function, location) else None
        )
        self._result: Codec[R] | None = None
        self._spec: TaskSpec | None = None
        self._letters = DeadLetters(registry, registry.qualify(found), location, owner=self.id)
        registry.register_resource(self)
        registry.register_handler(
            function,
            Delivery("task", registry.qualify(found), (), retry),
            timeout=timeout,
            decode=self._payload,
            memory=memory,
            uses=uses,
            name=found,
        )
        # As functools.wraps does, so that whatever looks at the function finds it.
        self.__wrapped__ = function
        self.__name__: str = function_name(function)
        self.__qualname__ = getattr(function, "__qualname__", self.__name__)
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__

    def __repr__(self) -> str:
        return f"<Task {self.id}>"

    @property
    def spec(self) -> TaskSpec:
        """What is declared, as the manifest and the adapters see it."""
        if self._spec is None:
            payload = None if self._payload is None else model_name(self._payload.annotation)
            if self._payload is not None and self._payload.codec is None:
                payload = None
            self._spec = TaskSpec(self.name, self._registry.name, payload, self._retry, self._timeout, self.location)
        return self._spec

    def _make_driver(self, factory: DriverFactory) -> TaskDriver:
        return factory.task(self.spec)

    def rebound(self) -> None:
        super().rebound()
        self._letters.rebound()

    # Sending. `send(order=order)` cannot be had: a type that keeps the names of the function's parameters (PEP 612)
    # allows no names of ours among them, and `delay` and `dedup` are ours; nor may a Context be sent.

    @overload
    def send(
        self: "Task[None, R]",
        payload: None = None,
        *,
        delay: "float | timedelta | None" = None,
        dedup: str | None = None,
    ) -> "TaskRun[R]": ...
    @overload
    def send(
        self, payload: T, *, delay: "float | timedelta | None" = None, dedup: str | None = None
    ) -> "TaskRun[R]": ...
    def send(
        self, payload: Any = ABSENT, *, delay: "float | timedelta | None" = None, dedup: str | None = None
    ) -> "TaskRun[R]":
        """Queues a run, durably once it returns. The payload is at most 48 KiB of JSON; larger ones go to a bucket.

        `delay` is for how many seconds (0 to 7 days) it must not start: never early, about a minute late at most on an
        idle system. `dedup` (1-256 bytes) makes a second send within 5 minutes answer with the first one's run; best
        effort, so it does not replace an idempotent handler. Raises InvalidArgument for a payload that is not what the
        function takes or that JSON cannot carry, LimitExceeded for one that is too large and for too long a delay.
        """
        binding = self._registry.binding
        body = self._encode(payload)
        binding.profile.check("task_body_bytes", len(body), f"task {self.name!r}: the payload", resource=self.id)
        wait = self._seconds(delay)
        binding.profile.check("task_delay_seconds", wait, f"task {self.name!r}: the delay", resource=self.id)
        now = binding.clock.now()
        message = TaskMessage(
            id=new_message_id(now),
            task=self._registry.qualify(self.name),
            body=body,
            enqueued_at=now,
            due=now + wait,
            dedup=self._dedup(dedup),
            traceparent=outgoing_traceparent(),
        )
        return TaskRun(self, self._call("send", None, self._driver.send, message))

    def _encode(self, payload: Any) -> str:
        codec = None if self._payload is None else self._payload.codec
        if codec is None:
            if payload is not ABSENT and payload is not None:
                raise InvalidArgument(
                    f"task {self.name!r} takes no payload",
                    hint="send() without one, or give the function a parameter",
                    resource=self.id,
                )
            return "null"
        if payload is ABSENT:
            raise InvalidArgument(
                f"task {self.name!r} takes a payload", hint=f"{self.name}.send(payload)", resource=self.id
            )
        try:
            return codec.encode_json(payload)
        except InvalidArgument as error:
            raise at(f"task {self.name!r}: the payload", self.id, error) from None

    def _seconds(self, delay: object) -> float:
        if delay is None:
            return 0.0
        total: Any = getattr(delay, "total_seconds", None)
        seconds: Any = delay if total is None else total()
        # The comparison also refuses NaN; infinity is the limit's to refuse.
        if type(seconds) not in NUMBERS or not seconds >= 0:
            raise InvalidArgument(
                f"task {self.name!r}: delay={delay!r} is not a number of seconds from 0, nor a timedelta",
                resource=self.id,
            )
        try:
            return float(seconds)
        except OverflowError:
            return float("inf")

    def _dedup(self, dedup: object) -> str | None:
        if dedup is None:
            return None
        try:
            size = len(dedup.encode()) if isinstance(dedup, str) else 0
        except UnicodeEncodeError:
            size = 0
        if not 1 <= size <= DEDUP_BYTES:
            raise InvalidArgument(
                f"task {self.name!r}: dedup={dedup!r:.100} is not a text of 1-{DEDUP_BYTES} bytes",
                hint="use a short key, such as the id of what is being done",
                resource=self.id,
            )
        return cast("str", dedup)

    # Runs

    def run(self, id: str) -> "TaskRun[R]":
        """The run with this id, to be asked for its status and result. No I/O: an unknown id is found out by asking."""
        return TaskRun(self, check_message_id(id, "task's run", self.id))

    def _record(self, id: str) -> RunRecord:
        record = self._call("run", id, self._driver.run, id)
        if record is None:
            raise NotFound(
                f"task {self.name!r} has no run {id}",
                hint="records are kept for 7 days after the end of a run",
                resource=self.id,
                key=id,
            )
        return record

    def _result_codec(self) -> "Codec[R]":
        """Raises DeclarationError for a return annotation that does not resolve."""
        if self._result is None:
            annotation = return_annotation(self._function, self.location)
            self._result = ResultCodec(Any if annotation in (ABSENT, None, type(None)) else annotation)
        return self._result

    def _decode_result(self, text: str | None) -> R:
        return self._result_codec().decode_json("null" if text is None else text)

    # Dead letters

    def dead_letters(self, *, limit: int = 100, cursor: str | None = None) -> DeadLetterPage:
        """At most `limit` (1-1000) runs that failed for good, the oldest first.

        The page has `letters`, and `cursor` for the next one or None. A letter's `id` is the id of its run.
        """
        return self._letters.list(limit=limit, cursor=cursor)

    def redrive(self, id: str) -> None:
        """Queues a dead letter's run anew, with a fresh count of attempts. Raises NotFound if there is none."""
        self._letters.redrive(id)

    def discard(self, id: str) -> None:
        """Drops a dead letter for good. Raises NotFound if there is no such letter."""
        self._letters.discard(id)


class TaskRun(Generic[R]):
    """One run of a task. What is known of it is read from the provider each time, and kept 7 days after its end."""

    __slots__ = ("_task", "id")

    def __init__(self, task: Task[Any, R], id: str) -> None:
        self._task = task
        self.id: str = id

    def __repr__(self) -> str:
        return f"<TaskRun {self._task.name} {self.id}>"

    def __eq__(self, other: object) -> bool:
        # As Any, since which results the other one has makes no difference.
        run: Any = other
        return isinstance(other, TaskRun) and (self.id, self._task.id) == (run.id, run._task.id)

    def __hash__(self) -> int:
        return hash((self.id, self._task.id))

    def record(self) -> RunRecord:
        """All that is known: state, attempts, times, result (JSON), error, progress. Raises NotFound."""
        return self._task._record(self.id)

    def status(self) -> RunState:
        """`queued`, `running`, `succeeded`, `failed` (to be tried again), `dead` or `discarded`. Raises NotFound."""
        return self.record().state

    @property
    def progress(self) -> float | None:
        """What the handler last told `context.progress` (0 to 1), or None. Raises NotFound."""
        return self.record().progress

    def result(self) -> R:
        """What the function returned, made of its JSON by the return annotation.

        Raises Conflict while the run has not ended, TaskFailed if it failed for good, NotFound when it is unknown or
        was forgotten (7 days after its end).
        """
        task, record = self._task, self.record()
        if record.state == "succeeded":
            return task._decode_result(record.result)
        if record.state in ENDED:
            raise TaskFailed(
                f"task {task.name!r}: run {self.id} failed for good after {record.attempts} attempts: {record.error}",
                hint=f"its payload is kept with the dead letters: {task.name}.redrive({self.id!r}) runs it anew"
                if record.state == "dead"
                else "its dead letter was discarded",
                resource=task.id,
                key=self.id,
            )
        raise Conflict(
            f"task {task.name!r}: run {self.id} has not ended, it is {record.state}",
            hint="ask again later; status() does not raise",
            resource=task.id,
            key=self.id,
        )


class ResultCodec(MessageCodec[R]):
    """Reads back what the Dispatcher wrote of a handler's result; bare bytes travel as base64."""

    def decode_json(self, raw: bytes | str) -> R:
        if self.annotation is bytes:
            from base64 import urlsafe_b64decode
            from json import loads

            return cast("R", urlsafe_b64decode(loads(raw)))
        try:
            return super().decode_json(raw)
        except InvalidArgument as error:
            raise Conflict(
                f"the kept result no longer fits the return annotation: {error.message}",
                hint="the code has changed since the run",
            ) from error


class TaskFunction(Task[T, R], Generic[T, R, P, C]):
    """A Task that can be called as the function that it was made of; `C` is what the call itself gives."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Calls the function here and now, without any queue."""
        return cast("C", self._function(*args, **kwargs))


class TaskDeclaration:
    """What `app.task` is: `@app.task`, or `@app.task(max_attempts=..., ...)` with options."""

    def __init__(
        self,
        registry: Registry,
        *,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout: int = DEFAULT_TIMEOUT,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> None:
        self._registry = registry
        self._retry = retry
        self._timeout = timeout
        self._memory = memory
        self._uses = uses
        self._name = name

    # The order tells a Context from a payload, and a coroutine function from one that returns something else. Of what
    # follows the payload the names stay: `charge(order, context=context)`.
    @overload
    def __call__(
        self, function: Callable[[Context], Coroutine[Any, Any, R]], /
    ) -> TaskFunction[None, R, [Context], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(
        self, function: Callable[[], Coroutine[Any, Any, R]], /
    ) -> TaskFunction[None, R, [], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[T, P], Coroutine[Any, Any, R]], /
    ) -> TaskFunction[T, R, Concatenate[T, P], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[[Context], R], /) -> TaskFunction[None, R, [Context], R]: ...
    @overload
    def __call__(self, function: Callable[[], R], /) -> TaskFunction[None, R, [], R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[T, P], R], /) -> TaskFunction[T, R, Concatenate[T, P], R]: ...
    # Keyword-only parameters: which of them is the payload, no type can say.
    @overload
    def __call__(  # type: ignore[overload-cannot-match]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> TaskFunction[Any, R, P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(  # type: ignore[overload-cannot-match]
        self, function: Callable[P, R], /
    ) -> TaskFunction[Any, R, P, R]: ...
    @overload
    def __call__(
        self,
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> "TaskDeclaration": ...
    def __call__(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Makes the decorated function a Task: `task.send(payload)` queues a run, calling it stays a plain call.

        At least once, unordered; at most `max_attempts` starts (1-100), then the dead letters. Before attempt n+1 the
        wait is `min_backoff * 2**(n-1)` seconds, at most `max_backoff`, with jitter. `timeout` is at most 900 seconds
        an attempt. `memory` is 512, 2048 or 4096 MB. `uses` replaces the derived grants. `name` is the queue's and the
        handler's name; by default the function's. Raises DeclarationError.
        """
        if function is None:
            return self._configured(**options)
        task: TaskFunction[Any, Any, ..., Any] = TaskFunction(
            self._registry,
            function,
            retry=self._retry,
            timeout=self._timeout,
            memory=self._memory,
            uses=self._uses,
            name=self._name,
            location=function_location(function),
        )
        return task

    def _configured(
        self,
        *,
        max_attempts: int = DEFAULT_RETRY.max_attempts,
        min_backoff: float = DEFAULT_RETRY.min_backoff,
        max_backoff: float = DEFAULT_RETRY.max_backoff,
        timeout: int = DEFAULT_TIMEOUT,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> "TaskDeclaration":
        return TaskDeclaration(
            self._registry,
            retry=check_retry("task", RetryPolicy(max_attempts, min_backoff, max_backoff), caller_location()),
            timeout=timeout,
            memory=memory,
            uses=uses,
            name=name,
        )


def check_task_name(name: object, location: Location) -> str:
    """A name that every provider's queue can be made of. Raises DeclarationError."""
    if isinstance(name, str) and len(name) <= 63 and name.replace("-", "_").isidentifier() and name.isascii():
        return name
    raise DeclarationError(
        f"task name {name!r} is not letters, digits, hyphens and underscores (1-63, a letter first)",
        hint="leave it out: the function's name is taken",
        location=location,
    )
