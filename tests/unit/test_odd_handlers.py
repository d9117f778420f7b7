"""Handlers that do what nobody expects: each costs its own call, and nothing else."""

import asyncio
import concurrent.futures
import contextvars
import json
import logging
from collections.abc import Generator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from portable import App, Conflict, Context, InvalidArgument, LimitExceeded, NotFound, Request, Response
from portable.dispatch import Dispatcher
from portable.errors import text_of
from portable.testing import running


class Mute(Exception):
    """One that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Wordless(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class Stop(BaseException):
    """Not an Exception, so that a plain handler of those does not see it."""


ODD: list[BaseException] = [
    Mute(),
    Wordless(),
    Stop("now"),
    GeneratorExit(),
    SystemExit(3),
    StopIteration(1),
    asyncio.CancelledError(),
    ExceptionGroup("two", [ValueError("\ud800"), Mute()]),
    ValueError("\ud800\x1b[31m\x00"),
    RecursionError(),
]


@pytest.fixture(autouse=True)
def unlogged() -> Generator[None, None, None]:
    """What these handlers raise is no text that a report of tests could carry."""
    logging.getLogger("portable.http").disabled = True
    yield
    logging.getLogger("portable.http").disabled = False


def request(path: str, method: str = "GET") -> Request:
    return Request(method, path, body=b"")


def odd_app() -> App:
    app = App("odd")

    @app.get("/sync/{number}")
    def sync(number: int) -> str:
        raise ODD[number]

    @app.get("/async/{number}")
    async def asynchronous(number: int) -> str:
        await asyncio.sleep(0)
        raise ODD[number]

    @app.get("/fine")
    def fine() -> str:
        return "fine"

    return app


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("dev", [False, True], ids=["deployed", "dev"])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_whatever_a_handler_raises_is_a_500_and_the_next_call_is_fine(kind: str, dev: bool) -> None:
    dispatcher = Dispatcher(odd_app(), dev=dev)
    for number, error in enumerate(ODD):
        answer = dispatcher.http(request(f"/{kind}/{number}"))
        assert answer.status == 500, type(error)
        document = json.loads(answer.body)
        assert document["request_id"]
        assert ("detail" in document) == dev
        assert dispatcher.http(request("/fine")).status == 200
    dispatcher.close()


def test_whatever_a_handler_raises_on_a_servers_loop_is_a_500_too() -> None:
    dispatcher = Dispatcher(odd_app())

    async def answers() -> list[int]:
        found: list[int] = []
        for number in range(len(ODD)):
            for kind in ("sync", "async"):
                answer = await dispatcher.http_async(request(f"/{kind}/{number}"), asyncio.to_thread)
                found.append(answer.status)
        return found

    assert asyncio.run(answers()) == [500] * (2 * len(ODD))


def test_a_call_that_the_server_cancels_is_cancelled() -> None:
    app = App("odd")
    begun = asyncio.Event()

    @app.get("/wait")
    async def wait() -> None:
        begun.set()
        await asyncio.sleep(3600)

    dispatcher = Dispatcher(app)

    async def cancelled() -> bool:
        call = asyncio.create_task(dispatcher.http_async(request("/wait"), asyncio.to_thread))
        await begun.wait()
        call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            return True
        return False

    assert asyncio.run(cancelled())


def test_the_text_of_an_error_is_there_whatever_its_str_does() -> None:
    assert text_of(Mute()) == "(its __str__ raised RuntimeError)"
    assert text_of(Wordless()) == "(its __str__ raised TypeError)"
    assert text_of(ValueError("plain")) == "plain"


def test_resources_are_used_from_threads_and_from_many_coroutines_at_once() -> None:
    app = App("odd")
    table = app.table("things")

    @app.post("/threads")
    def threads() -> int:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return len(list(pool.map(lambda number: table.put({"id": f"t{number}"}), range(20))))

    @app.post("/gather")
    async def gather() -> int:
        async def put(number: int) -> str:
            await asyncio.sleep(0)
            return table.put({"id": f"g{number}"})

        in_threads = [asyncio.to_thread(table.put, {"id": f"a{number}"}) for number in range(20)]
        return len(await asyncio.gather(*[put(number) for number in range(20)], *in_threads))

    with running(app) as started:
        assert started.request("POST", "/threads").body == b"20"
        assert started.request("POST", "/gather").body == b"40"
        assert len(table.scan(limit=1000).items) == 60


def test_a_middlewares_context_variables_are_those_of_its_handler_and_of_no_other_call() -> None:
    app = App("odd")
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    @app.middleware
    def signed_in(request: Request) -> Generator[None, Response, None]:
        token = user.set(request.query.get("user", ["nobody"])[0])
        yield
        user.reset(token)

    @app.get("/sync")
    def sync() -> str:
        return user.get()

    @app.get("/async")
    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return user.get()

    dispatcher = Dispatcher(app)

    async def ask(name: str) -> list[bytes]:
        calls = [
            dispatcher.http_async(Request("GET", path, query_string=f"user={name}"), asyncio.to_thread)
            for path in ("/sync", "/async")
        ]
        return [answer.body for answer in await asyncio.gather(*calls)]

    async def everybody() -> list[list[bytes]]:
        return list(await asyncio.gather(*[ask(f"user{number}") for number in range(20)]))

    assert asyncio.run(everybody()) == [[f"user{number}".encode()] * 2 for number in range(20)]
    assert user.get() == "nobody"


def test_a_models_aliases_are_the_same_wherever_it_stands_in_an_answer() -> None:
    class Order(BaseModel):
        order_id: str = Field(alias="orderId")

    app = App("odd")
    order = Order(orderId="NaN")
    answers: dict[str, Any] = {"alone": order, "listed": [order], "named": {"order": order}, "paired": (order, 200)}

    @app.get("/{which}")
    def read(which: str) -> Any:
        return answers[which]

    dispatcher = Dispatcher(app)
    texts = {which: dispatcher.http(request(f"/{which}")).body for which in answers}
    one = b'{"orderId":"NaN"}'
    assert texts == {"alone": one, "listed": b"[" + one + b"]", "named": b'{"order":' + one + b"}", "paired": one}


def test_a_delay_of_any_size_is_refused_by_its_limit() -> None:
    app = App("odd")

    @app.task()
    def work() -> None: ...

    with running(app):
        for delay in (604_801, 1e300, float("inf"), 10**400):
            with pytest.raises(LimitExceeded, match="task_delay_seconds"):
                work.send(delay=delay)


def test_a_note_of_progress_is_a_short_text() -> None:
    app = App("odd")
    refused: list[str] = []

    @app.task(max_attempts=1)
    def work(context: Context) -> None:
        notes: list[Any] = [3, b"x", "x" * 1001]
        for note in notes:
            try:
                context.progress(0.5, note)
            except InvalidArgument as error:
                refused.append(error.message)
        context.progress(0.25, "x" * 1000)

    with running(app) as started:
        run = work.send()
        started.drain()
        assert run.status() == "succeeded"
        assert run.progress == 0.25
    assert len(refused) == 3


def test_an_error_says_once_of_what_it_is() -> None:
    app = App("odd")
    table, secret = app.table("things"), app.secret("key")
    with running(app):
        table.put({"id": "a"})
        with pytest.raises(Conflict) as caught:
            table.put({"id": "a"}, if_absent=True)
        assert caught.value.message == "table 'things', 'a': it exists already"
        assert (caught.value.resource, caught.value.key) == ("table:things", "a")
        with pytest.raises(NotFound) as unset:
            secret.get()
        assert unset.value.message == "secret 'key' is not set"
        assert unset.value.resource == "secret:key"
