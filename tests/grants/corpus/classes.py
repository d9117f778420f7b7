"""Classes, instances, closures, decorators, generators, async, and other ways to hide a call."""

import asyncio
import contextlib
import contextvars
import dataclasses
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from portable import Context, idempotent
from portable.dead_letters import dead_letters

from . import store
from .expected import case
from .store import Note, app, changed, files, limit, notes, runs, words


class Repository:
    def __init__(self, table: Any) -> None:
        self.table = table

    def save(self, item: Any) -> None:
        self.table.put(item)

    def load(self, key: str) -> Any:
        return self.table.get(key)

    @property
    def first(self) -> Any:
        return self.load("1")

    @functools.cached_property
    def second(self) -> Any:
        return self.table.get_entry("1")

    @classmethod
    def of_runs(cls) -> "Repository":
        return cls(runs)

    @staticmethod
    def clean() -> None:
        runs.delete("1")

    def __call__(self, key: str) -> None:
        self.table.delete(key)

    def __getitem__(self, key: str) -> Any:
        return self.table.require(key)

    def __enter__(self) -> "Repository":  # noqa: PYI034
        self.table.put({"id": "lock"})
        return self

    def __exit__(self, *_: object) -> None:
        self.table.delete("lock")

    def __iter__(self) -> Iterator[Any]:
        yield from self.table.scan().items

    def __contains__(self, key: str) -> bool:
        return self.table.get(key) is not None

    def __add__(self, item: Any) -> "Repository":
        self.table.batch_write([item])
        return self


shared = Repository(words)


@case("words.put", "words.get")
def instance_at_module_level() -> None:
    shared.save({"id": "1"})
    shared.load("1")


@case("notes.get", "runs.put")
def instances_made_here() -> None:
    Repository(notes).load("1")
    Repository(runs).save({"id": "1"})


@case("words.get")
def property_of_an_instance() -> None:
    _ = shared.first


@case("runs.get_entry")
def cached_property_of_an_instance() -> None:
    _ = Repository(runs).second


@case("runs.put", "runs.delete")
def class_and_static_methods() -> None:
    Repository.of_runs().save({"id": "1"})
    Repository.clean()


@case("words.put", "words.delete", "words.require", "words.get", "words.batch_write", "words.scan")
def special_methods() -> None:
    with shared as inside:
        _ = inside["lock"]
        _ = "x" in inside
        _ = inside + {"id": "2"}
    for _ in shared:
        break
    shared("2")


@case("words.get")
def bound_method_alias() -> None:
    load = shared.load
    load("1")


class Base:
    table: Any = words

    def run(self) -> None:
        self.step()

    def step(self) -> None:
        raise NotImplementedError


class Child(Base):
    def __init__(self) -> None:
        super().__init__()
        self.table.get("1")

    def step(self) -> None:
        self.table.put({"id": "1"})


class Grandchild(Child):
    def step(self) -> None:
        super().step()
        runs.put({"id": "1"})


@case("words.get", "words.put", "runs.put")
def inheritance_and_super() -> None:
    Grandchild().run()


@dataclasses.dataclass
class Settings:
    table: Any
    name: str = "1"

    def load(self) -> Any:
        return self.table.get(self.name)


@case("runs.get")
def dataclass_with_a_table() -> None:
    Settings(runs).load()


class Lazy:
    def __getattr__(self, name: str) -> Any:
        return lambda key: words.get(key)


@case("words.get")
def dynamic_attributes() -> None:
    Lazy().anything("1")


class Field:
    def __get__(self, instance: object, owner: object) -> Any:
        return runs.get("1")


class WithField:
    field = Field()


@case("runs.get")
def descriptor() -> None:
    _ = WithField().field


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        runs.increment("count", field="n")
        return function(*args, **kwargs)

    return wrapper


def with_table(table: Any) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            return function(table, *args)

        return wrapper

    return decorate


@counted
def decorated() -> None:
    words.put({"id": "1"})


@with_table(words)
def given(table: Any, key: str) -> Any:
    return table.get(key)


@functools.lru_cache
def cached(key: str) -> Any:
    return notes.get(key)


@contextlib.contextmanager
def locked(table: Any) -> Iterator[Any]:
    table.put({"id": "lock"})
    yield table
    table.delete("lock")


@case("runs.increment", "words.put", fails=True)
def a_decorator_of_the_app() -> None:
    runs_missing = decorated
    runs_missing()


@case("words.get")
def a_decorator_with_arguments() -> None:
    given("1")


@case("notes.get")
def a_cache() -> None:
    cached.cache_clear()
    cached("1")


@case("runs.put", "runs.get", "runs.delete")
def a_context_manager() -> None:
    with locked(runs) as table:
        table.get("1")


@case("words.get", "notes.scan")
def closures() -> None:
    def maker(table: Any) -> Callable[[], Any]:
        def inner() -> Any:
            return table.get("1")

        return inner

    maker(words)()

    def later() -> Any:
        return chosen.scan()

    chosen = notes
    later()


@case("runs.put")
def nonlocal_variables() -> None:
    table: Any = None

    def choose() -> None:
        nonlocal table
        table = runs

    choose()
    table.put({"id": "1"})


def all_items(table: Any) -> Iterator[Any]:
    yield table
    yield from table.scan().items


@case("words.scan", "words.get")
def generators() -> None:
    for item in all_items(words):
        if item is words:
            item.get("1")


async def fetch(table: Any) -> Any:
    return table.get("1")


async def pages(table: Any) -> AsyncIterator[Any]:
    yield table.scan().items


@case("words.get", "runs.scan", "notes.get", "files.get")
async def asynchronous() -> None:
    await fetch(words)
    async for _ in pages(runs):
        break
    await asyncio.gather(fetch(notes), asyncio.to_thread(files.get, "a"))


@case("words.put", "runs.get", "notes.get")
def threads() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, words.put, {"id": "1"}).result()
        pool.submit(contextvars.copy_context().run, shared_read, runs).result()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(notes.get, "1"))
    thread.start()
    thread.join()


def shared_read(table: Any) -> Any:
    return table.get("1")


current: contextvars.ContextVar[Any] = contextvars.ContextVar("current", default=None)


@case("runs.get")
def context_variable() -> None:
    token = current.set(runs)
    current.get().get("1")
    current.reset(token)


@case("words.put", "words.get", "notes.put", "notes.get", "notes.require")
def methods_of_models() -> None:
    notes.put(Note(id="1"))
    note = notes.require("1")
    note.archive()
    found = notes.get("1")
    if found is not None:
        _ = found.related


registry: dict[str, Any] = {}


def register(name: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        registry[name] = function
        return function

    return keep


@register("load")
def registered_load() -> Any:
    return words.get("1")


@register("store")
def registered_store() -> Any:
    return runs.put({"id": "1"})


@case("words.get")
def registered_functions() -> None:
    registry["load"]()


@case("words.get", "runs.put")
def all_registered_functions() -> None:
    for function in registry.values():
        function()


slot: list[Any] = []


@case("runs.scan")
def kept_in_a_container_by_one_handler() -> None:
    slot.append(runs)
    slot[-1].scan()


@case("runs.get")
def used_from_the_container_by_another() -> None:
    slot.append(runs)
    slot[0].get("1")


def set_global() -> None:
    global chosen_table
    chosen_table = words


chosen_table: Any = None


@case("words.get")
def global_variable() -> None:
    set_global()
    chosen_table.get("1")


@app.task
def work(payload: dict[str, Any]) -> None:
    runs.put({"id": payload["id"]})


@changed.subscribe
def seen(event: dict[str, Any]) -> None:
    words.put({"id": event["id"]})


@case("work.send", "work.run")
def task_send_and_status() -> None:
    run = work.send({"id": "1"})
    run.status()


@case("runs.put")
def task_called_plainly() -> None:
    work({"id": "1"})


@case("work.dead_letters")
def task_dead_letters() -> None:
    work.dead_letters()


@case("changed.publish")
def topic_publish() -> None:
    changed.publish({"id": "1"})


@case("changed.dead_letters")
def topic_dead_letters() -> None:
    changed.dead_letters(seen)


@case("dead-letters:seen.dead_letters")
def letters_of_a_handler() -> None:
    dead_letters(app, seen).list()


@case("limit.get")
def params() -> None:
    limit.get()


@case("notes.transact")
def transactions() -> None:
    notes.transact([notes.putting(Note(id="1"))])


def change(note: Note) -> Note:
    words.get("inside")
    return note


@case("notes.put", "notes.update", "words.get")
def function_given_to_a_verb() -> None:
    notes.put(Note(id="1"))
    notes.update("1", change=change)


def chunks() -> Iterator[bytes]:
    yield files.require("a")


@case("files.put", "files.require")
def generator_given_to_a_verb() -> None:
    files.put("a", b"1")
    files.put("b", chunks())


@idempotent("{id}")
def once(id: str) -> str:
    return words.put({"id": id})


@case("state.idempotent", "words.put")
def idempotent_function() -> None:
    once("1")


@case("words.get")
def local_class() -> None:
    class Inner:
        def __init__(self, table: Any) -> None:
            self.table = table

        def load(self) -> Any:
            return self.table.get("1")

    Inner(words).load()


@case("runs.get", "words.get")
def match_statement() -> None:
    for subject in ({"table": runs}, [words]):
        match subject:
            case {"table": table}:
                table.get("1")
            case [table]:
                table.get("1")


class Failure(Exception):
    def __init__(self, table: Any) -> None:
        super().__init__("failed")
        self.table = table


@case("runs.get")
def carried_by_an_exception() -> None:
    try:
        raise Failure(runs)
    except Failure as failure:
        failure.table.get("1")


@case("notes.get")
def handler_with_a_context(context: Context) -> None:
    _ = context.remaining
    store.notes.get("1")


def middle(request: Any) -> Any:
    response = yield
    return response
