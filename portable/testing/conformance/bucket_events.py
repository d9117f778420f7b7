"""Events of buckets: what `on_created` and `on_deleted` handlers are told, at least once and in no promised order."""

from datetime import UTC
from typing import Any

import pytest

from portable.adapter import Running
from portable.app import App, Service
from portable.buckets import ObjectEvent
from portable.context import Context
from portable.errors import Conflict, DeclarationError

from .harness import Harness


def settle(running: Running, rounds: int) -> None:
    """Delivers, and goes on past the longest wait between two attempts, `rounds` times."""
    for _ in range(rounds):
        running.drain()
        running.advance(301)
    running.drain()


class BucketEventConformance:
    """Every write and deletion under the prefix ends in a call; failures are tried again and then kept."""

    def test_a_creation_is_told_with_key_size_version_and_time(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[ObjectEvent] = []

        @files.on_created
        def created(event: ObjectEvent) -> None:
            seen.append(event)

        with harness.running(app) as running:
            at = running.now()
            stored = files.put("inbox/a.csv", b"12345")
            running.drain()
            assert seen
            for event in seen:
                assert type(event) is ObjectEvent
                assert (event.bucket, event.key, event.size, event.version, event.event) == (
                    "files", "inbox/a.csv", 5, stored.version, "created",
                )  # fmt: skip
                assert event.time.tzinfo is UTC
                assert abs(event.time.timestamp() - at) < 60

    def test_a_deletion_is_told_once_there_was_something(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[ObjectEvent] = []

        @files.on_deleted
        def deleted(event: ObjectEvent) -> None:
            seen.append(event)

        with harness.running(app) as running:
            files.put("a", b"x")
            running.drain()
            assert seen == []
            files.delete("a")
            running.drain()
            assert seen
            for event in seen:
                assert (event.bucket, event.key, event.size, event.event) == ("files", "a", 0, "deleted")
                assert isinstance(event.version, str)
                assert event.time.tzinfo is UTC
            count = len(seen)
            files.delete("a")
            files.delete("never/was")
            running.drain()
            assert len(seen) == count

    def test_every_way_to_write_is_told(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[ObjectEvent] = []

        @files.on_created()
        def created(event: ObjectEvent) -> None:
            seen.append(event)

        with harness.running(app) as running:

            def told() -> set[tuple[str, int, str]]:
                running.drain()
                found = {(event.key, event.size, event.version) for event in seen}
                seen.clear()
                return found

            one = files.put("a", b"1")
            assert told() == {("a", 1, one.version)}
            two = files.put("a", b"22", if_version=one.version)
            assert told() == {("a", 2, two.version)}
            three = files.put("b", iter([b"3", b"33"]), if_absent=True)
            assert told() == {("b", 3, three.version)}
            four = files.copy("b", "c")
            assert told() == {("c", 3, four.version)}
            empty = files.put("d", b"")
            assert told() == {("d", 0, empty.version)}

    def test_each_object_is_told(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        created: set[str] = set()
        deleted: set[str] = set()

        @files.on_created
        def when_created(event: ObjectEvent) -> None:
            created.add(event.key)

        @files.on_deleted
        def when_deleted(event: ObjectEvent) -> None:
            deleted.add(event.key)

        keys = {f"dir{number % 3}/k{number}" for number in range(60)}
        with harness.running(app) as running:
            for key in sorted(keys):
                files.put(key, b"x")
            running.drain()
            assert created == keys
            for key in sorted(keys):
                files.delete(key)
            running.drain()
            assert deleted == keys

    def test_what_did_not_happen_is_not_told(self, harness: Harness) -> None:
        app = App("conformance")
        files, other = app.bucket("files"), app.bucket("other")
        seen: list[ObjectEvent] = []

        @files.on_created
        def created(event: ObjectEvent) -> None:
            seen.append(event)

        @files.on_deleted
        def deleted(event: ObjectEvent) -> None:
            seen.append(event)

        def broken() -> Any:
            yield b"x"
            raise RuntimeError("broken off")

        with harness.running(app) as running:
            other.put("a", b"x")
            other.delete("a")
            files.get("a")
            files.list()
            if "signed_urls" not in harness.adapter.lacks:
                files.signed_url("a", "PUT")
            with pytest.raises(Conflict):
                files.put("a", b"x", if_version="none")
            with pytest.raises(Conflict):
                files.delete("a", if_version="none")
            with pytest.raises(RuntimeError):
                files.put("a", broken())
            running.drain()
            assert seen == []

    @pytest.mark.parametrize(
        ("prefix", "matching"),
        [
            ("", ["in", "in/a", "in/b/c", "inbox/a", "IN/a", "out/in/a"]),
            ("in", ["in", "in/a", "in/b/c", "inbox/a"]),
            ("in/", ["in/a", "in/b/c"]),
            ("in/b", ["in/b/c"]),
            ("in/b/c", ["in/b/c"]),
            ("out/in/", ["out/in/a"]),
            ("nothing/", []),
        ],
    )
    def test_a_prefix_selects_keys_that_start_with_it(self, harness: Harness, prefix: str, matching: list[str]) -> None:
        app = App("conformance")
        files = app.bucket("files")
        created: set[str] = set()
        deleted: set[str] = set()

        @files.on_created(prefix=prefix)
        def when_created(event: ObjectEvent) -> None:
            created.add(event.key)

        @files.on_deleted(prefix)
        def when_deleted(event: ObjectEvent) -> None:
            deleted.add(event.key)

        keys = ["in", "in/a", "in/b/c", "inbox/a", "IN/a", "out/in/a"]
        with harness.running(app) as running:
            for key in keys:
                files.put(key, b"x")
            running.drain()
            for key in keys:
                files.delete(key)
            running.drain()
        assert created == set(matching)
        assert deleted == set(matching)

    def test_several_handlers_are_told_each(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: set[tuple[str, str]] = set()

        @files.on_created(prefix="in/")
        def first(event: ObjectEvent) -> None:
            seen.add(("first", event.key))

        @files.on_created(prefix="in/deep/")
        def second(event: ObjectEvent) -> None:
            seen.add(("second", event.key))

        @files.on_created
        def third(event: ObjectEvent) -> None:
            seen.add(("third", event.key))

        with harness.running(app) as running:
            files.put("in/deep/a", b"x")
            files.put("out", b"x")
            running.drain()
        assert seen == {
            ("first", "in/deep/a"), ("second", "in/deep/a"), ("third", "in/deep/a"), ("third", "out"),
        }  # fmt: skip

    def test_one_function_may_take_both_events(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: set[tuple[str, str]] = set()

        @files.on_created
        @files.on_deleted
        def changed(event: ObjectEvent) -> None:
            seen.add((event.key, event.event))

        with harness.running(app) as running:
            files.put("a", b"x")
            files.delete("a")
            running.drain()
        assert seen == {("a", "created"), ("a", "deleted")}

    def test_a_handler_reads_what_it_is_told_of_and_may_write_on(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")

        @files.on_created(prefix="in/")
        def shout(event: ObjectEvent) -> None:
            files.put(f"out/{event.key[3:]}", files.require(event.key).upper())

        @files.on_created(prefix="out/")
        def clean(event: ObjectEvent) -> None:
            files.delete(f"in/{event.key[4:]}")

        with harness.running(app) as running:
            files.put("in/a", b"hello")
            running.drain()
            assert files.get("out/a") == b"HELLO"
            assert files.get("in/a") is None

    def test_an_async_handler_and_one_that_takes_a_context_are_told_too(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[tuple[str, str, int, str]] = []

        @files.on_created
        async def created(event: ObjectEvent, context: Context) -> None:
            seen.append((event.key, context.kind, context.attempt, context.handler))

        with harness.running(app) as running:
            files.put("a", b"x")
            running.drain()
        assert set(seen) == {("a", "bucket", 1, "created")}

    def test_an_acknowledged_event_may_come_again_the_same(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[tuple[ObjectEvent, str]] = []

        @files.on_created
        def created(event: ObjectEvent, context: Context) -> None:
            seen.append((event, context.id))

        with harness.running(app) as running:
            assert running.redeliver("created") == 0
            files.put("a", b"x")
            running.drain()
            count = len(seen)
            assert running.redeliver("created") >= 1
            running.drain()
            assert len(seen) > count
            assert len(set(seen)) == 1

    def test_a_failing_handler_is_tried_again_until_it_succeeds(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        attempts: list[int] = []

        @files.on_created(max_attempts=5)
        def created(event: ObjectEvent, context: Context) -> None:
            attempts.append(context.attempt)
            if len(attempts) < 3:
                raise ValueError(f"not yet: {event.key}")

        with harness.running(app) as running:
            files.put("a", b"x")
            settle(running, 6)
            assert attempts == [1, 2, 3]
            assert running.dead_letters("created") == []

    @pytest.mark.parametrize("max_attempts", [1, 2, 5])
    def test_a_handler_that_keeps_failing_ends_with_the_dead_letters(self, harness: Harness, max_attempts: int) -> None:
        app = App("conformance")
        files = app.bucket("files")
        attempts: list[int] = []
        others: list[str] = []

        @files.on_created(max_attempts=max_attempts)
        def created(event: ObjectEvent, context: Context) -> None:
            attempts.append(context.attempt)
            raise ValueError(f"no good: {event.key}")

        @files.on_created
        def healthy(event: ObjectEvent) -> None:
            others.append(event.key)

        with harness.running(app) as running:
            files.put("a", b"x")
            settle(running, max_attempts + 2)
            assert attempts == list(range(1, max_attempts + 1))
            letters = running.dead_letters("created")
            assert len(letters) == 1
            assert letters[0].attempts == max_attempts
            assert letters[0].handler == "created"
            assert "no good: a" in letters[0].error
            assert '"a"' in letters[0].body
            assert set(others) == {"a"}
            assert running.dead_letters("healthy") == []
            files.put("b", b"x")
            settle(running, max_attempts + 2)
            assert len(running.dead_letters("created")) == 2

    def test_a_service_s_bucket_and_a_handler_of_another_service(self, harness: Harness) -> None:
        app, archive, audit = App("conformance"), Service("archive"), Service("audit")
        files, own = archive.bucket("files"), app.bucket("files")
        app.include(archive)
        app.include(audit)
        seen: set[tuple[str, str, str]] = set()

        @files.on_created
        def created(event: ObjectEvent, context: Context) -> None:
            seen.add((context.handler, event.bucket, event.key))

        @files.on_created(service=audit)
        def audited(event: ObjectEvent, context: Context) -> None:
            seen.add((context.handler, event.bucket, event.key))

        with harness.running(app) as running:
            files.put("a", b"x")
            own.put("b", b"x")
            running.drain()
        assert seen == {
            ("archive.created", "archive.files", "a"), ("audit.audited", "archive.files", "a"),
        }  # fmt: skip

    def test_the_decorated_function_stays_a_function(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")

        def created(event: ObjectEvent) -> str:
            return event.key

        assert files.on_created(created) is created
        assert files.on_deleted(prefix="x/", name="other")(created) is created
        with harness.running(app):
            pass

    @pytest.mark.parametrize(
        "prefix",
        ["/", "/in", "in//", "../", "in/../", "a b", "é", "in\\", "x" * 901, "./", None, 1, b"in/"],
        ids=lambda prefix: ascii(prefix)[:20],
    )
    def test_a_prefix_that_no_key_can_have_is_a_bad_declaration(self, harness: Harness, prefix: Any) -> None:
        app = App("conformance")
        files = app.bucket("files")
        for decorator in (files.on_created, files.on_deleted):
            with pytest.raises(DeclarationError) as caught:
                decorator(prefix=prefix)
            assert caught.value.location is not None
        with harness.running(app):
            pass

    @pytest.mark.parametrize(
        "options",
        [
            {"max_attempts": 0},
            {"max_attempts": 101},
            {"min_backoff": -1},
            {"min_backoff": 10, "max_backoff": 5},
            {"timeout": 0},
            {"timeout": 541},
            {"memory": 1},
        ],
        ids=repr,
    )
    def test_options_out_of_range_are_a_bad_declaration(self, harness: Harness, options: dict[str, Any]) -> None:
        app = App("conformance")
        files = app.bucket("files")

        def created(event: ObjectEvent) -> None:
            raise AssertionError(event)

        with pytest.raises(DeclarationError):
            files.on_created(**options)(created)
        files.on_created(max_attempts=100, timeout=540, memory=2048)(created)
        with harness.running(app):
            pass
