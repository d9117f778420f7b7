"""What an app was seen to do in some time: the input of the estimate, counted, and nothing else known of it."""

from collections.abc import Mapping
from typing import NamedTuple

from .invocations import ROUNDINGS

DEFAULT_MEMORY = 512
"""MB of a handler that declares none."""


class HandlerTraffic(NamedTuple):
    """One handler's invocations. `deliveries` are first attempts; `billed` the seconds as each provider rounds them."""

    handler: str
    kind: str
    memory: int
    times: int
    deliveries: int
    seconds: float
    billed: Mapping[str, float]
    request_bytes: int
    response_bytes: int


class CallTraffic(NamedTuple):
    """The calls of one verb on one resource. `items` and `bytes` are what the reads gave, of those `measured`."""

    resource: str
    verb: str
    times: int
    measured: int = 0
    items: int = 0
    bytes: int = 0


class Traffic(NamedTuple):
    """All of it, in `seconds` of time.

    `stored` has the bytes that tables and buckets hold, if that is known: {"table": ..., "bucket": ...}. `indexes` has
    for each table how many indexes it has. `secrets` and `schedules` are how many are declared.
    """

    seconds: float
    handlers: tuple[HandlerTraffic, ...] = ()
    calls: tuple[CallTraffic, ...] = ()
    log_bytes: int = 0
    stored: Mapping[str, int] = {}
    indexes: Mapping[str, int] = {}
    secrets: int = 0
    schedules: int = 0
    unkept: int = 0
    """Invocations of which only the number and the seconds are known: the rest is as that of the others."""

    @property
    def invocations(self) -> int:
        return sum(handler.times for handler in self.handlers)


class TrafficCount:
    """Counts one record after another."""

    def __init__(self, memory: Mapping[str, int]) -> None:
        self._memory = memory
        self._handlers: dict[tuple[str, str], HandlerTraffic] = {}
        self._calls: dict[tuple[str, str], CallTraffic] = {}
        self._unkept = 0
        self.log_bytes = 0

    def invocation(
        self, handler: str, kind: str, seconds: float, attempt: int, request_bytes: int = 0, response_bytes: int = 0
    ) -> None:
        nothing = HandlerTraffic(handler, kind, self._memory.get(handler, DEFAULT_MEMORY), 0, 0, 0.0, {}, 0, 0)
        before = self._handlers.get((handler, kind), nothing)
        self._handlers[handler, kind] = before._replace(
            times=before.times + 1,
            deliveries=before.deliveries + (attempt <= 1),
            seconds=before.seconds + seconds,
            billed={
                provider: before.billed.get(provider, 0.0) + rounding.of(seconds)
                for provider, rounding in ROUNDINGS.items()
            },
            request_bytes=before.request_bytes + request_bytes,
            response_bytes=before.response_bytes + response_bytes,
        )

    def call(self, resource: str, verb: str, items: int | None = None, bytes: int = 0) -> None:
        """`items` None: what it gave is not known."""
        before = self._calls.get((resource, verb), CallTraffic(resource, verb, 0))
        self._calls[resource, verb] = before._replace(
            times=before.times + 1,
            measured=before.measured + (items is not None),
            items=before.items + (items or 0),
            bytes=before.bytes + bytes,
        )

    def invocations(self, handler: str, kind: str, number: int, seconds: float) -> None:
        """Many at once, of which no more is known: their bodies are like those that were seen."""
        nothing = HandlerTraffic(handler, kind, self._memory.get(handler, DEFAULT_MEMORY), 0, 0, 0.0, {}, 0, 0)
        before = self._handlers.get((handler, kind), nothing)
        grown = 1 + number / before.times if before.times else 1.0
        self._unkept += number
        self._handlers[handler, kind] = before._replace(
            times=before.times + number,
            deliveries=before.deliveries + number,
            seconds=before.seconds + seconds,
            billed={
                provider: before.billed.get(provider, 0.0) + number * rounding.of(seconds / number)
                for provider, rounding in ROUNDINGS.items()
            },
            request_bytes=round(before.request_bytes * grown),
            response_bytes=round(before.response_bytes * grown),
        )

    def calls(self, resource: str, verb: str, times: int) -> None:
        """Many at once, of which nothing else is known."""
        before = self._calls.get((resource, verb), CallTraffic(resource, verb, 0))
        self._calls[resource, verb] = before._replace(times=before.times + times)

    def traffic(
        self,
        seconds: float,
        *,
        stored: Mapping[str, int] | None = None,
        indexes: Mapping[str, int] | None = None,
        secrets: int = 0,
        schedules: int = 0,
    ) -> Traffic:
        return Traffic(
            seconds,
            tuple(self._handlers[key] for key in sorted(self._handlers)),
            tuple(self._calls[key] for key in sorted(self._calls)),
            self.log_bytes,
            stored or {},
            indexes or {},
            secrets,
            schedules,
            self._unkept,
        )
