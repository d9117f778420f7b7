"""The stream of events: numbered, without a gap over breaks and restarts; no reader costs memory or holds up others."""

import http.client
import json
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from portable.console.description import Description
from portable.console.events import CHUNK_BYTES, KINDS, READERS, Hub
from portable.console.reading import Reading
from portable.console.store import DATABASE, Batch, Limits, Store
from portable.errors import Unavailable
from portable.telemetry import LogRecord

from .sample import batch
from .serving import STOPS, Served, served

LINES_A_SECOND = 200
SECONDS = 10


def line(number: int, size: int = 0) -> LogRecord:
    return LogRecord("", "", "", "h", time.time(), "INFO", "l", f"{number} {'x' * size}", {}, "logging", None)


class Reader:
    """One connection to the stream, read frame by frame."""

    def __init__(self, console: Served, query: str = "", last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=STOPS)
        headers = {"authorization": f"Bearer {console.key}", **({"last-event-id": last} if last else {})}
        self.connection.request("GET", f"/api/v1/events{query}", headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def frame(self) -> tuple[int, str, Any]:
        """The next one that has a number; its kind is "" if it has no data."""
        number, kind, data = -1, "", None
        while True:
            text = self.answer.readline().decode().rstrip("\n")
            if text.startswith("id: "):
                number = int(text[4:])
            elif text.startswith("event: "):
                kind = text[7:]
            elif text.startswith("data: "):
                data = json.loads(text[6:])
            elif not text:
                if self.answer.closed or self.answer.fp is None:
                    raise ConnectionError("the stream has ended")
                if number >= 0:
                    return number, kind, data

    def next(self, kind: str) -> tuple[int, Any]:
        while True:
            number, found, data = self.frame()
            if found == kind:
                return number, data

    def close(self) -> None:
        # The answer holds the socket too.
        self.answer.close()
        self.connection.close()


def test_200_lines_a_second_for_10_seconds_reach_a_reader_that_is_cut_off_again_and_again(tmp_path: Path) -> None:
    """Each line once, in order: nobody waits for the clock, so that the rate is at least what it says."""
    total = LINES_A_SECOND * SECONDS
    with served(tmp_path) as console:
        first = Reader(console, "?kinds=log,status")
        start = first.next("status")[0]
        first.close()

        def produce() -> None:
            began = time.monotonic()
            for number in range(0, total, 10):
                console.record(*[line(number + offset) for offset in range(10)])
                wait = began + number / LINES_A_SECOND - time.monotonic()
                if wait > 0:
                    time.sleep(wait)

        producer = threading.Thread(target=produce)
        producer.start()
        seen: list[tuple[int, int]] = []
        last = start
        breaks = 0
        while len(seen) < total:
            reader = Reader(console, "?kinds=log", last=str(last))
            for _ in range(min(170, total - len(seen))):
                last, data = reader.next("log")
                seen.append((last, int(data["message"].split()[0])))
            # Whatever is on its way is thrown away.
            reader.close()
            breaks += 1
        producer.join(STOPS)
        assert not producer.is_alive()
    assert [number for _, number in seen] == list(range(total))
    assert [seq for seq, _ in seen] == list(range(start + 1, start + 1 + total))
    assert breaks > 10


def test_a_reader_stays_while_the_database_is_gone_and_gets_what_is_in_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("portable.console.events.QUIET_SECONDS", 0.05)
    monkeypatch.setattr("portable.console.events.AGAIN_SECONDS", 0.05)
    with served(tmp_path) as console:
        reader = Reader(console, "?kinds=log,status")
        reader.next("status")
        console.record(line(1))
        last, _ = reader.next("log")
        for path in tmp_path.glob("telemetry.sqlite3*"):
            path.unlink()
        assert console.get("logs").status == 503
        # One that comes meanwhile waits too.
        other = Reader(console, "?kinds=log,status")
        for one in (reader, other):
            looks = 0
            while looks < 5:
                text = one.answer.readline()
                assert text, "the stream has ended"
                looks += text.startswith(b": nothing new")
        console.record(line(2))
        for one in (reader, other):
            number, data = one.next("log" if one is reader else "status")
            assert number > last
            assert one is other or data["message"].startswith("2 ")
            one.close()
        assert console.get("logs").status == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_database_that_is_being_begun_is_not_read(tmp_path: Path) -> None:
    reading = Reading(tmp_path / DATABASE, Description)
    with pytest.raises(Unavailable, match="was deleted"):
        reading.services()
    # As it is between its first byte and the end of the transaction that makes its tables.
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with pytest.raises(Unavailable, match="was deleted"):
        reading.services()
    Store(tmp_path).close()
    assert reading.services() == []
    reading.close()


def test_a_reader_goes_on_after_the_console_was_started_anew(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        reader = Reader(console)
        reader.next("status")
        console.record(line(1))
        last, data = reader.next("log")
        assert data["message"].startswith("1 ")
        reader.close()
        console.record(line(2))
    with served(tmp_path) as console:
        console.record(line(3))
        reader = Reader(console, last=str(last))
        assert reader.next("status")[0] == last
        assert [reader.next("log")[1]["message"][0] for _ in range(2)] == ["2", "3"]
        reader.close()
        again = Reader(console, f"?after={last}")
        assert again.next("log")[1]["message"].startswith("2 ")
        again.close()


def test_a_place_that_is_not_kept_any_more_or_never_was_is_told(tmp_path: Path) -> None:
    with served(tmp_path, limits=Limits(events=10)) as console:
        for number in range(40):
            console.record(line(number))
        console.console.write(lambda store: store.prune())
        newest = console.console.hub.last
        for last in ("1", "999999"):
            reader = Reader(console, last=last)
            number, kind, data = reader.frame()
            assert (number, kind) == (newest, "reset")
            assert data == {"oldest": newest - 9, "newest": newest}
            assert reader.next("status")[0] == newest
            reader.close()
        kept = Reader(console, last=str(newest - 10))
        assert kept.next("log")[0] == newest - 9
        kept.close()
        for nonsense in ("x", "-1", "1" * 30, "1.5"):
            reader = Reader(console, last=nonsense)
            assert reader.frame()[:2] == (newest, "status")
            reader.close()


def test_only_what_is_asked_for_comes_and_the_place_moves_on_all_the_same(tmp_path: Path) -> None:
    with served(tmp_path, count=30) as console:
        reader = Reader(console, "?kinds=mark&after=0")
        numbers = [reader.next("mark")[0] for _ in range(3)]
        assert numbers == sorted(numbers)
        console.record(line(1))
        number, kind, data = reader.frame()
        assert (kind, data) == ("", None)
        assert number >= console.console.hub.last
        reader.close()
        assert console.get("events?kinds=log,noise").status == 422


def test_what_a_reader_is_told_is_what_the_api_gives(tmp_path: Path) -> None:
    with served(tmp_path, count=40) as console:
        hub = console.console.hub
        found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        position = 0
        while True:
            chunk = hub.read(position)
            if chunk.last == position:
                break
            position = chunk.last
            for text in chunk.text.strip().split("\n\n"):
                parts = dict(part.split(": ", 1) for part in text.split("\n"))
                found[parts["event"]].append(json.loads(parts["data"]))
        assert found["invocation"]
        assert found["log"]
        for invocation in found["invocation"][:20]:
            detail = console.get(f"invocations/{invocation['id']}").json
            assert {name: detail[name] for name in invocation} == invocation
        assert {one["id"] for one in found["log"]} == {
            one["id"] for one in console.get("logs?limit=500").json["items"]
        } | {one["id"] for one in found["log"]}
        assert len(found["mark"]) == 3
        for issue in found["issue"]:
            assert issue["id"] == console.get(f"issues/{issue['id']}").json["id"]


def test_a_reader_that_does_not_read_holds_up_nobody_and_costs_no_memory(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        with socket.create_connection(("127.0.0.1", console.port), timeout=STOPS) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            head = f"GET /api/v1/events HTTP/1.1\r\nHost: {console.host}\r\nAuthorization: Bearer {console.key}\r\n\r\n"
            wire.sendall(head.encode())
            assert wire.recv(1024).startswith(b"HTTP/1.1 200")
            reader = Reader(console, "?kinds=log,status")
            reader.next("status")
            most = 0
            for number in range(60):
                # 60 times half a megabyte: what it does not read would be 30 MB.
                console.record(*[line(number * 20 + offset, 30_000) for offset in range(20)])
                for offset in range(20):
                    assert reader.next("log")[1]["message"].split()[0] == str(number * 20 + offset)
                waiting = [
                    connection.transport.get_write_buffer_size()
                    for connection in list(console.console.http.state.connections)
                ]
                most = max(most, *waiting)
            reader.close()
            assert 0 < most < 3 * CHUNK_BYTES


def test_there_are_so_many_readers_and_no_more_and_one_that_leaves_makes_room(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        readers = [Reader(console) for _ in range(READERS)]
        for reader in readers:
            reader.next("status")
        one_more = Reader(console)
        assert one_more.status == 503
        one_more.close()
        for reader in readers:
            reader.close()

        def has_room() -> bool:
            # One that is gone is noticed when something is sent to it.
            console.record(line(1))
            found = Reader(console)
            found.close()
            return found.status == 200

        ends = time.monotonic() + STOPS
        while not has_room():
            assert time.monotonic() < ends
            time.sleep(0.05)


def test_the_stream_says_that_it_lives_and_is_no_document(console: Served) -> None:
    reader = Reader(console)
    assert reader.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert reader.answer.getheader("cache-control") == "no-store"
    assert reader.answer.getheader("content-length") is None
    assert reader.answer.readline() == b"retry: 1000\n"
    reader.close()


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\rb", "\u2028", "\0", "event: x\n\ndata: y\n\n", "\ud800", "</script>"]
)
def test_no_text_of_the_app_ends_a_frame(tmp_path: Path, text: str) -> None:
    with served(tmp_path) as console:
        console.write(Batch(1, "http", {}, [["l", list(line(1)._replace(message=text))]]))
        console.record(line(2))
        reader = Reader(console, "?kinds=log&after=0")
        found = [reader.next("log")[1]["message"] for _ in range(2 if "\ud800" not in text else 1)]
        assert found[0] in (text, "2 ")
        reader.close()


def test_events_are_told_once_however_many_were_written_together(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        hub: Hub = console.console.hub
        console.write(batch([line(number) for number in range(1500)]))
        position, seen = 0, 0
        while (chunk := hub.read(position)).last > position:
            seen += chunk.text.count("event: log")
            position = chunk.last
        assert seen == 1500
