"""Keys of buckets: every legal one is an object of its own, every other one is refused before any I/O."""

from collections.abc import Callable
from typing import Any

import pytest

from portable.buckets import Bucket
from portable.errors import InvalidArgument, LimitExceeded, NotFound

from .bucket_runs import BucketRuns
from .harness import Harness

LEGAL_KEYS = [
    "a",
    "A",
    "0",
    "-",
    "_",
    "=",
    "+",
    "@",
    "!",
    "~",
    ",",
    "(",
    ")",
    "()",
    "a.b",
    ".a",
    "..a",
    "...a",
    "a..b",
    ".a/.b",
    "~root",
    "-rf",
    "--help",
    "a/b",
    "a/b/c",
    "a/B",
    "A/b",
    "a-b/c_d/e=f",
    "year=2026/month=11/part-0000.parquet",
    "user@example.org/file(1).txt",
    "hello+world,(copy)!~.txt",
    "CON",
    "nul",
    "aux.txt",
    "com1",
    "con/prn/lpt1",
    "desktop.ini",
    "index.html",
    ".well-known/other",
    ".well-known",
    ".git/config",
    ".portable/data",
    "_portable/buckets",
    "tmp",
    "lost+found",
    "0" * 255,
    "x" * 256,
    "x" * 900,
    "/".join(["y" * 254] * 3),
    "/".join(["z"] * 254),
    "a/" * 200 + "end",
    "data.sqlite-wal",
    "x.tmp",
    "x.meta",
    "x.json",
    "%".replace("%", "=25"),
    "a==",
    "e3b0c44298fc1c149afbf4c8996fb924",
    "index",
    "objects/index",
    "=HYPERLINK(a,b)",
    "@SUM(1+1)",
]
"""Every one of them is a key of its own, whatever the file system thinks of it."""

ILLEGAL_KEYS = [
    "",
    "/",
    "//",
    "/a",
    "a/",
    "a//b",
    "//a",
    "a/b//",
    ".",
    "..",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/./b",
    "a/../b",
    "../../etc/passwd",
    "a.",
    "a..",
    "a./b",
    "a/b.",
    "...",
    "a/.../b",
    " ",
    "a b",
    " a",
    "a ",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\x00b",
    "\x00",
    "a\x7fb",
    "a\\b",
    "..\\a",
    "C:\\a",
    "C:a",
    "a:b",
    "a?b",
    "a#b",
    "a%2fb",
    "a%b",
    "%",
    "%2e%2e/a",
    "a&b",
    "a;b",
    "a*b",
    "a|b",
    'a"b',
    "a'b",
    "a`b",
    "a<b",
    "a>b",
    "a[b",
    "a]b",
    "a{b",
    "a}b",
    "a^b",
    "a$b",
    "é",
    "e\u0301",
    "日本",
    "\U0001f600",
    "a\u200bb",
    "a\u202eb",
    "\uff0e\uff0e/a",
    "a\u2215b",
    "\ud800",
    "\ufeffa",
    "٣",
    ".well-known/acme-challenge/x",
]

NOT_KEYS: list[Any] = [None, 1, 1.5, True, b"a", ("a",), ["a"], {"a": 1}, object(), Ellipsis]


class BucketKeyConformance(BucketRuns):
    """Keys come back byte for byte, whatever a file system thinks of them."""

    @pytest.mark.parametrize("key", LEGAL_KEYS, ids=lambda key: str(key)[:40])
    def test_a_legal_key_holds_its_object_through_every_verb(self, harness: Harness, key: str) -> None:
        with self.running(harness) as (files, _):
            assert files.get(key) is None
            assert files.head(key) is None
            stored = files.put(key, b"of " + key.encode())
            assert stored.key == key
            assert files.get(key) == b"of " + key.encode()
            assert files.require(key) == b"of " + key.encode()
            assert files.head(key) == stored
            with files.open(key) as reader:
                assert reader.read() == b"of " + key.encode()
            assert files.read_range(key, 1, 3) == b"f "
            assert [entry.key for entry in files.list().objects] == [key]
            assert [entry.key for entry in files.list(key).objects] == [key]
            files.copy(key, "copy-of-it")
            files.copy("copy-of-it", key)
            files.delete(key)
            assert files.get(key) is None
            assert [entry.key for entry in files.list().objects] == ["copy-of-it"]

    def test_all_legal_keys_are_different_objects_side_by_side(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            for key in LEGAL_KEYS:
                files.put(key, key)
            for key in LEGAL_KEYS:
                assert files.require(key).decode() == key
            assert [entry.key for entry in files.list().objects] == sorted(set(LEGAL_KEYS), key=str.encode)
            for number, key in enumerate(LEGAL_KEYS):
                files.delete(key)
                assert len(files.list().objects) == len(LEGAL_KEYS) - number - 1

    @pytest.mark.parametrize("key", ILLEGAL_KEYS, ids=ascii)
    def test_an_illegal_key_is_refused_by_every_verb_and_changes_nothing(self, harness: Harness, key: str) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"x")
            before = files.list()
            for call in self.calls_with(files, key):
                with pytest.raises(InvalidArgument) as caught:
                    call()
                assert caught.value.resource == "bucket:files"
                assert caught.value.hint
            assert files.list() == before

    @pytest.mark.parametrize("key", NOT_KEYS, ids=lambda key: type(key).__name__)
    def test_what_is_no_text_is_no_key(self, harness: Harness, key: Any) -> None:
        with self.running(harness) as (files, _):
            for call in self.calls_with(files, key):
                with pytest.raises(InvalidArgument):
                    call()

    def calls_with(self, files: Bucket, key: Any) -> list[Callable[[], object]]:
        return [
            lambda: files.get(key),
            lambda: files.require(key),
            lambda: files.open(key),
            lambda: files.read_range(key, 0, 1),
            lambda: files.head(key),
            lambda: files.put(key, b"x"),
            lambda: files.delete(key),
            lambda: files.copy(key, "b"),
            lambda: files.copy("a", key),
            lambda: files.signed_url(key),
            lambda: files.signed_url(key, "PUT"),
        ]

    def test_a_key_is_legal_up_to_900_bytes_and_254_segments(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("k" * 900, b"x")
            files.put("/".join(["s"] * 254), b"x")
            before = files.list()
            for key, limit in (
                ("k" * 901, "object_key_bytes"),
                ("k/" * 450 + "k", "object_key_bytes"),
                ("k" * 100_000, "object_key_bytes"),
                ("/".join(["s"] * 255), "object_key_segments"),
            ):
                for call in self.calls_with(files, key):
                    with pytest.raises(LimitExceeded) as caught:
                        call()
                    assert caught.value.limit == limit
                    assert caught.value.provider
            assert files.list() == before

    def test_an_object_and_objects_below_its_name_coexist(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"1")
            files.put("a/b", b"2")
            files.put("a/b/c", b"3")
            files.put("x/y/z", b"4")
            files.put("x", b"5")
            files.put("x/y", b"6")
            keys = ["a", "a/b", "a/b/c", "x", "x/y", "x/y/z"]
            assert [entry.key for entry in files.list().objects] == keys
            assert [files.get(key) for key in keys] == [b"1", b"2", b"3", b"5", b"6", b"4"]
            files.delete("a")
            files.delete("x/y")
            assert [files.get(key) for key in keys] == [None, b"2", b"3", b"5", None, b"4"]
            files.delete("a/b")
            assert files.get("a/b/c") == b"3"
            files.put("a", b"7")
            assert (files.get("a"), files.get("a/b/c")) == (b"7", b"3")

    def test_keys_that_differ_in_case_are_different_objects(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            for key in ("readme", "README", "ReadMe", "dir/x", "DIR/x", "Dir/X"):
                files.put(key, key)
            for key in ("readme", "README", "ReadMe", "dir/x", "DIR/x", "Dir/X"):
                assert files.get(key) == key.encode()

    def test_a_key_in_another_case_is_absent_to_every_verb(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("dir/readme", b"x")
            for other in ("dir/README", "DIR/readme", "Dir/Readme"):
                assert files.get(other) is None
                assert files.head(other) is None
                assert files.list(other).objects == []
                with pytest.raises(NotFound):
                    files.open(other)
                with pytest.raises(NotFound):
                    files.copy(other, "copied")
                files.delete(other)
                files.put(other, b"y", if_absent=True)
                files.delete(other)
            assert [entry.key for entry in files.list().objects] == [stored.key]
