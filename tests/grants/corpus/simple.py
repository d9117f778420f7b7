"""Names, aliases, modules, arguments, containers."""

import functools
import importlib
from typing import Any

from . import store
from .expected import case
from .store import Note, by_name, files, helper, in_order, limit, n, notes, runs, save, space, verbs, words

keep = notes.put
pair: Any = (notes, words)
nested: dict[str, Any] = {"a": [words], "b": (runs,)}
grow = notes.put if __name__ else None


@case("notes.put")
def plain_call() -> None:
    notes.put(Note(id="1"))


@case("notes.get")
def module_attribute() -> None:
    store.notes.get("1")


@case("notes.put")
def verb_alias_of_another_module() -> None:
    save(Note(id="1"))


@case("notes.put")
def verb_alias_of_this_module() -> None:
    keep(Note(id="1"))


@case("notes.get")
def table_alias() -> None:
    n.get("1")


@case("notes.get", "words.put")
def local_aliases_in_order() -> None:
    table: Any = notes
    table.get("1")
    table = words
    table.put({"id": "1"})


@case("notes.get", "words.get")
def one_of_two() -> None:
    table: Any = notes if limit.name else words
    table.get("1")


@case("words.put")
def through_a_function() -> None:
    helper()


@case("words.put")
def through_a_function_of_a_module() -> None:
    store.helper()


def write(table: Any, item: Any) -> None:
    table.put(item)


def read(table: Any, key: str = "1") -> Any:
    return table.get(key)


@case("notes.put", "words.get")
def resource_as_argument() -> None:
    write(notes, Note(id="1"))
    read(words)


@case("notes.get", "words.put")
def resource_as_keyword() -> None:
    read(key="1", table=notes)
    write(item={"id": "1"}, table=words)


def default(table: Any = runs) -> Any:
    return table.get("1")


def keyword_default(*, table: Any = runs) -> None:
    table.put({"id": "1"})


@case("runs.get", "runs.put")
def default_arguments() -> None:
    default()
    keyword_default()


def both(*tables: Any, **more: Any) -> None:
    tables[0].get("1")
    more["other"].put({"id": "1"})


@case("notes.get", "runs.put")
def star_arguments() -> None:
    both(notes, other=runs)


@case("notes.get", "words.put")
def spread_arguments() -> None:
    arguments = (notes,)
    options = {"other": words}
    both(*arguments, **options)


@case("words.get")
def dictionary_of_tables() -> None:
    by_name["words"].get("1")


@case("notes.get", "words.get")
def dictionary_by_unknown_key() -> None:
    name = limit.name[:0] or "words"
    by_name["".join(name)].get("1")


@case("words.get")
def list_by_position() -> None:
    in_order[1].get("1")


@case("notes.scan", "words.scan")
def list_in_a_loop() -> None:
    table: Any
    for table in in_order:
        table.scan()


@case("words.get", "runs.get")
def nested_containers() -> None:
    nested["a"][0].get("1")
    nested["b"][0].get("1")


@case("notes.get", "words.put")
def unpacked() -> None:
    first, second = pair
    first.get("1")
    second.put({"id": "1"})


@case("words.put")
def dictionary_of_verbs() -> None:
    verbs["save"]({"id": "1"})


@case("words.get")
def partial_at_module_level() -> None:
    store.load_word()


@case("words.put")
def partial_made_here() -> None:
    functools.partial(words.put, {"id": "1"})()


@case("runs.get")
def partial_of_a_function() -> None:
    functools.partial(read, runs)(key="2")


@case("runs.put")
def simple_namespace() -> None:
    space.table.put({"id": "1"})


@case("notes.get", "words.get")
def comprehension() -> None:
    _ = [table.get("1") for table in (notes, words)]


@case("notes.get", "words.get")
def generator_expression() -> None:
    list(table.get("1") for table in in_order)  # noqa: C400


@case("notes.get", "words.get")
def dict_comprehension() -> None:
    found = {key: table.get("1") for key, table in by_name.items()}
    found.clear()


@case("notes.get", "runs.put")
def lambdas() -> None:
    look: Any = lambda key: notes.get(key)  # noqa: E731
    look("1")
    shout: Any = lambda table: table.put({"id": "1"})  # noqa: E731
    shout(runs)


@case("words.get", "words.put")
def two_lambdas_on_one_line() -> None:
    pairs = (lambda: words.get("1"), lambda: words.put({"id": "1"}))
    for call in pairs:
        call()


@case("words.get")
def map_of_a_verb() -> None:
    list(map(words.get, ["1", "2"]))


@case("words.get")
def sorted_by_a_function() -> None:
    sorted(["1", "2"], key=lambda key: str(words.get(key)))


@case("notes.get")
def getattr_with_a_constant() -> None:
    getattr(notes, "get")("1")  # noqa: B009


@case("words.get", "words.put")
def getattr_in_a_loop_of_constants() -> None:
    for verb, argument in (("put", {"id": "1"}), ("get", "1")):
        getattr(words, verb)(argument)


@case("words.get")
def getattr_of_a_module() -> None:
    getattr(store, "words").get("1")  # noqa: B009


@case("runs.get", "runs.put")
def imported_inside() -> None:
    from .late import Keeper, touch

    touch()
    Keeper().keep()


@case("runs.get")
def imported_by_name() -> None:
    importlib.import_module(".late", __package__).touch()


@case("notes.get")
def imported_with_another_name() -> None:
    from . import store as kept
    from .store import notes as table

    table.get("1")
    kept.notes.get("2")


@case("words.put", "words.get")
def walrus_and_conditions() -> None:
    kept: Any = words
    if (table := kept) and table.put({"id": "1"}):
        table.get("1")


def recursive(depth: int) -> None:
    if depth:
        words.put({"id": str(depth)})
        recursive(depth - 1)


def even(depth: int, table: Any) -> object:
    return odd(depth - 1, table) if depth else table.get("1")


def odd(depth: int, table: Any) -> object:
    return even(depth - 1, table) if depth else table.scan()


@case("words.put", "runs.get", "runs.scan")
def recursion() -> None:
    recursive(3)
    even(4, runs)


@case("files.put", "files.get", "files.list", "files.delete")
def try_and_finally() -> None:
    try:
        files.put("a", b"1")
    except ValueError:
        files.list()
    else:
        files.get("a")
    finally:
        files.delete("a")


# `files.list` above is on a way that no run takes: it is granted, and rightly so.
