"""The bucket driver over the stack's Cloud Storage, beside Google's own client, and with answers that are lost."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client  # type: ignore[import-untyped]
from portable_gcp.clients import Clients
from portable_gcp.errors import GoogleError, classify
from portable_gcp.storage import StorageBucket
from portable_gcp.storage_uploads import PIECE, pieces_of

from portable.drivers import ALWAYS, Condition, ObjectRecord
from portable.errors import Conflict, NotFound, PortableError, Throttled, Unknown
from portable.testing.clock import ManualClock
from tests.gcp_stack.discovery import document
from tests.gcp_stack.fixtures import ACCOUNT, OVERRIDE, GcpServices, gcp_services
from tests.gcp_stack.server import Reply, Request

from .faulty import Between, Step, between

__all__ = ["gcp_services"]

numbers = itertools.count(1)
ABSENT = Condition(absent=True)
PRESENT = Condition(present=True)
LARGE = PIECE * 2 + 12_345


class Stage:
    """One bucket: our driver, Google's client, and what is between the driver and Cloud Storage."""

    def __init__(self, between: Between, endpoint: str) -> None:
        self.between = between
        self.name = f"driver-files-{next(numbers)}"
        self.clock = ManualClock(1_800_000_000.0)
        self.clients = Clients("driver-project")
        self.bucket = StorageBucket(self.clients, self.name, self.clock)
        client: Any = Client(
            project="driver-project",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": endpoint},
        )
        self.google: Any = client.create_bucket(self.name)

    def write(self, key: str, *chunks: bytes, condition: Condition = ALWAYS, **metadata: str) -> ObjectRecord:
        return self.bucket.write(key, iter(chunks), content_type="text/x", metadata=metadata, condition=condition)

    def lose(self, *steps: Step) -> None:
        """What becomes of the next requests."""
        self.between.steps = list(steps)

    @property
    def asked(self) -> list[Request]:
        return self.between.asked

    def content(self, key: str) -> bytes:
        return bytes(self.google.blob(key).download_as_bytes())


@pytest.fixture
def stage(gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    # Waits between attempts are not what is tested.
    monkeypatch.setattr("portable_gcp.rest.pause_before", lambda attempt, wait: 0.0)
    with between(gcp_services.storage.endpoint) as found:
        monkeypatch.setenv(f"{OVERRIDE}STORAGE", found.endpoint)
        made = Stage(found, gcp_services.storage.endpoint)
        yield made
        made.clients.close()


def kind_of(error: pytest.ExceptionInfo[Exception]) -> type[PortableError] | None:
    return type(error.value) if isinstance(error.value, PortableError) else classify(error.value)


def large() -> Iterator[bytes]:
    """More than two pieces, in chunks that are none."""
    left = LARGE
    for number in itertools.count():
        size = min(left, 1_000_003)
        yield bytes([number % 251]) * size
        left -= size
        if not left:
            return


def read(stage: Stage, key: str, start: int = 0, end: int | None = None) -> bytes | None:
    found = stage.bucket.read(key, start, end)
    return None if found is None else b"".join(found[1])


# What is stored


def test_googles_client_reads_what_the_driver_has_written(stage: Stage) -> None:
    record = stage.write("dir/a+b=c@d!e~f,(g)", b"one ", b"two", owner="me", of_what="x y")
    found = stage.google.get_blob("dir/a+b=c@d!e~f,(g)")
    assert found.download_as_bytes() == b"one two"
    assert (found.content_type, found.metadata) == ("text/x", {"owner": "me", "of_what": "x y"})
    assert record == ObjectRecord(
        found.name, 7, str(found.generation), "text/x", found.metadata, float(int(found.updated.timestamp()))
    )
    assert stage.bucket.head(found.name) == record
    opened = stage.bucket.read(found.name, 0, None)
    assert opened is not None
    assert opened[0] == record
    assert b"".join(opened[1]) == b"one two"


def test_the_driver_reads_what_googles_client_has_written(stage: Stage) -> None:
    blob = stage.google.blob("b")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"0123456789", content_type="a/b")
    assert read(stage, "b", 3, 6) == b"345"
    assert read(stage, "b", 3) == b"3456789"
    assert read(stage, "b", 10) == b""
    assert read(stage, "b", 4, 4) == b""
    assert read(stage, "none") is None
    assert read(stage, "none", 4, 4) is None
    opened = stage.bucket.read("b", 3, 6)
    assert opened is not None
    assert (opened[0].size, opened[0].metadata, opened[0].content_type) == (10, {"k": "v"}, "a/b")
    b"".join(opened[1])


def test_what_is_large_goes_in_pieces_and_is_seen_when_it_is_whole(stage: Stage) -> None:
    content = b"".join(large())

    def chunks() -> Iterator[bytes]:
        for chunk in large():
            assert stage.google.get_blob("large") is None
            yield chunk

    record = stage.bucket.write("large", chunks(), content_type="text/x", metadata={"k": "v"}, condition=ABSENT)
    assert (record.size, record.metadata) == (LARGE, {"k": "v"})
    assert stage.content("large") == content
    spans = [request.headers.get("content-range") for request in stage.asked]
    assert spans == [
        None,
        f"bytes 0-{PIECE - 1}/*",
        f"bytes {PIECE}-{2 * PIECE - 1}/*",
        f"bytes {2 * PIECE}-{LARGE - 1}/{LARGE}",
    ]
    assert read(stage, "large", LARGE - 5) == content[-5:]


def test_an_upload_whose_chunks_raise_is_cancelled_and_nothing_is_there(stage: Stage) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * PIECE * 2
        raise KeyError("no more")

    with pytest.raises(KeyError):
        stage.bucket.write("a", chunks(), content_type="text/x", metadata={}, condition=ALWAYS)
    assert [request.verb for request in stage.asked] == ["POST", "PUT", "DELETE"]
    assert stage.bucket.head("a") is None


def test_pieces_are_whole_but_for_the_last() -> None:
    assert list(pieces_of(iter([]))) == [b""]
    assert [len(piece) for piece in pieces_of(iter([b"x"] * 3))] == [3]
    assert [len(piece) for piece in pieces_of(iter([b"x" * PIECE]))] == [PIECE]
    assert [len(piece) for piece in pieces_of(iter([b"x" * (PIECE - 1), b"yz"]))] == [PIECE, 1]
    assert [len(piece) for piece in pieces_of(large())] == [PIECE, PIECE, 12_345]


# Conditions


@pytest.mark.parametrize("size", [3, LARGE])
def test_a_write_holds_to_its_condition_at_every_size(stage: Stage, size: int) -> None:
    chunk = b"x" * size
    with pytest.raises(Conflict, match="not there"):
        stage.write("a", chunk, condition=PRESENT)
    with pytest.raises(Conflict):
        stage.write("a", chunk, condition=Condition(version="17"))
    first = stage.write("a", chunk, condition=ABSENT)
    with pytest.raises(Conflict, match="exists already"):
        stage.write("a", chunk, condition=ABSENT)
    second = stage.write("a", b"y", condition=Condition(version=first.version))
    with pytest.raises(Conflict, match="another version"):
        stage.write("a", chunk, condition=Condition(version=first.version))
    third = stage.write("a", b"z", condition=PRESENT)
    assert int(first.version) < int(second.version) < int(third.version)
    assert stage.content("a") == b"z"


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "٣", "1" * 30])
def test_a_version_that_is_none_is_not_the_one_that_is_there(stage: Stage, version: str) -> None:
    stage.write("a", b"1")
    condition = Condition(version=version)
    with pytest.raises(Conflict):
        stage.write("a", b"2", condition=condition)
    with pytest.raises(Conflict):
        stage.bucket.delete("a", condition)
    with pytest.raises(Conflict):
        stage.bucket.copy("a", "a", condition)
    assert stage.content("a") == b"1"


def test_a_delete_holds_to_its_condition(stage: Stage) -> None:
    stage.bucket.delete("a", ALWAYS)
    stage.bucket.delete("a", ABSENT)
    for condition in (PRESENT, Condition(version="17")):
        with pytest.raises(Conflict, match="not there"):
            stage.bucket.delete("a", condition)
    first = stage.write("a", b"1")
    with pytest.raises(Conflict, match="exists already"):
        stage.bucket.delete("a", ABSENT)
    with pytest.raises(Conflict, match="another version"):
        stage.bucket.delete("a", Condition(version=str(int(first.version) + 1)))
    stage.bucket.delete("a", Condition(version=first.version))
    assert stage.google.get_blob("a") is None


def test_a_copy_has_everything_and_holds_to_its_condition(stage: Stage) -> None:
    stage.write("a", b"1", k="v")
    assert stage.bucket.copy("none", "b", ALWAYS) is None
    copied = stage.bucket.copy("a", "b", ABSENT)
    assert copied is not None
    assert (copied.key, copied.size, copied.content_type, copied.metadata) == ("b", 1, "text/x", {"k": "v"})
    assert stage.content("b") == b"1"
    with pytest.raises(Conflict, match="exists already"):
        stage.bucket.copy("a", "b", ABSENT)
    with pytest.raises(Conflict):
        stage.bucket.copy("a", "c", PRESENT)
    again = stage.bucket.copy("a", "b", Condition(version=copied.version))
    assert again is not None
    assert again.version != copied.version


def test_a_copy_goes_on_where_google_has_stopped(stage: Stage) -> None:
    stage.write("a", b"1")
    part = Reply(200, {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": "t/1", "objectSize": "1",
                       "totalBytesRewritten": "0"})  # fmt: skip
    stage.lose(part, part)
    assert stage.bucket.copy("a", "b", ABSENT) is not None
    rewrites = [dict(request.query) for request in stage.asked if "rewriteTo" in request.path]
    assert rewrites == [
        {"ifGenerationMatch": "0"},
        {"ifGenerationMatch": "0", "rewriteToken": "t/1"},
        {"ifGenerationMatch": "0", "rewriteToken": "t/1"},
    ]


# Answers that are lost, and refusals for the rate


def test_a_name_that_is_written_too_often_is_written_a_little_later(stage: Stage) -> None:
    many: list[Step] = [Reply(429, {"error": {"code": 429, "message": "The object exceeded the rate limit", "errors": [
        {"domain": "usageLimits", "reason": "rateLimitExceeded"}]}})] * 8  # fmt: skip
    stage.lose(*many)
    stage.write("a", b"1")
    stage.lose(*many)
    stage.bucket.copy("a", "b", ABSENT)
    stage.lose(*many)
    stage.bucket.delete("b", PRESENT)
    stage.lose(*many, *many)
    with pytest.raises(GoogleError) as caught:
        stage.write("a", b"1")
    assert kind_of(caught) is Throttled


def test_a_write_whose_answer_is_lost_is_repeated(stage: Stage) -> None:
    stage.lose("lose")
    record = stage.write("a", b"1")
    assert stage.content("a") == b"1"
    assert record.version == str(stage.google.get_blob("a").generation)


def test_a_conditional_write_whose_answer_is_lost_is_in_doubt(stage: Stage) -> None:
    stage.lose("lose")
    with pytest.raises(GoogleError) as caught:
        stage.write("a", b"1", condition=ABSENT)
    assert kind_of(caught) is Unknown
    stage.lose("drop")
    stage.write("b", b"1", condition=ABSENT)


def test_a_copy_whose_answer_is_lost_and_whose_source_is_gone_by_the_next_attempt_is_in_doubt(stage: Stage) -> None:
    """It was carried out: that the source is absent now does not say that there was nothing to copy."""
    stage.write("a", b"1")

    def gone(request: Request) -> Request:
        stage.google.delete_blob("a")
        return request

    stage.lose("lose", gone)
    with pytest.raises(GoogleError) as caught:
        stage.bucket.copy("a", "b", ALWAYS)
    assert kind_of(caught) is Unknown
    assert stage.content("b") == b"1"


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("how", ["lose", "drop"])
def test_a_piece_whose_answer_is_lost_leaves_no_doubt(stage: Stage, lost: int, how: Step) -> None:
    before: list[Step] = ["pass"] * lost
    stage.lose(*before, how)
    record = stage.bucket.write("a", large(), content_type="text/x", metadata={}, condition=ABSENT)
    assert record.size == LARGE
    assert stage.content("a") == b"".join(large())


def test_a_piece_of_which_a_part_has_come_is_sent_from_there(stage: Stage) -> None:
    kept = 4 * 262_144

    def part(request: Request) -> Request:
        """As if Cloud Storage had taken some of the piece."""
        headers = {**request.headers, "content-range": f"bytes 0-{kept - 1}/*", "content-length": str(kept)}
        return request._replace(body=request.body[:kept], headers=headers)

    stage.lose("pass", part)
    record = stage.bucket.write("a", large(), content_type="text/x", metadata={}, condition=ALWAYS)
    assert record.size == LARGE
    assert stage.content("a") == b"".join(large())
    spans = [request.headers.get("content-range") for request in stage.asked if request.verb == "PUT"]
    assert spans[:3] == [f"bytes 0-{PIECE - 1}/*", f"bytes {kept}-{PIECE - 1}/*", f"bytes {PIECE}-{2 * PIECE - 1}/*"]


def test_an_upload_of_which_google_says_the_impossible_ends(stage: Stage) -> None:
    stage.lose("pass", Reply(308, b"", (("Range", f"bytes=0-{PIECE * 3}"),)))
    with pytest.raises(GoogleError, match="of an upload that sent"):
        stage.bucket.write("a", large(), content_type="text/x", metadata={}, condition=ALWAYS)
    assert stage.google.get_blob("a") is None


def test_an_upload_that_nobody_can_ask_about_is_in_doubt(stage: Stage) -> None:
    silence: list[Step] = ["drop"] * 20
    stage.lose("pass", "pass", "pass", "lose", *silence)
    with pytest.raises(GoogleError) as caught:
        stage.bucket.write("a", large(), content_type="text/x", metadata={}, condition=ALWAYS)
    assert kind_of(caught) is Unknown
    assert stage.content("a") == b"".join(large())


def test_a_delete_whose_answer_is_lost_is_done_or_in_doubt(stage: Stage) -> None:
    stage.write("a", b"1")
    stage.lose("lose")
    stage.bucket.delete("a", ALWAYS)
    record = stage.write("a", b"1")
    stage.lose("lose")
    with pytest.raises(GoogleError) as caught:
        stage.bucket.delete("a", Condition(version=record.version))
    assert kind_of(caught) is Unknown


def test_a_delete_without_a_version_is_not_sent_again_after_its_answer_was_lost(stage: Stage) -> None:
    stage.write("a", b"1")

    def made_anew(request: Request) -> Request:
        stage.write("a", b"2")
        return request

    stage.lose("lose", made_anew)
    with pytest.raises(GoogleError) as caught:
        stage.bucket.delete("a", ALWAYS)
    assert kind_of(caught) is Unknown
    assert stage.content("a") == b"2"


def test_a_read_that_breaks_off_raises_and_is_no_object(stage: Stage) -> None:
    stage.write("a", b"x" * 1000)
    stage.lose(
        Reply(
            200,
            b"x" * 500,
            (
                ("Content-Length", "1000"),
                ("x-goog-generation", "1"),
                ("Last-Modified", "Thu, 26 Nov 2026 12:00:00 GMT"),
                ("Connection", "close"),
            ),
        )
    )
    with pytest.raises(GoogleError, match="500 bytes early"):
        read(stage, "a")


def test_a_bucket_that_is_not_there_is_told_as_that(stage: Stage) -> None:
    gone = StorageBucket(stage.clients, "driver-no-such-bucket", stage.clock)
    with pytest.raises(GoogleError) as caught:
        gone.write("a", iter([b"1"]), content_type="a/b", metadata={}, condition=ABSENT)
    assert kind_of(caught) is NotFound
    with pytest.raises(GoogleError) as caught:
        gone.list("", delimiter=None, start_after=None, limit=10)
    assert kind_of(caught) is NotFound


# Listings


def test_a_page_that_google_cuts_short_is_filled(stage: Stage) -> None:
    for name in "abcde":
        stage.write(name, b"1")
    empty = Reply(200, {"kind": "storage#objects", "nextPageToken": "b"})
    stage.lose(empty)
    page = stage.bucket.list("", delimiter=None, start_after=None, limit=2)
    assert ([entry.key for entry in page.objects], page.cursor) == (["c", "d"], "d")
    page = stage.bucket.list("", delimiter=None, start_after=page.cursor, limit=2)
    assert ([entry.key for entry in page.objects], page.cursor) == (["e"], None)


def test_what_comes_after_a_key_does_not_have_it(stage: Stage) -> None:
    for name in ("a", "a!", "a/b", "a0", "b"):
        stage.write(name, b"1")
    page = stage.bucket.list("", delimiter=None, start_after="a", limit=10)
    assert [entry.key for entry in page.objects] == ["a!", "a/b", "a0", "b"]
    found = stage.google.get_blob("b")
    [entry] = stage.bucket.list("b", delimiter="/", start_after=None, limit=10).objects
    assert (entry.size, entry.etag, entry.modified) == (1, found.etag, float(int(found.updated.timestamp())))


# What is sent


def test_descriptions_fit_googles_discovery_document(stage: Stage) -> None:
    stage.write("a", b"1", k="v")
    [request] = stage.asked
    head = request.body.split(b"\r\n\r\n")[1].partition(b"\r\n")[0]
    assert document("storage.v1").check("Object", json.loads(head)) == {
        "name": "a", "contentType": "text/x", "metadata": {"k": "v"}
    }  # fmt: skip


# Signed URLs


def test_a_url_is_the_one_that_googles_library_makes(stage: Stage, gcp_services: GcpServices) -> None:
    from datetime import timedelta

    from google.auth.credentials import Signing

    class Signer(Signing):
        signer_email = ACCOUNT
        signer = None

        def sign_bytes(self, message: bytes) -> bytes:
            return gcp_services.services.keys.sign(ACCOUNT, message)

    key = "dir/a+b=c@d!e~f,(g)"
    mine = stage.bucket.sign(key, "PUT", expires_in=600, content_type="text/csv; charset=utf-8")
    assert (mine.method, mine.headers, mine.expires_at) == (
        "PUT", {"content-type": "text/csv; charset=utf-8"}, 1_800_000_600.0
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Google's library signs by the machine's clock.
        date = "20270115T080000Z"
        patch.setattr("google.cloud.storage._signing.get_v4_now_dtstamps", lambda: (date, date[:8]))
        theirs = stage.google.blob(key).generate_signed_url(
            version="v4",
            method="PUT",
            expiration=timedelta(seconds=600),
            content_type="text/csv; charset=utf-8",
            credentials=Signer(),
            api_access_endpoint=stage.between.endpoint,
        )
    # RSA's signatures with PKCS #1 1.5 are the same for the same text.
    assert mine.url == theirs
