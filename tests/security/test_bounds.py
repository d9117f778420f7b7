"""H3 and H4: sizes are bounded, whoever is slow is dropped and holds up nobody. Memory is measured in test_dev.py."""

import gzip
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .apps import Probe
from .conftest import Site
from .serving import Place, place
from .wire import Answer, BrokenAnswer, Wire, answers_in, ask, connected, get, soon, talk

SLOW = 150
MIB = 1024 * 1024
BODY = 4 * MIB


@pytest.fixture
def here() -> Iterator[tuple[Place, Probe]]:
    """A place without a server yet, with an app of its own."""
    probe = Probe()
    with place(probe.app) as made:
        yield made, probe
        assert made.log.faults == []


# Sizes


def chunked(*sizes: int) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in sizes) + b"0\r\n\r\n"


def test_a_body_at_the_limit_is_taken_and_one_past_it_is_413(site: Site) -> None:
    head = get("/echo", "Transfer-Encoding: chunked", method="POST")
    assert json.loads(ask(site.port, get("/echo", method="POST", body=b"x" * BODY)).body)["size"] == BODY
    assert json.loads(ask(site.port, head + chunked(BODY - 1, 1)).body)["size"] == BODY
    assert refused(site, get("/echo", f"Content-Length: {BODY + 1}", method="POST")).status == 413
    assert refused(site, head + chunked(BODY, 1)).status == 413
    site.must_be_well()


def test_a_body_that_is_too_large_is_told_whose_limit_that_is(site: Site) -> None:
    declared = refused(site, get("/echo", f"Content-Length: {BODY + 1}", method="POST"))
    sent = refused(site, get("/echo", "Transfer-Encoding: chunked", method="POST") + chunked(BODY, 1))
    said = f"The body is larger than {BODY} bytes (http_request_bytes, from aws)."
    assert declared.body == sent.body == said.encode()


def refused(site: Site, data: bytes) -> Answer:
    """The one answer of a connection that is closed then."""
    [answer] = answers_in(talk(site.port, data))
    assert answer.closes
    return answer


@pytest.mark.parametrize("size", [5 * MIB, 10 * 1024**3, 2**63, 2**64 - 1])
def test_a_body_that_says_that_it_is_too_large_is_refused_before_it_comes(site: Site, size: int) -> None:
    assert refused(site, get("/echo", f"Content-Length: {size}", method="POST")).status == 413


def test_a_client_that_goes_on_sending_can_read_why_it_is_refused(site: Site) -> None:
    with connected(site.port) as wire:
        wire.send(get("/echo", "Transfer-Encoding: chunked", method="POST"))
        block = b"%x\r\n%s\r\n" % (MIB, b"x" * MIB)
        sent = 0
        while sent < 100 and wire.try_send(block):
            sent += 1
        assert sent > 4
        assert wire.answer().status == 413
    site.must_be_well()


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (200, get("/number/1?" + "q" * 4096)[:0] + get("/number/1?" + "q" * 4000)),
        (414, get("/number/1?" + "q" * 4097)),
        (414, get("/" + "u" * 4097)),
        (431, get("/", "X: " + "h" * 5200)),
        (431, get("/", *(f"X-{number}: 1" for number in range(101)))),
        (200, get("/", *(f"X-{number}: 1" for number in range(99)))),
    ],
    ids=["query at", "query over", "path over", "headers over", "101 headers", "100 headers"],
)
def test_heads_are_bounded_by_the_profile(site: Site, status: int, data: bytes) -> None:
    assert ask(site.port, data).status == status


@pytest.mark.parametrize("depth", [100, 1000, 20_000, 1_000_000])
@pytest.mark.parametrize("target", ["/note", "/any"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_deep_json_is_refused_or_read_and_never_a_fault(
    site: Site, target: str, opening: str, closing: str, depth: int
) -> None:
    depth = min(depth, BODY // len(opening + closing) - 10)
    body = opening * depth + "1" + closing * depth
    for text in (body, f'{{"text": {body}}}', opening * depth):
        answer = ask(site.port, get(target, "Content-Type: application/json", method="POST", body=text.encode()))
        # A document may be as deep as its reader can go, and is then what it is.
        assert answer.status in (200, 400, 413, 422), answer
        assert depth <= 1000 or answer.status != 200
    site.must_be_well()


def test_huge_numbers_and_many_keys_are_no_fault(site: Site) -> None:
    head = "Content-Type: application/json"
    for text in (
        '{"a": ' + "9" * 1_000_000 + "}",
        '{"a": 1e' + "9" * 1_000_000 + "}",
        '{"a": -' + "0" * 1_000_000 + "}",
        "{" + ",".join(f'"{number}": 1' for number in range(200_000)) + "}",
        '{"a": "' + "\\u0000" * 500_000 + '"}',
        '{"a": "\\ud800"}',
    ):
        answer = ask(site.port, get("/any", head, method="POST", body=text.encode()))
        assert answer.status in (200, 400, 413, 422), (text[:50], answer)
    site.must_be_well()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "x-unknown"])
def test_a_compressed_body_is_415_and_never_unpacked(site: Site, coding: str) -> None:
    bomb = gzip.compress(b"\0" * (50 * MIB))
    for target in ("/note", "/any"):
        head = ("Content-Type: application/json", f"Content-Encoding: {coding}")
        answer = ask(site.port, get(target, *head, method="POST", body=bomb))
        assert answer.status == 415, answer
        assert answer.header("accept-encoding") == "identity"
    # Who takes bytes gets what was sent.
    answer = ask(site.port, get("/echo", f"Content-Encoding: {coding}", method="POST", body=bomb))
    assert json.loads(answer.body)["size"] == len(bomb)


def test_all_that_is_received_at_once_is_bounded_together(here: tuple[Place, Probe]) -> None:
    made, _ = here
    served = made.serve(bodies=10 * 1000)
    head = get("/echo", "Content-Length: 4000", method="POST")
    with ExitStack() as stack:
        wires = [stack.enter_context(connected(made.port)) for _ in range(3)]
        for wire in wires[:2]:
            wire.send(head + b"x" * 3999)
        soon("two bodies", lambda: served.child.site.body_bytes == 2 * 3999)
        assert wires[2].send(head).answer().status == 503
        for wire in wires[:2]:
            assert wire.send(b"x").answer().status == 200
        soon("nothing being held", lambda: served.child.site.body_bytes == 0)
    assert ask(made.port, head + b"x" * 4000).status == 200


def test_bodies_count_until_they_are_answered_and_not_when_their_client_goes(here: tuple[Place, Probe]) -> None:
    made, probe = here
    served = made.serve(bodies=50_000)
    site = served.child.site
    body = get("/echo", method="POST", body=b"x" * 4000)
    waiting = get("/gate").replace(b"\r\n\r\n", b"\r\nContent-Length: 4000\r\n\r\n") + b"x" * 4000
    with ExitStack() as stack:
        wires = [stack.enter_context(connected(made.port)) for _ in range(10)]
        for wire in wires:
            wire.send(waiting + body)
        soon("refusals", lambda: site.body_bytes >= 40_000)
        assert site.body_bytes <= 50_000
        for wire in wires:
            wire.hang_up()
    probe.gate.set()
    soon("nothing being held", lambda: site.body_bytes == 0)
    assert ask(made.port, body).status == 200


def test_more_connections_than_the_bound_are_told_so(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve(connections=5)
    with ExitStack() as stack:
        wires = [stack.enter_context(connected(made.port)) for _ in range(5)]
        for wire in wires:
            assert wire.send(get("/")).answer().status == 200
        late = stack.enter_context(connected(made.port))
        assert late.answer().status == 503
        assert late.closed()
        assert wires[0].send(get("/")).answer().status == 200


# Time


def answered(port: int) -> bool:
    """Asks; False if the hasty server closed before a busy machine had sent the request."""
    try:
        return ask(port, get("/number/1")).status == 200
    except (BrokenAnswer, ConnectionError):
        return False


HEADS = {
    "nothing": [b""],
    "half a request line": [b"GET / HT"],
    "a header at a time": [b"GET / HTTP/1.1\r\nHost: a\r\n", *(b"X-%d: 1\r\n" % number for number in range(60))],
    "a body byte by byte": [b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 200],
    "chunks of one byte": [
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"1\r\nx\r\n"] * 200,
    ],
    "empty lines": [b"\r\n"] * 200,
    "empty lines after an answer": [get("/"), *[b"\r\n"] * 200],
    "trailers without end": [
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        *[b"X: 1\r\n"] * 200,
    ],
}


@pytest.mark.parametrize("kind", list(HEADS))
def test_slow_clients_are_dropped_and_hold_up_nobody(here: tuple[Place, Probe], kind: str) -> None:
    made, _ = here
    served = made.serve(header_time=0.5, body_time=0.5, idle_time=0.5)
    site = served.child.site
    delays: list[float] = []
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(made.port)) for _ in range(SLOW)]
        pieces = iter(HEADS[kind])
        ends = time.monotonic() + 40
        while True:
            piece = next(pieces, b"")
            gone = [wire for wire in slow if piece and not wire.try_send(piece)]
            before = time.monotonic()
            soon("an answer to somebody else", lambda: answered(made.port))
            delays.append(time.monotonic() - before)
            if len(gone) == SLOW or not site.state.connections:
                break
            assert time.monotonic() < ends, f"{len(site.state.connections)} are still connected"
            time.sleep(0.05)
    # The promise; the median, since a single one may have met a busy machine.
    assert statistics.median(delays) < 2


def test_a_client_that_does_not_read_gets_no_more_made_for_it_and_is_dropped(here: tuple[Place, Probe]) -> None:
    made, _ = here
    served = made.serve(idle_time=0.5, pace=16 * MIB)
    with connected(made.port, receive_buffer=4096) as wire:
        wire.send(get("/big") * 200)
        soon("the first answer", lambda: bool(served.child.site.state.tasks))
        most = 0

        def is_gone() -> bool:
            nonlocal most
            held = [
                connection.transport.get_write_buffer_size() for connection in list(served.child.site.state.connections)
            ]
            most = max(most, *held, 0)
            return not held

        soon("the connection being dropped", is_gone)
        assert 0 < most <= BODY + MIB, "one answer at a time, at most"


def test_a_client_that_reads_slowly_gets_all(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve(idle_time=5.0)
    with connected(made.port, receive_buffer=65536) as wire:
        wire.send(get("/big") * 3)
        for _ in range(3):
            assert wire.answer().body == b"x" * BODY


def test_a_pipelined_request_is_not_too_slow_because_the_one_before_it_is(here: tuple[Place, Probe]) -> None:
    made, probe = here
    served = made.serve(header_time=0.3, body_time=0.3)
    with connected(made.port) as wire:
        # The second is read whole, so that reading pauses; of the third there is only a part.
        third = get("/number/3")
        wire.send(get("/gate") + get("/number/2") + third[:20])
        soon("the first request", lambda: bool(served.child.site.state.tasks))
        waited = threading.Event()
        served.child.loop.call_soon_threadsafe(served.child.loop.call_later, 1.0, waited.set)
        assert waited.wait(30)
        wire.send(third[20:])
        probe.gate.set()
        assert [wire.answer().status for _ in range(3)] == [200, 200, 200]


def test_hostile_paths_are_routed_in_no_time(site: Site) -> None:
    repeated = {
        "/": 4000,
        "/a": 2000,
        "/%61": 1000,
        "/...": 1000,
        "/static": 550,
        "/_portable/": 360,
        "/%": 2000,
        "/echo/": 650,
    }
    after = {
        "/": (
            "a" * 4000,
            "%2e" * 1300,
            ";" * 4000,
            "(" * 4000,
            "*" * 4000,
            "{a}/" * 900,
            "a." * 2000,
            "%f0%9f%98%80" * 330,
        ),
        "/?": ("&" * 4000, "=" * 4000, "a=b&" * 1000, "%41" * 1300, "a[]=" * 1000, "+" * 4000, ";" * 4000),
        "/number/": ("1" * 3900, "%31" * 1300, "-" * 3900, "9_" * 1900),
        "/_portable/buckets/": ("-/files/" + "a/" * 1900, "a-" * 1900 + "/x/y", "-/" + "-" * 3900),
    }
    paths = [text * count for text, count in repeated.items()]
    paths += [start + end for start, ends in after.items() for end in ends]
    assert len(paths) >= 30
    before = time.process_time()
    for path in paths:
        assert ask(site.port, get(path)).status in (200, 400, 403, 404, 405, 414, 422), path[:40]
    # CPU of client and server together, so that a busy machine does not matter.
    assert time.process_time() - before < 1
    site.must_be_well()


def test_a_connection_that_says_nothing_is_closed(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve(header_time=0.2)
    with connected(made.port) as wire:
        assert wire.closed()


def test_a_kept_connection_is_closed_in_time(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve(idle_time=0.2)
    wire: Wire
    with connected(made.port) as wire:
        assert wire.send(get("/")).answer().status == 200
        assert wire.closed()
