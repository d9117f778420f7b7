"""Coroutines, tasks, asynchronous generators, and what is sent into generators."""
# mypy: ignore-errors

import asyncio
import contextlib

from .base import exact, look, t


async def alook(*a):
    look()


@exact
async def gather():
    await asyncio.gather(alook(), alook())


@exact
async def gather_star():
    await asyncio.gather(*[alook() for _ in range(2)])


@exact
async def taskgroup():
    async with asyncio.TaskGroup() as g:
        g.create_task(alook())


@exact
async def create_task():
    await asyncio.create_task(alook())


@exact
async def to_thread():
    await asyncio.to_thread(look, 1)


@exact
async def to_thread_verb():
    await asyncio.to_thread(t.get, "1")


@exact
async def run_in_executor():
    await asyncio.get_running_loop().run_in_executor(None, look)


@exact
async def wait_for():
    await asyncio.wait_for(alook(), 1)


@exact
async def aswait():
    await asyncio.wait([asyncio.ensure_future(alook())])


@exact
async def as_completed():
    for f in asyncio.as_completed([alook()]):
        await f


@exact
async def call_soon():
    asyncio.get_running_loop().call_soon(look)
    await asyncio.sleep(0.01)


@exact
async def add_done():
    x = asyncio.ensure_future(asyncio.sleep(0))
    x.add_done_callback(look)
    await x
    await asyncio.sleep(0.01)


@exact
async def agen():
    async def g():
        look()
        yield 1

    async for x in g():
        pass


@exact
async def agen_comp():
    async def g():
        look()
        yield 1

    [x async for x in g()]


@exact
async def agen_send():
    async def g():
        f = yield 1
        f.get("1")

    a = g()
    await a.asend(None)
    try:
        await a.asend(t)
    except StopAsyncIteration:
        pass


@exact(
    verbs=(
        "get",
        "scan",
    )
)
async def acm():
    @contextlib.asynccontextmanager
    async def m():
        look()
        yield t

    async with m() as x:
        x.scan()


@exact
async def aexitstack():
    async with contextlib.AsyncExitStack() as s:
        s.push_async_callback(alook)


@exact
async def anextt():
    async def g():
        yield t

    (await anext(g())).get("1")


@exact
async def semaphore():
    async with asyncio.Semaphore(1):
        await alook()


@exact
async def aqueue():
    q = asyncio.Queue()
    await q.put(t)
    (await q.get()).get("1")


@exact
async def future_result():
    f = asyncio.get_running_loop().create_future()
    f.set_result(t)
    (await f).get("1")


@exact
async def timeout():
    async with asyncio.timeout(1):
        await alook()


@exact
async def shield():
    await asyncio.shield(alook())


@exact
async def runcoro():
    c = alook()
    try:
        c.send(None)
    except StopIteration:
        pass


def rec():
    while True:
        x = yield
        if x is not None:
            x("1")


@exact
def gen_send():
    g = rec()
    next(g)
    g.send(t.get)


@exact
def gen_send_tbl():
    def r():
        x = yield
        x.get("1")
        yield

    g = r()
    g.send(None)
    g.send(t)


@exact
def gen_throw():
    def g():
        try:
            yield
        except E as e:
            e.f("1")
        yield

    x = g()
    next(x)
    x.throw(E(t.get))


class E(Exception):
    def __init__(self, f):
        self.f = f


@exact
def gen_close():
    def g():
        try:
            yield
        finally:
            look()

    x = g()
    next(x)
    x.close()


@exact
def yield_from_ret():
    def a():
        yield 1
        return t

    def b():
        (yield from a()).get("1")

    list(b())


@exact
def yield_from_send():
    def a():
        x = yield
        x.get("1")
        yield

    def b():
        yield from a()

    g = b()
    next(g)
    g.send(t)
