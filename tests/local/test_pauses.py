"""What a process knows of the time that it stood at breakpoints."""

from portable_local.pauses import Pauses


def test_pauses_add_up_and_those_that_overlap_count_once() -> None:
    now = [100.0]
    pauses = Pauses(lambda: now[0])
    assert (pauses.seconds(), pauses.is_active) == (0.0, False)
    pauses.begin()
    now[0] = 103.0
    assert (pauses.seconds(), pauses.is_active) == (3.0, True)
    pauses.begin()
    now[0] = 104.0
    pauses.end()
    assert (pauses.seconds(), pauses.is_active) == (4.0, True)
    now[0] = 105.0
    pauses.end()
    now[0] = 200.0
    assert (pauses.seconds(), pauses.is_active) == (5.0, False)
    pauses.begin()
    now[0] = 201.0
    assert pauses.seconds() == 6.0


def test_a_limit_counts_unless_a_debugger_may_be_attached() -> None:
    pauses = Pauses()
    assert (pauses.limit(2.5), pauses.limit(-1.0)) == (2.5, 0.0)
    pauses.forever = True
    assert (pauses.limit(2.5), pauses.limit(-1.0), pauses.is_active) == (None, None, True)
