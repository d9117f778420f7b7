"""A real `portable dev` under attack: its memory, where it listens, who may read its files, what its socket takes."""

import json
import os
import random
import re
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.dev import Dev, family, started, write

from .malformed import CASES
from .test_malformed import checked, checked_or_head, mutated
from .wire import PATIENCE, BrokenAnswer, Wire, ask, connected, get, soon

MIB = 1024 * 1024
APP = """
    import os

    from portable import App, Request

    app = App("attacked")
    files = app.bucket("files")
    notes = app.table("notes", key="id")

    @app.get("/")
    def root() -> str:
        return "here"

    @app.get("/pid")
    def pid() -> int:
        return os.getpid()

    @app.post("/echo")
    def echo(request: Request) -> dict[str, int]:
        return {"size": len(request.body)}

    @app.post("/any")
    def anything(body: dict[str, object]) -> dict[str, int]:
        return {"size": len(body)}

    @app.get("/number/{number}")
    async def number(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/big")
    def big() -> bytes:
        return b"x" * (4 * 1024 * 1024)

    @app.post("/keep/{id}")
    def keep(id: str) -> None:
        notes.put({"id": id})
        files.put(id, b"kept")

    @app.get("/upload")
    def upload() -> str:
        return files.signed_url("up", "PUT").url

    @app.task
    def work(id: str) -> None:
        ...
    """


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev")
    with started(write(folder / "project", {"app.py": APP})) as found:
        yield found.serves()
        found.must_run()
        assert found.stop() == 0


def well(dev: Dev) -> None:
    """It lives, answers, and has nothing to complain about."""
    dev.must_run()
    assert ask(dev.port, get("/")).body == b"here"
    said = dev.err
    assert "Traceback" not in said, said
    assert " ERROR " not in said, said


# H1


def test_malformed_requests_leave_a_real_server_well(dev: Dev) -> None:
    # Those that wait for the server's patience are asked in process, where it is short.
    cases = [case for case in CASES if 408 not in case.statuses and case.statuses]
    before = ask(dev.port, get("/pid")).body
    sent = 0
    for case in cases:
        with connected(dev.port) as wire:
            wire.try_send(case.data + get("/number/1", "Connection: close"))
            data = wire.rest() if closes(case.statuses) else wire.receive()
        if closes(case.statuses):
            checked(data, case.data)
        assert data.startswith(f"HTTP/1.1 {case.statuses[0]} ".encode()), case.name
        sent += 1
    assert sent > 100
    assert ask(dev.port, get("/pid")).body == before
    well(dev)


def closes(statuses: tuple[int, ...]) -> bool:
    return statuses[-1] in (400, 413, 414, 431, 501, 505)


def test_mutated_requests_leave_a_real_server_well(dev: Dev) -> None:
    seed = int(os.environ.get("PORTABLE_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed: PORTABLE_FUZZ_SEED={seed}")
    random_ = random.Random(seed)
    before = ask(dev.port, get("/pid")).body

    def one(data: bytes) -> int:
        with connected(dev.port) as wire:
            wire.try_send(data)
            # What is not whole would wait for long: the client goes instead.
            wire.socket.settimeout(0.2)
            try:
                answer = wire.rest()
            except BrokenAnswer:
                return 0
        checked_or_head(answer, data)
        return 1

    with ThreadPoolExecutor(16) as threads:
        done = sum(threads.map(one, [mutated(random_) for _ in range(300)]))
    assert done > 30
    assert ask(dev.port, get("/pid")).body == before
    well(dev)


# H3


def memory(pid: int) -> tuple[int, int]:
    """What a process holds now, and the most that it held since the last `reset`; bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    now, most = (int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    return now * 1024, most * 1024


def reset(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def stream(port: int, head: bytes, block: bytes, most: int) -> int:
    """Sends a head, and blocks until the server closes, or `most` bytes are sent; how many were."""
    sent = 0
    with connected(port) as wire:
        wire.send(head)
        while sent < most and wire.try_send(block):
            sent += len(block)
    return sent


def chunked(target: str = "/echo") -> bytes:
    return get(target, "Transfer-Encoding: chunked", "Content-Type: application/json", method="POST")


BLOCK = b"a" * 65536
ATTACKS = {
    "10 GB declared": (get("/echo", f"Content-Length: {10 * 1024**3}", method="POST"), BLOCK),
    "10 GB declared by GET": (get("/", f"Content-Length: {10 * 1024**3}"), BLOCK),
    "100 MB in chunks": (chunked(), b"10000\r\n" + BLOCK + b"\r\n"),
    "chunks of one byte": (chunked(), b"1\r\na\r\n" * 10_000),
    "an extension": (chunked() + b"1;", BLOCK),
    "a trailer": (chunked() + b"0\r\nX: ", BLOCK),
    "a trailer's name": (chunked() + b"0\r\n", BLOCK),
    "trailers": (chunked() + b"0\r\n", b"X: a\r\n" * 10_000),
    "a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", BLOCK),
    "a header's name": (b"GET / HTTP/1.1\r\nHost: a\r\n", BLOCK),
    "headers": (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: a\r\n" * 10_000),
    "a URL": (b"GET /", BLOCK),
    "a method": (b"", BLOCK),
    "empty lines": (b"", b"\r\n" * 30_000),
    "a chunk's size": (chunked(), b"0" * 65536),
    "an upload without a signature": (
        get("/_portable/buckets/-/files/a?expires=1&signature=0", f"Content-Length: {101 * MIB}", method="PUT"),
        BLOCK,
    ),
    "deep JSON": (chunked("/any"), b"10000\r\n" + b"[" * 65536 + b"\r\n"),
}
MOST = 48 * MIB
"""A body of 4 MiB is held twice for a moment; the rest is room for the allocator."""


def test_attacks_by_size_cost_no_memory(dev: Dev) -> None:
    pid = int(ask(dev.port, get("/pid")).body)
    assert ask(dev.port, get("/echo", method="POST", body=b"x" * (4 * MIB))).status == 200
    assert len(ask(dev.port, get("/big")).body) == 4 * MIB
    for name, (head, block) in ATTACKS.items():
        before, _ = memory(pid)
        reset(pid)
        stream(dev.port, head, block, 100 * MIB)
        assert ask(dev.port, get("/")).status == 200
        _, most = memory(pid)
        assert most - before < MOST, f"{name}: {(most - before) / MIB:.0f} MiB"
    well(dev)


def test_answers_that_nobody_reads_cost_no_memory(dev: Dev) -> None:
    pid = int(ask(dev.port, get("/pid")).body)
    before, _ = memory(pid)
    reset(pid)
    with connected(dev.port, receive_buffer=4096) as wire:
        wire.send(get("/big") * 500)
        for number in range(50):
            assert ask(dev.port, get(f"/number/{number}")).status == 200
        # And by one request after the other, on a connection that is open for more.
        for _ in range(20):
            wire.try_send(get("/big")[:10])
            wire.try_send(get("/big")[10:])
        for number in range(50):
            assert ask(dev.port, get(f"/number/{number}")).status == 200
        _, most = memory(pid)
    assert most - before < MOST, f"{(most - before) / MIB:.0f} MiB"
    well(dev)


# Where it listens, and who may look


def test_it_listens_on_this_machine_alone(dev: Dev) -> None:
    inodes: set[str] = set()
    members = family(dev.process.pid)
    assert len(members) > 1
    for member in members:
        for descriptor in Path(f"/proc/{member.pid}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
            except FileNotFoundError:
                continue
            if found:
                inodes.add(found[1])
    listening: set[str] = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                listening.add(fields[1])
    loopback = int.from_bytes(socket.inet_aton("127.0.0.1"), sys.byteorder)
    console = urlsplit(dev.console).port or 0
    own = {f"{loopback:08X}:{port:04X}" for port in (dev.port, console)}
    words = "".join(f"{word:08X}" for word in struct.unpack("=4I", socket.inet_pton(socket.AF_INET6, "::1")))
    assert own <= listening <= {*own, f"{words}:{console:04X}"}
    with pytest.raises(ConnectionRefusedError):
        Wire(dev.port, host="127.0.0.2")


def test_its_files_and_its_socket_are_the_users_alone(dev: Dev) -> None:
    assert ask(dev.port, get("/keep/one", "Content-Length: 0", method="POST")).status == 204
    looked = 0
    for path in [dev.data, *dev.data.rglob("*")]:
        state = path.lstat()
        assert stat.S_IMODE(state.st_mode) & 0o077 == 0, f"{path} has mode {stat.S_IMODE(state.st_mode):o}"
        if stat.S_ISDIR(state.st_mode):
            assert stat.S_IMODE(state.st_mode) == 0o700, path
        if stat.S_ISSOCK(state.st_mode):
            assert stat.S_IMODE(state.st_mode) == 0o600, path
        looked += 1
    assert looked > 5
    assert any(stat.S_ISSOCK(path.lstat().st_mode) for path in dev.data.rglob("*"))


# Its own socket


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


def texts_behind(message: object, *texts: str) -> bytes:
    body = "\0".join([json.dumps(message), *texts]).encode()
    return len(body).to_bytes(4, "big") + body


NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "an HTTP request": get("/"),
    "a length alone": b"\0\0\0\5",
    "a length over the limit": b"\xff\xff\xff\xff" + b"x" * 100,
    "no JSON": b"\0\0\0\3abc",
    "no UTF-8": b"\0\0\0\4\xff\xfe\xfd\xfc",
    "an empty frame": b"\0\0\0\0",
    "deep JSON": (1_000_000).to_bytes(4, "big") + b"[" * 1_000_000,
    "a long number": framed(0)[:0] + (5000).to_bytes(4, "big") + b"9" * 5000,
    "null": framed(None),
    "a number": framed(17),
    "a word": framed("do"),
    "an empty list": framed([]),
    "an object": framed({"do": "bind"}),
    "many of them at once": framed(["nonsense"]) * 50,
    "an unknown verb": framed(["undo", "bind", {}]),
    "a do without anything": framed(["do"]),
    "a do of no operation": framed(["do", 17, {}]),
    "a do of an unknown operation": framed(["do", "drop", {}]),
    "a do with a list": framed(["do", "table.put", []]),
    "a do with too little": framed(["do", "table.put", {}]),
    "a do of wrong types": framed(["do", "queue.claim", {"worker": [], "slots": "x", "lease": None}]),
    "a do with more": framed(["do", "table.put", {}, 1]),
    "many without anything": framed(["many"]),
    "many of none": framed(["many", []]),
    "many in an object": framed(["many", {"0": ["probe", {}]}]),
    "many of wrong shapes": framed(["many", [["probe", {}], ["probe"], [], None, "probe"]]),
    "many of unknown operations": framed(["many", [["drop", {}], ["table.put", {}]]]),
    "many with a field and no text": framed(["many", [["table.put", {}, "encoded"]]]),
    "many with texts and no field": texts_behind(["many", [["probe", {}]]], "{}", "{}"),
    "many with too few texts": texts_behind(["many", [["table.put", {}, "encoded"]] * 3], "{}"),
    "many with their texts within": framed(["many", [["table.put", {}, "encoded"]], ["{}"]]),
    "many with numbers for texts": framed(["many", [["table.put", {}, "encoded"]], [1]]),
    "many with more": framed(["many", [["probe", {}]], [], 1]),
    "texts behind a word": texts_behind("many", "{}"),
    "texts behind nothing": b"\0\0\0\2\0\0",
    "hello of a stranger": framed(["hello", 10**9, "http"]),
    "hello of nobody": framed(["hello", None, "http"]),
    "hello as true": framed(["hello", True, "worker"]) + framed(["claim", 17]),
    "hello as a child, and lies": b"".join(
        framed(["hello", number, "worker"]) + framed(["claim", "x"]) + framed(["ready", {}]) for number in range(10)
    ),
    "hello as a child, and failure": b"".join(framed(["hello", n, "http"]) + framed(["failed", {}]) for n in range(10)),
    "a claim of a stranger": framed(["claim", {"status": "succeeded"}]),
    "ready of a stranger": framed(["ready", {}]),
    "failed of a stranger": framed(["failed", {}]),
    "an invoke of nothing": framed(["invoke", "", ""]),
    "an invoke of no JSON": framed(["invoke", "work", "{"]),
    "an invoke of what is no delivery": framed(["invoke", "work", "1", "", ["x", [], {}]]),
    "an invoke of half a delivery": framed(["invoke", "work", "1", "", [1]]),
    "an invoke of an attempt at no time": framed(["invoke", "work", "1", "", [-5, {}, 1e300]]),
    "an invoke, and gone": framed(["invoke", "work", '{"id": "1"}']),
    "status, a hundred times": framed(["status"]) * 100,
    "half a frame behind a whole one": framed(["status"]) + b"\0\0",
}


def test_nonsense_on_its_socket_ends_the_conversation_and_nothing_else(dev: Dev) -> None:
    path = str(dev.data / "run.sock")
    sent = 0
    for name, data in NONSENSE.items():
        for hangs_up in (True, False):
            speaker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            speaker.settimeout(PATIENCE)
            with speaker:
                speaker.connect(path)
                try:
                    speaker.sendall(data)
                except BrokenPipeError:
                    pass  # it has had enough
                if hangs_up:
                    speaker.shutdown(socket.SHUT_WR)
                    while speaker.recv(65536):
                        pass
            # Writes still go through it, and are answered.
            assert dev.process.poll() is None, f"{name} ended it:\n{dev.err}"
            assert ask(dev.port, get(f"/keep/{sent}", "Content-Length: 0", method="POST")).status == 204, name
            sent += 1
    assert sent == 2 * len(NONSENSE)
    dev.must_run()


def test_nobody_else_speaks_for_a_process_of_the_runtime(dev: Dev) -> None:
    for number in range(20):
        for role in ("http", "worker"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as speaker:
                speaker.settimeout(PATIENCE)
                speaker.connect(str(dev.data / "run.sock"))
                speaker.sendall(framed(["hello", number, role]) + framed(["status"]))
                assert speaker.recv(65536) == b"", "it is let in as a child that is there already, or never was"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as speaker:
        speaker.settimeout(PATIENCE)
        speaker.connect(str(dev.data / "run.sock"))
        speaker.sendall(framed(["status"]))
        assert b"pid" in speaker.recv(65536)


def test_random_frames_on_its_socket_never_end_it(dev: Dev) -> None:
    seed = int(os.environ.get("PORTABLE_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed: PORTABLE_FUZZ_SEED={seed}")
    random_ = random.Random(seed)
    values = [None, True, 0, -1, 10**30, 1.5, "", "x", "table.put", [], {}, {"a": 1}, ["do"], "\ud800", {"worker": "x"}]
    verbs = ["do", "claim", "hello", "ready", "failed", "invoke", "status", "x"]
    path = str(dev.data / "run.sock")
    for number in range(200):
        data = b""
        for _ in range(random_.randrange(1, 5)):
            message = [random_.choice(verbs), *(random_.choice(values) for _ in range(random_.randrange(4)))]
            part = bytearray(framed(message))
            if random_.random() < 0.2:
                part[random_.randrange(len(part))] = random_.randrange(256)
            data += part
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as speaker:
            speaker.connect(path)
            speaker.sendall(data)
        assert dev.process.poll() is None, f"{data!r} ended it:\n{dev.err}"
        if number % 20 == 0:
            assert ask(dev.port, get("/keep/x", "Content-Length: 0", method="POST")).status == 204
    assert ask(dev.port, get("/")).body == b"here"


# Reload under load


def test_pipelined_connections_lose_nothing_while_the_app_is_edited(dev: Dev) -> None:
    stop = threading.Event()
    faults: list[str] = []
    counts = [0] * 6

    def client(index: int) -> None:
        random_ = random.Random(index)
        wire = Wire(dev.port)
        try:
            while not stop.is_set():
                numbers = [random_.randrange(10**6) for _ in range(8)]
                data = b"".join(get(f"/number/{number}") for number in numbers)
                cut = random_.randrange(len(data))
                wire.send(data[:cut])
                wire.send(data[cut:])
                for number in numbers:
                    answer = wire.answer()
                    if answer.status != 200 or json.loads(answer.body) != {"number": number} or answer.closes:
                        faults.append(f"{answer} to {number}")
                    counts[index] += 1
        except (AssertionError, OSError, ValueError) as error:
            faults.append(repr(error))
        finally:
            wire.socket.close()

    clients = [threading.Thread(target=client, args=(index,)) for index in range(len(counts))]
    for thread in clients:
        thread.start()
    try:
        for edit in range(4):
            before = list(counts)
            soon("progress", lambda: bool(faults) or all(now > then for now, then in zip(counts, before, strict=True)))  # noqa: B023
            dev.save("app.py", APP.replace('"here"', f'"edit {edit}"'))
            dev.answers("/", f"edit {edit}")
    finally:
        stop.set()
        for thread in clients:
            thread.join(PATIENCE)
        dev.save("app.py", APP)
        dev.answers("/", "here")
    assert faults == []
    assert min(counts) > 8 * 4
