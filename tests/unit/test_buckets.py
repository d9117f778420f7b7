"""Buckets without a provider: bad input meets no driver, what drivers raise becomes ours, sources, readers, events."""

import io
import json
import random
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from portable.app import App, Service
from portable.binding import Binding
from portable.bucket_keys import KEY, PAST, check_key, check_prefix, guess_content_type
from portable.bucket_records import CHUNK, ObjectEventCodec, ObjectReader, object_event_body, object_of
from portable.buckets import Bucket, ObjectEvent
from portable.capabilities import load_profile
from portable.drivers import Condition, ListedRecord, ObjectPage, ObjectRecord, SignedRequest
from portable.errors import (
    Conflict,
    DeclarationError,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PortableError,
    Unavailable,
)
from portable.specs import BucketEvent, RetryPolicy
from portable.testing.conformance.bucket_keys import ILLEGAL_KEYS, LEGAL_KEYS, NOT_KEYS
from portable.testing.conformance.naming import described

PROFILE = load_profile()


def record(key: str = "a", size: int = 3) -> ObjectRecord:
    return ObjectRecord(key, size, "v1", "text/x", {"k": "v"}, 1_800_000_000.5)


def listed(key: str) -> ListedRecord:
    return ListedRecord(key, 3, "e1", 1_800_000_000.5)


class Refused(Exception):
    """What a provider's library might raise."""


class Recorder:
    """A BucketDriver that writes down what it is asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.page = ObjectPage([], [], None)
        self.chunks: Callable[[], Iterator[bytes]] | None = None
        self.fails: Exception | None = None

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    def classify(self, error: Exception) -> type[PortableError] | None:
        return Unavailable if isinstance(error, Refused) else None

    def head(self, key: str) -> ObjectRecord | None:
        self._note("head", key)
        return record(key)

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        self._note("read", key, start, end)
        return None if self.chunks is None else (record(key), self.chunks())

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        self._note("write", key, [*chunks], content_type, metadata, condition)
        return record(key)

    def delete(self, key: str, condition: Condition) -> None:
        self._note("delete", key, condition)

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage:
        self._note("list", prefix, delimiter, start_after, limit)
        return self.page

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        self._note("copy", source, target, condition)
        return None if source == "absent" else record(target)

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        self._note("sign", key, method, expires_in, content_type)
        return SignedRequest("https://example.org/", method, {}, 0)


class Factory:
    def __init__(self, driver: Recorder) -> None:
        self.driver = driver

    def bucket(self, spec: object) -> Recorder:
        return self.driver


@contextmanager
def bound(
    authorize: Callable[[str, str], None] | None = None,
) -> Generator[tuple[Bucket, Recorder], None, None]:
    app = App("unit")
    files = app.bucket("files")
    driver = Recorder()
    factory: Any = Factory(driver)
    app.bind(Binding(app="unit", stage="test", adapter="memory", drivers=factory, profile=PROFILE, authorize=authorize))
    yield files, driver


def every_call(files: Bucket, key: Any) -> list[Callable[[], object]]:
    return [
        lambda: files.get(key),
        lambda: files.require(key),
        lambda: files.open(key),
        lambda: files.read_range(key, 0),
        lambda: files.head(key),
        lambda: files.put(key, b"x"),
        lambda: files.delete(key),
        lambda: files.copy(key, "b"),
        lambda: files.copy("b", key),
        lambda: files.signed_url(key),
    ]


# Keys


@pytest.mark.parametrize("key", [*ILLEGAL_KEYS, *NOT_KEYS, "x" * 901, "/".join(["s"] * 255)], ids=described)
def test_a_bad_key_meets_no_driver(key: Any) -> None:
    with bound() as (files, driver):
        for call in every_call(files, key):
            with pytest.raises((InvalidArgument, LimitExceeded)):
                call()
        assert driver.calls == []


@pytest.mark.parametrize("key", LEGAL_KEYS, ids=lambda key: str(key)[:40])
def test_a_legal_key_is_also_a_legal_prefix_and_so_is_each_beginning_of_it(key: str) -> None:
    assert check_key(key, PROFILE, "bucket:files") == key
    for end in range(0, len(key) + 1, max(1, len(key) // 40)):
        assert check_prefix(key[:end], PROFILE, "bucket:files") == key[:end]


def test_the_quick_check_and_the_explaining_one_agree_on_random_texts() -> None:
    seed = 7
    source = random.Random(seed)
    legal = 0
    for _ in range(20_000):
        text = "".join(source.choice("ab./._-~= \u00e9") for _ in range(source.randint(0, 8)))
        # Past the quick check's length only the explaining one is asked.
        long = "long/" * 26 + text
        outcomes: list[bool] = []
        for key in (text, long):
            try:
                outcomes.append(check_key(key, PROFILE, "r") == key)
            except InvalidArgument:
                outcomes.append(False)
        if text:
            assert outcomes[0] == outcomes[1], (seed, text)
        legal += outcomes[0]
    assert 500 < legal < 19_500


def test_an_error_of_a_key_says_what_is_wrong_with_it() -> None:
    for key, word in (
        ("", "empty"),
        ("/a", "starts with '/'"),
        ("a/", "ends with '/'"),
        ("a//b", "'//'"),
        ("a/../b", "'..'"),
        ("a./b", "ends with a dot"),
        ("a b", "' ' at position 1"),
        ("a\u00e9", r"'\xe9' at position 1"),
        (".well-known/acme-challenge/x", "Google"),
    ):
        with pytest.raises(InvalidArgument, match=re.escape(word)) as caught:
            check_key(key, PROFILE, "bucket:files")
        assert caught.value.hint
        assert caught.value.message.isascii()


def test_an_error_never_repeats_an_endless_key() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_key("x" * 1_000_000 + "\n", PROFILE, "r")
    assert len(caught.value.message) < 400


def test_a_str_of_a_subclass_is_taken_for_its_text() -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "something else"

    found = check_key(Name("a/b"), PROFILE, "r")
    assert (found, type(found)) == ("a/b", str)


def test_no_legal_character_sorts_after_the_end_of_a_prefix() -> None:
    assert all(character < PAST for key in LEGAL_KEYS for character in key)
    assert KEY.fullmatch(PAST) is None


# What drivers get


def test_a_driver_gets_checked_values_and_defaults() -> None:
    with bound() as (files, driver):
        files.get("a")
        files.head("a")
        files.put("a.csv", "é", metadata={"k": "v"})
        files.put("b", [b"1", b"", bytearray(b"2")], content_type="x/y", if_absent=True)
        files.put("b", memoryview(b"3"), if_version="v7")
        files.delete("a")
        files.delete("a", if_version="v7")
        files.copy("a", "b")
        files.copy("a", "b", if_absent=True)
        files.signed_url("a")
        files.signed_url("a.png", "PUT", expires_in=60)
        files.signed_url("a.png", "PUT", content_type="x/y")
        assert driver.calls == [
            ("read", "a", 0, None),
            ("head", "a"),
            ("write", "a.csv", ["é".encode()], "text/csv; charset=utf-8", {"k": "v"}, Condition()),
            ("write", "b", [b"1", b"2"], "x/y", {}, Condition(absent=True)),
            ("write", "b", [b"3"], "application/octet-stream", {}, Condition(version="v7")),
            ("delete", "a", Condition()),
            ("delete", "a", Condition(version="v7")),
            ("copy", "a", "b", Condition()),
            ("copy", "a", "b", Condition(absent=True)),
            ("sign", "a", "GET", 900, None),
            ("sign", "a.png", "PUT", 60, "image/png"),
            ("sign", "a.png", "PUT", 900, "x/y"),
        ]


def test_a_driver_is_never_asked_for_an_empty_range() -> None:
    with bound() as (files, driver):
        assert files.read_range("a", 5, 5) == b""
        with files.open("a", start=0, end=0) as reader:
            assert reader.read() == b""
        assert driver.calls == [("head", "a"), ("head", "a")]


def test_the_cursor_of_a_listing_is_its_last_key_or_prefix() -> None:
    with bound() as (files, driver):
        driver.page = ObjectPage([listed("a"), listed("c")], ["b/", "d/"], "opaque")
        assert files.list(delimiter="/").cursor == "d/"
        driver.page = ObjectPage([listed("a"), listed("e")], ["b/", "d/"], "opaque")
        assert files.list(delimiter="/").cursor == "e"
        driver.page = ObjectPage([listed("a")], [], None)
        assert files.list().cursor is None
        files.list(delimiter="/", start_after="d/", limit=3)
        files.list("d/", delimiter="/", start_after="d/")
        files.list(start_after="d/")
        assert driver.calls[-3:] == [
            ("list", "", "/", "d/" + PAST, 3),
            ("list", "d/", "/", "d/", 1000),
            ("list", "", None, "d/", 1000),
        ]


def test_a_grant_is_asked_for_before_the_driver() -> None:
    asked: list[tuple[str, str]] = []

    def authorize(resource: str, verb: str) -> None:
        asked.append((resource, verb))
        raise PermissionDenied(f"no {verb}")

    with bound(authorize) as (files, driver):
        for call in every_call(files, "a"):
            with pytest.raises(PermissionDenied):
                call()
        with pytest.raises(PermissionDenied):
            files.list()
        assert driver.calls == []
        verbs = [
            "get",
            "require",
            "open",
            "read_range",
            "head",
            "put",
            "delete",
            "copy",
            "copy",
            "signed_url",
            "list",
        ]
        assert asked == [("bucket:files", verb) for verb in verbs]
        assert set(verbs) == set(files.verbs)


# Errors


def test_what_a_driver_raises_becomes_ours_with_resource_and_key() -> None:
    with bound() as (files, driver):
        driver.fails = Refused("slow down")
        for call in every_call(files, "a"):
            with pytest.raises(Unavailable, match="slow down") as caught:
                call()
            assert caught.value.resource == "bucket:files"
            assert caught.value.key in ("a", "b")
            assert caught.value.__cause__ is driver.fails
        driver.fails = ZeroDivisionError("a bug")
        with pytest.raises(ZeroDivisionError):
            files.get("a")


def test_a_failure_in_the_middle_of_reading_becomes_ours_too() -> None:
    closed: list[str] = []

    def chunks() -> Iterator[bytes]:
        try:
            yield b"first"
            raise Refused("connection lost")
        finally:
            closed.append("yes")

    with bound() as (files, driver):
        driver.chunks = chunks
        with files.open("a") as reader:
            assert next(reader) == b"first"
            with pytest.raises(Unavailable, match="connection lost"):
                next(reader)
            assert reader.read() == b""
        with pytest.raises(Unavailable):
            files.require("a")
        assert closed == ["yes", "yes"]


def test_a_reader_that_is_left_early_closes_its_chunks() -> None:
    closed: list[int] = []

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(1)

    with bound() as (files, driver):
        driver.chunks = chunks
        with files.open("a") as reader:
            assert reader.read(3) == b"xxx"
        assert closed == [1]


def test_a_reader_skips_empty_chunks_and_reads_across_them() -> None:
    pieces = [b"", b"ab", b"", b"", b"cde", b""]
    reader = ObjectReader(object_of(record()), iter(pieces), lambda error: None)
    assert reader.read(3) == b"abc"
    assert list(reader) == [b"de"]
    assert reader.read(1) == b""


# Sources


def test_a_file_is_read_in_pieces() -> None:
    with bound() as (files, driver):
        files.put("a", io.BytesIO(b"x" * (CHUNK + 1)))
        assert [len(chunk) for chunk in driver.calls[0][2]] == [CHUNK, 1]


@pytest.mark.parametrize(
    "data", [None, 1, object(), {"a": 1}, ["x"], ("x",), io.StringIO("x"), "\udfff", range(2), [1]], ids=described
)
def test_what_gives_no_bytes_meets_no_driver(data: Any) -> None:
    with bound() as (files, driver):
        with pytest.raises(InvalidArgument):
            files.put("a", data)
        assert driver.calls == []


def test_an_object_over_the_limit_is_refused_on_the_way() -> None:
    app = App("unit")
    files = app.bucket("files")
    limits = {**PROFILE.limits, "object_bytes": PROFILE.limit("object_bytes")._replace(value=10)}
    profile = type(PROFILE)("small", limits)
    factory: Any = Factory(Recorder())
    app.bind(Binding(app="unit", stage="test", adapter="memory", drivers=factory, profile=profile))
    files.put("a", b"x" * 10)
    files.put("a", [b"x" * 5, b"x" * 5])
    for data in (b"x" * 11, [b"x" * 5, b"x" * 6], "é" * 6):
        with pytest.raises(LimitExceeded) as caught:
            files.put("a", data)
        assert caught.value.limit == "object_bytes"


def test_what_a_source_raises_is_raised_as_it_is() -> None:
    def source() -> Iterator[bytes]:
        yield b"x"
        raise Refused("looks like the provider's")

    with bound() as (files, _), pytest.raises(Refused):
        files.put("a", source())


# Types


def test_extensions_are_guessed_in_any_case_and_only_from_the_last_segment() -> None:
    assert guess_content_type("a/b.c/README") == "application/octet-stream"
    assert guess_content_type("a.JSON") == "application/json"
    assert guess_content_type(".json") == "application/octet-stream"
    assert guess_content_type("a.json.gz") == "application/gzip"
    assert guess_content_type("a.nope", "x/y") == "x/y"


# Events


def handler_of(app: App, name: str) -> Any:
    return app.all_handlers()[name]


def test_a_handler_is_registered_with_its_trigger_and_stays_a_function() -> None:
    app, service = App("unit"), Service("archive")
    files, kept = app.bucket("files"), service.bucket("kept")
    app.include(service)

    @files.on_created
    def first(event: ObjectEvent) -> None: ...

    @files.on_created("inbox/", max_attempts=3, min_backoff=2, max_backoff=4, timeout=540, memory=2048)
    def second(event: ObjectEvent) -> None: ...

    @kept.on_deleted(prefix="a.", name="gone", uses=[kept.can("get")])
    def third(event: ObjectEvent) -> None: ...

    assert handler_of(app, "first").spec.trigger == BucketEvent("files", "created", "", RetryPolicy())
    spec = handler_of(app, "second").spec
    assert spec.trigger == BucketEvent("files", "created", "inbox/", RetryPolicy(3, 2, 4))
    assert (spec.timeout, spec.memory, spec.uses) == (540, 2048, None)
    spec = handler_of(app, "archive.gone").spec
    assert spec.trigger == BucketEvent("archive.kept", "deleted", "a.", RetryPolicy())
    assert spec.uses == (("bucket:archive.kept", ("get",)),)
    assert handler_of(app, "first").function is first
    assert first.__name__ == "first"


def test_a_bad_declaration_says_where_it_stands() -> None:
    files = App("unit").bucket("files")
    with pytest.raises(DeclarationError, match="prefix") as caught:
        files.on_created(prefix="/inbox")
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_an_event_is_made_of_its_body() -> None:
    codec = ObjectEventCodec("files")
    body = object_event_body("files", "a", "created", size=5, version="v1", time=1_800_000_000.25)
    event = codec.decode_json(body)
    assert event == ("files", "a", 5, "v1", "created", datetime(2027, 1, 15, 8, 0, 0, 250_000, UTC))
    assert codec.decode_json(body.encode()) == event
    body = object_event_body("files", "a", "deleted", size=5, version="v1", time=0)
    assert codec.decode_json(body) == ("files", "a", 0, "v1", "deleted", datetime(1970, 1, 1, tzinfo=UTC))
    bare = '{"bucket": "files", "key": "a", "event": "deleted", "time": 0}'
    assert codec.decode_json(bare)[2:4] == (0, "")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"bucket": None}, "bucket"),
        ({"key": 1}, "key"),
        ({"event": "updated"}, "event"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"size": "5"}, "size"),
        ({"version": None}, "version"),
        ({"time": "2026-11-24"}, "time"),
        ({"time": True}, "time"),
        ({"time": 1e300}, "time"),
        ({"time": -1}, "time"),
    ],
)
def test_a_body_that_is_no_event_is_refused_with_every_fault(change: dict[str, Any], where: str) -> None:
    body: dict[str, Any] = json.loads(object_event_body("files", "a", "created", size=5, version="v1", time=0))
    with pytest.raises(InvalidArgument) as caught:
        ObjectEventCodec("files").decode_json(json.dumps({**body, **change}))
    assert [problem.where for problem in caught.value.problems] == [(where,)]
    with pytest.raises(InvalidArgument) as caught:
        ObjectEventCodec("files").decode_json(json.dumps({**dict.fromkeys(body), **change}))
    assert len(caught.value.problems) > 1


@pytest.mark.parametrize("raw", ["", "x", "[]", "null", '"a"', b"\xff", "NaN"])
def test_what_is_no_json_object_is_no_event(raw: str | bytes) -> None:
    with pytest.raises(InvalidArgument):
        ObjectEventCodec("files").decode_json(raw)


# Not found


def test_an_absent_source_of_a_copy_is_named() -> None:
    with bound() as (files, _):
        with pytest.raises(NotFound, match="absent") as caught:
            files.copy("absent", "b")
        assert caught.value.key == "absent"


def test_a_conflict_of_a_driver_passes_with_resource_and_key() -> None:
    with bound() as (files, driver):
        driver.fails = Conflict("it is there already")
        with pytest.raises(Conflict) as caught:
            files.put("a", b"x", if_absent=True)
        assert (caught.value.resource, caught.value.key) == ("bucket:files", "a")
