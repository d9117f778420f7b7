"""Changes of tables on the wire, and which of two is the newer."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from portable.app import App
from portable.changes import Change, change_body
from portable.documents import encode
from portable.errors import InvalidArgument


class Note(BaseModel):
    id: str
    price: Decimal


def codec(model: Any = Note) -> Any:
    """The decode of an on_change handler."""
    app = App("shop")
    table = app.table("notes", model)

    @table.on_change
    def changed(change: Change[Any]) -> None: ...

    return app.handlers["changed"].decode


def body(**fields: Any) -> str:
    found: dict[str, Any] = {
        "table": "notes",
        "pk": "a",
        "sk": "-",
        "op": "upsert",
        "new": {"id": "a", "price": {"__decimal__": "1.50"}},
        "version": "1",
        "time": 5,
    }
    return json.dumps({name: value for name, value in (found | fields).items() if value is not ...})


def test_what_an_adapter_writes_is_read_back() -> None:
    item = encode({"id": "a", "price": Decimal("1.50")})
    change = codec().decode_json(change_body("notes", "é\n", '"', item, "v1", 7.5))
    assert change == Change("é\n", '"', "upsert", Note(id="a", price=Decimal("1.50")), "v1", 7.5)
    gone = codec().decode_json(change_body("notes", "a", "-", None, "v2", 8))
    assert gone == Change("a", "-", "delete", None, "v2", 8.0)
    assert type(gone.time) is float


def test_a_body_is_json_with_the_tagged_item_inside() -> None:
    written = json.loads(change_body("notes", "a", "-", encode({"id": "a", "price": Decimal(1)}), "v", 1))
    assert list(written) == ["table", "pk", "sk", "op", "new", "version", "time"]
    assert written["new"] == {"id": "a", "price": {"__decimal__": "1"}}


def test_without_a_model_the_item_is_a_dict_with_its_types() -> None:
    change = codec(None).decode_json(body())
    assert change.new == {"id": "a", "price": Decimal("1.50")}


@pytest.mark.parametrize(
    "raw", ["", "nonsense", "[", "NaN", b"\xff", "1" * 5000, "[" * 100_000], ids=lambda raw: ascii(raw)[:10]
)
def test_what_is_no_json_is_refused(raw: str | bytes) -> None:
    with pytest.raises(InvalidArgument):
        codec().decode_json(raw)


@pytest.mark.parametrize("raw", ["null", "[]", "1", '"x"'])
def test_what_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises(InvalidArgument, match="notes"):
        codec().decode_json(raw)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"pk": ...}, ["pk"]),
        ({"pk": 1, "sk": None}, ["pk", "sk"]),
        ({"version": 1}, ["version"]),
        ({"op": "insert"}, ["op"]),
        ({"op": ...}, ["op"]),
        ({"new": None}, ["new"]),
        ({"new": [1]}, ["new"]),
        ({"time": "5"}, ["time"]),
        ({"time": True}, ["time"]),
        ({"time": None}, ["time"]),
        ({"pk": 1, "op": 2, "time": None, "version": []}, ["pk", "version", "op", "time"]),
    ],
    ids=str,
)
def test_every_field_that_is_wrong_is_named(fields: dict[str, Any], names: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="not a change") as caught:
        codec().decode_json(body(**fields))
    assert [problem.where for problem in caught.value.problems] == [(name,) for name in names]
    assert caught.value.hint is not None


def test_an_item_that_does_not_fit_the_model_is_refused() -> None:
    with pytest.raises(Exception, match="price"):
        codec().decode_json(body(new={"id": "a", "price": "much"}))


def test_of_two_changes_the_one_with_the_greater_version_is_newer() -> None:
    versions = [f"{number:020}" for number in (1, 2, 10, 11, 100)]
    for position, version in enumerate(versions):
        change = Change("a", "-", "upsert", None, version, 0.0)
        assert change.is_newer_than(None)
        assert [change.is_newer_than(other) for other in versions] == [position > at for at in range(len(versions))]


def test_a_consumer_that_keeps_the_newest_ends_at_the_truth_in_every_order() -> None:
    from itertools import permutations

    changes: list[Change[int]] = [Change("a", "-", "upsert", number, f"{number}", 0.0) for number in range(4)]
    orders = list(permutations([*changes, changes[1]]))
    assert len(orders) == 120
    for order in orders:
        seen: str | None = None
        value = None
        for change in order:
            if change.is_newer_than(seen):
                seen, value = change.version, change.new
        assert value == 3
