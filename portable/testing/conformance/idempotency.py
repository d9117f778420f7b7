"""`@idempotent`: once per key, through requests and deliveries, failures, concurrent duplicates and time.

What its results may be is in idempotency_results.py.
"""

import contextvars
import json
import threading
from collections.abc import Callable
from operator import attrgetter

import pytest

from portable.app import App
from portable.buckets import ObjectEvent
from portable.context import Context
from portable.errors import Conflict, InvalidArgument
from portable.http import Request
from portable.idempotency import idempotent

from .harness import Harness
from .idempotency_results import IdempotentResultConformance, Order, Receipt, post


def named(*, order: Order) -> str:
    return order.id


def defaulted(order: Order, suffix: str = "x") -> str:
    return order.id + suffix


def of_two(order: Order, context: Context) -> str:
    return order.id + context.kind


def otherwise_named(anything: Order) -> str:
    return anything.id


def a_tuple(order: Order) -> tuple[str, int]:
    return order.id, 1


def a_model(order: Order) -> Order:
    return order


KEYS: list[str | Callable[..., object]] = [
    "{order.id}",
    "order/{order.id}/{order.amount}",
    named,
    defaulted,
    of_two,
    otherwise_named,
    a_tuple,
    a_model,
    attrgetter("id"),
]


class IdempotencyConformance(IdempotentResultConformance):
    """The body runs once per key; what it answered is answered again."""

    def test_a_repeated_request_is_answered_without_running_again(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> Receipt:
            runs.append(order.id)
            return Receipt(order=order.id, number=len(runs))

        with harness.running(app) as running:
            first = post(running, "/orders", {"id": "a"})
            assert first.status == 200, first.body
            for _ in range(3):
                again = post(running, "/orders", {"id": "a"})
                assert (again.status, again.body) == (200, first.body)
            other = post(running, "/orders", {"id": "b"})
            assert json.loads(other.body)["number"] == 2
            assert runs == ["a", "b"]

    def test_the_same_key_with_other_arguments_is_refused(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[int] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> int:
            runs.append(order.amount)
            return order.amount

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a", "amount": 1}).body == b"1"
            refused = post(running, "/orders", {"id": "a", "amount": 2})
            assert refused.status == 422
            assert json.loads(refused.body)["code"] == "P1001"
            assert post(running, "/orders", {"amount": 1, "id": "a"}).body == b"1"
            assert runs == [1]

    def test_a_handler_that_raised_runs_again(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> int:
            runs.append(order.id)
            if len(runs) < 3:
                raise Conflict("not yet")
            return len(runs)

        with harness.running(app) as running:
            assert [post(running, "/orders", {"id": "a"}).status for _ in range(5)] == [
                409,
                409,
                200,
                200,
                200,
            ]
            assert post(running, "/orders", {"id": "a"}).body == b"3"
            assert runs == ["a"] * 3

    def test_after_a_failure_other_arguments_may_come(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> int:
            if order.amount < 0:
                raise InvalidArgument("a negative amount")
            return order.amount

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a", "amount": -1}).status == 422
            assert post(running, "/orders", {"id": "a", "amount": 1}).body == b"1"

    def test_a_task_delivered_twice_runs_once(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.task()
        @idempotent("{order.id}")
        def charge(order: Order) -> int:
            runs.append(order.id)
            return len(runs)

        with harness.running(app) as running:
            charge.send(Order(id="a"))
            running.drain()
            assert runs == ["a"]
            for _ in range(3):
                assert running.redeliver("charge") >= 1
                running.drain()
            assert runs == ["a"]
            charge.send(Order(id="a"))
            charge.send(Order(id="b"))
            running.drain()
            assert runs == ["a", "b"]
            assert running.dead_letters("charge") == []

    def test_a_failing_task_is_tried_again_and_then_runs_no_more(self, harness: Harness) -> None:
        app = App("conformance")
        attempts: list[int] = []

        @app.task(max_attempts=5)
        @idempotent("{order.id}")
        def charge(order: Order, context: Context) -> None:
            attempts.append(context.attempt)
            if context.attempt < 3:
                raise ValueError(f"not yet {order.id}")

        with harness.running(app) as running:
            charge.send(Order(id="a"))
            for _ in range(6):
                running.drain()
                running.advance(301)
            running.drain()
            assert attempts == [1, 2, 3]
            assert running.redeliver("charge") >= 1
            running.drain()
            assert attempts == [1, 2, 3]

    def test_a_bucket_event_delivered_twice_is_handled_once(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        runs: list[str] = []

        @files.on_created
        @idempotent("{event.key}@{event.version}")
        def received(event: ObjectEvent) -> None:
            runs.append(event.version)

        with harness.running(app) as running:
            one = files.put("a", b"1").version
            running.drain()
            assert running.redeliver("received") >= 1
            running.drain()
            two = files.put("a", b"1").version
            running.drain()
            assert runs == [one, two]

    def test_an_async_handler_runs_once(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        async def create(order: Order) -> Receipt:
            runs.append(order.id)
            if order.amount < 0:
                raise Conflict("no")
            return Receipt(order=order.id, number=len(runs))

        with harness.running(app) as running:
            first = post(running, "/orders", {"id": "a"})
            assert first.status == 200, first.body
            assert post(running, "/orders", {"id": "a"}).body == first.body
            assert post(running, "/orders", {"id": "b", "amount": -1}).status == 409
            assert post(running, "/orders", {"id": "b", "amount": 1}).status == 200
            assert runs == ["a", "b", "b"]

    def test_a_key_may_come_from_the_request(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        def idempotency_key(request: Request) -> str:
            return request.headers["idempotency-key"]

        @app.post("/orders")
        @idempotent(idempotency_key)
        def create(order: Order, request: Request) -> int:
            runs.append(order.id + request.method)
            return len(runs)

        with harness.running(app) as running:
            bodies = [
                post(running, "/orders", {"id": "a"}, idempotency_key=key).body
                for key in ("key-1", "key-1", "key-2", "key-1")
            ]
            assert bodies == [b"1", b"1", b"2", b"1"]
            assert post(running, "/orders", {"id": "b"}, idempotency_key="key-1").status == 422
            assert runs == ["aPOST", "aPOST"]

    @pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
    def test_a_key_is_a_template_or_a_function_of_the_arguments(
        self, harness: Harness, key: str | Callable[..., object]
    ) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.task()
        @idempotent(key)
        def charge(order: Order, context: Context) -> None:
            runs.append(order.id + context.kind)

        with harness.running(app) as running:
            for name in ("a", "b", "a", "b"):
                charge.send(Order(id=name))
                running.drain()
        assert sorted(runs) == ["atask", "btask"]

    @pytest.mark.parametrize("empty", ["", None], ids=repr)
    def test_an_empty_key_is_refused(self, harness: Harness, empty: str | None) -> None:
        app = App("conformance")

        def nothing(order: Order) -> str | None:
            return order.id if order.amount else empty

        runs: list[str] = []

        @app.post("/orders")
        @idempotent(nothing)
        def create(order: Order) -> None:
            runs.append(order.id)

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a"}).status == 422
            assert runs == []

    def test_keys_of_different_functions_are_apart(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/one")
        @idempotent("{order.id}")
        def one(order: Order) -> str:
            runs.append(f"one {order.id}")
            return "one"

        @app.post("/two")
        @idempotent("{order.id}")
        def two(order: Order) -> str:
            runs.append(f"two {order.id}")
            return "two"

        with harness.running(app) as running:
            for _ in range(2):
                assert post(running, "/one", {"id": "a"}).body == b"one"
                assert post(running, "/two", {"id": "a"}).body == b"two"
        assert runs == ["one a", "two a"]

    def test_a_run_starts_without_records(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> int:
            runs.append(order.id)
            return len(runs)

        for number in (1, 2):
            with harness.running(app) as running:
                assert post(running, "/orders", {"id": "a"}).body == str(number).encode()

    # Time

    def test_a_result_is_kept_for_as_long_as_asked(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}", expires_in=600)
        def create(order: Order) -> int:
            runs.append(order.id)
            return len(runs)

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a"}).body == b"1"
            running.advance(590)
            assert post(running, "/orders", {"id": "a"}).body == b"1"
            running.advance(12)
            assert post(running, "/orders", {"id": "a", "amount": 5}).body == b"2"
            running.advance(590)
            assert post(running, "/orders", {"id": "a", "amount": 5}).body == b"2"

    def test_a_result_is_kept_for_a_week_unless_told(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/orders")
        @idempotent("{order.id}")
        def create(order: Order) -> int:
            runs.append(order.id)
            return len(runs)

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a"}).body == b"1"
            running.advance(7 * 86_400 - 60)
            assert post(running, "/orders", {"id": "a"}).body == b"1"
            running.advance(120)
            assert post(running, "/orders", {"id": "a"}).body == b"2"

    # Duplicates while one runs

    def test_a_duplicate_while_one_runs_is_a_conflict(self, harness: Harness) -> None:
        app = App("conformance")
        found: list[object] = []

        @idempotent("{order.id}")
        def charge(order: Order) -> str:
            try:
                found.append(charge(order))
            except Conflict as error:
                found.append(type(error))
            return "done"

        @app.post("/orders")
        def create(order: Order) -> str:
            return charge(order)

        with harness.running(app) as running:
            assert post(running, "/orders", {"id": "a"}).body == b"done"
            assert found == [Conflict]
            assert post(running, "/orders", {"id": "a"}).body == b"done"
            assert found == [Conflict]

    def test_of_many_at_once_one_runs(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []
        writers = 8

        @idempotent("{order.id}")
        def charge(order: Order) -> str:
            runs.append(order.id)
            return f"charged {order.id}"

        @app.post("/orders")
        def create(order: Order) -> list[str]:
            barrier = threading.Barrier(writers)
            found: list[str] = []

            def run() -> None:
                barrier.wait(20)
                try:
                    found.append(charge(order))
                except Conflict:
                    found.append("conflict")

            threads = [threading.Thread(target=contextvars.copy_context().run, args=(run,)) for _ in range(writers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            return found

        with harness.running(app) as running:
            for number in range(10):
                found = json.loads(post(running, "/orders", {"id": f"k{number}"}).body)
                assert len(found) == writers
                assert f"charged k{number}" in found
                assert set(found) <= {f"charged k{number}", "conflict"}
        assert runs == [f"k{number}" for number in range(10)]

    def test_a_call_that_outlives_its_deadline_is_taken_to_be_lost(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []
        later: list[Callable[[], None]] = []

        @idempotent("{order.id}")
        def charge(order: Order) -> str:
            runs.append(order.id)
            mine = f"run {len(runs)}"
            if later:
                later.pop()()
            return mine

        @app.post("/orders")
        def create(order: Order) -> str:
            return charge(order)

        with harness.running(app) as running:
            seen: list[bytes] = []

            def overtake() -> None:
                running.advance(901)
                seen.append(contextvars.Context().run(post, running, "/orders", {"id": "a"}).body)

            # The first call is still in its body when the second one, past its deadline, takes over and ends.
            later.append(overtake)
            assert post(running, "/orders", {"id": "a"}).body == b"run 1"
            assert seen == [b"run 2"]
            assert post(running, "/orders", {"id": "a"}).body == b"run 2"
            assert runs == ["a", "a"]

    # Outside

    def test_without_a_running_app_it_is_a_plain_call(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.task()
        @idempotent("{order.id}")
        def charge(order: Order) -> int:
            runs.append(order.id)
            return len(runs)

        assert [charge(Order(id="a")) for _ in range(3)] == [1, 2, 3]
        with harness.running(app):
            pass
        assert charge(Order(id="a")) == 4
