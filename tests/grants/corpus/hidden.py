"""Places where an analysis looks last: private names, frozen fields, getters, dispatch, joined containers."""

import contextlib
import contextvars
import dataclasses
import functools
import operator
import random
import threading
from collections import UserDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, Field, PrivateAttr

from portable import idempotent

from . import late as later
from . import store
from .expected import case
from .store import app, changed, notes, runs, words

T = TypeVar("T")


shelf: dict[str, Any] = {}


@case("runs.get")
def reads_what_a_later_handler_keeps() -> None:
    shelf["table"].get("1")


@case("runs.scan")
def keeps_for_an_earlier_handler() -> None:
    shelf["table"] = runs
    runs.scan()


@case("runs.get")
def reads_a_module_attribute() -> None:
    later.picked.get("1")  # type: ignore[attr-defined]


@case("runs.scan")
def fills_a_module_attribute() -> None:
    later.picked = runs  # type: ignore[attr-defined]
    runs.scan()


class Slot:
    table: Any = None


@case("runs.get")
def reads_a_class_attribute() -> None:
    Slot().table.get("1")


@case("runs.scan")
def fills_a_class_attribute() -> None:
    Slot.table = runs
    runs.scan()


def remembering() -> tuple[Callable[[], None], Callable[[], Any]]:
    table: Any = None

    def fill() -> None:
        nonlocal table
        table = runs

    def look() -> Any:
        return table.get("1")

    return fill, look


remember, recall = remembering()


@case("runs.get")
def reads_a_variable_of_a_closure() -> None:
    recall()


@case("runs.scan")
def fills_a_variable_of_a_closure() -> None:
    remember()
    runs.scan()


picked: Any = None


@case("runs.get")
def reads_a_global_variable() -> None:
    picked.get("1")


@case("runs.scan")
def fills_a_global_variable() -> None:
    global picked
    picked = runs
    runs.scan()


local = threading.local()


@case("runs.get")
def reads_a_thread_local() -> None:
    local.table.get("1")


@case("runs.scan")
def fills_a_thread_local() -> None:
    local.table = runs
    runs.scan()


def plain_look(holder: Any) -> Any:
    return holder.shown.get("1")


@case("words.scan", "runs.get")
def reads_through_a_function_that_names_nothing() -> None:
    box = Open()
    box.shown = runs  # type: ignore[attr-defined]
    plain_look(box)
    words.scan()


@idempotent("{id}")
def plain_once(id: str) -> str:
    return id


@case("state.idempotent")
def idempotent_function_that_uses_nothing_else() -> None:
    plain_once("1")


@case("state.idempotent")
def idempotent_function_in_threads() -> None:
    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(plain_once, str(number))) for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Private:
    def __init__(self, table: Any) -> None:
        self.__table = table

    def load(self) -> Any:
        return self.__read("1")

    def __read(self, key: str) -> Any:
        return self.__table.get(key)


private = Private(words)


@case("words.get", "runs.get")
def private_names() -> None:
    private.load()
    Private(runs).load()


class Pair(NamedTuple):
    first: Any
    second: Any


pairs = [Pair(notes, words)]


@case("runs.get", "words.scan")
def named_tuples() -> None:
    one, two = Pair(runs, words)
    one.get("1")
    two.scan()


@case("notes.get", "words.scan")
def live_named_tuples() -> None:
    for one, two in pairs:
        one.get("1")
        two.scan()
    pairs[0].first.get("2")


class Bag(dict[str, Any]):
    def add(self, name: str, table: Any) -> None:
        self[name] = table

    def __missing__(self, key: str) -> Any:
        return runs


bag = Bag(words=words)


@case("words.get", "runs.get")
def a_class_built_on_a_dict() -> None:
    bag["words"].get("1")
    bag["x"].get("1")


@case("notes.scan", "runs.scan")
def a_dict_of_ones_own_filled_here() -> None:
    mine = Bag()
    mine.add("a", notes)
    mine["a"].scan()
    mine["b"].scan()


class Index(UserDict[str, Any]):
    pass


@case("words.scan")
def a_user_dict() -> None:
    index = Index()
    index["w"] = words
    index["w"].scan()


@dataclasses.dataclass(frozen=True)
class Frozen:
    name: str
    table: Any = dataclasses.field(default_factory=lambda: runs)
    other: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "other", words)


@case("runs.get", "words.get")
def frozen_dataclass() -> None:
    frozen = Frozen("a")
    frozen.table.get("1")
    frozen.other.get("1")


class Model(BaseModel):
    id: str = "1"
    key: Callable[[], Any] = Field(default_factory=lambda: read_words)
    _hidden: Any = PrivateAttr(default_factory=lambda: runs)

    def load(self) -> Any:
        return self._hidden.get(self.id)


def read_words() -> Any:
    return words.get("1")


@case("runs.get", "words.get")
def model_with_factories() -> None:
    model = Model()
    model.load()
    model.key()


get_word = operator.methodcaller("get", "1")
table_of = operator.attrgetter("words")
second = operator.itemgetter(1)


@case("words.get", "runs.scan", "notes.scan")
def getters() -> None:
    get_word(words)
    operator.methodcaller("scan")(runs)
    second((words, notes)).scan()


@case("words.scan", "notes.get")
def attribute_getters() -> None:
    table_of(store).scan()
    operator.attrgetter("notes.get")(store)("1")


@functools.singledispatch
def save(item: object) -> None:
    raise NotImplementedError


@save.register
def _(item: dict) -> None:  # type: ignore[type-arg]
    words.put(item)


@save.register
def _(item: str) -> None:
    runs.put({"id": item})


class Saver:
    @functools.singledispatchmethod
    def save(self, item: object) -> None:
        raise NotImplementedError

    @save.register
    def _(self, item: str) -> None:
        words.put({"id": item})

    by_partial = functools.partialmethod(lambda self, table, key: table.get(key), runs)


@case("words.put", "runs.put")
def single_dispatch() -> None:
    save({"id": "1"})
    save("1")


@case("words.put")
def single_dispatch_method() -> None:
    Saver().save("1")


@case("runs.get")
def partial_method() -> None:
    Saver().by_partial("1")


class Old:
    table: Any = words

    def run(self) -> Any:
        return self.table.get("1")


class New(Old):
    def run(self) -> Any:
        return super(New, self).run()  # noqa: UP008


@case("words.get")
def super_with_arguments() -> None:
    New().run()


class Holder(Generic[T]):
    def __init__(self, table: T) -> None:
        self.table = table


Words = Holder[Any]


@case("words.get", "runs.get")
def generic_classes() -> None:
    Words(words).table.get("1")
    Holder[Any](runs).table.get("1")


class Meta(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        runs.put({"id": cls.__name__})
        return super().__call__(*args, **kwargs)


class Made(metaclass=Meta):
    pass


@case("runs.put")
def metaclass() -> None:
    Made()


class Deleted:
    def __del__(self) -> None:
        words.delete("1")


@case("words.delete")
def finalizer() -> None:
    gone = Deleted()
    del gone


@case("notes.get", "words.get")
def reversed_list() -> None:
    tables: list[Any] = [notes, words]
    tables.reverse()
    tables[0].get("1")


@case("notes.get", "words.get")
def shuffled_list() -> None:
    tables: list[Any] = [notes, words]
    random.shuffle(tables)
    tables[0].get("1")


@case("notes.get", "words.get")
def deleted_element() -> None:
    tables: list[Any] = [notes, words]
    del tables[0]
    tables[0].get("1")


@case("notes.get", "words.get", "runs.get")
def sliced_and_joined() -> None:
    tables: list[Any] = [notes, words]
    tables[1:][0].get("1")
    both: list[Any] = [notes, *tables] + [runs]  # noqa: RUF005
    both[3].get("1")


@case("words.get", "runs.scan", "notes.scan")
def dict_made_of_pairs() -> None:
    made = dict(zip(["a", "b"], [words, words], strict=True))
    made["a"].get("1")
    more: dict[str, Any] = {}
    more.update([("x", runs)])
    more["x"].scan()
    dict([("n", notes)])["n"].scan()  # noqa: C406


@case("words.get", "runs.get")
def sorted_pairs() -> None:
    for _, table in sorted({"w": words, "r": runs}.items()):
        table.get("1")


@case("words.get")
def popped_item() -> None:
    _, table = {"w": words}.popitem()
    table.get("1")


@case("words.get", "notes.scan")
def zipped_with_star() -> None:
    rows: list[Any] = [(words, notes)]
    for table, other in zip(*[[row[0] for row in rows], [row[1] for row in rows]], strict=True):
        table.get("1")
        other.scan()


@case("words.get", "notes.scan")
def enumerated_and_queued() -> None:
    queue: deque[Any] = deque()
    queue.append(words)
    queue.popleft().get("1")
    for _, table in enumerate([notes]):
        table.scan()


@case("words.get", "words.scan")
def defaultdict_of_functions() -> None:
    made: defaultdict[str, Any] = defaultdict(lambda: words)
    made["x"].get("1")
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    grouped["x"].append(words)
    grouped["x"][0].scan()


@case("words.get")
def local_names() -> None:
    table = words
    locals()["table"].get("1")
    del table


@case("runs.get")
def attribute_set_on_a_module() -> None:
    later.chosen = runs  # type: ignore[attr-defined]
    later.chosen.get("1")  # type: ignore[attr-defined]


class Open:
    table: Any


@case("words.get", "runs.get")
def attributes_by_dict_and_setattr() -> None:
    one, two = Open(), Open()
    one.__dict__["table"] = words
    one.table.get("1")
    setattr(two, "ta" + "ble", runs)
    two.table.get("1")


@case("words.get", "runs.get", "notes.get")
def matched_by_class() -> None:
    subject: Any = Pair(words, runs)
    match subject:
        case Pair(first, second=other):
            first.get("1")
            other.get("1")
    match pairs[0]:
        case Pair(first=table):
            table.get("1")


@case("words.get")
def a_long_chain_in_a_loop() -> None:
    a = b = c = d = e = f = g = None  # type: Any
    for _ in range(8):
        if a is not None:
            a.get("1")
        a, b, c, d, e, f, g = b, c, d, e, f, g, words


@case("words.put", "words.delete", "words.get")
def exit_stack() -> None:
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(opened(words))
        table.get("1")


@contextlib.contextmanager
def opened(table: Any) -> Iterator[Any]:
    table.put({"id": "lock"})
    yield table
    table.delete("lock")


@case("words.get")
def while_and_break() -> None:
    table: Any = None
    while True:
        if table is not None:
            break
        table = words
    table.get("1")


@case("notes.get", "words.get")
def set_operations() -> None:
    first: dict[str, Any] = {"n": notes}
    merged = first | {"w": words}
    merged["n"].get("1")
    merged["w"].get("1")


@app.task
def with_model(note: store.Note) -> None:
    note.archive()


@changed.subscribe
def with_event(event: Any) -> None:
    runs.put({"id": "event"})
