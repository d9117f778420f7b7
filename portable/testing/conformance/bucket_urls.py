"""Signed URLs: what a client that has nothing but the URL and the headers may do, and what it may not."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from portable.adapter import Running
from portable.app import App
from portable.buckets import Bucket, ObjectEvent
from portable.drivers import SignedRequest
from portable.errors import InvalidArgument, LimitExceeded
from portable.http import Response

from .harness import Harness, needs

KEYS = [
    "a",
    "a.txt",
    "dir/sub/a.txt",
    "a+b=c@d!e~f,g(h)-i_j.k",
    "+",
    "=",
    "~",
    "()",
    "2026-11-24T10.30/part=1/x",
    "k" * 900,
    "PUT",
    "GET/PUT",
    "expires=1",
]


def target(url: str) -> str:
    """The raw path and query of a URL: what a client sends in its request line."""
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.netloc
    assert not parts.fragment
    return f"{parts.path}?{parts.query}"


def send(
    running: Running,
    signed: SignedRequest,
    body: bytes = b"",
    *,
    method: str | None = None,
    url: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    given = signed.headers if headers is None else headers
    return running.request(method or signed.method, url or target(signed.url), headers=list(given.items()), body=body)


def assert_refused(response: Response, *secrets: bytes) -> None:
    """A refusal is the client's fault, and shows nothing of the object."""
    assert 400 <= response.status < 500, (response.status, response.body[:200])
    for secret in secrets:
        assert secret not in response.body


@needs("signed_urls")
class BucketUrlConformance:
    """A signed URL stands for one method on one key, until it expires, and for nothing else."""

    @contextmanager
    def signing(self, harness: Harness) -> Generator[tuple[Bucket, Running], None, None]:
        app = App("conformance")
        files = app.bucket("files")

        @app.get("/")
        def index() -> str:
            return "the app"

        with harness.running(app) as running:
            yield files, running

    @pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key)[:40])
    def test_an_upload_and_a_download_by_url(self, harness: Harness, key: str) -> None:
        with self.signing(harness) as (files, running):
            put = files.signed_url(key, "PUT", content_type="text/x; charset=utf-8")
            assert (put.method, type(put.url), type(put.headers)) == ("PUT", str, dict)
            response = send(running, put, b"by url")
            assert 200 <= response.status < 300, response.body
            assert files.require(key) == b"by url"
            head = files.head(key)
            assert head is not None
            assert (head.size, head.content_type, head.metadata) == (6, "text/x; charset=utf-8", {})
            get = files.signed_url(key)
            assert get.method == "GET"
            response = send(running, get)
            assert (response.status, response.body) == (200, b"by url")
            assert response.headers.get("content-type") == "text/x; charset=utf-8"
            assert [entry.key for entry in files.list().objects] == [key]

    def test_a_url_may_be_used_until_it_expires_again_and_again(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            files.put("a", b"1")
            get, put = files.signed_url("a"), files.signed_url("a", "PUT")
            versions = {str(send(running, put, str(number).encode()).status) for number in range(3)}
            assert versions <= {"200", "201", "204"}
            for _ in range(3):
                assert send(running, get).body == b"2"
            files.put("a", b"newer")
            assert send(running, get).body == b"newer"

    def test_an_upload_by_url_is_a_write_like_any_other(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        seen: list[ObjectEvent] = []

        @files.on_created(prefix="in/")
        def created(event: ObjectEvent) -> None:
            seen.append(event)

        with harness.running(app) as running:
            before = files.put("in/a", b"old", metadata={"k": "v"})
            running.drain()
            seen.clear()
            assert send(running, files.signed_url("in/a", "PUT"), b"newer").status < 300
            after = files.head("in/a")
            assert after is not None
            assert after.version != before.version
            assert after.metadata == {}
            running.drain()
            assert seen
            assert {(event.key, event.size, event.version) for event in seen} == {("in/a", 5, after.version)}

    def test_an_upload_may_be_larger_than_a_request_to_the_app(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            data = bytes(range(256)) * (6 * 4096)
            assert len(data) == 6 << 20
            assert send(running, files.signed_url("large", "PUT"), data).status < 300
            assert files.require("large") == data
            assert send(running, files.signed_url("large")).body == data

    def test_an_upload_may_be_empty(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            assert send(running, files.signed_url("empty", "PUT"), b"").status < 300
            assert files.get("empty") == b""
            response = send(running, files.signed_url("empty"))
            assert (response.status, response.body) == (200, b"")

    def test_the_extension_tells_the_type_of_an_upload_unless_told(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            put = files.signed_url("a.csv", "PUT")
            assert send(running, put, b"1,2").status < 300
            head = files.head("a.csv")
            assert head is not None
            assert head.content_type == "text/csv; charset=utf-8"

    def test_a_url_of_an_absent_object_answers_404(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            get = files.signed_url("later")
            assert send(running, get).status == 404
            files.put("later", b"here")
            assert send(running, get).body == b"here"

    def test_every_changed_byte_is_refused(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            secret = b"the content that nobody else may see"
            files.put("dir/a.txt", secret)
            files.put("dir/b.txt", secret)
            files.put("dir/A.txt", secret)
            signed = files.signed_url("dir/a.txt", expires_in=600)
            url = target(signed.url)
            assert send(running, signed, url=url).body == secret
            checked = 0
            for position in range(1, len(url)):
                replacement = "A" if url[position] != "A" else "B"
                digit = str((int(url[position]) + 1) % 10) if url[position].isdigit() else replacement
                for changed in {
                    url[:position] + replacement + url[position + 1 :],
                    url[:position] + digit + url[position + 1 :],
                    url[:position] + url[position + 1 :],
                }:
                    assert_refused(send(running, signed, url=changed), secret)
                    checked += 1
            for changed in (url[:-1], url + "A", url.partition("?")[0], url.partition("?")[0] + "?"):
                assert_refused(send(running, signed, url=changed), secret)
                checked += 1
            assert checked > len(url)
            assert send(running, signed, url=url).body == secret

    def test_a_changed_upload_url_writes_nothing(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            signed = files.signed_url("a", "PUT")
            url = target(signed.url)
            for position in range(1, len(url)):
                replacement = "z" if url[position] != "z" else "y"
                changed = url[:position] + replacement + url[position + 1 :]
                assert_refused(send(running, signed, b"evil", url=changed))
            assert files.list().objects == []

    def test_a_url_is_for_its_key_alone(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            for key in ("aaa", "aab", "aaa/b", "aa"):
                files.put(key, f"inside of {key}")
            url = target(files.signed_url("aaa").url)
            signed = files.signed_url("aaa")
            assert url.count("aaa") >= 1
            for other in ("aab", "aaa/b", "aa", "aaa/", "aaa%00", "..%2faaa", "aaa%2fb"):
                assert_refused(send(running, signed, url=url.replace("aaa", other, 1)), b"inside of")
            for spelling in ("%61aa", "./aaa", "x/../aaa", "aaa/."):
                # Whoever takes it for the same key may answer with the same object, and with no other.
                response = send(running, signed, url=url.replace("aaa", spelling, 1))
                if response.status >= 300 or response.body != b"inside of aaa":
                    assert_refused(response, b"inside of")

    @pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
    def test_a_download_url_allows_nothing_else(self, harness: Harness, method: str) -> None:
        with self.signing(harness) as (files, running):
            stored = files.put("a", b"inside")
            assert_refused(send(running, files.signed_url("a"), b"evil", method=method), b"inside")
            assert files.head("a") == stored

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "HEAD"])
    def test_an_upload_url_allows_nothing_else(self, harness: Harness, method: str) -> None:
        with self.signing(harness) as (files, running):
            stored = files.put("a", b"inside")
            assert_refused(send(running, files.signed_url("a", "PUT"), b"evil", method=method), b"inside")
            assert files.head("a") == stored

    def test_an_upload_must_send_the_headers_of_the_answer(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            signed = files.signed_url("a", "PUT", content_type="text/csv")
            assert signed.headers
            for name in signed.headers:
                fewer = {other: value for other, value in signed.headers.items() if other != name}
                assert_refused(send(running, signed, b"evil", headers=fewer))
                changed = {**signed.headers, name: "text/html"}
                assert_refused(send(running, signed, b"evil", headers=changed))
            assert files.head("a") is None
            upper = {name.upper(): value for name, value in signed.headers.items()}
            assert send(running, signed, b"fine", headers=upper).status < 300
            assert files.get("a") == b"fine"

    @pytest.mark.parametrize("expires_in", [1, 60, 900, 3600])
    def test_a_url_works_until_it_expires_and_not_after(self, harness: Harness, expires_in: int) -> None:
        with self.signing(harness) as (files, running):
            stored = files.put("a", b"inside")
            get = files.signed_url("a", expires_in=expires_in)
            put = files.signed_url("a", "PUT", expires_in=expires_in)
            for signed in (get, put):
                assert abs(signed.expires_at - running.now() - expires_in) <= 2
            if expires_in > 10:
                running.advance(expires_in - 5)
                assert send(running, get).body == b"inside"
                running.advance(7)
            else:
                assert send(running, get).body == b"inside"
                running.advance(expires_in + 2)
            assert_refused(send(running, get), b"inside")
            assert_refused(send(running, put, b"evil"))
            assert files.head("a") == stored
            assert send(running, files.signed_url("a")).body == b"inside"

    def test_a_url_lives_15_minutes_unless_told(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            assert abs(files.signed_url("a").expires_at - running.now() - 900) <= 2

    def test_a_url_lives_at_most_an_hour(self, harness: Harness) -> None:
        with self.signing(harness) as (files, _):
            files.signed_url("a", expires_in=3600)
            for too_long in (3601, 7 * 24 * 3600):
                with pytest.raises(LimitExceeded) as caught:
                    files.signed_url("a", expires_in=too_long)
                assert caught.value.limit == "signed_url_seconds"

    @pytest.mark.parametrize("expires_in", [0, -1, 1.5, "60", None, True])
    def test_a_life_is_a_whole_number_of_seconds(self, harness: Harness, expires_in: Any) -> None:
        with self.signing(harness) as (files, _), pytest.raises(InvalidArgument):
            files.signed_url("a", expires_in=expires_in)

    @pytest.mark.parametrize("method", ["get", "put", "POST", "DELETE", "HEAD", "", None, 1])
    def test_a_url_is_for_get_or_put(self, harness: Harness, method: Any) -> None:
        with self.signing(harness) as (files, _), pytest.raises(InvalidArgument):
            files.signed_url("a", method)

    def test_a_type_is_for_uploads_and_a_legal_one(self, harness: Harness) -> None:
        with self.signing(harness) as (files, _):
            with pytest.raises(InvalidArgument):
                files.signed_url("a", "GET", content_type="text/plain")
            for wrong in ("", "text", "text/plain\r\nx: y"):
                with pytest.raises(InvalidArgument):
                    files.signed_url("a", "PUT", content_type=wrong)

    def test_urls_of_different_rights_share_nothing_that_could_be_swapped(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            files.put("a", b"inside a")
            files.put("b", b"inside b")
            a, b = files.signed_url("a"), files.signed_url("b")
            put = files.signed_url("b", "PUT")
            path_a, _, query_a = target(a.url).partition("?")
            path_b, _, query_b = target(b.url).partition("?")
            assert_refused(send(running, a, url=f"{path_a}?{query_b}"), b"inside")
            assert_refused(send(running, a, url=f"{path_b}?{query_a}"), b"inside")
            assert_refused(send(running, put, b"evil", url=f"{path_b}?{query_b}"))
            assert_refused(send(running, a, url=f"{path_a}?{target(put.url).partition('?')[2]}"), b"inside")
            assert files.get("b") == b"inside b"

    def test_a_url_of_one_bucket_opens_no_other(self, harness: Harness) -> None:
        app = App("conformance")
        one, two = app.bucket("bucket-one"), app.bucket("bucket-two")
        with harness.running(app) as running:
            one.put("a", b"inside one")
            two.put("a", b"inside two")
            signed = one.signed_url("a")
            assert send(running, signed).body == b"inside one"
            for url in (
                target(signed.url).replace("bucket-one", "bucket-two", 1),
                target(two.signed_url("a").url).partition("?")[0] + "?" + target(signed.url).partition("?")[2],
            ):
                if url != target(signed.url):
                    assert_refused(send(running, signed, url=url), b"inside two")

    def test_the_app_answers_beside_the_urls(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            files.put("a", b"inside")
            assert send(running, files.signed_url("a")).body == b"inside"
            assert running.request("GET", "/").body == b"the app"

    def test_a_broken_url_is_the_clients_fault(self, harness: Harness) -> None:
        with self.signing(harness) as (files, running):
            files.put("a", b"inside")
            signed = files.signed_url("a")
            path, _, query = target(signed.url).partition("?")
            for url in (
                f"{path}?{query}&{query}",
                f"{path}?&&&",
                f"{path}?%",
                f"{path}?=",
                f"{path}?{'x' * 3000}",
                f"{path}/%ff?{query}",
                f"{path}?{query}%00",
                path.rpartition("/")[0] + "/?" + query,
            ):
                assert_refused(send(running, signed, url=url), b"inside")
