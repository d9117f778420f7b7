"""The benchmarks' own code: their page names all of them, figures land in their place, candidates take turns."""

import re
from pathlib import Path

import pytest
from findings import BEGIN, END, Findings, Table, Target, write
from measure import calibrated, ratio, turns

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
NAMES = sorted(file.stem.removeprefix("bench_") for file in (ROOT / "benchmarks").glob("bench_*.py"))


def test_the_page_names_the_command_of_every_benchmark_and_has_a_place_for_its_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(NAMES) >= 5
    for name in NAMES:
        assert f"python benchmarks/bench_{name}.py" in text, name
        assert text.index(BEGIN.format(name=name)) < text.index(END.format(name=name))


def test_one_command_runs_every_benchmark() -> None:
    from run import NAMES as RUN

    assert sorted(RUN) == NAMES
    assert "benchmarks/run.py" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_figure_on_the_page_stands_between_the_markers_of_a_program() -> None:
    """No number of a measurement is written by hand."""
    text = PAGE.read_text(encoding="utf-8")
    outside = re.sub(r"<!-- figures of (\w+): begin -->.*?<!-- figures of \1: end -->", "", text, flags=re.DOTALL)
    assert "| ---" not in outside


def test_the_page_is_linked() -> None:
    assert "(benchmarks.md)" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def findings(title: str) -> Findings:
    return Findings(
        "two",
        "python benchmarks/bench_two.py",
        "3 rounds.",
        [Table(title, ("what", "µs"), [["ours", "1.00"]])],
        [Target("fast", 2.0, 1.5), Target("soon", 2.0, 1.5, at_most=True, unit="ms"), Target("other", 1.0, None)],
    )


def test_figures_replace_those_of_before_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    one, two, three = (f"{BEGIN.format(name=name)}\n{END.format(name=name)}" for name in ("one", "two", "three"))
    page.write_text(f"before\n{one}\n{two}\n{three}\nafter\n", encoding="utf-8")
    write(page, findings("first"))
    write(page, findings("second"))
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{one}\n{BEGIN.format(name='two')}\n")
    assert text.endswith(f"{END.format(name='two')}\n{three}\nafter\n")
    assert "second" in text
    assert "first" not in text


def test_a_page_without_a_place_for_them_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for two"):
        write(page, findings("x"))
    assert page.read_text(encoding="utf-8") == "nothing\n"


def test_a_target_that_is_missed_says_so_and_one_without_its_rival_says_nothing() -> None:
    missed, met, unknown = (target.row() for target in findings("x").targets)
    assert missed == ["fast", "≥ 2.00 x", "1.50 x", "**no**"]
    assert met == ["soon", "≤ 2.00 ms", "1.50 ms", "yes"]
    assert unknown == ["other", "≥ 1.00 x", "not measured", "-"]


def test_candidates_take_turns_in_an_order_that_the_seed_gives() -> None:
    def run(seed: int) -> list[str]:
        said: list[str] = []

        def once(name: str) -> dict[str, float]:
            said.append(name)
            return {"n": float(len(said))}

        figures = turns({name: (lambda name=name: once(name)) for name in "abc"}, rounds=20, seed=seed)  # type: ignore[misc]
        assert {name: len(row["n"]) for name, row in figures.items()} == {"a": 20, "b": 20, "c": 20}
        return said

    order = run(5)
    assert order == run(5)
    assert order != run(6)
    assert all(sorted(order[start : start + 3]) == ["a", "b", "c"] for start in range(0, 60, 3))
    assert len({tuple(order[start : start + 3]) for start in range(0, 60, 3)}) > 1


def test_a_ratio_is_of_medians_and_needs_both() -> None:
    figures = {"a": {"rate": [1.0, 4.0, 100.0]}, "b": {"rate": [2.0, 2.0, 2.0]}}
    assert ratio(figures, "a", "b", "rate") == 2.0
    assert ratio(figures, "a", "c", "rate") is None


def test_a_round_has_at_least_one_call() -> None:
    calls: list[int] = []
    assert calibrated(calls.append, 0.0) == 1
    assert calls == [1]
