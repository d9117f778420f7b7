"""Listing of buckets: byte order, prefixes, delimiters, pages."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from portable.app import App
from portable.buckets import Bucket, ObjectList
from portable.errors import InvalidArgument, LimitExceeded

from .harness import Harness

ALPHABET = "!()+,-.0129=@AZ_az~"


def expected(keys: list[str], prefix: str, delimiter: str | None, start_after: str | None) -> list[tuple[str, str]]:
    """What a listing must say, by the contract, of a set of keys: ("key" | "prefix", text) in byte order."""
    found: list[tuple[str, str]] = []
    for key in sorted(set(keys), key=str.encode):
        if not key.startswith(prefix) or (start_after is not None and key.encode() <= start_after.encode()):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter is not None else -1
        entry = ("key", key) if at < 0 else ("prefix", key[: at + 1])
        if entry not in found:
            found.append(entry)
    return found


def entries(page: ObjectList) -> list[tuple[str, str]]:
    mixed = [("key", entry.key) for entry in page.objects] + [("prefix", text) for text in page.prefixes]
    return sorted(mixed, key=lambda entry: entry[1].encode())


def walk(files: Bucket, prefix: str, delimiter: str | None, limit: int, most: int = 2000) -> list[tuple[str, str]]:
    """All pages of a listing."""
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    for _ in range(most):
        page = files.list(prefix, delimiter=delimiter, start_after=cursor, limit=limit)
        assert len(page.objects) + len(page.prefixes) <= limit
        found.extend(entries(page))
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError(f"no end after {most} pages")


class BucketListConformance:
    """Lists are strong, in byte order, complete and without repeats."""

    @contextmanager
    def listed(self, harness: Harness, keys: list[str]) -> Generator[Bucket, None, None]:
        app = App("conformance")
        files = app.bucket("files")
        with harness.running(app):
            for key in keys:
                files.put(key, key)
            yield files

    def test_an_empty_bucket_lists_nothing(self, harness: Harness) -> None:
        with self.listed(harness, []) as files:
            assert files.list() == ([], [], None)
            assert files.list("a/", delimiter="/", start_after="a", limit=1) == ([], [], None)

    def test_a_listing_sees_every_write_and_deletion_at_once(self, harness: Harness) -> None:
        with self.listed(harness, []) as files:
            for number in range(30):
                stored = files.put(f"k{number:02}", b"x" * number)
                last = files.list().objects[-1]
                assert (last.key, last.size) == (stored.key, number)
            for number in range(30):
                files.delete(f"k{number:02}")
                assert [entry.key for entry in files.list().objects] == [
                    f"k{later:02}" for later in range(number + 1, 30)
                ]

    def test_key_size_and_time_of_a_listing_are_those_that_head_says(self, harness: Harness) -> None:
        with self.listed(harness, []) as files:
            files.put("a.csv", b"12", metadata={"k": "v"})
            files.put("b", "text", content_type="text/x")
            listed = files.list().objects
            assert [entry.key for entry in listed] == ["a.csv", "b"]
            for entry in listed:
                head = files.head(entry.key)
                assert head is not None
                assert (entry.key, entry.size) == (head.key, head.size)
                # A provider may list milliseconds and answer HEAD in whole seconds.
                assert abs((entry.modified - head.modified).total_seconds()) < 1
                assert entry.modified.utcoffset() == timedelta(0)

    def test_an_etag_differs_where_the_bytes_differ(self, harness: Harness) -> None:
        with self.listed(harness, []) as files:
            seen: list[str] = []
            for data in (b"one", b"two", b"one two", b""):
                files.put("a", data)
                (entry,) = files.list().objects
                seen.append(entry.etag)
            assert all(seen)
            assert len(set(seen)) == len(seen)

    def test_an_etag_stays_while_nothing_is_written(self, harness: Harness) -> None:
        with self.listed(harness, ["a", "b"]) as files:
            before = files.list().objects
            files.put("b", b"new")
            after = files.list().objects
            assert before[0] == after[0] == files.list("a").objects[0]
            assert before[1] != after[1]

    def test_what_a_listing_does_not_tell_is_said_to_be_with_head(self, harness: Harness) -> None:
        with self.listed(harness, ["a"]) as files:
            (entry,) = files.list().objects
            assert entry._fields == ("key", "size", "etag", "modified")
            for name in ("version", "content_type", "metadata"):
                with pytest.raises(AttributeError, match=rf"head\(key\) tells {name}"):
                    getattr(entry, name)
            with pytest.raises(AttributeError, match=r"key, size, etag, modified of an object, not 'colour'$"):
                getattr(entry, "colour")  # noqa: B009 - no type knows it

    def test_keys_come_in_byte_order(self, harness: Harness) -> None:
        keys = [
            *"!()+,-=@_~09AZaz",
            "a.b",
            "a-b",
            "a/b",
            "a0",
            "aB",
            "ab",
            "A/b",
            "a!",
            "a~",
            "a/b/c",
            "a/b-c",
        ]
        with self.listed(harness, random.Random(5).sample(keys, len(keys))) as files:
            assert [entry.key for entry in files.list().objects] == sorted(keys, key=str.encode)

    def test_a_prefix_is_a_text_and_no_folder(self, harness: Harness) -> None:
        keys = ["a", "a/b", "a/bc", "a/b/c", "ab", "a.b", "b", "b/a", "B/a"]
        with self.listed(harness, keys) as files:
            for prefix in ("", "a", "a/", "a/b", "a/bc", "a.", "b/", "B", "c", "a/b/c", "a/b/cd", "..", "x/"):
                found = [entry.key for entry in files.list(prefix).objects]
                assert found == sorted(key for key in keys if key.startswith(prefix)), prefix

    def test_no_wildcard_means_anything_in_a_prefix(self, harness: Harness) -> None:
        with self.listed(harness, ["a_b", "aXb", "a=b", "a+b"]) as files:
            assert [entry.key for entry in files.list("a_").objects] == ["a_b"]
            assert [entry.key for entry in files.list("a+").objects] == ["a+b"]

    def test_a_delimiter_folds_what_is_below_into_prefixes(self, harness: Harness) -> None:
        keys = ["a", "a/1", "a/2", "a/x/1", "b", "c/1", "d-1", "d-2/x", "e/f/g/h"]
        with self.listed(harness, keys) as files:
            page = files.list(delimiter="/")
            assert [entry.key for entry in page.objects] == ["a", "b", "d-1"]
            assert page.prefixes == ["a/", "c/", "d-2/", "e/"]
            assert page.cursor is None
            page = files.list("a/", delimiter="/")
            assert [entry.key for entry in page.objects] == ["a/1", "a/2"]
            assert page.prefixes == ["a/x/"]
            page = files.list("a", delimiter="/")
            assert ([entry.key for entry in page.objects], page.prefixes) == (["a"], ["a/"])
            page = files.list("d", delimiter="-")
            assert ([entry.key for entry in page.objects], page.prefixes) == ([], ["d-"])
            page = files.list("e/f", delimiter="/")
            assert ([entry.key for entry in page.objects], page.prefixes) == ([], ["e/f/"])
            page = files.list("zz", delimiter="/")
            assert page == ([], [], None)

    def test_a_listing_goes_on_after_any_key(self, harness: Harness) -> None:
        keys = [f"k{number:03}" for number in range(0, 100, 2)]
        with self.listed(harness, keys) as files:
            for after in ("a", "k000", "k001", "k049", "k050", "k098", "k099", "z", "k", "k05"):
                found = [entry.key for entry in files.list(start_after=after).objects]
                assert found == [key for key in keys if key > after], after
            assert [entry.key for entry in files.list("k05", start_after="k053").objects] == [
                "k054", "k056", "k058",
            ]  # fmt: skip

    @pytest.mark.parametrize("count", [1, 2, 3, 10, 11])
    def test_pages_join_without_gap_or_repeat_at_every_limit(self, harness: Harness, count: int) -> None:
        keys = [f"k{number:02}" for number in range(count)]
        with self.listed(harness, keys) as files:
            for limit in (1, 2, 3, 5, 10, 11, 12, 1000):
                assert walk(files, "", None, limit) == [("key", key) for key in keys]

    def test_a_page_that_holds_the_last_entry_has_no_cursor(self, harness: Harness) -> None:
        with self.listed(harness, ["a", "b", "c/1", "c/2"]) as files:
            assert files.list(limit=4).cursor is None
            assert files.list(limit=3).cursor is not None
            assert files.list(delimiter="/", limit=3).cursor is None
            assert files.list(delimiter="/", limit=2).cursor is not None

    def test_pages_with_a_delimiter_never_split_or_repeat_a_prefix(self, harness: Harness) -> None:
        keys = [f"{top}/{low}" for top in "abcdef" for low in range(7)] + [
            "b",
            "c",
            "ca",
            "c.a",
            "d/x/y",
            "d/x/z",
        ]
        with self.listed(harness, keys) as files:
            for prefix in ("", "c", "d/", "d/x", "f"):
                for limit in (1, 2, 3, 4, 100):
                    assert walk(files, prefix, "/", limit) == expected(keys, prefix, "/", None)

    def test_a_thousand_and_one_objects_need_two_pages(self, harness: Harness) -> None:
        keys = [f"k{number:04}" for number in range(1001)]
        with self.listed(harness, keys) as files:
            page = files.list()
            assert len(page.objects) == 1000
            assert page.cursor is not None
            rest = files.list(start_after=page.cursor)
            assert [entry.key for entry in rest.objects] == ["k1000"]
            assert rest.cursor is None
            assert len(walk(files, "", None, 1000)) == 1001

    def test_random_keys_list_as_the_contract_says(self, harness: Harness) -> None:
        seed = 20_261_124
        source = random.Random(seed)
        print(f"seed {seed}")

        def word() -> str:
            while True:
                text = "".join(source.choice(ALPHABET) for _ in range(source.randint(1, 3)))
                if not text.endswith("."):
                    return text

        keys = sorted({"/".join(word() for _ in range(source.randint(1, 4))) for _ in range(150)})
        with self.listed(harness, keys) as files:
            checked = 0
            for _ in range(120):
                key = source.choice(keys)
                prefix = key[: source.randint(0, len(key))]
                delimiter = source.choice([None, "/", "/", "-", "."])
                limit = source.choice([1, 2, 7, 1000])
                assert walk(files, prefix, delimiter, limit) == expected(keys, prefix, delimiter, None), (
                    prefix, delimiter, limit,
                )  # fmt: skip
                after = source.choice(keys)
                found = entries(files.list(prefix, start_after=after))
                assert found == expected(keys, prefix, None, after), (prefix, after)
                checked += 1
            assert checked == 120

    def test_deleting_between_pages_loses_nothing_that_stayed(self, harness: Harness) -> None:
        keys = [f"k{number:02}" for number in range(40)]
        with self.listed(harness, keys) as files:
            page = files.list(limit=10)
            for entry in page.objects:
                files.delete(entry.key)
            files.put("k00a", b"before the cursor")
            files.put("k39a", b"after it")
            seen: list[str] = []
            cursor = page.cursor
            while cursor is not None and len(seen) < 100:
                page = files.list(start_after=cursor, limit=7)
                seen.extend(entry.key for entry in page.objects)
                cursor = page.cursor
            assert seen == [*keys[10:], "k39a"]

    @pytest.mark.parametrize(
        "prefix",
        ["/", "/a", "a//", "a//b", "../", "./", "a/../", "a./", "a b", "é", "a%", "a\x00", "a\\", "\x7f", None, 1, b"a",
         ".well-known/acme-challenge/"],
        ids=ascii,
    )  # fmt: skip
    def test_a_prefix_that_no_key_can_have_is_refused(self, harness: Harness, prefix: Any) -> None:
        with self.listed(harness, []) as files:
            with pytest.raises(InvalidArgument):
                files.list(prefix)
            if prefix is not None:
                with pytest.raises(InvalidArgument):
                    files.list(start_after=prefix)

    def test_prefixes_have_the_limits_of_keys(self, harness: Harness) -> None:
        with self.listed(harness, []) as files:
            assert files.list("p" * 900).objects == []
            with pytest.raises(LimitExceeded) as caught:
                files.list("p" * 901)
            assert caught.value.limit == "object_key_bytes"

    @pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "10", None, True])
    def test_a_limit_is_1_to_1000(self, harness: Harness, limit: Any) -> None:
        with self.listed(harness, ["a"]) as files, pytest.raises(InvalidArgument):
            files.list(limit=limit)

    @pytest.mark.parametrize("delimiter", ["", "//", "ab", " ", "é", "\\", "%", 1, b"/"])
    def test_a_delimiter_is_one_character_of_keys(self, harness: Harness, delimiter: Any) -> None:
        with self.listed(harness, ["a"]) as files, pytest.raises(InvalidArgument):
            files.list(delimiter=delimiter)
