"""Connections: kept, pipelined, closed and handed over, without a byte lost or given twice."""

import hashlib
import json
import random
import threading
from collections.abc import Iterator

import pytest

from .apps import Probe
from .conftest import Site
from .serving import Place, place
from .wire import PATIENCE, Wire, ask, connected, get, soon


@pytest.fixture
def here() -> Iterator[tuple[Place, Probe]]:
    """A place without a server yet, with an app of its own."""
    probe = Probe()
    with place(probe.app) as made:
        yield made, probe
        assert made.log.faults == []


def echo(body: bytes, *headers: str) -> bytes:
    return get("/echo", *headers, method="POST", body=body)


def test_a_connection_is_kept_for_the_next_request(site: Site) -> None:
    with connected(site.port) as wire:
        for number in range(20):
            answer = wire.send(get(f"/number/{number}")).answer()
            assert json.loads(answer.body) == {"number": number}
            assert not answer.closes


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    numbers = range(500)
    with connected(site.port) as wire:
        wire.send(b"".join(get(f"/number/{number}") for number in numbers))
        assert [json.loads(wire.answer().body)["number"] for _ in numbers] == list(numbers)


def test_pipelined_requests_arrive_whole_however_the_bytes_are_cut(site: Site) -> None:
    random_ = random.Random(7)
    bodies = [random_.randbytes(random_.choice((1, 10, 1000, 70_000))) for _ in range(40)]
    data = b"".join(echo(body) for body in bodies)
    cuts = sorted(random_.randrange(len(data)) for _ in range(300))
    with connected(site.port) as wire:

        def send() -> None:
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                wire.send(data[start:end])

        sender = threading.Thread(target=send)
        sender.start()
        answers = [json.loads(wire.answer().body) for _ in bodies]
        sender.join(PATIENCE)
    assert answers == [{"size": len(body), "sha256": hashlib.sha256(body).hexdigest()} for body in bodies]


def test_a_request_comes_byte_by_byte(site: Site) -> None:
    with connected(site.port) as wire:
        for byte in echo(b"slowly", "X-Long: " + "x" * 300):
            wire.send(bytes([byte]))
        assert json.loads(wire.answer().body)["size"] == 6


def test_a_large_head_may_come_byte_by_byte(site: Site) -> None:
    head = get("/number/1?" + "q" * 3000, *(f"X-{number}: {'x' * 200}" for number in range(20)))
    with connected(site.port) as wire:
        for start in range(0, len(head), 7):
            wire.send(head[start : start + 7])
        assert wire.answer().status == 200


def test_empty_lines_before_a_request_are_skipped(site: Site) -> None:
    with connected(site.port) as wire:
        for _ in range(3):
            assert wire.send(b"\r\n\r\n" + get("/")).answer().status == 200


def test_a_client_that_asks_for_the_end_gets_it(site: Site) -> None:
    with connected(site.port) as wire:
        assert wire.send(get("/", "Connection: close")).answer().closes
        assert wire.closed()


def test_http_1_0_is_answered_and_closed_even_if_it_asks_to_stay(site: Site) -> None:
    for header in ("X-Nothing: 1", "Connection: keep-alive"):
        with connected(site.port) as wire:
            answer = wire.send(get("/", header).replace(b"HTTP/1.1", b"HTTP/1.0", 1)).answer()
            assert answer.body == b"here"
            assert answer.closes
            assert wire.closed()


def test_what_follows_a_refusal_on_the_connection_is_not_read(site: Site) -> None:
    before = len(site.probe.canaries)
    with connected(site.port) as wire:
        wire.send(get("/number/1") + b"nonsense\r\n\r\n" + get("/canary"))
        assert wire.answer().status == 200
        assert wire.answer().status == 400
        assert wire.closed()
    assert len(site.probe.canaries) == before


def test_an_upgrade_behind_another_request_is_answered_in_its_turn(site: Site) -> None:
    with connected(site.port) as wire:
        wire.send(get("/number/1") + get("/number/2", "Connection: Upgrade", "Upgrade: websocket"))
        assert [json.loads(wire.answer().body)["number"] for _ in range(2)] == [1, 2]
        assert wire.closed()


# What has no body


def test_head_tells_the_length_and_sends_nothing(site: Site) -> None:
    with connected(site.port) as wire:
        for target, length in (("/", 4), ("/number/1", 12), ("/big", 4 * 1024 * 1024)):
            answer = wire.send(get(target, method="HEAD")).answer("HEAD")
            assert (answer.status, answer.header("content-length")) == (200, str(length))
        for target, status in (("/nothing-here", 404), ("/_portable/buckets/-/files/a?x", 403), ("/note", 405)):
            assert wire.send(get(target, method="HEAD")).answer("HEAD").status == status
        # The next answer begins where it has to.
        assert wire.send(get("/")).answer().body == b"here"


@pytest.mark.parametrize("status", [204, 205, 304])
def test_answers_without_a_body_end_where_clients_think(site: Site, status: int) -> None:
    with connected(site.port) as wire:
        answer = wire.send(get(f"/status/{status}")).answer()
        assert (answer.status, answer.body) == (status, b"")
        assert answer.header("content-length") == ("0" if status == 205 else None)
        assert wire.send(get("/")).answer().body == b"here"


# Expect


def test_a_client_that_waits_is_told_to_go_on_once(site: Site) -> None:
    with connected(site.port) as wire:
        head, _, body = echo(b"the body", "Expect: 100-Continue").partition(b"\r\n\r\n")
        assert wire.send(head + b"\r\n\r\n").answer().status == 100
        assert json.loads(wire.send(body).answer().body)["size"] == 8


def test_a_client_that_waits_behind_another_request_is_told_to_go_on(here: tuple[Place, Probe]) -> None:
    made, probe = here
    made.serve()
    with connected(made.port) as wire:
        head, _, body = echo(b"the body", "Expect: 100-continue").partition(b"\r\n\r\n")
        wire.send(get("/gate") + head + b"\r\n\r\n")
        probe.gate.set()
        assert wire.answer().body == b"through"
        assert wire.answer().status == 100
        assert json.loads(wire.send(body).answer().body)["size"] == 8


def test_nobody_is_told_to_go_on_without_need(site: Site) -> None:
    for data in (
        get("/", "Expect: 100-continue"),
        echo(b"x", "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        get("/echo", "Expect: 100-continue", "Content-Length: 99999999", method="POST"),
        get("/echo", "Expect: 100-continue", "Content-Length: 4", "Content-Length: 4", method="POST"),
    ):
        assert ask(site.port, data).status in (200, 400, 413), data


# Trailers


def test_trailers_never_become_headers(site: Site) -> None:
    data = get("/seen", "Transfer-Encoding: chunked", "Trailer: X-User, Host", method="POST")
    body = b"3\r\nabc\r\n0\r\nX-User: root\r\nHost: evil\r\nAuthorization: Basic x\r\n\r\n"
    headers = dict(json.loads(ask(site.port, data + body).body)["headers"])
    assert headers["host"] == "localhost"
    assert not {"x-user", "authorization"} & set(headers)


# Hand-over


def test_an_idle_connection_goes_to_the_next_server(here: tuple[Place, Probe]) -> None:
    made, _ = here
    first = made.serve()
    with connected(made.port) as wire:
        assert wire.send(get("/number/1")).answer().status == 200
        second = made.serve()
        first.say("drain")
        soon("the end of the first server", lambda: not first.lives)
        assert wire.send(get("/number/2")).answer().status == 200
        assert second.lives


def test_a_busy_connection_is_answered_before_it_goes(here: tuple[Place, Probe]) -> None:
    made, probe = here
    first = made.serve()
    with connected(made.port) as wire:
        wire.send(get("/gate") + get("/number/1") + get("/number/2"))
        soon("the first request", lambda: bool(first.child.site.state.tasks))
        made.serve()
        first.say("drain")
        soon("the drain", lambda: first.child.site.draining)
        probe.gate.set()
        assert [wire.answer().status for _ in range(3)] == [200, 200, 200]
        soon("the end of the first server", lambda: not first.lives)
        assert wire.send(get("/number/3")).answer().status == 200


def test_no_byte_is_lost_or_doubled_when_servers_follow_each_other_under_load(here: tuple[Place, Probe]) -> None:
    made, _ = here
    servers = [made.serve()]
    generations, clients, depth = 6, 12, 5
    stop = threading.Event()
    faults: list[str] = []
    counts = [0] * clients

    def client(number: int) -> None:
        random_ = random.Random(number)
        wire = Wire(made.port)
        try:
            while not stop.is_set():
                bodies = [random_.randbytes(random_.choice((0, 1, 50, 5000))) for _ in range(depth)]
                data = b"".join(echo(body) if body else get("/number/0") for body in bodies)
                cut = random_.randrange(len(data))
                wire.send(data[:cut])
                wire.send(data[cut:])
                for body in bodies:
                    answer = wire.answer()
                    found = json.loads(answer.body)
                    wanted = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()} if body else {"number": 0}
                    if answer.status != 200 or found != wanted or answer.closes:
                        faults.append(f"{answer} where {wanted} was to come")
                    counts[number] += 1
        except (AssertionError, OSError, ValueError) as error:
            faults.append(f"client {number}: {error!r}")
        finally:
            wire.socket.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(generations):
            before = list(counts)
            soon(
                "progress of every client",
                lambda before=before: bool(faults) or all(now > then for now, then in zip(counts, before, strict=True)),
            )
            servers.append(made.serve())
            servers[-2].say("drain")
            soon("the end of a server", lambda: bool(faults) or not servers[-2].lives)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert faults == []
    assert min(counts) >= depth * generations
