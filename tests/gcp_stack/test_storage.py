"""Cloud Storage of the stack, asked by Google's own client library, and by URLs that it has signed."""

import io
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Signing
from google.cloud.storage import Client  # type: ignore[import-untyped]

from .asking import Project, body
from .fixtures import GcpServices, gcp_services
from .gcs_multipart import Malformed, parts_of
from .identity import Keys
from .server import Request

__all__ = ["gcp_services"]

numbers = itertools.count(1)
ACCOUNT = "signer@portable-test.iam.gserviceaccount.com"
BYTES = bytes(range(256)) * 4 + b"\r\n--x--\r\n\r\n"


class Signer(Signing):
    """Credentials of Google's library that sign with a key of the stack."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def sign_bytes(self, message: bytes) -> bytes:
        return self._keys.sign(ACCOUNT, message)

    @property
    def signer_email(self) -> str:
        return ACCOUNT

    @property
    def signer(self) -> None:
        return None


class Bucket:
    """One bucket in a project of its own, as Google's client has it."""

    def __init__(self, stack: GcpServices) -> None:
        number = next(numbers)
        self.stack = stack
        self.project = Project(stack.services.control, f"storage-project-{number}")
        self.client: Any = Client(
            project=self.project.name,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": stack.storage.endpoint},
        )
        self.bucket: Any = self.client.create_bucket(f"stack-files-{number}")

    def blob(self, name: str) -> Any:
        return self.bucket.blob(name)

    def put(self, name: str, data: bytes | str = b"", **more: Any) -> Any:
        blob = self.blob(name)
        blob.upload_from_string(data, **more)
        return blob

    def signed(self, name: str, method: str = "GET", **more: Any) -> str:
        return str(
            self.blob(name).generate_signed_url(
                version="v4",
                method=method,
                expiration=timedelta(minutes=10),
                credentials=Signer(self.stack.services.keys),
                api_access_endpoint=self.stack.storage.endpoint,
                **more,
            )
        )

    def send(self, method: str, url: str, data: bytes = b"", **headers: str) -> tuple[int, bytes]:
        parts = urlsplit(self.stack.storage.endpoint)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, url.removeprefix(self.stack.storage.endpoint), data, given)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def google(gcp_services: GcpServices) -> Iterator[Bucket]:
    found = Bucket(gcp_services)
    yield found
    found.project.ask("forget")


@pytest.mark.parametrize("chunk", [None, 256 * 1024])
def test_what_is_uploaded_is_downloaded(google: Bucket, chunk: int | None) -> None:
    content = BYTES * 700
    blob = google.blob("dir/a.bin")
    blob.metadata = {"owner": "me"}
    blob.chunk_size = chunk
    blob.upload_from_file(io.BytesIO(content), content_type="a/b", size=len(content))
    found = google.bucket.get_blob("dir/a.bin")
    assert (found.size, found.content_type, found.metadata, found.metageneration) == (
        len(content), "a/b", {"owner": "me"}, 1
    )  # fmt: skip
    assert found.generation == blob.generation
    # The library compares checksums.
    assert found.download_as_bytes() == content
    assert found.download_as_bytes(start=3, end=9) == content[3:10]
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        found.download_as_bytes(start=len(content))


def test_an_empty_object_is_one(google: Bucket) -> None:
    google.put("empty", b"")
    assert google.blob("empty").download_as_bytes() == b""


def test_generations_guard_every_write(google: Bucket) -> None:
    first = google.put("a", b"1", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        google.put("a", b"2", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        google.put("none", b"2", if_generation_match=first.generation)
    with pytest.raises(exceptions.PreconditionFailed):
        google.put("none", b"2", if_generation_not_match=0)
    second = google.put("a", b"2", if_generation_match=first.generation)
    assert second.generation > first.generation
    google.put("a", b"3", if_generation_not_match=0)
    calls: list[Any] = [
        lambda: google.blob("a").delete(if_generation_match=second.generation),
        lambda: google.bucket.copy_blob(google.blob("a"), google.bucket, "a", if_generation_match=0),
        lambda: google.bucket.copy_blob(google.blob("a"), google.bucket, "b", if_source_generation_match=5),
        lambda: google.blob("a").reload(if_generation_match=5),
        lambda: google.blob("a").reload(if_metageneration_match=5),
        lambda: google.blob("a").download_as_bytes(if_generation_match=5),
    ]
    for call in calls:
        with pytest.raises(exceptions.PreconditionFailed):
            call()
    assert google.blob("a").download_as_bytes() == b"3"
    with pytest.raises(exceptions.NotFound):
        google.blob("none").delete()
    with pytest.raises(exceptions.NotFound):
        google.bucket.blob("a", generation=first.generation).download_as_bytes()


def test_an_upload_in_pieces_keeps_the_conditions_it_was_begun_with(google: Bucket) -> None:
    session = google.blob("a").create_resumable_upload_session(size=5, if_generation_match=0)
    google.put("a", b"meanwhile")
    assert google.send("PUT", session, b"12345", Content_Range="bytes 0-4/5")[0] == 412
    assert google.blob("a").download_as_bytes() == b"meanwhile"


def test_an_upload_in_pieces_tells_what_it_has_and_can_be_cancelled(google: Bucket) -> None:
    session = google.blob("a").create_resumable_upload_session()
    assert google.send("PUT", session, b"", Content_Range="bytes */*")[0] == 308
    assert google.send("PUT", session, b"x" * 1000, Content_Range="bytes 0-999/*")[0] == 400
    assert google.send("PUT", session, b"x" * 262_144, Content_Range="bytes 0-262143/*")[0] == 308
    assert google.send("PUT", session, b"y", Content_Range="bytes 5-5/6")[0] == 400
    assert google.bucket.get_blob("a") is None
    assert google.send("DELETE", session)[0] == 499
    assert google.send("PUT", session, b"", Content_Range="bytes */*")[0] == 404


def test_a_lost_race_changes_nothing(google: Bucket) -> None:
    """Counts by threads that each read, add one and write if nobody wrote: none is lost."""
    from concurrent.futures import ThreadPoolExecutor

    google.put("count", b"0")

    def add(_: int) -> None:
        while True:
            blob = google.bucket.get_blob("count")
            try:
                number = int(blob.download_as_bytes(if_generation_match=blob.generation))
                google.put("count", str(number + 1), if_generation_match=blob.generation)
            except (exceptions.PreconditionFailed, exceptions.NotFound):
                # Somebody else has written: that generation is gone.
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    assert google.blob("count").download_as_bytes() == b"20"


def test_copies_have_type_and_metadata(google: Bucket) -> None:
    blob = google.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(BYTES, content_type="x/y")
    google.bucket.copy_blob(blob, google.bucket, "b")
    token, rewritten, total = google.blob("c").rewrite(blob)
    assert (token, rewritten, total) == (None, len(BYTES), len(BYTES))
    for name in ("b", "c"):
        found = google.bucket.get_blob(name)
        assert (found.content_type, found.metadata, found.download_as_bytes()) == ("x/y", {"k": "v"}, BYTES)
        assert found.generation != blob.generation


def test_listings_come_in_pages_in_byte_order(google: Bucket) -> None:
    names = ["a", "a/1", "a/2", "a0", "b/1", "b/2/3", "c", "Z", "a!", "a~"]
    for name in names:
        google.put(name)
    listed = google.client.list_blobs(google.bucket, page_size=3)
    pages = [[blob.name for blob in page] for page in listed.pages]
    assert [name for page in pages for name in page] == sorted(names)
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    found = google.client.list_blobs(google.bucket, delimiter="/", page_size=2)
    assert [blob.name for blob in found] == ["Z", "a", "a!", "a0", "a~", "c"]
    assert found.prefixes == {"a/", "b/"}
    found = google.client.list_blobs(google.bucket, prefix="b/", delimiter="/")
    assert ([blob.name for blob in found], found.prefixes) == (["b/1"], {"b/2/"})
    assert [blob.name for blob in google.client.list_blobs(google.bucket, start_offset="a0", end_offset="b/2")] == [
        "a0", "a~", "b/1"
    ]  # fmt: skip
    # Offsets are about objects: what begins before one is still a prefix.
    found = google.client.list_blobs(google.bucket, delimiter="/", start_offset="a/2", end_offset="a0")
    assert ([blob.name for blob in found], found.prefixes) == ([], {"a/"})


def test_a_bucket_tells_topics_what_happens_in_it(google: Bucket) -> None:
    pubsub = google.stack.services.pubsub
    prefix = f"projects/{google.project.name}"
    with google.stack.services.deliveries.changed:
        pubsub._topics[f"{prefix}/topics/events"] = {"name": f"{prefix}/topics/events"}
    from google.pubsub_v1 import SubscriberClient

    options: Any = {
        "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
        "transport": "rest",
        "client_options": {"api_endpoint": google.stack.services.endpoint},
    }
    subscriber: Any = SubscriberClient(**options)
    subscriber.create_subscription(
        request={
            "name": f"{prefix}/subscriptions/mine",
            "topic": f"{prefix}/topics/events",
            "push_config": {"push_endpoint": "https://shop.example/"},
        }
    )
    google.bucket.notification(
        topic_name="events",
        topic_project=google.project.name,
        blob_name_prefix="in/",
        event_types=["OBJECT_FINALIZE", "OBJECT_DELETE"],
        payload_format="JSON_API_V1",
    ).create()
    first = google.put("in/a", b"12")
    google.put("out/a", b"12")
    second = google.put("in/a", b"123")
    google.blob("in/a").delete()
    seen = []
    for sent in google.project.due():
        message = json.loads(body(sent))["message"]
        attributes = message["attributes"]
        import base64

        resource = json.loads(base64.b64decode(message["data"]))
        assert attributes["bucketId"] == google.bucket.name
        assert resource["generation"] == attributes["objectGeneration"]
        seen.append(
            (
                attributes["eventType"],
                attributes["objectId"],
                int(attributes["objectGeneration"]),
                int(attributes.get("overwroteGeneration") or attributes.get("overwrittenByGeneration") or 0),
                resource["size"],
            )
        )
        google.project.answer(sent, 204)
    assert seen == [
        ("OBJECT_FINALIZE", "in/a", first.generation, 0, "2"),
        ("OBJECT_FINALIZE", "in/a", second.generation, first.generation, "3"),
        ("OBJECT_DELETE", "in/a", first.generation, second.generation, "2"),
        ("OBJECT_DELETE", "in/a", second.generation, 0, "3"),
    ]
    [notification] = google.bucket.list_notifications()
    notification.delete()
    google.put("in/b")
    assert google.project.due() == []


def test_a_bucket_with_objects_stays(google: Bucket) -> None:
    google.put("a")
    with pytest.raises(exceptions.Conflict):
        google.bucket.delete()
    google.blob("a").delete()
    google.bucket.delete()
    with pytest.raises(exceptions.NotFound):
        google.put("a")


def test_a_bucket_has_what_it_was_made_with(google: Bucket) -> None:
    bucket: Any = google.client.bucket("stack-files-more")
    bucket.labels = {"app": "shop"}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.add_lifecycle_delete_rule(age=7)
    google.client.create_bucket(bucket, location="EUROPE-WEST1")
    found = google.client.get_bucket("stack-files-more")
    assert (found.labels, found.location) == ({"app": "shop"}, "EUROPE-WEST1")
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert len(list(found.lifecycle_rules)) == 1
    assert {one.name for one in google.client.list_buckets()} == {google.bucket.name, "stack-files-more"}
    with pytest.raises(exceptions.Conflict):
        google.client.create_bucket("stack-files-more")


def test_a_time_of_a_project_is_that_of_its_objects(google: Bucket) -> None:
    google.project.clock(1_900_000_000)
    assert google.put("a").updated == datetime.fromtimestamp(1_900_000_000, UTC)


# Signed URLs


@pytest.mark.parametrize("key", ["a", "dir/a b+c~d!e@f,(g).txt", "k" * 900, "%41", "ü/😀"])
def test_a_url_that_googles_library_signs_opens_its_object_and_no_other(google: Bucket, key: str) -> None:
    google.put(key, b"inside")
    url = google.signed(key)
    assert google.send("GET", url) == (200, b"inside")
    assert google.send("GET", url.replace(quote(key, safe="/~"), "b", 1))[0] == 403
    for method in ("PUT", "HEAD", "DELETE", "POST"):
        assert google.send(method, url, b"x")[0] in (403, 405)
    assert google.send("GET", url.partition("?")[0])[0] == 403
    assert google.send("GET", url[:-1])[0] in (400, 403)


def test_a_url_for_an_upload_holds_to_its_headers(google: Bucket) -> None:
    url = google.signed("a", "PUT", content_type="text/csv", headers={"x-goog-meta-owner": "me"})
    headers = {"Content_Type": "text/csv", "x_goog_meta_owner": "me"}
    assert google.send("PUT", url, b"1,2", Content_Type="text/csv")[0] == 403
    assert google.send("PUT", url, b"1,2", **{**headers, "Content_Type": "text/html"})[0] == 403
    assert google.send("PUT", url, b"1,2", **headers, x_goog_acl="public-read")[0] == 403
    assert google.bucket.get_blob("a") is None
    assert google.send("PUT", url, b"1,2", **headers)[0] == 200
    found = google.bucket.get_blob("a")
    assert (found.content_type, found.metadata, found.size) == ("text/csv", {"owner": "me"}, 3)


def test_a_url_ends_when_the_time_of_its_project_says_so(google: Bucket) -> None:
    google.put("a", b"inside")
    now = datetime.now(UTC).timestamp()
    google.project.clock(now)
    url = google.signed("a")
    google.project.clock(now + 595)
    assert google.send("GET", url)[0] == 200
    google.project.clock(now + 602)
    assert google.send("GET", url)[0] == 400


def test_the_signature_of_another_account_is_none(google: Bucket) -> None:
    google.put("a", b"inside")
    url = google.signed("a")
    other = url.replace(quote(ACCOUNT, safe=""), quote(f"other{ACCOUNT}", safe=""))
    assert other != url
    assert google.send("GET", other)[0] == 403


def test_a_caller_with_a_token_needs_no_signature(google: Bucket) -> None:
    google.put("a", b"inside")
    assert google.send("GET", f"/{google.bucket.name}/a", Authorization="Bearer x") == (200, b"inside")
    assert google.send("GET", f"/{google.bucket.name}/none", Authorization="Bearer x")[0] == 404
    assert google.send("GET", "/no-such-bucket/a", Authorization="Bearer x")[0] == 404


# What the front refuses


@pytest.mark.parametrize("name", ["a//b", "../a", "a/./b", "a\nb", "x" * 1025])
def test_names_that_the_emulator_would_take_for_others_are_refused(google: Bucket, name: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        google.put(name)


def test_methods_and_parameters_that_google_has_not_are_refused(google: Bucket) -> None:
    assert google.send("GET", f"/storage/v1/b/{google.bucket.name}/o?maxresults=1")[0] == 400
    assert google.send("GET", "/storage/v1/c")[0] == 404
    assert google.send("POST", "/batch/storage/v1", b"x")[0] == 400
    assert google.send("POST", f"/upload/storage/v1/b/{google.bucket.name}/o?uploadType=x&name=a", b"x")[0] == 400


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/related", b"--x\r\n\r\n{}\r\n--x\r\n\r\n\r\n--x--"),
        ("multipart/mixed; boundary=x", b"--x\r\n\r\n{}\r\n--x\r\n\r\n\r\n--x--"),
        ("multipart/related; boundary=x", b"--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x--"),
        ("multipart/related; boundary=x", b"--x\r\nContent-Type: application/json\r\n\r\n{\r\n--x\r\n\r\n\r\n--x--"),
        ("multipart/related; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\n{}\r\n--x\r\n\r\n\r\n--x--"),
        ("multipart/related; boundary=x", b"--x\r\nContent-Type\r\n\r\n{}\r\n--x\r\n\r\n\r\n--x--"),
        ("multipart/related; boundary=x", b""),
    ],
)
def test_what_is_no_multipart_is_refused(content_type: str, content: bytes) -> None:
    with pytest.raises(Malformed):
        parts_of(Request("POST", "/", [], {"content-type": content_type}, content))
