"""Keys and values of tables: what must come back as it went in, and what must be refused before any I/O."""

import enum
import math
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock_time
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar, cast

import pytest
from pydantic import BaseModel, Field, computed_field

from portable.app import App
from portable.errors import InvalidArgument, LimitExceeded, PortableError
from portable.tables import Table

from .harness import Harness

BIG = 2**53 - 1

ODD_KEYS: list[str] = [
    *[chr(code) for code in range(128)],
    "".join(chr(code) for code in range(128)),
    ".", "..", "...", "../..", "../../etc/passwd", "/", "//", "a/b", "/a", "a/", "./a", "a/./b", "a//b",
    "\\", "a\\b", "\\\\", "C:\\x", "%", "%2F", "%252F", "%00", "%%", "a%", "+", "a b", " ", "  ", " a", "a ",
    "\n", "\r\n", "\t", "a\x00b", "\x00", "\x00\x00", "\x7f", "__name__", "__", "____", "_id", "_etag", "-", "--",
    "#", "?", "a?b#c", "&", "=", "'", "''", '"', "`", ";", "; DROP TABLE items; --", "' OR 1=1", "$", "$a", "${a}",
    "{", "}", "{}", "[", "]", "[0]", "(", ")", "*", "~", "~00", "^", "|", "<", ">", "!", "@", ":", "a:b", ",",
    "null", "None", "true", "0", "-0", "00", "1", "01", "1.0", "1e3", "NaN", "USER#42", "user@example.com",
    "A", "a", "Aa", "aA", "ß", "SS", "ss", "ẞ", "İ", "i̇", "\u0131", "K", "Å", "Å", "Å",
    "é", "e\u0301", "ﬁ", "fi", "①", "\uff45", "\u00a0", "\u200b", "\u200d", "\u2028", "\u2029", "\u202eabc", "\ufeff",
    "\ufffd", "\ufffe", "\uffff", "\ud7ff", "\ue000", "\uff5e", "\U00010000", "\U0001f600", "\U0010ffff",
    "👩‍👩‍👧", "日本語", "العربية", "नमस्ते", "\u0344", "\u0308\u0301", "가", "가", "x" * 330, "é" * 165, "日" * 110,
    "\U0001f600" * 82 + "ab", "\x01" * 330, "/" * 330, "~" * 330,
]  # fmt: skip

REFUSED_KEYS: list[tuple[Any, type[PortableError]]] = [
    ("", InvalidArgument),
    ("\ud800", InvalidArgument),
    ("a\udfffb", InvalidArgument),
    ("x" * 331, LimitExceeded),
    ("é" * 165 + "x", LimitExceeded),
    ("\U0001f600" * 83, LimitExceeded),
    ("x" * 100_000, LimitExceeded),
    (1, InvalidArgument),
    (1.5, InvalidArgument),
    (True, InvalidArgument),
    (None, InvalidArgument),
    (b"bytes", InvalidArgument),
    (["a"], InvalidArgument),
    (("a", "b"), InvalidArgument),
    ({"a": 1}, InvalidArgument),
    (datetime(2026, 1, 1, tzinfo=UTC), InvalidArgument),
    (object(), InvalidArgument),
]


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Rank(enum.IntEnum):
    FIRST = 1


class Mode(enum.StrEnum):
    FAST = "fast"


SYDNEY = timezone(timedelta(hours=10))

# What goes in, and what comes out: equal and of the same type.
VALUES: list[tuple[str, Any, Any]] = [
    ("None", None, None),
    ("true", True, True),
    ("false", False, False),
    ("zero", 0, 0),
    ("one", 1, 1),
    ("minus one", -1, -1),
    ("largest int", BIG, BIG),
    ("smallest int", -BIG, -BIG),
    ("fraction", 1.5, 1.5),
    ("a tenth", 0.1, 0.1),
    ("seventeen digits", 0.30000000000000004, 0.30000000000000004),
    ("integral float", 1.0, 1),
    ("negative integral float", -3.0, -3),
    ("minus zero", -0.0, 0),
    ("float at the integer limit", float(BIG), BIG),
    ("integral float past the integer limit", 1e20, 1e20),
    ("large float", 1e125, 1e125),
    ("small float", 1e-130, 1e-130),
    ("negative small float", -1.5e-129, -1.5e-129),
    ("decimal", Decimal("1.5"), Decimal("1.5")),
    ("integral decimal", Decimal(7), Decimal(7)),
    ("decimal of 38 digits", Decimal("0." + "123456789" * 4 + "12"), Decimal("0." + "123456789" * 4 + "12")),
    ("negative decimal", Decimal("-99999999999999999999.25"), Decimal("-99999999999999999999.25")),
    ("decimal minus zero", Decimal("-0"), Decimal(0)),
    ("decimal exponent", Decimal("1E+125"), Decimal("1E+125")),
    ("small decimal", Decimal("1E-130"), Decimal("1E-130")),
    ("empty text", "", ""),
    ("text", "text", "text"),
    ("text of a number", "1", "1"),
    ("text of a truth", "true", "true"),
    ("text like a tag", '{"__decimal__": "1"}', '{"__decimal__": "1"}'),
    ("text with a quote and underscores", '"__bytes__', '"__bytes__'),
    ("every ASCII character", "".join(map(chr, range(128))), "".join(map(chr, range(128)))),
    ("astral text", "\U0001f600\uff5e\u0000é", "\U0001f600\uff5e\u0000é"),
    ("not normalised", "e\u0301é\ufb01", "e\u0301é\ufb01"),
    ("line separators", "a\u2028b\u2029c\r\n", "a\u2028b\u2029c\r\n"),
    ("empty bytes", b"", b""),
    ("every byte", bytes(range(256)), bytes(range(256))),
    ("bytearray", bytearray(b"ab"), b"ab"),
    ("memoryview", memoryview(b"ab"), b"ab"),
    ("moment", datetime(2026, 2, 3, 4, 5, 6, 789012, UTC), datetime(2026, 2, 3, 4, 5, 6, 789012, UTC)),
    ("whole second", datetime(2026, 2, 3, 4, 5, 6, 0, UTC), datetime(2026, 2, 3, 4, 5, 6, 0, UTC)),
    ("other zone", datetime(2026, 2, 3, 4, tzinfo=SYDNEY), datetime(2026, 2, 2, 18, tzinfo=UTC)),
    ("first year", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
    ("last year", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ("date", date(2026, 2, 3), "2026-02-03"),
    ("time of day", clock_time(4, 5, 6), "04:05:06"),
    ("uuid", uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ("enum of str", Size.SMALL, "small"),
    ("int enum", Rank.FIRST, 1),
    ("str enum", Mode.FAST, "fast"),
    ("empty list", [], []),
    ("list", [1, "a", None, True, 1.5], [1, "a", None, True, 1.5]),
    ("tuple", (1, (2, 3)), [1, [2, 3]]),
    ("list in a list", [[1], [[2]], []], [[1], [[2]], []]),
    ("empty dict", {}, {}),
    ("dict", {"a": {"b": {"c": [None, {"d": 1}]}}}, {"a": {"b": {"c": [None, {"d": 1}]}}}),
    ("rich list", [Decimal("1.1"), b"\x00", datetime(2026, 1, 1, tzinfo=UTC)],
     [Decimal("1.1"), b"\x00", datetime(2026, 1, 1, tzinfo=UTC)]),
    ("odd names", {"a.b": 1, "$x": 2, "é": 3, " ": 4, "__a": 5, "a__": 6, "_": 7, "id": 8},
     {"a.b": 1, "$x": 2, "é": 3, " ": 4, "__a": 5, "a__": 6, "_": 7, "id": 8}),
    ("names that providers use", {"_etag": 1, "_ts": 2, "ttl": 3, "pk": 4, "sk": 5, "_v": 6},
     {"_etag": 1, "_ts": 2, "ttl": 3, "pk": 4, "sk": 5, "_v": 6}),
    ("a name of 255 bytes", {"n" * 255: 1, "é" * 127: 2}, {"n" * 255: 1, "é" * 127: 2}),
]  # fmt: skip


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def nested_lists(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


LOOP: list[Any] = []
LOOP.append(LOOP)

REFUSED_VALUES: list[tuple[str, Any, type[PortableError], str]] = [
    ("int past the limit", BIG + 1, LimitExceeded, "integer"),
    ("int past the negative limit", -BIG - 1, LimitExceeded, "integer"),
    ("huge int", 10**400, LimitExceeded, "integer"),
    ("nan", math.nan, InvalidArgument, ""),
    ("infinity", math.inf, InvalidArgument, ""),
    ("minus infinity", -math.inf, InvalidArgument, ""),
    ("float too large", 1.1e126, LimitExceeded, "float_exponent_max"),
    ("float too small", 1e-131, LimitExceeded, "float_exponent_min"),
    ("decimal nan", Decimal("NaN"), InvalidArgument, ""),
    ("decimal infinity", Decimal("-Infinity"), InvalidArgument, ""),
    ("decimal of 39 digits", Decimal("1." + "1" * 38), LimitExceeded, "decimal_digits"),
    ("decimal too large", Decimal("1E+126"), LimitExceeded, "float_exponent_max"),
    ("decimal too small", Decimal("1E-131"), LimitExceeded, "float_exponent_min"),
    ("naive datetime", datetime(2026, 1, 1), InvalidArgument, ""),
    ("datetime before the first UTC year", datetime(1, 1, 1, tzinfo=SYDNEY), InvalidArgument, ""),
    ("set", {1}, InvalidArgument, ""),
    ("frozenset", frozenset("a"), InvalidArgument, ""),
    ("lone surrogate", "a\ud800", InvalidArgument, ""),
    ("complex", 1j, InvalidArgument, ""),
    ("range", range(3), InvalidArgument, ""),
    ("function", nested, InvalidArgument, ""),
    ("object", object(), InvalidArgument, ""),
    ("class", dict, InvalidArgument, ""),
    ("ellipsis", ..., InvalidArgument, ""),
    ("int name", {1: "a"}, InvalidArgument, ""),
    ("None name", {None: "a"}, InvalidArgument, ""),
    ("empty name", {"": 1}, InvalidArgument, ""),
    ("reserved name", {"__x__": 1}, InvalidArgument, ""),
    ("reserved name of a tag", {"__decimal__": "1"}, InvalidArgument, ""),
    ("underscores only", {"____": 1}, InvalidArgument, ""),
    ("name of 256 bytes", {"n" * 256: 1}, LimitExceeded, "field_name_bytes"),
    ("wide name of 256 bytes", {"é" * 128: 1}, LimitExceeded, "field_name_bytes"),
    ("surrogate in a name", {"\udc00": 1}, InvalidArgument, ""),
    ("nested 17 deep", nested(16), LimitExceeded, "item_depth"),
    ("lists nested past the depth", nested_lists(9), LimitExceeded, "item_depth"),
    ("a list that holds itself", LOOP, LimitExceeded, "item_depth"),
]  # fmt: skip


class Part(BaseModel):
    """A model inside a model."""

    sku: str
    price: Decimal
    size: Size | None = None


class Everything(BaseModel):
    """A pydantic model of every kind of field that a table keeps."""

    id: uuid.UUID
    day: date
    at: datetime
    clock: clock_time
    lasts: timedelta
    count: int
    ratio: float
    price: Decimal
    blob: bytes
    size: Size
    mode: Mode
    rank: Rank
    maybe: int | None = None
    parts: list[Part] = Field(default_factory=list[Part])
    pair: tuple[int, str] = (1, "a")
    named: dict[str, Part] = Field(default_factory=dict[str, Part])
    aliased: str = Field(default="x", alias="aliasedField")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def doubled(self) -> int:
        return self.count * 2


@dataclass
class Line:
    sku: str
    quantity: int = 1


@dataclass
class Order:
    """A standard library dataclass as a model."""

    id: str
    placed: date
    lines: list[Line] = field(default_factory=list[Line])


class TableTypesConformance:
    """Every legal key and value comes back byte for byte and type for type; every other is refused before I/O."""

    @contextmanager
    def documents(self, harness: Harness) -> Generator[Table[dict[str, Any]], None, None]:
        app = App("conformance")
        table = app.table("odd", key=("pk", "sk"))
        with harness.running(app):
            yield table

    def test_every_odd_key_comes_back_byte_for_byte_in_both_places(self, harness: Harness) -> None:
        assert len(ODD_KEYS) >= 60
        keys = list(dict.fromkeys(ODD_KEYS))
        with self.documents(harness) as table:
            for number, key in enumerate(keys):
                table.put({"pk": key, "sk": key, "n": number})
                table.put({"pk": "all", "sk": key, "n": number})
            for number, key in enumerate(keys):
                assert table.get(key, key) == {"pk": key, "sk": key, "n": number}, ascii(key)
                assert [item["n"] for item in table.query(key)] == [number], ascii(key)
                assert [item["n"] for item in table.query("all", key)] == [number], ascii(key)
            found: list[str] = []
            cursor: str | None = None
            while True:
                page = table.query("all", limit=25, cursor=cursor)
                found += [item["sk"] for item in page]
                cursor = page.cursor
                if cursor is None:
                    break
            assert found == sorted(keys, key=str.encode)
            for key in keys:
                table.delete(key, key)
                assert table.get(key, key) is None, ascii(key)
            assert len(table.batch_get([("all", key) for key in keys])) == len(keys)

    def test_sort_keys_are_in_the_order_of_their_utf8_bytes_not_of_utf16_units(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for key in ("\U0001f600", "\uff5e", "~", "a", "B", "é", "e\u0301", "\x00", "aa", "a\x00"):
                table.put({"pk": "p", "sk": key})
            found = [item["sk"] for item in table.query("p")]
            assert found == ["\x00", "B", "a", "a\x00", "aa", "e\u0301", "~", "é", "\uff5e", "\U0001f600"]
            assert [item["sk"] for item in table.query("p", reverse=True)] == found[::-1]

    def test_refused_keys_are_refused_by_every_verb_before_any_io(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for key, error in REFUSED_KEYS:
                calls: list[tuple[str, Any]] = [
                    ("get pk", lambda key=key: table.get(key, "a")),
                    ("get sk", lambda key=key: table.get("a", key)),
                    ("require", lambda key=key: table.require(key, "a")),
                    ("get_entry", lambda key=key: table.get_entry("a", key)),
                    ("put pk", lambda key=key: table.put({"pk": key, "sk": "a"})),
                    ("put sk", lambda key=key: table.put({"pk": "a", "sk": key})),
                    ("delete", lambda key=key: table.delete(key, "a")),
                    ("update", lambda key=key: table.update(key, "a", change=lambda item: item)),
                    ("increment", lambda key=key: table.increment("a", key, field="n")),
                    ("query", lambda key=key: table.query(key)),
                    ("batch_get", lambda key=key: table.batch_get([(key, "a")])),
                    ("batch_write", lambda key=key: table.batch_write(deletes=[("a", key)])),
                    ("deleting", lambda key=key: table.deleting(key, "a")),
                    ("checking", lambda key=key: table.checking("a", key, if_absent=True)),
                ]
                for verb, call in calls:
                    refusal(error, call, f"{verb} of {ascii(key)[:40]}")
            assert list(table.scan()) == []

    def test_uuid_date_and_enum_keys_stand_for_their_text(self, harness: Harness) -> None:
        app = App("conformance")
        plain = app.table("plain", key=("pk", "sk"))
        identity = uuid.uuid4()
        with harness.running(app):
            plain.put({"pk": identity, "sk": date(2026, 2, 3), "n": 1})
            plain.put({"pk": Size.LARGE, "sk": Mode.FAST, "n": 2})
            assert plain.require(identity, date(2026, 2, 3))["n"] == 1
            assert plain.require(str(identity), "2026-02-03") == {
                "pk": str(identity),
                "sk": "2026-02-03",
                "n": 1,
            }
            assert plain.require(Size.LARGE, Mode.FAST)["n"] == plain.require("large", "fast")["n"] == 2

    def test_every_kind_of_value_comes_back_equal_and_of_its_type(self, harness: Harness) -> None:
        assert len(VALUES) >= 25
        with self.documents(harness) as table:
            for name, value, _ in VALUES:
                table.put({"pk": "v", "sk": name, "value": value, "list": [value], "dict": {"in": {"side": value}}})
            for name, _, expected in VALUES:
                item = table.require("v", name)
                for found in (item["value"], item["list"][0], item["dict"]["in"]["side"]):
                    assert found == expected, name
                    assert typed(found) == typed(expected), name
                    if isinstance(expected, datetime):
                        assert found.utcoffset() == timedelta(0), name
                    if expected == 0 and not isinstance(expected, (bool, Decimal)):
                        assert math.copysign(1, found) == 1, name
            queried = {item["sk"]: typed(item["value"]) for item in table.query("v", limit=1000)}
            assert queried == {name: typed(expected) for name, _, expected in VALUES}
            scanned = {item["sk"]: typed(item["value"]) for item in table.scan(limit=1000)}
            assert scanned == queried

    def test_one_true_and_the_text_one_stay_apart(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s", "values": [1, True, "1", None, 1.0, 0, False, ""]})
            values = table.require("p", "s")["values"]
            assert [(type(value), value) for value in values] == [
                (int, 1), (bool, True), (str, "1"), (type(None), None), (int, 1), (int, 0), (bool, False), (str, ""),
            ]  # fmt: skip

    def test_refused_values_are_refused_with_their_place_and_change_nothing(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "v", "sk": "kept", "n": 1})
            for name, value, error, limit in REFUSED_VALUES:
                item = {
                    "pk": "v",
                    "sk": "kept",
                    "outer": {"the value": [0, value]} if limit != "item_depth" else value,
                }
                refused = refusal(error, partial(table.put, item), name)
                assert "outer" in refused.message, name
                if limit:
                    assert getattr(refused, "limit", "") == limit, name
                    assert getattr(refused, "provider", ""), name
                with pytest.raises(error):
                    table.putting(item)
                with pytest.raises(error):
                    table.batch_write([{"pk": "v", "sk": "other"}, item])
                with pytest.raises(error):
                    table.update("v", "kept", change=lambda _: item)  # noqa: B023
            assert list(table.scan()) == [{"pk": "v", "sk": "kept", "n": 1}]

    @pytest.mark.parametrize("item", [None, 1, "text", b"bytes", [], [("pk", "v")], {"pk": "v"}, {"sk": "v"}, {}])
    def test_what_is_no_item_with_a_key_is_refused(self, harness: Harness, item: Any) -> None:
        with self.documents(harness) as table:
            with pytest.raises(InvalidArgument):
                table.put(item)
            assert list(table.scan()) == []

    def test_depth_counts_the_item_itself_and_a_list_in_a_list_twice(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "v", "sk": "dicts", "a": nested(15)})
            assert table.require("v", "dicts")["a"] == nested(15)
            table.put({"pk": "v", "sk": "lists", "a": nested_lists(8)})
            assert table.require("v", "lists")["a"] == nested_lists(8)
            with pytest.raises(LimitExceeded):
                table.put({"pk": "v", "sk": "dicts", "a": nested(16)})
            with pytest.raises(LimitExceeded):
                table.put({"pk": "v", "sk": "lists", "a": nested_lists(9)})

    def test_an_item_of_exactly_256_kib_fits_and_one_byte_more_does_not(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            frame = len('{"pk":"v","sk":"s","text":""}')
            for character in ("x", "é", "\U0001f600"):
                room, size = 262_144 - frame, len(character.encode())
                text = character * (room // size) + "x" * (room % size)
                table.put({"pk": "v", "sk": "s", "text": text})
                assert table.require("v", "s")["text"] == text
                with pytest.raises(LimitExceeded) as caught:
                    table.put({"pk": "v", "sk": "s", "text": text + "x"})
                assert caught.value.limit == "item_bytes"
            table.put({"pk": "v", "sk": "n", "text": [1] * ((room - 2) // 2)})
            assert sum(table.require("v", "n")["text"]) == (room - 2) // 2

    def test_a_pydantic_model_comes_back_equal(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("everything", Everything, key=("id", "day"), indexes={"by_size": ("size", "rank")})
        part = Part(sku="a", price=Decimal("1.10"), size=Size.LARGE)
        item = Everything(
            id=uuid.uuid4(), day=date(2026, 2, 3), at=datetime(2026, 1, 1, 2, 3, 4, 5, UTC), clock=clock_time(1, 2, 3),
            lasts=timedelta(days=1, seconds=1.5), count=3, ratio=2.0, price=Decimal("9.99"), blob=b"\x00\xff",
            size=Size.SMALL, mode=Mode.FAST, rank=Rank.FIRST, parts=[part], pair=(2, "b"), named={"x": part},
            aliasedField="y",
        )  # fmt: skip
        with harness.running(app) as running:
            version = table.put(item)
            assert table.require(item.id, item.day) == item
            entry = table.get_entry(item.id, item.day)
            assert entry is not None
            assert entry == (item, version)
            assert type(entry.item.ratio) is float
            assert table.query(item.id).items == [item]
            running.drain()
            assert table.query_index("by_size", Size.SMALL, Rank.FIRST).items == [item]
            assert table.query_index("by_size", "small", 1).items == [item]
            table.update(item.id, item.day, change=lambda found: found.model_copy(update={"count": found.count + 1}))
            assert table.require(item.id, item.day).doubled == 8

    def test_an_instance_of_a_subclass_is_refused_if_fields_would_be_lost(self, harness: Harness) -> None:
        class Animal(BaseModel):
            id: str

        class Dog(Animal):
            breed: str

        class Cat(Animal):
            """Adds nothing that could be lost."""

        app = App("conformance")
        table = app.table("animals", Animal)
        with harness.running(app):
            with pytest.raises(InvalidArgument, match="breed"):
                table.put(Dog(id="rex", breed="collie"))
            assert table.get("rex") is None
            table.put(Cat(id="tom"))
            assert table.require("tom") == Animal(id="tom")

    def test_a_field_that_is_no_parameter_of_a_dataclass_comes_back_too(self, harness: Harness) -> None:
        @dataclass(frozen=True)
        class Visit:
            id: str
            at: datetime = field(init=False, default=datetime(2000, 1, 1, tzinfo=UTC))

        app = App("conformance")
        table = app.table("visits", Visit)
        visit, at = Visit("1"), datetime(2026, 11, 26, 12, tzinfo=UTC)
        object.__setattr__(visit, "at", at)
        with harness.running(app):
            table.put(visit)
            assert table.require("1") == visit
            assert table.require("1").at == at

    def test_a_dataclass_comes_back_equal(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("orders", Order, key="id")
        order = Order("a", date(2026, 2, 3), [Line("x", 2), Line("y")])
        with harness.running(app):
            table.put(order)
            assert table.require("a") == order
            assert type(table.require("a").lines[0]) is Line

    def test_an_item_of_another_type_or_with_broken_fields_is_refused(self, harness: Harness) -> None:
        app = App("conformance")
        orders = app.table("orders", Order, key="id")
        parts = app.table("parts", Part, key="sku")
        with harness.running(app):
            for wrong in (
                {"id": "a", "placed": date(2026, 1, 1)},
                None,
                "a",
                Part(sku="a", price=Decimal(1)),
            ):
                with pytest.raises(InvalidArgument, match="Order"):
                    orders.put(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            broken = Part(sku="a", price=Decimal(1))
            broken.price = "much"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
            with pytest.raises(InvalidArgument, match="price"):
                parts.put(broken)
            assert parts.get("a") is None
            assert list(orders.scan()) == []

    def test_what_the_app_does_to_an_item_after_put_or_get_is_not_stored(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            item: dict[str, Any] = {"pk": "v", "sk": "s", "list": [1], "dict": {"a": 1}}
            table.put(item)
            item["list"].append(2)
            item["dict"]["a"] = 2
            found = table.require("v", "s")
            assert found == {"pk": "v", "sk": "s", "list": [1], "dict": {"a": 1}}
            found["list"].append(3)
            assert table.require("v", "s")["list"] == [1]


E = TypeVar("E", bound=PortableError)


def refusal(error: type[E], call: Callable[[], object], what: str) -> E:
    """The error of the given class with which `call` refuses; fails, naming `what`, if it does not."""
    try:
        call()
    except error as refused:
        return refused
    raise AssertionError(f"not refused: {what}")


def typed(value: Any) -> Any:
    """A value with the types of all that it holds, for comparing."""
    if isinstance(value, dict):
        return {name: typed(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [typed(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return type(value), value
