"""L1 to L4: reads, conditional writes, counters and transactions of one item by many threads have one order."""

import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import pytest

from portable import App
from portable.errors import Conflict
from portable.tables import Table
from portable.testing import running

from .linearizability import (
    ABSENT,
    LOST,
    NEVER,
    Answer,
    Event,
    Operation,
    Recorder,
    State,
    Version,
    explained_by_brute_force,
    is_linearizable,
    shown,
)

DEADLINE = 120.0


@pytest.fixture(autouse=True)
def _quick_switches() -> Generator[None]:
    """Threads take turns a hundred times as often, so that calls meet in more ways."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


def together(functions: Sequence[Callable[[], None]]) -> None:
    """Runs each on a thread of its own, begun at the same moment; raises the first error of any."""
    barrier = threading.Barrier(len(functions))
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            barrier.wait(DEADLINE)
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    if errors:
        raise errors[0]


def call(began: float, ended: float, kind: str, answer: Answer, number: int = 0, version: str = "") -> Event:
    return Event(began, ended, Operation(kind, number, version), answer)


OK = Answer("ok")
GOT_NOTHING = Answer("ok", None, None)


class TestTheChecker:
    """A checker that finds nothing wrong proves nothing."""

    def test_a_read_after_a_write_that_ended_must_see_it(self) -> None:
        write = call(0, 1, "put", Answer("ok", None, "a"), 7)
        assert is_linearizable([write, call(2, 3, "get", Answer("ok", 7, "a"))])
        assert not is_linearizable([write, call(2, 3, "get", GOT_NOTHING)])
        assert not is_linearizable([write, call(2, 3, "get", Answer("ok", 7, "b"))])

    def test_a_read_beside_a_write_may_see_it_or_not_and_then_no_later_read_may_go_back(self) -> None:
        write = call(0, 10, "put", Answer("ok", None, "a"), 7)
        assert is_linearizable([write, call(1, 2, "get", GOT_NOTHING), call(3, 4, "get", Answer("ok", 7, "a"))])
        assert not is_linearizable([write, call(1, 2, "get", Answer("ok", 7, "a")), call(3, 4, "get", GOT_NOTHING)])

    def test_two_creators_cannot_both_win(self) -> None:
        one = call(0, 5, "put_absent", Answer("ok", None, "a"), 1)
        assert not is_linearizable([one, call(1, 6, "put_absent", Answer("ok", None, "b"), 2)])
        assert is_linearizable([one, call(1, 6, "put_absent", Answer("conflict"), 2)])

    def test_a_lost_update_is_found(self) -> None:
        start = State(0, Version("a"))
        both = [call(0, 5, "put_version", Answer("ok", None, "b"), 1, "a")]
        both.append(call(1, 6, "put_version", Answer("ok", None, "c"), 2, "a"))
        assert not is_linearizable(both, start)

    def test_a_counter_that_answers_twice_the_same_is_found(self) -> None:
        start = State(0, Version("a"))
        assert is_linearizable(
            [call(0, 5, "increment", Answer("ok", 1)), call(1, 6, "increment", Answer("ok", 2))], start
        )
        assert not is_linearizable(
            [call(0, 5, "increment", Answer("ok", 1)), call(1, 6, "increment", Answer("ok", 1))], start
        )

    def test_a_lost_answer_may_take_effect_at_any_later_time_or_never(self) -> None:
        lost = Event(0, NEVER, Operation("put", 7), LOST)
        assert is_linearizable([lost, call(1, 2, "get", GOT_NOTHING), call(8, 9, "get", Answer("ok", 7, None))])
        assert is_linearizable([lost, call(1, 2, "get", GOT_NOTHING)])
        assert not is_linearizable([lost, call(1, 2, "get", Answer("ok", 8, None))])

    def test_it_agrees_with_brute_force_on_random_histories(self) -> None:
        seed = random.randrange(2**32)
        source = random.Random(seed)
        verdicts: Counter[bool] = Counter()
        for number in range(3000):
            history = random_history(source)
            expected = explained_by_brute_force(history)
            verdicts[expected] += 1
            assert is_linearizable(history) == expected, f"seed {seed}, history {number}:\n{shown(history)}"
        assert min(verdicts[True], verdicts[False]) > 300, f"seed {seed}: one kind of history is rare: {verdicts}"


def random_history(source: random.Random) -> list[Event]:
    """Up to five calls with plausible answers, of which about half can be explained."""
    events: list[Event] = []
    for position in range(source.randint(1, 5)):
        began = source.uniform(0, 4)
        kind = source.choice(("get", "put", "put_absent", "put_version", "delete", "increment"))
        operation = Operation(kind, source.randint(1, 2), source.choice(("v0", "v1")))
        if source.random() < 0.15:
            events.append(Event(began, NEVER, operation, LOST))
            continue
        answer = {
            "get": source.choice((GOT_NOTHING, Answer("ok", source.randint(1, 3), f"v{source.randint(0, 3)}"))),
            "increment": source.choice((Answer("missing"), Answer("ok", source.randint(1, 3)))),
            "delete": OK,
            "put": Answer("ok", None, f"v{position}"),
        }.get(kind, source.choice((Answer("conflict"), Answer("ok", None, f"v{position}"))))
        events.append(Event(began, began + source.uniform(0.1, 3), operation, answer))
    return events


def documents() -> tuple[App, Table[dict[str, Any]]]:
    app = App("durable")
    return app, app.table("items", key=("pk", "sk"))


def client(table: Table[dict[str, Any]], key: str, recorder: Recorder, source: random.Random, calls: int) -> None:
    """One client of one item: picks calls at random, and uses the versions that it saw."""
    seen = ""
    for _ in range(calls):
        number = source.randrange(1000)
        kind = source.choice(
            ("get", "get", "put", "put_absent", "put_version", "put_version", "delete", "delete_version", "increment")
        )
        item: dict[str, Any] = {"pk": "p", "sk": key, "n": number}

        def get() -> tuple[int | None, str | None]:
            entry = table.get_entry("p", key)
            return (None, None) if entry is None else (entry.item["n"], entry.version)

        def put(item: dict[str, Any] = item) -> tuple[int | None, str | None]:
            return None, table.put(item)

        def put_absent(item: dict[str, Any] = item) -> tuple[int | None, str | None]:
            return None, table.put(item, if_absent=True)

        def put_version(item: dict[str, Any] = item, version: str = seen) -> tuple[int | None, str | None]:
            return None, table.put(item, if_version=version)

        def delete() -> tuple[int | None, str | None]:
            table.delete("p", key)
            return None, None

        def delete_version(version: str = seen) -> tuple[int | None, str | None]:
            table.delete("p", key, if_version=version)
            return None, None

        def increment() -> tuple[int | None, str | None]:
            return table.increment("p", key, field="n"), None

        if not seen and kind.endswith("_version"):
            kind = "get"
        verbs = (get, put, put_absent, put_version, delete, delete_version, increment)
        made = {verb.__name__: verb for verb in verbs}[kind]
        answer = recorder.record(Operation(kind, number, seen), made)
        seen = answer.version or seen


def check_registers(histories: int) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    app, table = documents()
    overlaps = 0
    with running(app):
        for number in range(histories):
            key = f"k{number}"
            recorder = Recorder()
            seeds = [source.randrange(2**32) for _ in range(6)]
            together([partial(client, table, key, recorder, random.Random(seed), 7) for seed in seeds])
            history = recorder.events
            assert len(history) == 42
            overlaps += sum(a.began < b.began < a.ended for a in history for b in history)
            assert is_linearizable(history, ABSENT), f"seed {seed}, key {key}:\n{shown(history)}"
    assert overlaps > histories, f"seed {seed}: the clients hardly met: {overlaps}"


def test_reads_and_conditional_writes_of_one_item_by_six_clients_are_linearizable() -> None:
    check_registers(90)


@pytest.mark.slow
def test_nine_hundred_histories_of_one_item_are_linearizable() -> None:
    check_registers(900)


def check_counters(writers: int, each: int) -> None:
    app, table = documents()
    returned: list[int] = []
    with running(app):
        table.put({"pk": "p", "sk": "counter"})

        def count() -> None:
            returned.extend(table.increment("p", "counter", field="n") for _ in range(each))

        together([count] * writers)
        assert sorted(returned) == list(range(1, writers * each + 1)), "a value was returned twice, or never"
        assert table.require("p", "counter")["n"] == len(returned)


def test_sixty_four_writers_count_exactly_what_was_acknowledged() -> None:
    check_counters(64, 100)


@pytest.mark.slow
def test_sixty_four_writers_count_two_hundred_thousand() -> None:
    check_counters(64, 3125)


def check_bank(snapshots: int) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    names = [f"account-{number}" for number in range(5)]
    app, table = documents()
    moves: list[tuple[str, str, int]] = []
    refused = [0]
    finished = threading.Event()
    with running(app):
        table.batch_write([{"pk": "bank", "sk": name, "balance": 100} for name in names])

        def teller(chance: random.Random) -> None:
            while not finished.is_set():
                payer, payee = chance.sample(names, 2)
                amount = chance.randint(1, 20)
                paying, paid = table.get_entry("bank", payer), table.get_entry("bank", payee)
                assert paying is not None
                assert paid is not None
                if paying.item["balance"] < amount:
                    continue
                less = {**paying.item, "balance": paying.item["balance"] - amount}
                more = {**paid.item, "balance": paid.item["balance"] + amount}
                try:
                    table.transact(
                        [
                            table.putting(less, if_version=paying.version),
                            table.putting(more, if_version=paid.version),
                        ]
                    )
                except Conflict:
                    refused[0] += 1
                else:
                    moves.append((payer, payee, amount))

        def auditor() -> None:
            try:
                for _ in range(snapshots):
                    found = table.query("bank").items
                    assert sum(item["balance"] for item in found) == 500, f"seed {seed}: half a move was seen"
                    assert min(item["balance"] for item in found) >= 0, f"seed {seed}: a move went by its condition"
            finally:
                finished.set()

        seeds = [source.randrange(2**32) for _ in range(5)]
        together([auditor, *[partial(teller, random.Random(seed)) for seed in seeds]])
        balances = {item["sk"]: item["balance"] for item in table.query("bank")}
    expected = dict.fromkeys(names, 100)
    for payer, payee, amount in moves:
        expected[payer] -= amount
        expected[payee] += amount
    assert balances == expected, f"seed {seed}: the balances are not what the acknowledged moves make of them"
    assert moves, f"seed {seed}: nothing moved"
    assert refused[0], f"seed {seed}: no two tellers met"


def test_moves_between_accounts_are_all_or_nothing_and_explain_every_balance() -> None:
    check_bank(500)


@pytest.mark.slow
def test_ten_thousand_snapshots_of_the_bank_add_up() -> None:
    check_bank(10_000)
