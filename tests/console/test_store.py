"""What is written is there, also after a restart and a kill; what is too much goes, and nothing of others ends it."""

import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.console.description import Description
from portable.console.reading import Filters, Reading
from portable.console.store import Batch, Event, Limits, Store, Unkept, batch_of, issue_of
from portable.records import AnyRecord, SpanRecord, letter_of, payload_of
from portable.telemetry import CallRecord, InvocationRecord, LogRecord

from .sample import Story, batch, batches, manifest
from .serving import served

NOW = 1_800_000_000.0


def invocation(number: int, **changes: Any) -> InvocationRecord:
    record = InvocationRecord(
        f"{number:032x}", f"{number:016x}", "", "http", "shop.get", f"r{number}", 1, NOW + number, 0.01, "GET /x",
        "succeeded", 200, None, None, None, None, None, 0.0, False, 0,
    )  # fmt: skip
    return record._replace(**changes)


def line(number: int, **changes: Any) -> LogRecord:
    record = LogRecord("", "", "", "shop.get", NOW + number, "INFO", "shop", f"line {number}", {}, "logging", None)
    return record._replace(**changes)


def opened(folder: Path, limits: Limits | None = None) -> Store:
    return Store(folder, limits, clock=lambda: NOW + 1_000_000)


def reading(store: Store) -> Reading:
    return Reading(store.path, Description)


def test_what_was_written_is_there_after_a_restart_and_colours_and_numbers_go_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.declare(manifest())
    first = store.write([batch([invocation(1), line(1)])])
    before = reading(store).services()
    store.close()
    store = opened(tmp_path)
    store.declare({**manifest(), "services": [{"name": "aaa"}, *manifest()["services"]]})
    again = store.write([batch([invocation(2), line(2)])])
    found = reading(store)
    assert [one["id"][-1] for one in found.invocations(Filters(), limit=9, cursor="")["items"]] == ["2", "1"]
    assert [one["message"] for one in found.logs(limit=9)["items"]] == ["line 2", "line 1"]
    after = {one["name"]: one["color_index"] for one in found.services()}
    assert before == [{"name": one["name"], "color_index": after[one["name"]]} for one in before]
    assert "aaa" in after
    assert again[0].seq == first[-1].seq + 1
    store.close()


def test_the_database_is_for_its_user_alone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([batch([invocation(1)])])
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    store.close()


@pytest.mark.parametrize("names", [("",), ("", "-wal", "-shm")])
def test_a_database_that_is_deleted_while_it_is_written_is_begun_anew(tmp_path: Path, names: tuple[str, ...]) -> None:
    with served(tmp_path) as console:
        console.record(invocation(1), line(1))
        last = console.console.hub.last
        colours = console.get("status").json["services"]
        for name in names:
            (tmp_path / f"telemetry.sqlite3{name}").unlink()
        assert console.get("invocations").status == 503
        console.record(invocation(2))
        found = console.get("invocations").json["items"]
        assert [one["id"][-1] for one in found] == ["2"]
        assert console.console.hub.last > last
        assert console.console.hub.read(last).last == console.console.hub.last
        assert console.get("status").json["services"] == colours
        assert stat.S_IMODE((tmp_path / "telemetry.sqlite3").stat().st_mode) == 0o600
    # And it is one that can be read: it has no log of the other.
    store = opened(tmp_path)
    assert [one["id"][-1] for one in reading(store).invocations(Filters(), limit=9, cursor="")["items"]] == ["2"]
    store.close()


def no_database(path: Path) -> None:
    path.write_bytes(b"no database at all, though long enough to be taken for one" * 100)


def another_version(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE x (y)")
    other.execute("PRAGMA user_version = 1")
    other.commit()
    other.close()


@pytest.mark.parametrize("make", [no_database, another_version])
def test_what_is_no_database_of_this_version_is_kept_aside_and_said(
    tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "telemetry.sqlite3"
    make(path)
    before = path.read_bytes()
    store = opened(tmp_path)
    store.write([batch([invocation(1)])])
    assert len(reading(store).invocations(Filters(), limit=9, cursor="")["items"]) == 1
    assert (tmp_path / "telemetry.sqlite3.old").read_bytes() == before
    assert "a new one is begun" in caplog.text
    store.close()


def test_a_record_that_comes_twice_is_kept_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    failed = invocation(1, outcome="failed", error="E: x")
    assert len(store.write([batch([failed])])) == 2
    assert store.write([batch([failed])]) == []
    assert reading(store).issues(now=NOW)[0]["count"] == 1
    store.close()


BROKEN: list[Any] = [
    None,
    1,
    [],
    ["i"],
    ["i", {}],
    ["i", []],
    ["i", [1] * 20],
    ["i", [None] * 20],
    ["i", [[]] * 20],
    ["i", ["x"] * 20],
    ["c", [{}] * 10],
    ["l", [[]] * 11],
    ["l", [1] * 11],
    ["z", []],
    ["m", {}],
    ["m", {"kind": 1, "at": 2}],
    ["m", {"kind": "reload", "at": "x"}],
    [["i"], []],
    ["i", list(json.loads(json.dumps(invocation(3))))[:-1]],
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_what_is_no_record_is_counted_and_the_rest_is_kept(tmp_path: Path, number: int) -> None:
    store = opened(tmp_path)
    good = batch([invocation(1)]).records
    store.write([Batch(1, "http", {}, [BROKEN[number], *good])])
    assert [one["id"][-1] for one in reading(store).invocations(Filters(), limit=9, cursor="")["items"]] == ["1"]
    assert store.refused == 1
    store.close()


def test_a_time_that_cannot_be_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for times in ({"seconds": 1e308}, {"started_at": 2**70}, {"waited": float("inf")}, {"seconds": "1"}):
        store.write([batch([invocation(1)._replace(**times)])])
    assert store.refused == 4
    assert reading(store).invocations(Filters(), limit=10, cursor="")["items"] == []
    store.close()


def test_random_garbage_ends_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    store = opened(tmp_path)
    values: list[Any] = [
        None,
        0,
        -1,
        1.5,
        2**70,
        "",
        "x",
        "\ud800",
        [],
        {},
        True,
        [["a", "b"]],
        "a" * 32,
        float("1e308"),
    ]
    kept: list[AnyRecord] = [
        invocation(1, frame=("a.py", 1, "f"), request=payload_of(b"x", target="GET /x")),
        line(1),
        CallRecord("t", "s", "p", "table:x", "get", None, NOW, 0.1, None),
        SpanRecord("t", "s", "p", "web", "click", "client", NOW, 0.1, None, {"a": 1}),
    ]
    for _ in range(800):
        record = source.choice(kept)
        fields = list(json.loads(json.dumps(record)))
        for _ in range(source.randint(1, 4)):
            fields[source.randrange(len(fields))] = source.choice(values)
        store.write([Batch(1, "http", {}, [[letter_of(record), fields]])])
    store.write([batch([invocation(7)])])
    found = reading(store)
    items = found.invocations(Filters(), limit=500, cursor="")["items"]
    assert "7" in [one["id"][-1] for one in items if one["id"]]
    for one in items:
        found.invocation(one["id"])
        found.trace(one["trace_id"])
    found.logs(limit=500)
    found.trace("t")
    store.close()


def test_frames_that_are_no_records_are_none() -> None:
    for frame in (None, [], ["records"], ["records", []], ["records", {}], ["recorded", {}], {"records": 1}, "records"):
        assert batch_of(frame) is None
    found = batch_of(["records", {"process": 1, "role": "http", "dropped": {"log": 2, "x": "y"}, "records": []}])
    assert found == Batch(1, "http", {"log": 2}, [])


def test_what_was_dropped_is_added_up_and_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for count in (2, 3):
        store.write([Batch(count, "http", {"log": count, "call": 0}, [])])
    assert reading(store).dropped() == {"invocation": 0, "call": 0, "log": 5, "span": 0}
    store.close()
    store = opened(tmp_path)
    assert reading(store).dropped()["log"] == 5
    store.close()


def test_a_batch_that_cannot_be_written_counts_as_dropped() -> None:
    first = Batch(1, "http", {"log": 2}, [["i", []], ["i", []], ["m", {}], ["c", []], "x", []])
    second = Batch(2, "http", {}, [["l", []]])
    assert second.counted_only(first.counted_only()) == Batch(2, "http", {"log": 3, "invocation": 2, "call": 1}, [])


def test_what_of_a_batch_is_only_counted_is_kept_by_the_minute(tmp_path: Path) -> None:
    frame = {"process": 1, "role": "http", "dropped": {"invocation": 3}, "records": []}
    sound = ["http", "core.net_worth", 30_000_000, 3, 1, 0.75]
    broken = [
        None,
        [],
        sound[:-1],
        ["x", *sound[1:]],
        [*sound[:3], 1, 2, 0.5],
        [*sound[:5], -1.0],
        [*sound[:2], -1, 1, 0, 1],
    ]
    batch = batch_of(["records", {**frame, "unkept": [sound, *broken]}])
    assert batch is not None
    assert batch.unkept == (Unkept("http", "core.net_worth", 30_000_000, 3, 1, 0.75),)
    store = opened(tmp_path)
    store.write([batch, batch])
    rows = reading(store).rows("SELECT minute, kind, handler, number, failed, seconds FROM unkept")
    assert rows == [(30_000_000, "http", "core.net_worth", 6, 2, 1.5)]
    store.close()


def test_the_invocations_of_a_batch_that_cannot_be_written_are_counted_by_the_minute() -> None:
    records = [["i", json.loads(json.dumps(invocation(number)))] for number in range(3)]
    first = Batch(1, "http", {}, [*records, ["i", []]], (Unkept("http", "x", 1, 2, 0, 0.5),))
    found = Batch(2, "http", {}, records).counted_only(first.counted_only())
    assert found.dropped == {"invocation": 7}
    assert sum(one.number for one in found.unkept) == 8
    assert Unkept("http", "x", 1, 2, 0, 0.5) in found.unkept
    assert len({one[:3] for one in found.unkept}) == len(found.unkept)


def test_what_a_full_disk_costs_is_told_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path) as running:
        console = running.console

        def wrote(batch: Batch) -> None:
            console._writer.submit(console._write_some, [batch]).result()

        def full(_: object) -> list[Event]:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(console.store, "write", full)
            wrote(Batch(1, "http", {"call": 1}, [["i", []]]))
            wrote(Batch(1, "http", {}, [["l", []]]))
        wrote(Batch(1, "http", {}, []))
        wrote(Batch(1, "http", {}, []))
        assert console.reading.dropped() == {"invocation": 1, "call": 1, "log": 1, "span": 0}


def test_over_a_limit_the_oldest_go_with_all_that_is_theirs(tmp_path: Path) -> None:
    limits = Limits(invocations=100, calls=50, logs=40, events=60, days=365.0)
    store = opened(tmp_path, limits)
    story = Story(3)
    store.write(batches(story, NOW + 1_000_000, 300))
    store.prune()
    found = reading(store)
    for table, most in (("invocations", 100), ("calls", 50), ("logs", 40), ("events", 60)):
        assert found.rows(f"SELECT count(*) FROM {table}") == [(most,)], table
    [(oldest,)] = found.rows("SELECT min(n) FROM invocations")
    [(details,)] = found.rows("SELECT min(n) FROM details")
    assert details >= oldest
    store.close()


def test_what_is_older_than_the_days_goes_and_the_size_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path, Limits(days=1.0), clock=lambda: NOW + 86400)
    store.write([batch([invocation(-10), invocation(10), line(-10), line(10)])])
    store.prune()
    found = reading(store)
    assert found.rows("SELECT started - ? FROM invocations", (NOW,)) == [(10.0,)]
    assert found.rows("SELECT at - ? FROM logs", (NOW,)) == [(10.0,)]
    found.close()
    store.close()
    small = Store(tmp_path, Limits(bytes=400_000), clock=lambda: NOW + 100_000)
    for start in range(0, 3000, 500):
        small.write([batch([line(number, message="x" * 500) for number in range(start, start + 500)])])
    for _ in range(20):
        small.prune()
        if small.bytes() <= 400_000:
            break
    assert small.bytes() <= 400_000
    [(least, most)] = reading(small).rows("SELECT min(at), max(at) FROM logs")
    assert most == NOW + 2999
    assert least > NOW + 100
    small.close()


def test_failures_of_one_cause_are_one_issue(tmp_path: Path) -> None:
    def failing(
        number: int, error: str, line: int = 5, function: str = "f", handler: str = "shop.get"
    ) -> InvocationRecord:
        return invocation(number, outcome="failed", error=error, frame=("app.py", line, function), handler=handler)

    same = [failing(1, "KeyError: 'a'"), failing(2, "KeyError: 'b'"), failing(3, "KeyError: 'a'", line=9)]
    others = [
        failing(4, "ValueError: 'a'"),
        failing(5, "KeyError: 'a'", function="g"),
        failing(6, "KeyError: 'a'", handler="x"),
    ]
    assert len({issue_of(record) for record in same}) == 1
    assert len({issue_of(record) for record in [*same, *others]}) == 4
    store = opened(tmp_path)
    store.write([batch([*others, *same])])
    [issue] = [one for one in reading(store).issues(now=NOW + 10) if one["count"] == 3]
    assert issue["last_invocation"] == same[2].span_id
    assert (issue["first_at"], issue["last_at"]) == (NOW + 1.01, NOW + 3.01)
    assert sum(issue["sparkline"]) == 3
    store.mute(issue["id"], is_muted=True)
    store.write([batch([failing(8, "KeyError: 'z'")])])
    assert reading(store).issue(issue["id"], now=NOW)["is_muted"] is True  # type: ignore[index]
    store.close()


def test_pages_show_each_once_whatever_is_added_meanwhile(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([batch([invocation(number, started_at=NOW + number // 3) for number in range(1, 101)])])
    found = reading(store)
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        answer = found.invocations(Filters(), limit=7, cursor=cursor)
        seen += [one["id"] for one in answer["items"]]
        cursor = answer["next"]
        pages += 1
        store.write([batch([invocation(1000 + pages)])])
    assert sorted(seen) == sorted(f"{number:016x}" for number in range(1, 101))
    assert pages == 15
    store.close()


def test_filters_take_what_they_name_and_no_pattern_of_the_database(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(
        [
            batch(
                [
                    invocation(1, status=404, name="GET /100%"),
                    invocation(2, status=500, outcome="failed", error="E: a_b"),
                    invocation(3, kind="task", status=0, handler="work", outcome="dead", error="E: axb"),
                ]
            )
        ]
    )
    found = reading(store)

    def ids(**wanted: Any) -> str:
        items = found.invocations(Filters(**wanted), limit=9, cursor="")["items"]
        return "".join(sorted(one["id"][-1] for one in items))

    assert ids() == "123"
    assert (ids(status="404"), ids(status="5xx"), ids(outcome="failed"), ids(outcome="dead")) == ("1", "2", "23", "3")
    assert (ids(q="100%"), ids(q="%"), ids(q="a_b"), ids(q="\\")) == ("1", "1", "2", "")
    assert (ids(kind="task"), ids(handler="work"), ids(since=NOW + 2, until=NOW + 3)) == ("3", "3", "2")
    store.close()


def test_a_transaction_failed_only_if_no_later_attempt_succeeded(tmp_path: Path) -> None:
    store = opened(tmp_path)
    trace = "f" * 32
    root = invocation(1, trace_id=trace)
    attempts = [
        invocation(
            2, trace_id=trace, parent_id=root.span_id, kind="task", id="t", attempt=1, outcome="failed", error="E: x"
        ),
        invocation(3, trace_id=trace, parent_id=root.span_id, kind="task", id="t", attempt=2),
    ]
    store.write([batch([attempts[0], root])])
    found = reading(store)
    assert found.traces(Filters(), limit=9, cursor="")["items"][0]["outcome"] == "failed"
    store.write([batch([attempts[1]])])
    [transaction] = found.traces(Filters(), limit=9, cursor="")["items"]
    assert transaction["outcome"] == "succeeded"
    assert transaction["entry"]["id"] == root.span_id
    assert [segment["from"] for segment in transaction["segments"]] == [0.0, 1.0, 2.0]
    assert found.traces(Filters(outcome="failed"), limit=9, cursor="")["items"] == [transaction]
    store.close()


WRITER = """
    import itertools, sys
    from pathlib import Path
    from portable.console.store import Store
    from tests.console.test_store import invocation, line
    from tests.console.sample import batch
    store = Store(Path(sys.argv[1]))
    for number in itertools.count(1):
        events = store.write([batch([invocation(number), line(number)])])
        print(number, events[-1].seq, flush=True)
"""


def test_what_was_told_is_there_after_a_kill_and_the_numbers_have_no_gap(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    last = seq = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER).replace("count(1)", f"count({last + 1})"), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        assert process.stdout is not None
        for _ in range(20):
            last, seq = (int(word) for word in process.stdout.readline().split())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        process.wait()
        process.stdout.close()
        for told in rest[:-1]:
            last, seq = (int(word) for word in told.split())
        store = opened(tmp_path)
        found = reading(store)
        [(count, highest)] = found.rows("SELECT count(*), max(seq) FROM events")
        assert count == highest >= seq
        [(lines, newest)] = found.rows("SELECT count(*), max(n) FROM logs")
        assert lines == newest >= last
        last = lines
        found.close()
        store.close()
