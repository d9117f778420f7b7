"""Buckets under several writers and readers at once."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from portable.app import App
from portable.errors import Conflict, NotFound

from .harness import Harness

T = TypeVar("T")

WRITERS = 8
ROUNDS = 10


def together(calls: list[Callable[[], T]]) -> list[T | Exception]:
    """Runs all calls at once, each on its thread; what each returned or raised, in order."""
    barrier = threading.Barrier(len(calls))
    found: dict[int, T | Exception] = {}

    def run(number: int, call: Callable[[], T]) -> None:
        barrier.wait(30)
        try:
            found[number] = call()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(calls), "a call did not end within a minute"
    return [found[number] for number in range(len(calls))]


class BucketConcurrencyConformance:
    """One winner of each race, and no mixture of two writes."""

    def test_exactly_one_of_many_creates_an_object(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            for number in range(ROUNDS):
                key = f"race/{number}"

                def write(writer: int, key: str = key) -> int:
                    files.put(key, str(writer).encode() * 1000, if_absent=True)
                    return writer

                found = together([partial(write, writer) for writer in range(WRITERS)])
                winners = [entry for entry in found if isinstance(entry, int)]
                assert len(winners) == 1, found
                assert all(isinstance(entry, (int, Conflict)) for entry in found), found
                assert files.get(key) == str(winners[0]).encode() * 1000

    def test_exactly_one_of_many_replaces_a_version(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            version = files.put("a", b"start").version
            for _ in range(ROUNDS):

                def write(writer: int, version: str = version) -> tuple[int, str]:
                    return writer, files.put("a", str(writer), if_version=version).version

                found = together([partial(write, writer) for writer in range(WRITERS)])
                winners = [entry for entry in found if isinstance(entry, tuple)]
                assert len(winners) == 1, found
                assert all(isinstance(entry, (tuple, Conflict)) for entry in found), found
                writer, version = winners[0]
                assert files.get("a") == str(writer).encode()
                head = files.head("a")
                assert head is not None
                assert head.version == version

    def test_exactly_one_of_many_deletes_a_version_or_replaces_it(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            for _ in range(ROUNDS):
                version = files.put("a", b"x").version

                def act(number: int, version: str = version) -> int:
                    if number % 2:
                        files.delete("a", if_version=version)
                    else:
                        files.put("a", b"new", if_version=version)
                    return number

                found = together([partial(act, number) for number in range(4)])
                winners = [entry for entry in found if isinstance(entry, int)]
                assert len(winners) == 1, found
                assert files.get("a") == (None if winners[0] % 2 else b"new")

    def test_exactly_one_of_many_copies_to_an_absent_target(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            for number in range(WRITERS):
                files.put(f"source/{number}", str(number))
            found = together(
                [partial(files.copy, f"source/{number}", "target", if_absent=True) for number in range(WRITERS)]
            )
            winners = [number for number, entry in enumerate(found) if not isinstance(entry, Exception)]
            assert len(winners) == 1, found
            assert files.get("target") == str(winners[0]).encode()

    def test_a_counter_by_versions_loses_no_step(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            files.put("count", b"0")

            def count() -> int:
                done = 0
                for _ in range(2000):
                    with files.open("count") as reader:
                        value = int(reader.read())
                    try:
                        files.put("count", str(value + 1), if_version=reader.version)
                        done += 1
                    except Conflict:
                        continue
                    if done == ROUNDS:
                        break
                return done

            found = together([count for _ in range(4)])
            assert found == [ROUNDS] * 4
            assert files.get("count") == str(4 * ROUNDS).encode()

    def test_a_reader_sees_one_version_whole_while_others_write(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        size = 400_000

        def content(number: int) -> bytes:
            return bytes([number]) * (size + number)

        with harness.running(app):
            files.put("a", content(0), metadata={"number": "0"})

            def write(writer: int) -> int:
                for number in range(5):
                    value = writer * 5 + number + 1
                    files.put("a", content(value), metadata={"number": str(value)})
                return 5

            def read() -> int:
                for _ in range(15):
                    with files.open("a") as reader:
                        number = int(reader.metadata["number"])
                        assert reader.size == size + number
                        assert reader.read() == content(number)
                return 15

            found = together([lambda: write(0), lambda: write(1), read, read])
            assert found == [5, 5, 15, 15]

    def test_an_open_reader_goes_on_while_its_object_is_replaced_and_deleted(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            for end in ("replaced", "deleted"):
                files.put("a", b"old" * 1_000_000)
                with files.open("a") as reader:
                    first = reader.read(10)
                    if end == "replaced":
                        files.put("a", b"new")
                    else:
                        files.delete("a")
                    assert first + reader.read() == b"old" * 1_000_000
                assert files.get("a") == (b"new" if end == "replaced" else None)

    def test_an_upload_is_invisible_until_it_is_whole(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            seen: list[tuple[bytes | None, bytes | None, int]] = []

            def source() -> Iterator[bytes]:
                for _ in range(5):
                    yield b"x" * 300_000
                    seen.append((files.get("new"), files.get("old"), len(files.list().objects)))

            files.put("old", b"old")
            files.put("new", source())
            assert set(seen) == {(None, b"old", 1)}
            seen.clear()
            files.put("old", source())
            assert {entry[1] for entry in seen} == {b"old"}
            assert len(files.require("old")) == 1_500_000

    def test_of_two_uploads_at_once_the_last_to_end_stays(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):

            def outer() -> Iterator[bytes]:
                yield b"outer" * 100_000
                files.put("a", b"inner")
                yield b"!"

            files.put("a", outer())
            assert files.get("a") == b"outer" * 100_000 + b"!"

            def late() -> Iterator[bytes]:
                yield b"late" * 100_000
                files.put("b", b"early")
                yield b"!"

            found = together([lambda: files.put("b", late(), if_absent=True)])
            assert isinstance(found[0], Conflict)
            assert files.get("b") == b"early"

    def test_writers_of_many_keys_do_not_disturb_one_another(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):

            def work(writer: int) -> int:
                for number in range(20):
                    key = f"w{writer}/k{number}"
                    files.put(key, f"{writer}-{number}")
                    assert files.require(key) == f"{writer}-{number}".encode()
                    if number % 3 == 0:
                        files.delete(key)
                        try:
                            files.require(key)
                        except NotFound:
                            continue
                        raise AssertionError("it was deleted")
                return writer

            assert together([partial(work, writer) for writer in range(WRITERS)]) == [*range(WRITERS)]
            assert len(files.list().objects) == WRITERS * 13
