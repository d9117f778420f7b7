"""The judge of the queue's tests: each way in which a queue can break its word is found."""

from .queue_judge import Run, judge

DONE = Run("succeeded", 1)


def faults(
    lines: list[str], run: Run | None = DONE, letters: list[str] | None = None, *, is_disturbed: bool = True
) -> int:
    runs = {} if run is None else {"a": run}
    return len(judge(["a"], lines, runs, letters or [], most=2, is_disturbed=is_disturbed))


def test_one_run_to_the_end_is_in_order() -> None:
    assert faults(["start a 1", "end a 1"], is_disturbed=False) == 0


def test_a_run_that_is_lost_or_has_not_ended_is_a_fault() -> None:
    assert faults([], None) == 1
    assert faults([], Run("queued", 0)) == 1
    assert faults(["start a 1"], Run("running", 1)) == 1
    assert faults(["start a 1"]) == 1


def test_a_run_that_was_repeated_is_a_fault_only_where_nothing_was_killed() -> None:
    lines = ["start a 1", "end a 1", "start a 2", "end a 2"]
    assert faults(lines, Run("succeeded", 2)) == 0
    assert faults(lines, Run("succeeded", 2), is_disturbed=False) == 1


def test_more_starts_than_attempts_are_a_fault() -> None:
    assert faults(["start a 1", "start a 2", "start a 3", "end a 3"], Run("succeeded", 3)) == 2
    assert faults(["start a 1", "start a 1", "end a 1"]) == 1


def test_a_dead_run_is_one_letter_after_all_its_attempts() -> None:
    lines = ["start a 1", "start a 2"]
    assert faults(lines, Run("dead", 2), ["a"]) == 0
    assert faults(lines, Run("dead", 2), []) == 1
    assert faults(lines, Run("dead", 2), ["a", "a"]) == 1
    assert faults(lines, Run("dead", 1), ["a"]) == 1
