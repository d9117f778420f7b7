"""What is kept with an object's bytes: content type, metadata, size, time."""

from datetime import UTC
from typing import Any

import pytest

from portable.errors import InvalidArgument, LimitExceeded

from .bucket_runs import BucketRuns
from .harness import Harness

CONTENT_TYPES = [
    ("a.txt", "text/plain; charset=utf-8"),
    ("a.csv", "text/csv; charset=utf-8"),
    ("a.json", "application/json"),
    ("a.PNG", "image/png"),
    ("a.tar.gz", "application/gzip"),
    ("a.parquet", "application/vnd.apache.parquet"),
    ("a.html", "text/html; charset=utf-8"),
    ("a", "application/octet-stream"),
    ("a.b/c", "application/octet-stream"),
    (".json", "application/octet-stream"),
    ("a.unknown", "application/octet-stream"),
]


class BucketDescriptionConformance(BucketRuns):
    """Types and metadata come back as they went."""

    @pytest.mark.parametrize(("key", "content_type"), CONTENT_TYPES)
    def test_the_extension_tells_the_type_of_bytes(self, harness: Harness, key: str, content_type: str) -> None:
        with self.running(harness) as (files, _):
            assert files.put(key, b"x").content_type == content_type
            head = files.head(key)
            assert head is not None
            assert head.content_type == content_type

    def test_text_under_a_key_that_tells_nothing_is_text(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            assert files.put("a", "x").content_type == "text/plain; charset=utf-8"
            assert files.put("a.json", "{}").content_type == "application/json"

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/plain; charset=utf-8",
            "text/plain;charset=utf-8",
            "application/vnd.api+json",
            'multipart/mixed; boundary="a b"',
            "x/" + "y" * 253,
        ],
    )
    def test_a_given_type_is_kept_as_it_is(self, harness: Harness, content_type: str) -> None:
        with self.running(harness) as (files, _):
            assert files.put("a.json", b"x", content_type=content_type).content_type == content_type
            head = files.head("a.json")
            assert head is not None
            assert head.content_type == content_type

    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "text",
            "/",
            "text/",
            "/plain",
            "text/plain\r\nx: y",
            "text/plain\n",
            "tëxt/plain",
            "a b/c",
            "x/" + "y" * 254,
            1,
            b"text/plain",
        ],
    )
    def test_what_is_no_media_type_is_refused(self, harness: Harness, content_type: Any) -> None:
        with self.running(harness) as (files, _):
            with pytest.raises(InvalidArgument):
                files.put("a", b"x", content_type=content_type)
            assert files.head("a") is None

    def test_metadata_comes_back_as_it_went_and_is_replaced_whole(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            metadata = {
                "a": "1",
                "long_name_2": "with spaces inside",
                "x9": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
                "class": "keyword",
            }
            assert files.put("a", b"x", metadata=metadata).metadata == metadata
            head = files.head("a")
            assert head is not None
            assert head.metadata == metadata
            assert files.list().objects[0].key == "a"
            assert files.put("a", b"y").metadata == {}
            head = files.head("a")
            assert head is not None
            assert head.metadata == {}

    def test_the_dict_given_as_metadata_stays_the_callers(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            metadata = {"a": "1"}
            stored = files.put("a", b"x", metadata=metadata)
            metadata["a"] = "2"
            stored.metadata["a"] = "3"
            head = files.head("a")
            assert head is not None
            assert head.metadata == {"a": "1"}

    def test_metadata_may_have_2048_bytes_and_not_one_more(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"x", metadata={"k" * 48: "v" * 2000})
            head = files.head("a")
            assert head is not None
            assert head.metadata == {"k" * 48: "v" * 2000}
            # They travel as headers, of which HTTP clients take a hundred.
            many = {f"k{number:03}": "v" * 28 for number in range(64)}
            assert sum(len(name) + len(value) for name, value in many.items()) == 2048
            files.put("b", b"x", metadata=many)
            for metadata in ({"k" * 48: "v" * 2001}, {"k" * 49: "v" * 2000}, {**many, "z": ""}):
                with pytest.raises(LimitExceeded) as caught:
                    files.put("c", b"x", metadata=metadata)
                assert caught.value.limit == "object_metadata_bytes"
            assert files.head("c") is None

    @pytest.mark.parametrize(
        "metadata",
        [
            {"": "x"},
            {"A": "x"},
            {"a-b": "x"},
            {"1a": "x"},
            {"_a": "x"},
            {"é": "x"},
            {"a b": "x"},
            {"a\n": "x"},
            {"a": "é"},
            {"a": "x\ny"},
            {"a": "x\r\ny: z"},
            {"a": "\x00"},
            {"a": "\x7f"},
            {"a": " x"},
            {"a": "x "},
            {"a": 1},
            {"a": None},
            {"a": b"x"},
            {1: "x"},
            [("a", "x")],
            "a=x",
        ],
        ids=repr,
    )
    def test_metadata_that_no_header_carries_is_refused(self, harness: Harness, metadata: Any) -> None:
        with self.running(harness) as (files, _):
            with pytest.raises(InvalidArgument):
                files.put("a", b"x", metadata=metadata)
            assert files.head("a") is None

    def test_what_is_known_of_an_object(self, harness: Harness) -> None:
        with self.running(harness) as (files, running):
            before = running.now()
            stored = files.put("dir/a.txt", b"12345", metadata={"x": "y"})
            assert stored.key == "dir/a.txt"
            assert stored.size == 5
            assert stored.version
            assert stored.content_type == "text/plain; charset=utf-8"
            assert stored.metadata == {"x": "y"}
            assert stored.modified.tzinfo is UTC
            assert -2 < stored.modified.timestamp() - before < 60
            assert files.head("dir/a.txt") == stored
            running.advance(3600)
            assert files.head("dir/a.txt") == stored
            later = files.put("dir/a.txt", b"12345", metadata={"x": "y"})
            assert 3590 < (later.modified - stored.modified).total_seconds() < 3700
