"""Idempotency without a provider: keys, hashes, the state machine's odd corners, and what its store may do to it."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from portable.binding import Binding, current_binding, current_context
from portable.capabilities import load_profile
from portable.context import Context
from portable.documents import decode
from portable.drivers import Condition, NewItem, StoredItem
from portable.errors import (
    Conflict,
    DeclarationError,
    InvalidArgument,
    LimitExceeded,
    PortableError,
    Throttled,
    Unavailable,
)
from portable.http import Request
from portable.idempotency import idempotent
from portable.idempotency_keys import digestible, signature_of

PROFILE = load_profile()


class Clock:
    """Starts at the machine's time, as deadlines of requests are counted by that."""

    def __init__(self) -> None:
        self.time = time.time()

    def now(self) -> float:
        return self.time


class Refused(Exception):
    """What a provider's library might raise."""


class State:
    """The framework's table in memory; `fails[n]` is raised by the n-th call (from 0)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.items: dict[str, tuple[NewItem, str]] = {}
        self.versions = itertools.count(1)
        self.calls: list[str] = []
        self.fails: dict[int, Exception] = {}
        self.made = 0

    def state(self) -> "State":
        self.made += 1
        return self

    def classify(self, error: Exception) -> type[PortableError] | None:
        return Unavailable if isinstance(error, Refused) else None

    def _enter(self, verb: str, pk: str, sk: str) -> tuple[NewItem, str] | None:
        number = len(self.calls)
        self.calls.append(verb)
        if number in self.fails:
            raise self.fails[number]
        assert 1 <= len(pk) <= 330
        assert sk == "idempotency"
        found = self.items.get(pk)
        if found is None or (found[0].expires_at or 0) <= int(self.clock.now()):
            return None
        return found

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
        assert not eventual
        found = self._enter("get", pk, sk)
        return None if found is None else StoredItem(pk, sk, found[1], None, found[0].encoded)

    def _check(self, found: tuple[NewItem, str] | None, condition: Condition) -> None:
        if (condition.absent and found) or (
            condition.version is not None and (found is None or found[1] != condition.version)
        ):
            raise Conflict("condition")

    def put(self, item: NewItem, condition: Condition) -> str:
        self._check(self._enter("put", item.pk, item.sk), condition)
        assert decode(item.encoded) == item.document
        version = str(next(self.versions))
        self.items[item.pk] = (item, version)
        return version

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        self._check(self._enter("delete", pk, sk), condition)
        self.items.pop(pk, None)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [item.document for item, _ in self.items.values()]


@contextmanager
def bound() -> Generator[tuple[State, Clock], None, None]:
    clock = Clock()
    state = State(clock)
    factory: Any = state
    binding = Binding(app="unit", stage="test", adapter="memory", drivers=factory, profile=PROFILE, clock=clock)
    context = Context(
        id="call", kind="http", handler="call", app="unit", stage="test", attempt=1, deadline=clock.now() + 60,
        traceparent="", binding=binding,
    )  # fmt: skip
    token = current_context.set(context)
    try:
        yield state, clock
    finally:
        current_context.reset(token)


@contextmanager
def delivered(clock: Clock, id: str = "delivery", attempt: int = 1, seconds: float = 60) -> Generator[None, None, None]:
    context = Context(
        id=id, kind="task", handler="charge", app="unit", stage="test", attempt=attempt,
        deadline=clock.now() + seconds, traceparent="", binding=current_binding(),
    )  # fmt: skip
    token = current_context.set(context)
    try:
        yield
    finally:
        current_context.reset(token)


class Died(BaseException):
    """Ends a call the way the end of a process does: nothing of ours runs after it."""


class Order(BaseModel):
    id: str
    amount: int = 0


def counted(key: Any = "{key}", **options: Any) -> tuple[Callable[..., int], list[int]]:
    runs: list[int] = []

    @idempotent(key, **options)
    def function(key: str, amount: int = 0) -> int:
        runs.append(amount)
        return len(runs)

    return function, runs


# Declaration


@pytest.mark.parametrize(
    "key", ["", "constant", "{}", "{0}", "{other}", "{other.id}", "{key", "key}", None, 1, b"{key}"], ids=repr
)
def test_a_key_that_names_no_argument_is_a_bad_declaration(key: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        counted(key)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_a_key_function_takes_what_the_function_has() -> None:
    def stranger(key: str, tenant: str) -> str:
        return key + tenant

    with pytest.raises(DeclarationError, match="tenant"):
        counted(stranger)
    with pytest.raises(DeclarationError, match="no parameters"):

        @idempotent(str)
        def nothing() -> None: ...


@pytest.mark.parametrize("expires_in", [0, -1, 1.5, "60", None, True])
def test_a_result_is_kept_for_whole_seconds(expires_in: Any) -> None:
    with pytest.raises(DeclarationError):
        counted(expires_in=expires_in)


def test_only_functions_that_return_are_wrapped() -> None:
    def generator(key: str) -> Any:
        yield key

    async def async_generator(key: str) -> Any:
        yield key

    def anything(*args: str) -> None: ...

    def named(**key: str) -> None: ...

    class Caller:
        def __call__(self, key: str) -> None: ...

    wrong: list[Any] = [generator, async_generator, anything, named, Caller(), Caller, len, 1, None]
    for function in wrong:
        with pytest.raises(DeclarationError):
            idempotent("{key}")(function)


def test_the_wrapper_looks_like_the_function() -> None:
    def charge(key: str, amount: int = 3) -> int:
        """Charges."""
        return amount

    wrapped: Any = idempotent("{key}")(charge)
    assert (wrapped.__name__, wrapped.__doc__, wrapped.__wrapped__) == ("charge", "Charges.", charge)
    assert wrapped.__annotations__ == charge.__annotations__
    assert not asyncio.iscoroutinefunction(wrapped)

    async def later(key: str) -> int:
        return 1

    assert asyncio.iscoroutinefunction(idempotent("{key}")(later))


# Calls


def test_without_a_binding_it_is_a_plain_call() -> None:
    function, runs = counted()
    assert [function("a"), function("a")] == [1, 2]
    assert runs == [0, 0]


def test_arguments_count_by_name_however_they_are_given() -> None:
    function, runs = counted()
    with bound() as (state, _):
        assert [function("a"), function(key="a"), function("a", 0), function("a", amount=0)] == [1] * 4
        with pytest.raises(InvalidArgument, match="other arguments"):
            function("a", 1)
        assert runs == [0]
        assert len(state.items) == 1


def test_a_wrong_call_is_pythons_to_refuse() -> None:
    function: Any = counted()[0]
    with bound() as (state, _):
        for args, kwargs in (((), {}), (("a", 1, 2), {}), (("a",), {"x": 1}), (("a",), {"key": "b"})):
            with pytest.raises(TypeError):
                function(*args, **kwargs)
        assert state.items == {}


def test_the_store_is_opened_once_per_binding() -> None:
    function, _ = counted()
    with bound() as (state, _clock):
        for key in "abc":
            function(key)
        assert state.made == 1


def test_a_call_costs_two_writes_and_a_repetition_a_write_and_a_read() -> None:
    function, _ = counted()
    with bound() as (state, _clock):
        function("a")
        assert state.calls == ["put", "put"]
        function("a")
        assert state.calls == ["put", "put", "put", "get"]


def test_neither_key_nor_arguments_are_stored() -> None:
    function, _ = counted()
    with bound() as (state, _clock):
        function("ann@example.org", 12_345)
        for item, _version in state.items.values():
            assert "ann@" not in item.pk + item.encoded
            assert "12345" not in item.pk + item.encoded


def test_a_key_of_any_length_makes_a_legal_record() -> None:
    function, runs = counted()
    with bound():
        for key in ("x" * 100_000, "é\x00/../", "\ud800", "x" * 100_000):
            function(key)
    assert len(runs) == 3


# The state machine


def test_a_call_that_died_holds_its_key_until_its_deadline() -> None:
    runs: list[int] = []

    @idempotent("{key}")
    def function(key: str) -> int:
        runs.append(1)
        if len(runs) == 1:
            state.fails[len(state.calls)] = Refused("the process is gone")
            raise Died
        return len(runs)

    with bound() as (state, clock):
        with delivered(clock, "one", seconds=60), pytest.raises(Died):
            function("a")
        with delivered(clock, "two"):
            clock.time += 58
            with pytest.raises(Conflict, match="running already"):
                function("a")
            clock.time += 4
            assert function("a") == 2
            assert function("a") == 2


def test_the_next_attempt_of_the_same_delivery_runs_at_once() -> None:
    runs: list[int] = []

    @idempotent("{key}")
    def function(key: str) -> int:
        runs.append(1)
        if len(runs) < 3:
            state.fails[len(state.calls)] = Refused("the process is gone")
            raise Died
        return len(runs)

    with bound() as (state, clock):
        for attempt in (1, 2):
            with delivered(clock, attempt=attempt), pytest.raises(Died):
                function("a")
            with delivered(clock, attempt=attempt), pytest.raises(Conflict):
                function("a")
        with delivered(clock, "another", attempt=9), pytest.raises(Conflict):
            function("a")
        with delivered(clock, attempt=3):
            assert function("a") == 3


def test_what_cannot_be_removed_is_noted_on_the_error() -> None:
    @idempotent("{key}")
    def function(key: str) -> int:
        raise ValueError(key)

    with bound() as (state, _):
        state.fails[1] = Refused("busy")
        with pytest.raises(ValueError, match="a") as caught:
            function("a")
        assert any("until the deadline: the idempotency record: busy" in note for note in caught.value.__notes__)
        assert len(state.items) == 1


def test_errors_of_the_store_are_ours_and_the_body_does_not_run() -> None:
    function, runs = counted()
    with bound() as (state, _):
        state.fails[0] = Refused("busy")
        with pytest.raises(Unavailable, match="busy") as caught:
            function("a")
        assert isinstance(caught.value.__cause__, Refused)
        state.fails[1] = Throttled("slow down")
        with pytest.raises(Throttled):
            function("a")
        state.fails[2] = ZeroDivisionError("a bug")
        with pytest.raises(ZeroDivisionError):
            function("a")
        assert runs == []
        assert function("a") == 1


def test_a_result_that_could_not_be_stored_is_an_error_and_the_key_stays_held() -> None:
    function, runs = counted()
    with bound() as (state, clock):
        state.fails[1] = Refused("busy")
        with pytest.raises(Unavailable):
            function("a")
        with pytest.raises(Conflict):
            function("a")
        clock.time += 901
        assert function("a") == 2
    assert runs == [0, 0]


def test_a_record_that_ends_between_write_and_read_is_asked_for_again() -> None:
    function, runs = counted()
    with bound() as (state, _):
        function("a")
        stored = dict(state.items)

        class Vanishing(State):
            def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
                state.items.clear()
                return None

        state.__class__ = Vanishing
        assert function("a") == 2
        state.__class__ = State
        state.items.update(stored)
    assert runs == [0, 0]


def test_a_record_that_keeps_vanishing_is_a_conflict_in_the_end() -> None:
    function, runs = counted()
    with bound() as (state, _):
        function("a")

        class Flickering(State):
            def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
                return None

        state.__class__ = Flickering
        with pytest.raises(Conflict):
            function("a")
    assert runs == [0]


def test_a_result_that_comes_after_its_deadline_is_returned_and_not_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs: list[int] = []

    @idempotent("{key}")
    def function(key: str) -> int:
        runs.append(1)
        mine = len(runs)
        if mine == 1:
            clock.time += 901
            assert function(key) == 2
        return mine

    with bound() as (_, clock):
        assert function("a") == 1
        assert function("a") == 2
    assert "after its deadline" in caplog.text


def test_a_cancelled_call_gives_its_key_free() -> None:
    runs: list[int] = []

    @idempotent("{key}")
    async def function(key: str) -> int:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(30)
        return len(runs)

    async def main() -> int:
        task = asyncio.ensure_future(function("a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await function("a")

    with bound():
        assert asyncio.run(main()) == 2


def test_a_large_result_is_refused_and_gives_its_key_free() -> None:
    @idempotent("{key}")
    def function(key: str) -> str:
        return "x" * 300_000

    with bound() as (state, _), pytest.raises(LimitExceeded):
        function("a")
    assert state.items == {}


def test_a_kept_result_that_no_longer_fits_says_so() -> None:
    annotation: list[Any] = [int]

    def function(key: str) -> Any:
        return "text"

    with bound():
        assert idempotent("{key}")(function)("a") == "text"
        function.__annotations__["return"] = annotation[0]
        with pytest.raises(Conflict, match="no longer fits"):
            idempotent("{key}")(function)("a")


def test_an_annotation_that_does_not_resolve_gives_plain_values() -> None:
    def function(key: str) -> "Missing":  # type: ignore[name-defined]  # noqa: F821
        return {"a": [1]}

    with bound():
        wrapped: Any = idempotent("{key}")(function)
        assert [wrapped("a"), wrapped("a")] == [{"a": [1]}] * 2


# Hashes


@dataclass
class Line:
    name: str
    prices: list[Decimal]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({"x", "y", "z"}, {"z", "x", "y"}),
        (Order(id="a"), Order(id="a", amount=0)),
        (Line("a", [Decimal("1.0")]), Line("a", [Decimal("1.0")])),
        ((1, 2), [1, 2]),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (
            Request("POST", "/a", body=b"x", headers=[("date", "1")]),
            Request("POST", "/a", body=b"x", headers=[("date", "2")]),
        ),
    ],
)
def test_equal_arguments_have_equal_hashes(one: object, other: object) -> None:
    assert digestible(one) == digestible(other)


def test_different_arguments_have_different_hashes() -> None:
    values: list[object] = [
        None, True, 1, "1", 1.5, "", [], [[]], {}, {"a": 1}, {"a": "1"}, {"a": None}, [1, 2], [2, 1], b"1", "null",
        Order(id="a"), Order(id="b"), Order(id="a", amount=1), Decimal("2.5"), {"x"}, {"x", "y"},
        Request("POST", "/a", body=b"x"), Request("PUT", "/a", body=b"x"), Request("POST", "/b", body=b"x"),
        Request("POST", "/a", body=b"y"), Request("POST", "/a", query_string="q", body=b"x"),
    ]  # fmt: skip
    assert len({digestible(value) for value in values}) == len(values)


def test_a_hash_is_the_same_in_every_process() -> None:
    program = (
        "from portable.idempotency_keys import digestible; from pydantic import BaseModel\n"
        "class M(BaseModel):\n    tags: set[str]\n    names: frozenset[str]\n"
        "print(digestible([M(tags=set('abcdefgh'), names=frozenset('stuvw')), {'x', 'y', 'z'}]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert json.loads(found.pop())


def test_a_signature_is_read_without_inspect() -> None:
    def function(a: int, b: int = 2, *, c: int, d: int = 4) -> None: ...

    found: Any = signature_of(function)
    assert found.names == ("a", "b", "c", "d")
    assert found.arguments((1,), {"c": 3}) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert found.arguments((1, 5), {"c": 3, "d": 6}) == {"a": 1, "b": 5, "c": 3, "d": 6}
    assert found.arguments((1,), {}) is None
    assert found.arguments((1, 2, 3), {"c": 3}) is None
    assert found.arguments((1,), {"c": 3, "e": 5}) is None
    assert signature_of(len) is None

    class Thing:
        def method(self, a: int) -> None: ...

    bound_method: Any = signature_of(Thing().method)
    assert bound_method.names == ("a",)
    assert bound_method.arguments((1,), {}) == {"a": 1}
