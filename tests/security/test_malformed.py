"""H1: whatever is sent, the answer is one of HTTP, in time, and tells nothing; the server lives on and logs nothing."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Site
from .malformed import CASES, Case, chunks, field, length, line
from .wire import Answer, BrokenAnswer, answers_in, get, talk

ALLOWED = (501, 503, 505)
"""What may be said with a 5xx: not known, too busy, not spoken here."""
GIVEAWAYS = (b"Traceback", b'File "', b".py", b"Error:", b"Exception")
THREADS = 24


def checked(data: bytes, sent: bytes) -> list[Answer]:
    """The answers of a connection; fails for what no answer may be."""
    try:
        answers = answers_in(data)
    except BrokenAnswer as broken:
        raise AssertionError(f"{broken}, after {sent[:300]!r}") from None
    for answer in answers:
        assert answer.status < 500 or answer.status in ALLOWED, (answer, sent[:300])
        assert not any(mark in answer.body for mark in GIVEAWAYS), (answer, sent[:300])
    return answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_malformed_request_gets_its_status_and_the_connection_ends(site: Site, hasty: Site, case: Case) -> None:
    waits = 408 in case.statuses or not case.statuses
    port = hasty.port if waits else site.port
    answers = checked(talk(port, case.data), case.data)
    assert tuple(answer.status for answer in answers) == case.statuses
    for answer in answers:
        by_the_server = answer.header("x-request-id") is None
        assert answer.closes or not by_the_server, "the app's refusals may leave a connection open, the server's never"
    (hasty if waits else site).must_be_well()


def test_there_are_enough_cases_and_no_name_is_there_twice() -> None:
    assert len(CASES) >= 114
    assert len({case.name for case in CASES}) == len(CASES)


SOUND = (
    get("/"),
    get("/number/17?a=b&a=c", "Accept: */*", "Cookie: a=b; c=d", "User-Agent: fuzz/1.0"),
    get("/echo", method="POST", body=b"some body"),
    get("/note", "Content-Type: application/json", method="POST", body=b'{"text": "hello"}'),
    get("/seen", "X-Portable-User: me", "X-Request-Id: abc", "Connection: keep-alive"),
    get("/echo", "Expect: 100-continue", method="PUT", body=b"x" * 100),
    get("/canary", "Connection: close", "Range: bytes=0-4"),
    get("/") + get("/number/1") + get("/echo", method="POST", body=b"pipelined"),
    chunks(b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n"),
    length(b" 3"),
    line(b"OPTIONS * HTTP/1.1"),
    line(b"GET http://a/number/2 HTTP/1.1"),
    field(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x"),
    get("/_portable/buckets/-/files/a?expires=1&signature=" + "0" * 64),
)
TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"%", b"%2f", b"%00", b"//", b"..", b"#", b"?",
    b"\xff", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Host: b\r\n", b"Connection: close\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0",
    b"0\r\n\r\n", b"-1", b"99999999999999999999", b"ffffffffffffffff", b"GET ", b"POST ", b"{", b"[" * 2000,
    b"a" * 9000, b"X: " + b"b" * 9000 + b"\r\n", b"http://", b"Content-Encoding: gzip\r\n",
)  # fmt: skip


def mutated(random_: random.Random) -> bytes:
    """A sound request, or the ends of two, with a few changes."""
    data = bytearray(random_.choice(SOUND))
    if random_.random() < 0.15:
        other = random_.choice(SOUND)
        data = data[: random_.randrange(len(data) + 1)] + other[random_.randrange(len(other)) :]
    for _ in range(random_.choice((1, 1, 2, 3, 5, 8))):
        at = random_.randrange(len(data) + 1)
        match random_.randrange(7):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << random_.randrange(8)
            case 1:
                data[at:at] = random_.choice(TOKENS)
            case 2:
                del data[at : at + random_.randrange(1, 12)]
            case 3:
                data[at:at] = data[at : at + random_.randrange(1, 40)]
            case 4 if data:
                data[min(at, len(data) - 1)] = random_.randrange(256)
            case 5:
                data[at : at + 3] = random_.choice(TOKENS)
            case _:
                # A line goes to another place.
                lines = bytes(data).split(b"\r\n")
                lines.insert(random_.randrange(len(lines)), lines.pop(random_.randrange(len(lines))))
                data = bytearray(b"\r\n".join(lines))
    return bytes(data[: random_.randrange(len(data) + 1)]) if random_.random() < 0.1 else bytes(data)


def fuzz(hasty: Site, count: int) -> None:
    seed = int(os.environ.get("PORTABLE_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed: PORTABLE_FUZZ_SEED={seed}")
    random_ = random.Random(seed)
    requests = [mutated(random_) for _ in range(count)]
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda data: checked_or_head(talk(hasty.port, data), data), requests))
    assert len(found) == count
    hasty.must_be_well()
    # The fuzz is not idle: it gets through, and is refused, and both often.
    statuses = [status for each in found for status in each]
    assert statuses.count(200) > count // 20, statuses
    assert statuses.count(400) > count // 20, statuses


def checked_or_head(data: bytes, sent: bytes) -> list[int]:
    """Statuses of the answers; where a mutation made it HEAD, the first is looked at by itself."""
    if b"HEAD" in sent:
        status = int(data[9:12] or 0)
        assert status < 500 or status in ALLOWED, (data[:300], sent[:300])
        return [status]
    return [answer.status for answer in checked(data, sent)]


def test_mutated_requests_never_break_the_server(hasty: Site) -> None:
    fuzz(hasty, 1500)


@pytest.mark.slow
def test_many_mutated_requests_never_break_the_server(hasty: Site) -> None:
    fuzz(hasty, 10_000)
