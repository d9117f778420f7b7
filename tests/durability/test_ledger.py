"""The judge of the crash tests: what it must find wrong, and what it must not."""

from .ledger import Ledger, ledger_of


def test_an_acknowledged_write_that_is_gone_is_a_fault() -> None:
    ledger = ledger_of(["try k 1", "ack k 1"])
    assert ledger.settle({"k": 1}) == []
    assert ledger.settle({}) == ["k is 0, and could only be [1]"]


def test_a_write_without_an_answer_may_be_there_or_not_and_then_stays_as_it_was_read() -> None:
    for found in ({"k": 1}, {"k": 2}):
        ledger = ledger_of(["try k 1", "ack k 1", "try k 2"])
        assert ledger.is_open("k")
        assert ledger.settle(found) == []
        assert ledger.in_doubt == 1
        assert not ledger.is_open("k")
        assert ledger.settle({"k": 3 - found["k"]}) != []


def test_what_was_refused_must_not_be_there() -> None:
    ledger = ledger_of(["try k 1", "no k 1"])
    assert ledger.settle({"k": 1}) == ["k is 1, and could only be [0]"]


def test_what_was_never_written_is_a_fault() -> None:
    assert Ledger().settle({"k": 1}) == ["k is 1, and was never written"]


def test_a_deletion_is_a_write() -> None:
    ledger = ledger_of(["try k 1", "ack k 1", "try k 0", "ack k 0"])
    assert ledger.settle({}) == []
    assert ledger.settle({"k": 1}) == ["k is 1, and could only be [0]"]
