"""S3 over the wire: what a signed URL allows, to whoever has it, and what no change to it allows.

What every adapter must hold is in the conformance suite; here are raw requests, sizes, broken uploads and races.
"""

import hashlib
import random
import threading
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from portable import App, Bucket

from .serving import Place, place
from .wire import PATIENCE, Answer, answers_in, ask, connected, get, soon, talk

CONTENT = b"the crown jewels"
MIB = 1024 * 1024


class Bank(NamedTuple):
    """An app with two buckets behind a real server."""

    place: Place
    port: int
    gold: Bucket

    def url(self, key: str, method: str = "GET", **options: object) -> str:
        """The path and query of a signed URL."""
        signed = self.gold.signed_url(key, method, **options)  # type: ignore[arg-type]
        parts = urlsplit(signed.url)
        assert parts.port == self.port
        assert parts.hostname == "127.0.0.1"
        return f"{parts.path}?{parts.query}"


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    app = App("bank")
    gold, silver = app.bucket("gold"), app.bucket("silver")

    @app.get("/")
    def root() -> str:
        return "here"

    with place(app) as here:
        here.serve(body_time=20.0)
        for bucket in (gold, silver):
            bucket.put("bars/1", CONTENT, content_type="text/html")
        gold.put("bars/2", b"other" + CONTENT)
        yield Bank(here, here.port, gold)
        assert here.log.faults == []


def put(target: str, body: bytes, *headers: str) -> bytes:
    return get(target, "Content-Type: application/octet-stream", *headers, method="PUT", body=body)


def shows_nothing(answer: Answer) -> None:
    assert 400 <= answer.status < 500, answer
    assert CONTENT not in answer.body


def test_a_download_is_given_as_data_that_does_not_run(bank: Bank) -> None:
    answer = ask(bank.port, get(bank.url("bars/1")))
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.header("content-type") == "text/html"
    assert answer.header("content-security-policy") == "sandbox"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "private, no-store"


def test_every_byte_of_the_target_counts(bank: Bank) -> None:
    target = bank.url("bars/1")
    assert ask(bank.port, get(target)).body == CONTENT
    changed = 0
    with connected(bank.port) as wire:
        for at, byte in enumerate(target.encode()):
            for other in {byte ^ 1, byte ^ 2, byte ^ 0x20, ord("0"), ord("a"), ord("F")} - {byte}:
                if not 0x21 <= other <= 0x7E or chr(other) == "#":
                    continue
                changed += 1
                bad = target.encode()
                bad = bad[:at] + bytes([other]) + bad[at + 1 :]
                if at == 0:
                    continue  # no path: the connection would be closed
                answer = wire.send(get(bad.decode())).answer()
                shows_nothing(answer)
    assert changed > 4 * len(target)


def test_nothing_may_be_added_or_left_out(bank: Bank) -> None:
    target = bank.url("bars/1")
    path, _, query = target.partition("?")
    expires, signature = query.split("&")
    with connected(bank.port) as wire:
        for at in range(2, len(target)):
            shows_nothing(wire.send(get(target[:at] + target[at + 1 :])).answer())
            shows_nothing(wire.send(get(target[:at])).answer())
        for query in (
            f"{signature}&{expires}",
            f"{expires}&{signature}&",
            f"&{expires}&{signature}",
            f"{expires}&{signature}&a=b",
            f"a=b&{expires}&{signature}",
            f"{expires}&{expires}&{signature}",
            f"{expires}&{signature}&{signature}",
            f"{expires}&{signature.upper()}",
            f"{expires}&signature=",
            f"expires=&{signature}",
            f"expires=-1&{signature}",
            f"expires=0{expires[8:]}&{signature}",
            f"expires=+{expires[8:]}&{signature}",
            f"expires={expires[8:]}.0&{signature}",
            f"expires=9999999999&{signature}",
            f"expires=1e12&{signature}",
            f"{expires};{signature}",
            f"{expires}&{signature}%00",
            f"{expires}%26{signature}",
            f"%65xpires={expires[8:]}&{signature}",
            f"{expires}&signature={'0' * 64}",
            "",
        ):
            shows_nothing(wire.send(get(f"{path}?{query}")).answer())


def test_no_way_to_write_the_path_leads_to_another_object(bank: Bank) -> None:
    _, _, query = bank.url("bars/1").partition("?")
    start = "/_portable/buckets"
    paths = [
        f"{start}/-/gold/bars/2",
        f"{start}/-/silver/bars/1",
        f"{start}/-/gold/bars/1/",
        f"{start}/-/gold//bars/1",
        f"{start}/-/gold/bars//1",
        f"{start}/-/gold/./bars/1",
        f"{start}/-/gold/x/../bars/1",
        f"{start}/-/gold/bars/1/..",
        f"{start}/-/gold/bars/%31",
        f"{start}/-/gold/bars%2f1",
        f"{start}/-/%67old/bars/1",
        f"{start}/%2d/gold/bars/1",
        "/%5fportable/buckets/-/gold/bars/1",
        "/_portable//buckets/-/gold/bars/1",
        "/_portable/./buckets/-/gold/bars/1",
        f"/x/..{start}/-/gold/bars/1",
        f"{start}/-/../-/gold/bars/1",
        f"{start}/-/gold/../silver/bars/1",
        f"/{start}/-/gold/bars/1",
        f"{start}/--/gold/bars/1",
        f"{start}/bank/gold/bars/1",
        f"{start}//gold/bars/1",
        f"{start}/-/GOLD/bars/1",
        f"{start}/-/gold/BARS/1",
        f"{start}/-/gold/bars/1%00",
        f"{start}/-/gold/bars/1;",
        f"{start}/-/gold/bars/1%3f",
        f"{start}/-/gold/../../../../etc/passwd",
        f"{start}/-/gold/%2e%2e/%2e%2e/etc/passwd",
        f"{start}/-/gold/..",
        f"{start}/-/gold/",
        f"{start}/-/gold",
        f"{start}/-/",
        f"{start}/",
        f"{start}",
        "/_portable",
        "/_portable/",
        "/_portable/x",
    ]
    for path in paths:
        answer = ask(bank.port, get(f"{path}?{query}"))
        shows_nothing(answer)
        assert b"passwd" not in answer.body or b"root:" not in answer.body


@pytest.mark.parametrize(
    "method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "COPY", "MOVE", "PROPFIND"]
)
def test_a_download_url_is_for_get(bank: Bank, method: str) -> None:
    answer = ask(bank.port, get(bank.url("bars/1"), method=method), method)
    assert answer.status == 403
    assert CONTENT not in answer.body
    override = get(bank.url("bars/9", "PUT"), f"X-HTTP-Method-Override: {method}")
    assert ask(bank.port, override).status == 403
    assert ask(bank.port, get(bank.url("bars/1"))).body == CONTENT


def test_the_type_that_was_signed_must_be_sent(bank: Bank) -> None:
    target = bank.url("typed.png", "PUT")
    for headers in (
        ["Content-Type: text/html"],
        [],
        ["Content-Type: image/png; a=b"],
        ["Content-Type: IMAGE/PNG"],
        ["Content-Type: image/png", "Content-Type: text/html"],
        ["Content-Type: image/png", "Content-Type: image/png"],
        ["Content-Type: image/png\x80"],
        ["Content_Type: image/png"],
    ):
        assert ask(bank.port, get(target, *headers, method="PUT", body=b"x")).status == 403, headers
    assert ask(bank.port, get(target, "Content-Type: image/png", method="PUT", body=b"x")).status == 200


def test_a_url_ends_with_its_second(bank: Bank) -> None:
    target = bank.url("bars/1", expires_in=60)
    bank.place.clock.advance(59)
    assert ask(bank.port, get(target)).status == 200
    bank.place.clock.advance(1)
    shows_nothing(ask(bank.port, get(target)))
    bank.place.clock.advance(10_000)
    shows_nothing(ask(bank.port, get(target)))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "[::1]", "169.254.169.254"])
def test_a_foreign_host_gets_what_the_app_gives_and_nothing_internal(bank: Bank, host: str) -> None:
    """DNS rebinding: the app is anybody's to call; beside it there is only what a signature opens."""
    assert ask(bank.port, get("/", host=host)).body == b"here"
    for target in (
        "/_portable/",
        "/_portable/buckets/",
        "/_portable/buckets/-/gold/",
        "/_portable/buckets/-/gold/bars/1",
    ):
        answer = ask(bank.port, get(target, host=host))
        shows_nothing(answer)
        assert answer.header("access-control-allow-origin") is None
        assert str(bank.place.store.folder).encode() not in answer.body
    assert host not in bank.url("bars/1")


# Ranges

RANGES = {
    "bytes=0-0": (206, 0, 1),
    "bytes=0-3": (206, 0, 4),
    "bytes=4-": (206, 4, 16),
    "bytes=-3": (206, 13, 16),
    "bytes=0-": (206, 0, 16),
    "bytes=0-15": (206, 0, 16),
    "bytes=0-999999": (206, 0, 16),
    "bytes=-999": (206, 0, 16),
    "bytes=15-15": (206, 15, 16),
    "bytes=16-": (416, 0, 0),
    "bytes=16-20": (416, 0, 0),
    "bytes=-0": (416, 0, 0),
    "bytes=999999999999999999-": (416, 0, 0),
    "bytes=5-4": (200, 0, 16),
    "bytes=": (200, 0, 16),
    "bytes=-": (200, 0, 16),
    "bytes=a-b": (200, 0, 16),
    "bytes=0-1,3-4": (200, 0, 16),
    "bytes=0-1," + "0-1," * 500: (200, 0, 16),
    "lines=0-1": (200, 0, 16),
    "0-1": (200, 0, 16),
    "bytes 0-1": (200, 0, 16),
    "bytes=+1-2": (200, 0, 16),
    "bytes=" + "9" * 3000 + "-": (200, 0, 16),
}


def test_a_range_is_a_part_of_the_object(bank: Bank) -> None:
    target = bank.url("bars/1")
    with connected(bank.port) as wire:
        for text, (status, start, end) in RANGES.items():
            answer = wire.send(get(target, f"Range: {text}")).answer()
            assert answer.status == status, (text[:50], answer)
            if status == 416:
                assert answer.header("content-range") == "bytes */16"
                continue
            assert answer.body == CONTENT[start:end], text[:50]
            told = f"bytes {start}-{end - 1}/16" if status == 206 else None
            assert answer.header("content-range") == told


def test_a_range_is_for_the_version_that_it_names(bank: Bank) -> None:
    target = bank.url("bars/1")
    etag = ask(bank.port, get(target)).header("etag")
    for condition, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200), ("yesterday", 200)):
        assert ask(bank.port, get(target, "Range: bytes=0-3", f"If-Range: {condition}")).status == status
    assert ask(bank.port, put(bank.url("empty", "PUT"), b"", "Content-Length: 0")).status == 200
    assert ask(bank.port, get(bank.url("empty"), "Range: bytes=0-")).status == 416
    assert ask(bank.port, get(bank.url("empty"))).body == b""


# Uploads


def files(bank: Bank) -> set[str]:
    """All files of objects."""
    return {str(path) for path in (bank.place.store.folder / "objects").rglob("*") if path.is_file()}


def test_an_upload_that_breaks_off_leaves_nothing(bank: Bank) -> None:
    target = bank.url("broken", "PUT")
    before = files(bank)
    whole = put(target, random.Random(1).randbytes(300_000))
    chunked = get(target, "Content-Type: application/octet-stream", "Transfer-Encoding: chunked", method="PUT")
    for data in (
        *(whole[:cut] for cut in (len(whole) - 300_000, len(whole) - 299_999, len(whole) // 2, len(whole) - 1)),
        chunked + b"5\r\nhello\r\n",
        chunked + b"5\r\nhello\r\n0\r\n",
        chunked + b"5\r\nhello\r\nzz\r\n",
        chunked + b"5\r\nhel",
    ):
        with connected(bank.port) as wire:
            wire.send(data)
            wire.hang_up()
        assert ask(bank.port, get(bank.url("broken"))).status == 404
    site = bank.place.served[0].child.site
    soon("the end of the broken connections", lambda: len(site.state.connections) == 0 and not site.state.tasks)
    assert files(bank) == before
    assert ask(bank.port, whole).status == 200
    assert (
        hashlib.sha256(ask(bank.port, get(bank.url("broken"))).body).digest()
        == hashlib.sha256(whole[-300_000:]).digest()
    )


def test_an_upload_is_larger_than_a_request_and_bounded_too(bank: Bank) -> None:
    target = bank.url("large", "PUT")
    body = random.Random(2).randbytes(20 * MIB)
    assert ask(bank.port, put(target, body)).status == 200
    assert ask(bank.port, get(bank.url("large"))).body == body
    part = ask(bank.port, get(bank.url("large"), f"Range: bytes={10 * MIB}-{10 * MIB + 99}"))
    assert part.body == body[10 * MIB : 10 * MIB + 100]
    [answer] = answers_in(talk(bank.port, put(target, b"", f"Content-Length: {100 * MIB + 1}")))
    assert answer.status == 413


def test_a_reader_sees_one_upload_or_another_and_never_a_mixture(bank: Bank) -> None:
    versions = [bytes([number]) * (100_000 + number) for number in range(1, 9)]
    upload, download = bank.url("raced", "PUT"), bank.url("raced")
    assert ask(bank.port, put(upload, versions[0])).status == 200
    stop = threading.Event()
    faults: list[str] = []
    seen: set[int] = set()

    def write(body: bytes) -> None:
        with connected(bank.port) as wire:
            for _ in range(15):
                answer = wire.send(put(upload, body)).answer()
                if answer.status != 200:
                    faults.append(f"an upload got {answer}")

    def read() -> None:
        with connected(bank.port) as wire:
            while not stop.is_set():
                answer = wire.send(get(download)).answer()
                if answer.status != 200 or answer.body not in versions:
                    faults.append(f"a download got {answer.status}, {len(answer.body)} bytes of {set(answer.body)}")
                    return
                seen.add(answer.body[0])
                part = wire.send(get(download, "Range: bytes=90000-")).answer()
                whole = int((part.header("content-range") or "/0").rpartition("/")[2])
                if (
                    part.status != 206
                    or whole != 90_000 + len(part.body)
                    or part.body != versions[whole - 100_001][90_000:]
                ):
                    faults.append(f"a part got {part.headers}")
                    return

    writers = [threading.Thread(target=write, args=(body,)) for body in versions]
    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join(3 * PATIENCE)
    stop.set()
    for thread in readers:
        thread.join(PATIENCE)
    assert faults == []
    assert len(seen) > 1, "nobody read while others wrote"
