"""Frames between processes: whole whatever the pieces they arrive in; nonsense is found out, never believed."""

import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from portable_local.transport import (
    FRAME_BYTES,
    HEADER,
    SEPARATOR,
    BrokenFrame,
    Channel,
    FrameReader,
    Peer,
    frame,
    framed,
    to_json,
)

from portable.errors import Unavailable, Unknown

MESSAGES: list[Any] = [
    None,
    0,
    "",
    "é😀\x00\n",
    "lone \ud800 surrogate",
    [],
    {},
    {"a": [1, 2.5, None, True], "b": {"c": "d"}},
    "x" * 70_000,
    [["invoke", "handler", "{}"]] * 50,
]


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_messages_survive_a_cut_at_every_byte() -> None:
    short = MESSAGES[:8]
    data = b"".join(map(frame, short))
    for cut in range(len(data) + 1):
        reader = FrameReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == short
        assert reader.rest == b""


def test_messages_survive_arriving_byte_by_byte() -> None:
    short = MESSAGES[:8]
    reader = FrameReader()
    data = b"".join(map(frame, short))
    found = [message for at in range(len(data)) for message in reader.feed(data[at : at + 1])]
    assert found == short


def test_messages_survive_pieces_of_any_size() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    data = b"".join(map(frame, MESSAGES))
    for _ in range(50):
        reader, at = FrameReader(), 0
        found: list[Any] = []
        while at < len(data):
            size = source.choice([1, 3, 4, 5, 100, 65_536, 1_000_000])
            found.extend(reader.feed(data[at : at + size]))
            at += size
        assert found == MESSAGES, seed


def test_what_has_arrived_of_a_message_is_kept_and_no_message_yet() -> None:
    data = frame({"a": 1})
    reader = FrameReader()
    assert reader.feed(data[:-1]) == []
    assert reader.rest == data[:-1]
    assert reader.feed(data[-1:]) == [{"a": 1}]


def test_a_frame_is_a_length_and_compact_json() -> None:
    assert frame({"é": 1}) == b"\x00\x00\x00\x08" + '{"é":1}'.encode()


def header(length: int) -> bytes:
    return length.to_bytes(HEADER, "big")


@pytest.mark.parametrize(
    "data",
    [
        header(FRAME_BYTES + 1),
        header(2**32 - 1),
        b"GET / HTTP/1.1\r\n",
        header(1) + b"{",
        header(0),
        header(3) + b"nul",
        header(2) + b"\xff\xfe",
        header(4) + b"1 2 ",
        header(100_000) + b"[" * 100_000,
    ],
    ids=[str(number) for number in range(9)],
)
def test_nonsense_is_a_broken_frame_and_takes_no_memory(data: bytes) -> None:
    with pytest.raises(BrokenFrame):
        FrameReader().feed(data)
    with pair() as (one, other):
        peer = Peer(other)
        one.sendall(data)
        assert peer.read() is None


def test_a_message_that_is_too_long_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BrokenFrame, match="does not fit"):
        frame("x" * FRAME_BYTES)
    assert len(frame("x" * 100)) == HEADER + 102


def test_texts_travel_behind_a_message_whatever_is_in_them() -> None:
    texts = ["", '{"a":"\\u0000"}', "é😀\n", "lone \ud800 surrogate", "x" * 70_000]
    data = framed(SEPARATOR.join([to_json(["many", [1]]), *texts])) + frame(["next"])
    for size in (1, 3, 1000, len(data)):
        reader = FrameReader()
        found = [message for at in range(0, len(data), size) for message in reader.feed(data[at : at + size])]
        assert found == [["many", [1], texts], ["next"]]


@pytest.mark.parametrize("text", ["{}\0text", '"a"\0', "\0text", "[1\0text", "[1]]\0text"])
def test_texts_behind_what_is_no_list_are_nonsense(text: str) -> None:
    with pytest.raises(BrokenFrame):
        FrameReader().feed(framed(text))


def test_a_call_gets_its_answer() -> None:
    with pair() as (one, other):
        channel, peer = Channel(one), Channel(other)
        thread = threading.Thread(target=lambda: peer.send({"heard": peer.receive()}))
        thread.start()
        assert channel.call(["status"]) == {"heard": ["status"]}
        thread.join(30)


def test_answers_that_arrive_together_are_given_one_by_one() -> None:
    with pair() as (one, other):
        other.sendall(frame(1) + frame(2) + frame(3))
        channel = Channel(one)
        assert [channel.receive() for _ in range(3)] == [1, 2, 3]
        other.close()
        assert channel.receive() is None


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\x00", header(2**31), header(1) + b"{"], ids=["none", "cut", "long", "nonsense"]
)
def test_a_lost_answer_is_unknown_since_the_call_may_have_been_heard(answer: bytes) -> None:
    with pair() as (one, other):
        other.sendall(answer)
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(Unknown):
            Channel(one).call(["write"])


def test_a_call_to_nobody_is_unavailable_since_nothing_was_sent(tmp_path: Path) -> None:
    with pair() as (one, other):
        other.close()
        with pytest.raises(Unavailable):
            Channel(one).call(["write"])
    with pytest.raises(OSError):
        Channel.connect(str(tmp_path / "nobody"))


def test_a_peer_that_does_not_read_holds_nobody_up_and_gets_all_later() -> None:
    with pair() as (one, other):
        peer = Peer(other)
        messages = [f"{number}:" + "x" * 100_000 for number in range(30)]
        sent = [peer.send(message) for message in messages]
        assert not all(sent)
        channel = Channel(one)
        found: list[Any] = []

        def read() -> None:
            found.extend(channel.receive() for _ in messages)

        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(1_000_000):
            if peer.flush():
                break
        thread.join(30)
        assert found == messages
        assert peer.flush()


def test_a_peer_that_is_gone_is_found_by_reading_and_takes_what_is_sent() -> None:
    with pair() as (one, other):
        peer = Peer(other)
        assert peer.read() == []
        one.close()
        assert peer.read() is None
        assert peer.send("x")
        assert peer.send("y")
        peer.close()
        peer.close()
        assert peer.send("z")


def test_frames_are_json_that_any_tool_reads() -> None:
    for message in MESSAGES:
        data = frame(message)
        assert int.from_bytes(data[:HEADER], "big") == len(data) - HEADER
        assert json.loads(data[HEADER:].decode("utf-8", "surrogatepass")) == message


def test_a_socket_is_handed_over_with_a_message() -> None:
    with pair() as (one, other), pair() as (mine, handed):
        peer, channel = Peer(one), Channel(other)
        assert peer.send_handing("go", handed)
        assert peer.send(["more"])
        message, found = channel.receive_handed()
        assert message == "go"
        assert found is not None
        assert not found.get_inheritable()
        with found:
            mine.send(b"through it")
            assert found.recv(20) == b"through it"
        assert channel.receive() == ["more"]


def test_a_message_with_no_socket_and_an_end_are_told_apart() -> None:
    with pair() as (one, other):
        peer, channel = Peer(one), Channel(other)
        peer.send("stop")
        assert channel.receive_handed() == ("stop", None)
        peer.close()
        assert channel.receive_handed() == (None, None)
