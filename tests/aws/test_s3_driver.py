"""The bucket driver where no emulator helps: races of conditions, lost answers, uploads that break off, listings."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

import pytest
from portable_aws.clients import Clients
from portable_aws.errors import classify
from portable_aws.s3 import S3Bucket
from portable_aws.s3_uploads import MOST_PARTS, PART_BYTES, SMALLEST_PART, part_size, pieces_of

from portable.drivers import ALWAYS, Condition, ListedRecord, ObjectRecord
from portable.errors import Conflict, Throttled, Unknown
from portable.testing.clock import ManualClock

from .scripted import LOST, Reply, scripted

ABSENT = Condition(absent=True)
NOON = "Thu, 26 Nov 2026 12:00:00 GMT"


def bucket_of(clients: Clients) -> S3Bucket:
    return S3Bucket(clients, "files", ManualClock(1_800_000_000.0))


def refusal(code: str, status: int) -> Reply:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code} it is</Message></Error>"
    return Reply(status, body.encode())


def described(version: str = "v1", body: bytes = b"x") -> Reply:
    return Reply(
        200,
        body,
        (
            ("etag", f'"{hashlib.md5(body).hexdigest()}"'),
            ("x-amz-version-id", version),
            ("last-modified", NOON),
            ("content-type", "text/plain"),
        ),
    )


def done(version: str = "v2") -> Reply:
    return Reply(200, b"", (("etag", '"e"'), ("x-amz-version-id", version)))


def write(bucket: S3Bucket, condition: Condition, *chunks: bytes) -> ObjectRecord:
    return bucket.write("k", iter(chunks), content_type="text/plain", metadata={}, condition=condition)


RACE = refusal("ConditionalRequestConflict", 409)


def test_a_race_is_run_again_and_its_loser_has_a_conflict() -> None:
    with scripted(RACE, RACE, done(), described("v2")) as (clients, script):
        assert write(bucket_of(clients), ABSENT, b"x").version == "v2"
        assert [asked.headers.get("if-none-match") for asked in script.asked] == ["*", "*", "*", None]
    with scripted(RACE, refusal("PreconditionFailed", 412)) as (clients, _):
        with pytest.raises(Conflict, match="exists already"):
            write(bucket_of(clients), ABSENT, b"x")


def test_a_race_for_a_version_asks_anew_which_one_is_there() -> None:
    with scripted(described("v1"), RACE, described("v2")) as (clients, _):
        with pytest.raises(Conflict, match="another version"):
            write(bucket_of(clients), Condition(version="v1"), b"y")


def test_a_race_without_an_end_is_throttled() -> None:
    with scripted(*[RACE] * 12) as (clients, _):
        with pytest.raises(Throttled):
            write(bucket_of(clients), ABSENT, b"x")


def test_a_condition_that_fails_after_a_lost_answer_is_unknown() -> None:
    with scripted(LOST, refusal("PreconditionFailed", 412)) as (clients, _):
        with pytest.raises(Unknown):
            write(bucket_of(clients), ABSENT, b"x")


def test_a_version_that_is_not_the_current_one_costs_no_upload() -> None:
    with scripted(described("v2")) as (clients, script):
        with pytest.raises(Conflict):
            write(bucket_of(clients), Condition(version="v1"), b"x" * 1000)
        assert [asked.method for asked in script.asked] == ["HEAD"]


def test_the_same_bytes_under_a_condition_get_another_etag() -> None:
    started = Reply(200, b"<R><UploadId>u</UploadId></R>")
    part = Reply(200, b"", (("etag", '"p"'),))
    completed = Reply(
        200,
        b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
        (("x-amz-version-id", "v2"),),
    )
    with scripted(described("v1", b"same"), started, part, completed, described("v2", b"same")) as (clients, script):
        assert write(bucket_of(clients), Condition(version="v1"), b"same").version == "v2"
        etag = f'"{hashlib.md5(b"same").hexdigest()}"'
        assert script.asked[3].headers["if-match"] == etag
        assert [asked.method for asked in script.asked] == ["HEAD", "POST", "PUT", "POST", "HEAD"]


def test_an_upload_that_breaks_off_is_aborted_and_the_cause_is_told() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * (PART_BYTES + 2 * 1024 * 1024)
        raise ZeroDivisionError("the source broke")

    started = Reply(200, b"<R><UploadId>u</UploadId></R>")
    part = Reply(200, b"", (("etag", '"p"'),))
    with scripted(started, part, Reply(204, b"")) as (clients, script):
        with pytest.raises(ZeroDivisionError):
            bucket_of(clients).write("k", chunks(), content_type="text/plain", metadata={}, condition=ALWAYS)
        assert [asked.method for asked in script.asked] == ["POST", "PUT", "DELETE"]
        assert "uploadId=u" in script.asked[2].path


def test_a_delete_of_a_version_carries_its_condition_and_is_run_again_after_a_race() -> None:
    with scripted(described("v1"), RACE, described("v1"), Reply(204, b"")) as (clients, script):
        bucket_of(clients).delete("k", Condition(version="v1"))
        assert script.asked[1].headers["if-match"] == f'"{hashlib.md5(b"x").hexdigest()}"'
    with scripted(described("v1"), refusal("PreconditionFailed", 412)) as (clients, _):
        with pytest.raises(Conflict):
            bucket_of(clients).delete("k", Condition(version="v1"))


def test_what_is_absent_is_not_deleted_as_that_would_be_told_to_handlers() -> None:
    with scripted(Reply(404, b"")) as (clients, script):
        bucket_of(clients).delete("k", ALWAYS)
        assert [asked.method for asked in script.asked] == ["HEAD"]


def test_a_source_that_goes_away_before_it_is_copied_is_absent() -> None:
    with scripted(described("v1"), refusal("NoSuchKey", 404), Reply(404, b"")) as (clients, _):
        assert bucket_of(clients).copy("a", "b", ALWAYS) is None


def test_an_answer_that_ends_early_is_an_error_of_a_read() -> None:
    short = Reply(200, b"12345", (*described().headers, ("content-length", "9")))
    with scripted(short) as (clients, _):
        found = bucket_of(clients).read("k", 0, None)
        assert found is not None
        _, chunks = found
        with pytest.raises(Exception) as error:
            list(chunks)
        assert str(getattr(classify(error.value), "code", "")) == "P1008"


# Listings


def listing(*keys: str, body: bytes = b"x", prefixes: Sequence[str] = (), is_truncated: bool = False) -> Reply:
    etag = hashlib.md5(body).hexdigest()
    contents = "".join(
        f"<Contents><Key>{key}</Key><ETag>&quot;{etag}&quot;</ETag><Size>{len(body)}</Size>"
        f"<LastModified>2026-11-26T12:00:00.000Z</LastModified></Contents>"
        for key in keys
    )
    common = "".join(f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>" for prefix in prefixes)
    ended = "true" if is_truncated else "false"
    answer = f"<ListBucketResult><IsTruncated>{ended}</IsTruncated>{contents}{common}</ListBucketResult>"
    return Reply(200, answer.encode())


def test_a_listing_is_one_call_and_tells_what_s3_lists() -> None:
    with scripted(listing("a", "b/c", body=b"xyz")) as (clients, script):
        page = bucket_of(clients).list("", delimiter=None, start_after=None, limit=1000)
        etag = hashlib.md5(b"xyz").hexdigest()
        noon = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
        assert page == ([ListedRecord("a", 3, etag, noon), ListedRecord("b/c", 3, etag, noon)], [], None)
        assert [asked.method for asked in script.asked] == ["GET"]


def test_a_page_of_a_listing_ends_after_its_last_key_or_prefix() -> None:
    with scripted(
        listing("a", "c", prefixes=("b/",), is_truncated=True),
        listing("a", prefixes=("b/",), is_truncated=True),
        listing(),
    ) as (clients, _):
        bucket = bucket_of(clients)
        pages = [bucket.list("", delimiter="/", start_after=None, limit=3) for _ in range(3)]
        assert [page.cursor for page in pages] == ["c", "b/", None]
        assert pages[0].prefixes == ["b/"]


# Parts


def test_parts_of_the_largest_object_are_as_many_as_s3_takes() -> None:
    assert sum(part_size(number) for number in range(MOST_PARTS)) >= 5 * 1024**4
    assert max(part_size(number) for number in range(MOST_PARTS)) <= 5 * 1024**3
    assert min(part_size(number) for number in range(MOST_PARTS)) >= SMALLEST_PART


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES + 5])
@pytest.mark.parametrize("step", [1 << 16, 7 * 1024 * 1024 + 1])
def test_pieces_are_parts_and_together_what_came(size: int, step: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pieces = list(pieces_of(iter([data[start : start + step] for start in range(0, size, step)])))
    assert b"".join(pieces) == data
    assert len(pieces) >= 1
    assert all(len(piece) >= PART_BYTES for piece in pieces[:-1])


def test_the_same_bytes_are_cut_differently_each_time() -> None:
    def first() -> int:
        pieces = pieces_of(chain(repeat(b"x" * 1024 * 1024, 12)))
        return len(next(pieces))

    assert len({first() for _ in range(10)}) > 5


def test_a_signed_upload_names_the_headers_that_it_is_signed_with() -> None:
    with scripted(described()) as (clients, _):
        clock = ManualClock()
        bucket = S3Bucket(clients, "files", clock)
        signed: Any = bucket.sign("a b", "PUT", expires_in=60, content_type="text/csv")
        assert signed.headers == {"content-type": "text/csv"}
        assert re.search(r"X-Amz-SignedHeaders=content-type%3Bhost&", signed.url)
        assert re.search(r"X-Amz-Expires=(5\d|60)&", signed.url)
        assert signed.expires_at == int(clock.now()) + 60
        clock.advance(900)
        later: Any = bucket.sign("a b", "GET", expires_in=60, content_type=None)
        assert re.search(r"X-Amz-Expires=9([45]\d|60)&", later.url), "who moves time gets a URL that lives by it"
        bucket.head("k")
