"""Bytes of buckets: whole, streamed, in ranges, from every kind of source, and uploads that break off."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.errors import InvalidArgument, NotFound

from .bucket_runs import BucketRuns
from .harness import Harness


class BucketDataConformance(BucketRuns):
    """What is read is what was put, and what was not put whole is not there."""

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x00",
            b"\r\n",
            b"\xff\xfe\x00",
            bytes(range(256)) * 5,
            b"x" * 65_535,
            b"x" * 65_536,
            b"x" * 65_537,
            b"y" * (1 << 20),
            b'{"__bytes__": "eA=="}',
        ],
        ids=lambda data: f"{len(data)}-{data[:4]!r}",
    )
    def test_bytes_come_back_as_they_went(self, harness: Harness, data: bytes) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("a", data)
            assert stored.size == len(data)
            assert files.require("a") == data
            head = files.head("a")
            assert head is not None
            assert head.size == len(data)
            with files.open("a") as reader:
                assert b"".join(reader) == data

    def test_everything_that_gives_bytes_can_be_put(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            sources: list[tuple[Any, bytes]] = [
                (b"bytes", b"bytes"),
                (bytearray(b"array"), b"array"),
                (memoryview(b"a view")[2:], b"view"),
                ("tëxt", "tëxt".encode()),
                ("", b""),
                ([b"a", b"", b"b"], b"ab"),
                ((b"a", bytearray(b"b"), memoryview(b"c")), b"abc"),
                ([], b""),
                (iter([b"1", b"2"]), b"12"),
                ((str(number).encode() for number in range(300)), "".join(map(str, range(300))).encode()),
                (io.BytesIO(b"file"), b"file"),
                (io.BytesIO(b""), b""),
                (io.BufferedReader(io.BytesIO(b"z" * 700_000)), b"z" * 700_000),
            ]
            for number, (source, expected) in enumerate(sources):
                stored = files.put(f"k{number}", source)
                assert stored.size == len(expected)
                assert files.require(f"k{number}") == expected

    def test_a_file_is_read_from_where_it_stands(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            source = io.BytesIO(b"0123456789")
            source.seek(4)
            files.put("a", source)
            assert files.require("a") == b"456789"

    def test_an_object_can_be_put_from_the_reader_of_another(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"q" * 1_000_000)
            with files.open("a") as reader:
                files.put("b", reader)
            assert files.require("b") == b"q" * 1_000_000

    @pytest.mark.parametrize(
        "data",
        [
            None,
            1,
            1.5,
            True,
            object(),
            {"a": 1},
            {b"a"} | {"b"},
            ["text"],
            [b"a", "b"],
            [1, 2],
            range(3),
            io.StringIO("text"),
            "\ud800",
            lambda: b"x",
        ],
        ids=lambda data: type(data).__name__,
    )
    def test_what_gives_no_bytes_is_refused_and_leaves_nothing(self, harness: Harness, data: Any) -> None:
        if isinstance(data, io.StringIO):
            # Another adapter's run in this process may have read it.
            data = io.StringIO(data.getvalue())
        with self.running(harness) as (files, _):
            with pytest.raises(InvalidArgument):
                files.put("a", data)
            assert files.get("a") is None
            assert files.list().objects == []

    def test_a_large_object_streams_in_and_out_in_chunks(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            block = bytes(range(256)) * 256
            blocks = 12 * 16

            def source() -> Iterator[bytes]:
                for number in range(blocks):
                    yield number.to_bytes(4, "big") + block[4:]

            stored = files.put("large.bin", source())
            assert stored.size == blocks * len(block) == 12 << 20
            pieces = 0
            position = 0
            with files.open("large.bin") as reader:
                assert reader.size == stored.size
                assert reader.object == stored
                for chunk in reader:
                    assert 0 < len(chunk) <= 8 << 20
                    first = -(-position // len(block))
                    while first * len(block) + 4 <= position + len(chunk):
                        at = first * len(block) - position
                        assert chunk[at : at + 4] == first.to_bytes(4, "big")
                        first += 1
                    position += len(chunk)
                    pieces += 1
            assert position == stored.size
            assert pieces > 1
            assert files.read_range("large.bin", stored.size - 65_536) == (191).to_bytes(4, "big") + block[4:]
            assert files.read_range("large.bin", 5 * 65_536, 5 * 65_536 + 4) == (5).to_bytes(4, "big")

    def test_a_reader_reads_in_any_steps_and_mixed_with_chunks(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            data = bytes(number % 251 for number in range(300_000))
            files.put("a", data)
            with files.open("a") as reader:
                found = [reader.read(0), reader.read(1), reader.read(99_999), next(reader)]
                found.append(reader.read(7))
                found.append(reader.read())
                assert b"".join(found) == data
                assert reader.read() == b""
                assert reader.read(10) == b""
                assert list(reader) == []
            assert reader.read() == b""

    def test_a_reader_may_be_left_early_and_closed_twice(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"x" * 5_000_000)
            for _number in range(20):
                with files.open("a") as reader:
                    assert reader.read(10) == b"x" * 10
                reader.close()
                assert reader.read() == b""
            files.delete("a")
            assert files.get("a") is None

    def test_a_reader_tells_what_it_reads(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("a.csv", "1,2", metadata={"from": "bank"})
            with files.open("a.csv", start=1) as reader:
                assert reader.object == stored
                assert (reader.key, reader.size, reader.version) == ("a.csv", 3, stored.version)
                assert reader.content_type == "text/csv; charset=utf-8"
                assert reader.metadata == {"from": "bank"}
                assert reader.read() == b",2"

    def test_an_absent_object_is_none_or_not_found(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("other", b"x")
            assert files.get("a/b") is None
            assert files.head("a/b") is None
            calls: list[Callable[[], object]] = [
                lambda: files.require("a/b"),
                lambda: files.open("a/b"),
                lambda: files.open("a/b", start=0, end=0),
                lambda: files.read_range("a/b", 0, 1),
                lambda: files.read_range("a/b", 5, 5),
                lambda: files.copy("a/b", "c"),
            ]
            for call in calls:
                with pytest.raises(NotFound, match="a/b") as caught:
                    call()
                assert caught.value.resource == "bucket:files"
                assert caught.value.key == "a/b"
            assert files.head("c") is None

    # Ranges

    def test_ranges_at_every_boundary(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            data = b"0123456789"
            files.put("a", data)
            for start in (0, 1, 5, 9, 10, 11, 1000):
                assert files.read_range("a", start) == data[start:]
                for end in (0, 1, 5, 9, 10, 11, 1000):
                    if end >= start:
                        assert files.read_range("a", start, end) == data[start:end]
                        with files.open("a", start=start, end=end) as reader:
                            assert reader.read() == data[start:end]
                            assert reader.size == 10

    def test_ranges_of_an_empty_object_are_empty(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"")
            for start, end in ((0, None), (0, 0), (0, 1), (1, None), (1, 5), (7, 7)):
                assert files.read_range("a", start, end) == b""
                with files.open("a", start=start, end=end) as reader:
                    assert list(reader) == []

    def test_ranges_around_a_large_object_s_middle(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            data = bytes(number % 256 for number in range(1 << 20))
            files.put("a", data)
            for start, end in (
                (65_535, 65_537),
                (65_536, 131_072),
                (0, 1 << 20),
                ((1 << 20) - 1, None),
                ((1 << 20) - 1, (1 << 20) + 1),
                (262_143, 262_145),
            ):
                assert files.read_range("a", start, end) == data[start:end]

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (-1, None),
            (0, -1),
            (5, 4),
            (1.0, None),
            (0, 1.0),
            (True, None),
            ("0", None),
            (None, None),
            (0, "1"),
        ],
    )
    def test_a_range_that_is_none_is_refused(self, harness: Harness, start: Any, end: Any) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"0123456789")
            with pytest.raises(InvalidArgument):
                files.read_range("a", start, end)
            with pytest.raises(InvalidArgument):
                files.open("a", start=start, end=end)

    # Uploads that break off

    def test_an_upload_that_breaks_off_leaves_nothing(self, harness: Harness) -> None:
        class Broken(Exception):
            pass

        def source(pieces: int) -> Iterator[bytes]:
            for _ in range(pieces):
                yield b"x" * 300_000
            raise Broken("the user's")

        with self.running(harness) as (files, running):
            for pieces in (0, 1, 2, 30):
                with pytest.raises(Broken, match="the user's"):
                    files.put("new", source(pieces))
                assert files.head("new") is None
                assert files.list() == ([], [], None)
            stored = files.put("old", b"old", metadata={"a": "b"})
            with pytest.raises(Broken):
                files.put("old", source(5), if_version=stored.version)
            assert files.head("old") == stored
            assert files.get("old") == b"old"
            running.drain()
            files.put("new", b"at last", if_absent=True)

    def test_what_the_source_raises_is_never_taken_for_an_error_of_the_provider(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            for error in (
                OSError(28, "no space"),
                TimeoutError("slow"),
                ConnectionError("reset"),
                KeyError("k"),
            ):

                def source(error: Exception = error) -> Iterator[bytes]:
                    yield b"x"
                    raise error

                with pytest.raises(type(error)) as caught:
                    files.put("a", source())
                assert caught.value is error
            assert files.head("a") is None

    def test_a_source_that_turns_wrong_on_the_way_leaves_nothing(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            pieces: list[Any] = [b"x" * 400_000, b"y", "text"]
            with pytest.raises(InvalidArgument):
                files.put("a", iter(pieces))
            assert files.head("a") is None
