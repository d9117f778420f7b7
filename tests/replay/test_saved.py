"""A saved test passes or fails as the invocation did: each is run by pytest, in a process of its own."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from portable.errors import InvalidArgument
from portable.replay import ReplayFile, dumps, filled, parse, pytest_text

from .conftest import Project, recorded

Make = Callable[[str], Project]
JSON = [("content-type", "application/json")]

SHOP = """
    import uuid
    from datetime import UTC, datetime
    from decimal import Decimal

    from pydantic import BaseModel

    from portable import App, Context, Event

    app = App("shop")


    class Order(BaseModel):
        id: str
        price: Decimal
        at: datetime
        buyer: str


    orders = app.table("orders", Order, indexes={"by_buyer": ("buyer", "id")})
    counts = app.table("counts")
    rate = app.param("rate", default="1")
    key = app.secret("key")
    files = app.bucket("files")
    placed = app.topic("placed")


    @app.post("/orders/{id}/tax")
    def tax(id: str) -> dict[str, object]:
        order = orders.require(id)
        assert key.get()
        tax = order.price * int(rate.get()) / 100
        counts.put({"id": id, "n": 1})
        return {"tax": str(tax), "buyer": order.buyer, "id": str(uuid.uuid4()), "at": datetime.now(UTC).isoformat()}


    @app.get("/orders/{id}/share")
    def share(id: str) -> int:
        parts = counts.require(id)["n"]
        return 100 // (parts - 3)


    @app.get("/buyers/{name}")
    def of_buyer(name: str) -> list[str]:
        return [order.id for order in orders.query_index("by_buyer", name).items]


    @app.get("/text")
    def text() -> str:
        return 'it\\'s "quoted" \\u00e9'


    @app.get("/secretive")
    def secretive(context: Context) -> dict[str, str]:
        return {"token": "t-1", "id": context.id}


    @app.task(max_attempts=3)
    def ship(order: dict[str, str]) -> dict[str, object]:
        if order["to"] == "nowhere":
            raise LookupError(f"{order['to']} is no place")
        return {"to": order["to"], "parcel": uuid.uuid4().hex}


    @placed.subscribe
    def heard(event: Event[dict[str, str]]) -> None:
        if event.attributes["kind"] != event.data["kind"]:
            raise ValueError("two kinds")


    @app.every(hours=1)
    def hourly(at: datetime) -> int:
        return at.hour
"""


def order(id: str, buyer: str) -> dict[str, object]:
    from datetime import UTC, datetime
    from decimal import Decimal

    return {"id": id, "price": Decimal("12.50"), "at": datetime(2026, 1, 2, tzinfo=UTC), "buyer": buyer}


def saved(made: Project, file: ReplayFile) -> str:
    """The text of the test, of a file that went over the disk."""
    module = next(name for name in made.folder.glob("replayed_*.py"))
    return pytest_text(parse(dumps(file)), module=module.stem)


def test_one_that_succeeded_passes_with_what_it_had_read_and_whatever_its_ids(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        happened.started.put_items("orders", order("o-1", "ada"), order("o-2", "bob"))
        happened.started.set_secret("key", "k-1")
        happened.started.set_param("rate", "20")
        answer = happened.started.request("POST", "/orders/o-1/tax")
        assert answer.status == 200, answer.body
        text = saved(made, happened.file())
    assert '"o-1"' in text
    assert '"o-2"' not in text, "only what was read"
    assert 'Decimal("12.50")' in text
    assert "k-1" not in text
    assert 'set_param("rate", "20")' in text
    assert text.count("some(str)") == 2, text
    done = made.pytest(text)
    assert done.returncode == 0, text + done.stdout
    # And it is a test: another answer does not pass.
    wrong = text.replace('"tax": "2.5', '"tax": "3.5')
    assert wrong != text
    with pytest.raises(AssertionError):
        made.run(wrong)


def test_one_that_failed_fails_with_the_same_error_until_the_bug_is_fixed(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        happened.started.put_items("counts", {"id": "o-1", "n": 3})
        assert happened.started.request("GET", "/orders/o-1/share").status == 500
        text = saved(made, happened.file())
    done = made.pytest(text)
    assert done.returncode == 1, text
    assert re.search(r"^E +ZeroDivisionError: integer division or modulo by zero$", done.stdout, re.MULTILINE)
    assert "return 100 // (parts - 3)" in done.stdout, "pytest shows the line of the user"
    (source,) = made.folder.glob("replayed_*.py")
    source.write_text(source.read_text().replace("100 // (parts - 3)", "100 // (parts + 1)"))
    fixed = made.folder / "replayed_fixed.py"
    source.rename(fixed)
    made.run(text.replace(f"from {source.stem} import", "from replayed_fixed import"))


def test_an_index_shows_what_was_put_there(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        happened.started.put_items("orders", order("o-1", "ada"), order("o-2", "ada"))
        assert happened.started.request("GET", "/buyers/ada").body == b'["o-1","o-2"]'
        text = saved(made, happened.file())
    made.run(text)
    with pytest.raises(AssertionError):
        made.run(text.replace('"o-2"]', '"o-3"]'))


def test_an_answer_that_is_no_json_is_compared_as_text(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        happened.started.request("GET", "/text")
        text = saved(made, happened.file())
    made.run(text)
    with pytest.raises(AssertionError):
        made.run(text.replace("quoted", "other"))


def test_a_task_that_failed_fails_with_its_error_and_one_that_succeeded_gives_its_result(project: Make) -> None:
    made = project(SHOP)
    ship: Any = made.app.resources["task", "ship"]
    with recorded(made.app) as happened:
        ship.send({"to": "nowhere"})
        happened.started.drain()
        failed = happened.file()
        assert failed.observed.outcome == "failed"
        assert failed.invocation.attempt == 1
        ship.send({"to": "Perth"})
        happened.started.drain()
        succeeded = happened.file()
    with pytest.raises(LookupError, match=r"^nowhere is no place$"):
        made.run(saved(made, failed))
    text = saved(made, succeeded)
    assert '"to": "Perth", "parcel": some(str)' in text
    made.run(text)
    with pytest.raises(AssertionError):
        made.run(text.replace('{"to": "Perth", "p', '{"to": "Pert", "p'))


def test_a_subscriber_has_the_attributes_of_the_event(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        topic: Any = made.app.resources["topic", "placed"]
        topic.publish({"kind": "a"}, attributes={"kind": "b"})
        happened.started.drain()
        file = happened.file()
    assert dict(file.invocation.delivery.attributes if file.invocation.delivery else {}) == {"kind": "b"}
    with pytest.raises(ValueError, match=r"^two kinds$"):
        made.run(saved(made, file))
    made.run(saved(made, filled(file, {"delivery.attributes.kind": "a"})))


def test_a_schedule_has_its_fire_time(project: Make) -> None:
    from datetime import UTC, datetime

    made = project(SHOP)
    with recorded(made.app) as happened:
        happened.started.fire("hourly", datetime(2026, 1, 2, 17, tzinfo=UTC))
        happened.started.drain()
        file = happened.file()
        text = saved(made, file)
    assert file.observed.response is not None
    assert file.observed.response.body == "17"
    made.run(text)
    with pytest.raises(AssertionError):
        made.run(text.replace("T17:", "T18:"))


def test_what_is_redacted_is_asked_for_and_in_an_answer_only_its_type_counts(project: Make) -> None:
    made = project(SHOP)
    with recorded(made.app) as happened:
        headers = [("authorization", "[redacted]"), ("x-request-id", "request-0001")]
        happened.started.request("GET", "/secretive", headers=headers)
        invocation = happened.recorder.json()
    from portable.replay import replay_file

    invocation["response"]["body"] = invocation["response"]["body"].replace("t-1", "[redacted]")
    file = replay_file(invocation, app="shop", portable="0")
    with pytest.raises(InvalidArgument, match=r"request\.headers\.authorization") as raised:
        pytest_text(file)
    assert raised.value.hint == "--set request.headers.authorization=VALUE"
    text = saved(made, filled(file, {"request.headers.authorization": "Bearer x"}))
    assert '{"token": some(str), "id": "request-0001"}' in text
    made.run(text)
    with pytest.raises(AssertionError):
        made.run(text.replace('request-0001"}', 'request-0002"}'))


def test_what_cannot_be_restored_is_said_in_the_test(project: Make) -> None:
    made = project("""
        from portable import App

        app = App("shop")
        files = app.bucket("files")


        @app.get("/size/{name}")
        def size(name: str) -> int:
            return len(files.require(name))
    """)
    with recorded(made.app) as happened:
        files: Any = made.app.resources["bucket", "files"]
        files.put("a.txt", b"12345")
        assert happened.started.request("GET", "/size/a.txt").body == b"5"
        text = saved(made, happened.file())
    assert "# Not restored: bucket:files a.txt, require: objects are not recorded" in text
    with pytest.raises(AssertionError):
        made.run(text)
