"""Dead letters without a provider: of which handler, in pages, and what is not found."""

from typing import Any

import pytest

from portable.app import App, Service
from portable.buckets import ObjectEvent
from portable.dead_letters import DeadLetters, dead_letters
from portable.drivers import DeadLetter
from portable.errors import InvalidArgument, NotBound, NotFound, Unavailable
from portable.tables import Change

IDS = [f"01ARZ3NDEKTSV4RRFFQ69G5FA{letter}" for letter in "VWXYZ"]


class Shop:
    """An app with a background handler of every kind, and a route."""

    def __init__(self) -> None:
        app, part = App("shop"), Service("part")
        self.app, self.part = app, part
        bucket, table, topic = app.bucket("files"), part.table("items"), app.topic("news")

        @app.get("/")
        def page() -> str:
            return ""

        @app.task
        def work() -> None: ...

        @part.task(name="work")
        def part_work() -> None: ...

        @topic.subscribe
        def heard(data: Any) -> None: ...

        @app.cron("0 0 * * *")
        def nightly() -> None: ...

        @bucket.on_created
        def received(event: ObjectEvent) -> None: ...

        @table.on_change
        def changed(change: Change[Any]) -> None: ...

        app.include(part)
        self.functions: dict[str, Any] = {
            "work": work,
            "part.work": part_work,
            "heard": heard,
            "nightly": nightly,
            "received": received,
            "part.changed": changed,
        }
        self.page = page


@pytest.fixture
def shop(broker: Any) -> Shop:
    found = Shop()
    broker.bind(found.app)
    broker.letters["work"] = [DeadLetter(id, "work", "null", 5, "no", 1.0, 2.0, "") for id in IDS]
    return found


def test_every_background_handler_is_found_by_function_and_by_name(shop: Shop, broker: Any) -> None:
    for name, function in shop.functions.items():
        for wanted in (name, function):
            found = dead_letters(shop.app, wanted)
            assert found.name == name
            found.list()
            assert broker.calls[-1] == ("list", name, 100, None)


def test_they_are_found_from_a_service_too(shop: Shop) -> None:
    assert dead_letters(shop.part, "work").name == "work"
    assert dead_letters(shop.part, "part.work").name == "part.work"


@pytest.mark.parametrize("wanted", ["nobody", "page", "", "part.nobody"])
def test_what_is_no_background_handler_is_refused_with_those_that_are(shop: Shop, wanted: str) -> None:
    with pytest.raises(InvalidArgument, match="is no background handler of 'shop'") as caught:
        dead_letters(shop.app, wanted)
    assert "part.changed" in (caught.value.hint or "")


@pytest.mark.parametrize("wanted", [None, 5, print, object()], ids=lambda value: type(value).__name__)
def test_whatever_is_asked_for_is_refused_and_not_raised_otherwise(shop: Shop, wanted: Any) -> None:
    with pytest.raises(InvalidArgument, match="background handler"):
        dead_letters(shop.app, wanted)
    with pytest.raises(InvalidArgument):
        dead_letters(shop.app, shop.page)


def test_an_app_without_any_says_so() -> None:
    with pytest.raises(InvalidArgument) as caught:
        dead_letters(App("empty"), "x")
    assert "there are none" in (caught.value.hint or "")


def test_a_function_that_hears_twice_has_to_be_named() -> None:
    app = App("shop")
    one, two = app.topic("one"), app.topic("two")

    def heard(data: Any) -> None: ...

    one.subscribe(name="first")(heard)
    two.subscribe(name="second")(heard)
    with pytest.raises(InvalidArgument, match="more than one") as caught:
        dead_letters(app, heard)
    assert caught.value.hint == "one of: first, second"
    assert dead_letters(app, "second").name == "second"


def test_letters_come_in_pages(shop: Shop) -> None:
    letters = dead_letters(shop.app, "work")
    first = letters.list(limit=2)
    second = letters.list(limit=2, cursor=first.cursor)
    third = letters.list(limit=2, cursor=second.cursor)
    assert [letter.id for page in (first, second, third) for letter in page.letters] == IDS
    assert third.cursor is None


def test_a_letter_is_redriven_or_discarded_once(shop: Shop) -> None:
    letters = dead_letters(shop.app, "work")
    letters.redrive(IDS[0])
    letters.discard(IDS[1])
    assert [letter.id for letter in letters.list().letters] == IDS[2:]
    for verb in (letters.redrive, letters.discard):
        for id in IDS[:2]:
            with pytest.raises(NotFound, match=f"work has no dead letter {id}") as caught:
                verb(id)
            assert caught.value.key == id


def bad(letters: DeadLetters) -> list[Any]:
    found: Any = letters
    return [
        *(lambda limit=limit: found.list(limit=limit) for limit in (0, -1, 1001, 1.5, True, "5", None)),
        *(lambda cursor=cursor: found.list(cursor=cursor) for cursor in ("", 5, b"a")),
        *(lambda id=id: found.redrive(id) for id in ("", "a b", None, 5, "x" * 200)),
        *(lambda id=id: found.discard(id) for id in ("", "\x00", None)),
    ]


def test_bad_input_meets_no_driver(shop: Shop, broker: Any) -> None:
    calls = bad(dead_letters(shop.app, "work"))
    assert len(calls) == 18
    for call in calls:
        with pytest.raises(InvalidArgument) as caught:
            call()
        assert caught.value.resource == "dead-letters:work"
    assert broker.calls == []


def test_the_least_and_the_most_of_a_page_are_taken(shop: Shop) -> None:
    letters = dead_letters(shop.app, "work")
    assert len(letters.list(limit=1).letters) == 1
    assert len(letters.list(limit=1000).letters) == 5


def test_rights_are_counted_for_the_resource_that_owns_the_letters(shop: Shop, broker: Any) -> None:
    shop.functions["work"].dead_letters()
    dead_letters(shop.app, "nightly").list()
    assert broker.asked == [("task:work", "dead_letters"), ("dead-letters:nightly", "dead_letters")]


def test_what_the_provider_raises_is_ours(shop: Shop, broker: Any) -> None:
    broker.fails.append(broker.Refused("away", Unavailable))
    with pytest.raises(Unavailable, match="away") as caught:
        dead_letters(shop.app, "work").list()
    assert caught.value.resource == "dead-letters:work"


def test_an_app_that_does_not_run_has_no_letters() -> None:
    with pytest.raises(NotBound):
        dead_letters(Shop().app, "work").list()
