"""Tables without a provider: declarations, keys, models, cursors, changes, and that bad input meets no driver."""

import enum
import json
import random
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional

import pytest
import typing_extensions
from pydantic import AwareDatetime, BaseModel, Field

from portable.app import App
from portable.binding import Binding
from portable.capabilities import load_profile
from portable.changes import ChangeCodec, change_body
from portable.documents import encode
from portable.drivers import (
    Condition,
    DeleteAction,
    IndexValue,
    NewItem,
    PutAction,
    SortCondition,
    StoredItem,
    StoredPage,
    WriteAction,
)
from portable.errors import Conflict, DeclarationError, InvalidArgument, LimitExceeded, Unknown
from portable.specs import IndexSpec, TableChange
from portable.table_keys import index_value, key_text, open_cursor, seal_cursor
from portable.table_models import ItemModel
from portable.tables import CONSTANT_SK, Change, Page, Table, between, eq, ge, prefix
from portable.testing.conformance.table_types import ODD_KEYS

PROFILE = load_profile()
UserId = NewType("UserId", str)


class Color(enum.Enum):
    RED = "red"


class Number(enum.Enum):
    ONE = 1


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Everything(BaseModel):
    text: str
    constrained: Annotated[str, Field(min_length=1)]
    user: UserId
    identity: uuid.UUID
    day: date
    color: Color
    literal: Literal["a", "b"]
    number: int
    number_enum: Number
    maybe_text: str | None = None
    maybe_number: Optional[int] = None  # noqa: UP045 - both spellings are used
    ratio: float = 0
    flag: bool = False
    price: Decimal = Decimal(0)
    at: datetime | None = None
    aware: AwareDatetime | None = None
    tags: list[str] = Field(default_factory=list[str])
    mixed: Mixed = Mixed.ONE
    either: int | str = 0


@dataclass
class Line:
    sku: str
    quantity: int = 1


def declare(model: Any, **options: Any) -> Table[Any]:
    return App("test").table("things", model, **options)


# Declarations


@pytest.mark.parametrize("field", ["text", "constrained", "user", "identity", "day", "color", "literal"])
def test_key_fields_are_str_uuid_date_or_enum(field: str) -> None:
    assert declare(Everything, key=field).spec.key == (field,)
    assert declare(Everything, key=("text" if field != "text" else "day", field)).spec.key[1] == field


@pytest.mark.parametrize(
    "field",
    [
        "number",
        "number_enum",
        "maybe_text",
        "ratio",
        "flag",
        "price",
        "at",
        "tags",
        "mixed",
        "either",
        "missing",
    ],
)
def test_other_key_fields_are_refused_with_the_place_of_the_declaration(field: str) -> None:
    with pytest.raises(DeclarationError, match=field) as caught:
        declare(Everything, key=field)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert caught.value.hint


@pytest.mark.parametrize(
    ("field", "type_"),
    [("text", "str"), ("identity", "str"), ("day", "str"), ("color", "str"), ("literal", "str"), ("number", "int"),
     ("number_enum", "int"), ("maybe_text", "str"), ("maybe_number", "int")],
)  # fmt: skip
def test_index_fields_have_one_type(field: str, type_: str) -> None:
    spec = declare(Everything, key="text", indexes={"by_it": (field,), "by_two": ("day", field)[field == "day" :]})
    assert spec.spec.indexes[0] == IndexSpec("by_it", (field,), (type_,))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["ratio", "flag", "price", "at", "aware", "tags", "mixed", "either", "missing"])
def test_other_index_fields_are_refused(field: str) -> None:
    with pytest.raises(DeclarationError, match=field):
        declare(Everything, key="text", indexes={"by_it": (field,)})


@pytest.mark.parametrize("field", ["number", "maybe_number", "at", "aware"])
def test_ttl_fields_are_moments(field: str) -> None:
    assert declare(Everything, key="text", ttl=field).spec.ttl == field


@pytest.mark.parametrize("field", ["text", "day", "ratio", "flag", "missing", "maybe_text", "price"])
def test_other_ttl_fields_are_refused(field: str) -> None:
    with pytest.raises(DeclarationError, match=field):
        declare(Everything, key="user", ttl=field)


@pytest.mark.parametrize(
    "options",
    [{"key": ()}, {"key": ("a", "b", "c")}, {"key": ("a", "a")}, {"key": 5}, {"key": None}, {"key": ""},
     {"key": "__a__"}, {"key": "n" * 256}, {"key": (["a"], "b")}, {"indexes": {"By": ("a",)}},
     {"indexes": {"": ("a",)}}, {"indexes": {"by_a": "a"}}, {"indexes": {"by_a": ()}},
     {"indexes": {"by_a": ("a", "a")}}, {"indexes": {"by_a": ("a", "b", "c")}}, {"indexes": {5: ("a",)}},
     {"ttl": ""}, {"ttl": 5}, {"ttl": "id"}],
)  # fmt: skip
def test_keys_indexes_and_ttl_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="things"):
        declare(None, **options)


@pytest.mark.parametrize("model", [5, "Note", int, str, list, object, Color, list[int]])
def test_a_model_is_a_pydantic_model_or_a_dataclass(model: Any) -> None:
    with pytest.raises(DeclarationError):
        declare(model, key="id")


def test_a_spec_says_everything_and_no_model_is_plain_dicts() -> None:
    table = declare(Line, key="sku", indexes={"by_quantity": ("quantity",)})
    assert table.spec._replace(location=table.location) == table.spec
    assert table.spec.model == f"{__name__}:Line"
    assert (table.spec.name, table.spec.service) == ("things", "test")
    assert declare(None).spec.model is None
    assert declare(dict).spec.model is None


def test_the_verbs_are_methods() -> None:
    table = declare(None)
    for verb in Table.verbs:
        assert callable(getattr(table, verb))
    assert table.can("get", "put") == ("table:things", ("get", "put"))
    with pytest.raises(InvalidArgument):
        table.can("steal")


# Keys and bounds


def test_keys_are_text_of_1_to_330_bytes() -> None:
    for key in ODD_KEYS:
        assert key_text(key, PROFILE, "key", "table:x") == key
    identity = uuid.uuid4()
    assert key_text(identity, PROFILE, "key", "table:x") == str(identity)
    assert key_text(date(2026, 2, 3), PROFILE, "key", "table:x") == "2026-02-03"
    assert key_text(Color.RED, PROFILE, "key", "table:x") == "red"
    with pytest.raises(InvalidArgument):
        key_text(Number.ONE, PROFILE, "key", "table:x")
    with pytest.raises(LimitExceeded, match="331"):
        key_text("é" * 165 + "x", PROFILE, "key", "table:x")


def test_index_values_are_of_the_declared_type() -> None:
    assert index_value(5, "int", PROFILE, "f", "table:x") == 5
    assert index_value(Number.ONE, "int", PROFILE, "f", "table:x") == 1
    assert index_value(Color.RED, "str", PROFILE, "f", "table:x") == "red"
    for value, type_ in ((True, "int"), ("5", "int"), (1.0, "int"), (5, "str"), (None, "str"), ("", "str")):
        with pytest.raises(InvalidArgument):
            index_value(value, type_, PROFILE, "f", "table:x")  # type: ignore[arg-type]


def test_conditions_stand_for_text_and_numbers() -> None:
    assert eq(Color.RED) == SortCondition("eq", "red")
    assert ge(date(2026, 1, 1)) == SortCondition("ge", "2026-01-01")
    assert between(1, 1) == SortCondition("between", 1, 1)
    assert between("\uff5e", "\U0001f600").high == "\U0001f600"
    with pytest.raises(InvalidArgument):
        between("\U0001f600", "\uff5e")
    with pytest.raises(InvalidArgument):
        prefix(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Cursors


def test_cursors_come_back_and_belong_to_their_scope() -> None:
    for raw in ["", "x", "é\U0001f600\x00", "a" * 1000, '{"k": [1]}', *ODD_KEYS]:
        scope = ("local", "table:x", "query", raw)
        sealed = seal_cursor(raw, scope)
        assert sealed is not None
        assert sealed.replace("-", "").replace("_", "").isalnum()
        assert open_cursor(sealed, scope, "table:x") == raw
        with pytest.raises(InvalidArgument):
            open_cursor(sealed, ("aws", *scope[1:]), "table:x")
    assert seal_cursor(None, ()) is None
    assert open_cursor(None, (), "table:x") is None


def test_no_altered_cursor_is_taken() -> None:
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    sealed = seal_cursor("a cursor of a driver", ("scope",))
    assert sealed is not None
    alphabet = "ABCabc019-_=+/ é\x00"
    for _ in range(2000):
        at = rng.randrange(len(sealed))
        altered = sealed[:at] + rng.choice(alphabet) + sealed[at + rng.randrange(2) :]
        if altered == sealed:
            continue
        try:
            found = open_cursor(altered, ("scope",), "table:x")
        except InvalidArgument:
            continue
        # Unused bits of the last character may differ; the content may not.
        assert found == "a cursor of a driver", f"seed {seed}"


# Models


def test_an_item_model_plans_itself_and_gives_equal_items_back() -> None:
    model: ItemModel[Line] = ItemModel(Line, "t", App("test").location)
    assert model.plain(Line("a")) == {"sku": "a", "quantity": 1}
    assert model.load({"sku": "a", "quantity": 2}) == Line("a", 2)
    with pytest.raises(InvalidArgument, match="quantity"):
        model.load({"sku": "a", "quantity": "many"})
    with pytest.raises(InvalidArgument, match="Line"):
        model.plain({"sku": "a"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_annotation_that_cannot_be_resolved_is_a_declaration_error() -> None:
    @dataclass
    class Lost:
        id: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

    with pytest.raises(DeclarationError, match="Nowhere"):
        declare(Lost)


def test_a_typed_dict_is_a_model() -> None:
    class Point(typing_extensions.TypedDict):
        id: str
        x: int
        note: typing_extensions.NotRequired[str]

    table = declare(Point, indexes={"by_x": ("x",)})
    assert table.spec.indexes[0].types == ("int",)
    model: ItemModel[Point] = ItemModel(Point, "t", App("test").location)
    assert model.plain({"id": "a", "x": 1}) == {"id": "a", "x": 1}
    assert model.load({"id": "a", "x": 1, "note": "n"}) == {"id": "a", "x": 1, "note": "n"}
    with pytest.raises(InvalidArgument, match="x"):
        model.load({"id": "a"})


# Changes


def codec() -> ChangeCodec[Line]:
    return ChangeCodec(ItemModel(Line, "lines", App("test").location), "lines")


def test_a_change_travels_as_json() -> None:
    body = change_body("lines", "a", CONSTANT_SK, encode({"sku": "a", "quantity": 2}), "7", 12.5)
    assert json.loads(body)["op"] == "upsert"
    assert codec().decode_json(body) == Change("a", CONSTANT_SK, "upsert", Line("a", 2), "7", 12.5)
    assert codec().decode_json(body.encode()).new == Line("a", 2)
    gone = change_body("lines", "a", CONSTANT_SK, None, "8", 13)
    assert codec().decode_json(gone) == Change("a", CONSTANT_SK, "delete", None, "8", 13.0)
    plain: ChangeCodec[dict[str, Any]] = ChangeCodec(ItemModel(None, "x", App("test").location), "x")
    document = {"d": Decimal("1.5"), "b": b"\x00", "t": datetime(2026, 1, 1, tzinfo=UTC), "u": "é\u2028"}
    for key in ODD_KEYS:
        found = plain.decode_json(change_body("x", key, key, encode(document), "1", 0))
        assert (found.pk, found.sk, found.new) == (key, key, document)


@pytest.mark.parametrize(
    "body",
    ["", "x", "[]", "null", "1", "{}", '{"pk": "a"}', '{"pk":1,"sk":"b","op":"upsert","new":{},"version":"1","time":0}',
     '{"pk":"a","sk":"b","op":"gone","new":null,"version":"1","time":0}',
     '{"pk":"a","sk":"b","op":"upsert","new":null,"version":"1","time":0}',
     '{"pk":"a","sk":"b","op":"upsert","new":{"sku":1},"version":"1","time":0}',
     '{"pk":"a","sk":"b","op":"delete","new":null,"version":"1","time":"now"}',
     '{"pk":"a","sk":"b","op":"upsert","new":{"__decimal__":"x"},"version":"1","time":0}'],
)  # fmt: skip
def test_a_body_that_is_no_change_is_an_invalid_argument(body: str) -> None:
    with pytest.raises(InvalidArgument):
        codec().decode_json(body)


def test_only_newer_changes_are_newer() -> None:
    change: Change[None] = Change("a", "b", "delete", None, "0002", 0)
    assert [change.is_newer_than(seen) for seen in (None, "0001", "0002", "0003")] == [
        True,
        True,
        False,
        False,
    ]


def test_on_change_registers_a_trigger_and_keeps_the_function() -> None:
    app = App("test")
    lines = app.table("lines", Line, key="sku")

    @lines.on_change
    def one(change: Change[Line]) -> None:
        raise AssertionError(change)

    @lines.on_change(max_attempts=7, timeout=60, name="second")
    def two(change: Change[Line]) -> None:
        raise AssertionError(change)

    assert set(app.handlers) == {"one", "second"}
    trigger = app.handlers["second"].spec.trigger
    assert isinstance(trigger, TableChange)
    assert (trigger.table, trigger.retry.max_attempts) == ("lines", 7)
    assert app.handlers["one"].function is one
    assert isinstance(app.handlers["one"].decode, ChangeCodec)
    with pytest.raises(AssertionError):
        two(Change("a", "b", "delete", None, "1", 0))


def test_a_page_is_its_items() -> None:
    page = Page([1, 2], "c")
    assert (list(page), len(page), page.cursor) == ([1, 2], 2, "c")
    empty: Page[int] = Page([], None)
    assert list(empty) == []


# Nothing bad reaches a driver, and what drivers raise comes out as ours


class LostAnswer(Exception):
    """What an SDK would raise."""


class Recorder:
    """A driver that notes what it was asked and answers with an error of its own kind."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def classify(self, error: Exception) -> type[Unknown] | None:
        return Unknown if isinstance(error, LostAnswer) else None

    def _answer(self, verb: str) -> Any:
        self.calls.append(verb)
        raise LostAnswer(verb)

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
        return self._answer("get")  # type: ignore[no-any-return]

    def put(self, item: NewItem, condition: Condition) -> str:
        return self._answer("put")  # type: ignore[no-any-return]

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        self._answer("delete")

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        return self._answer("increment")  # type: ignore[no-any-return]

    def query(
        self, pk: str, sort: SortCondition | None, *, reverse: bool, limit: int, cursor: str | None,
        eventual: bool = False,
    ) -> StoredPage:  # fmt: skip
        return self._answer("query")  # type: ignore[no-any-return]

    def query_index(
        self, index: str, value: IndexValue, sort: SortCondition | None, *, reverse: bool, limit: int,
        cursor: str | None,
    ) -> StoredPage:  # fmt: skip
        return self._answer("query_index")  # type: ignore[no-any-return]

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        return self._answer("transact")  # type: ignore[no-any-return]

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        return self._answer("batch_get")  # type: ignore[no-any-return]

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        return self._answer("batch_write")  # type: ignore[no-any-return]

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        return self._answer("scan")  # type: ignore[no-any-return]


@pytest.fixture
def recorded() -> Generator[tuple[Table[dict[str, Any]], Recorder], None, None]:
    app = App("test")
    table = app.table("things", key=("pk", "sk"), indexes={"by_n": ("color",)}, ttl="ends")
    recorder = Recorder()

    class Drivers:
        def table(self, spec: object) -> Recorder:
            return recorder

    drivers: Any = Drivers()
    app.bind(Binding(app="test", stage="test", adapter="recorder", drivers=drivers, profile=PROFILE))
    yield table, recorder
    app.unbind()


def test_bad_input_never_reaches_a_driver(recorded: tuple[Table[dict[str, Any]], Recorder]) -> None:
    table, recorder = recorded
    bad: Any = {"pk": "a", "sk": "b", "value": {1}}
    good: Any = {"pk": "a", "sk": "b"}
    anything: Any = object()
    calls: list[Callable[[], object]] = [
        lambda: table.put(bad),
        lambda: table.put({**good, "color": 1}),
        lambda: table.put({**good, "ends": "soon"}),
        lambda: table.put(good, if_absent=True, if_present=True),
        lambda: table.get("a"),
        lambda: table.get("a", ""),
        lambda: table.require(anything, "b"),
        lambda: table.delete("a", "b", if_version=""),
        lambda: table.increment("a", "b", field="pk"),
        lambda: table.increment("a", "b", field="color"),
        lambda: table.increment("a", "b", field="ends"),
        lambda: table.increment("a", "b", field="n", by=2**53),
        lambda: table.query("a", anything),
        lambda: table.query("a", limit=0),
        lambda: table.query("a", cursor="AAAA"),
        lambda: table.query_index("missing", "a"),
        lambda: table.query_index("by_n", "a", "b"),
        lambda: table.scan(limit=1001),
        lambda: table.batch_get(["a"]),
        lambda: table.batch_get([("a", "b", "c")]),
        lambda: table.batch_write([good, bad]),
        lambda: table.batch_write([good, good]),
        lambda: table.transact([table.putting(good), table.deleting("b", "b")]),
        lambda: table.transact([anything]),
        lambda: table.put({**good, "text": "x" * 262_144}),
    ]
    for number, call in enumerate(calls):
        with pytest.raises((InvalidArgument, LimitExceeded)) as caught:
            call()
        assert caught.value.message, number
    assert recorder.calls == []


def test_an_error_of_the_provider_becomes_ours_once_and_is_not_tried_again(
    recorded: tuple[Table[dict[str, Any]], Recorder],
) -> None:
    table, recorder = recorded
    item = {"pk": "a", "sk": "b"}
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: table.get("a", "b"),
        "put": lambda: table.put(item),
        "delete": lambda: table.delete("a", "b"),
        "increment": lambda: table.increment("a", "b", field="n"),
        "query": lambda: table.query("a"),
        "query_index": lambda: table.query_index("by_n", "x"),
        "transact": lambda: table.transact([table.putting(item)]),
        "batch_get": lambda: table.batch_get([("a", "b")]),
        "batch_write": lambda: table.batch_write([item]),
        "scan": lambda: table.scan(),
    }
    for call in calls.values():
        with pytest.raises(Unknown, match="things") as caught:
            call()
        assert isinstance(caught.value.__cause__, LostAnswer)
        assert caught.value.resource == "table:things"
    assert recorder.calls == list(calls)


def test_grants_are_asked_for_by_the_name_of_the_method() -> None:
    app = App("test")
    table = app.table("things")
    asked: list[str] = []

    def authorize(*about: str) -> None:
        asked.append(about[-1])
        raise Conflict("stop here")

    class Drivers:
        def table(self, spec: object) -> Recorder:
            return Recorder()

    drivers: Any = Drivers()
    app.bind(
        Binding(
            app="test", stage="test", adapter="recorder", drivers=drivers, profile=PROFILE,
            authorize=authorize,  # pyright: ignore[reportArgumentType]
        )
    )  # fmt: skip
    calls: list[Callable[[], object]] = [
        lambda: table.get("a"),
        lambda: table.require("a"),
        lambda: table.get_entry("a"),
        lambda: table.put({"id": "a"}),
        lambda: table.update("a", change=lambda item: item),
        lambda: table.delete("a"),
        lambda: table.increment("a", field="n"),
        lambda: table.query("a"),
        lambda: table.transact([table.putting({"id": "a"})]),
        lambda: table.batch_get(["a"]),
        lambda: table.batch_write([{"id": "a"}]),
        lambda: table.scan(),
    ]
    for call in calls:
        with pytest.raises(Conflict, match="stop here"):
            call()
    assert asked == [verb for verb in Table.verbs if verb != "query_index"]
    app.unbind()
