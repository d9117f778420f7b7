"""What a benchmark found: tables and targets, as text for a terminal and as Markdown for docs/benchmarks.md."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BEGIN = "<!-- figures of {name}: begin -->"
END = "<!-- figures of {name}: end -->"


@dataclass(frozen=True)
class Table:
    """Figures as they are shown; the first column names the candidate."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Target:
    """A figure that has a goal. `found` is None when what it is compared with was not measured."""

    what: str
    goal: float
    found: float | None
    at_most: bool = False
    unit: str = "x"

    @property
    def is_met(self) -> bool | None:
        if self.found is None:
            return None
        return self.found <= self.goal if self.at_most else self.found >= self.goal

    def row(self) -> list[str]:
        sign = "≤" if self.at_most else "≥"
        found = "not measured" if self.found is None else f"{number(self.found)} {self.unit}"
        said = {True: "yes", False: "**no**", None: "-"}[self.is_met]
        return [self.what, f"{sign} {number(self.goal)} {self.unit}", found, said]


@dataclass
class Findings:
    """All that one benchmark has to say."""

    name: str
    command: str
    method: str
    tables: list[Table] = field(default_factory=list[Table])
    targets: list[Target] = field(default_factory=list[Target])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    missing: list[str] = field(default_factory=list[str])
    """Candidates that were not measured, and why."""

    def markdown(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        lines = [f"`{self.command}` on {when} UTC. {self.method}", "", machine() + ".", ""]
        if self.versions:
            lines += ["Versions: " + ", ".join(f"{name} {text}" for name, text in self.versions.items()) + ".", ""]
        lines += [f"Not measured: {text}." for text in self.missing]
        if self.missing:
            lines.append("")
        for table in self.tables:
            lines += [f"**{table.title}**", "", *grid(table.columns, table.rows), ""]
        if self.targets:
            lines += grid(("target", "goal", "found", "met"), [target.row() for target in self.targets])
            lines.append("")
        return "\n".join(lines)

    def text(self) -> str:
        """For a terminal: columns under one another."""
        lines = [self.method, machine()]
        lines += [f"NOT MEASURED: {text}" for text in self.missing]
        for table in self.tables:
            lines += ["", table.title, *aligned([table.columns, *table.rows])]
        if self.targets:
            lines += ["", *aligned([("target", "goal", "found", "met"), *(target.row() for target in self.targets)])]
        return "\n".join(lines)


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; all columns but the first are figures."""
    rule = "| --- |" + " ---: |" * (len(columns) - 1)
    return [f"| {' | '.join(columns)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_range(values: Sequence[float]) -> str:
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def write(page: Path, findings: Findings) -> None:
    """Puts the findings between their markers in `page`. Raises ValueError for a page that has not these markers."""
    begin, end = BEGIN.format(name=findings.name), END.format(name=findings.name)
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no place for {findings.name}: {begin} ... {end}")
    whole = f"{before}{begin}\n\n{findings.markdown()}\n{end}{after}"
    temporary = page.with_name(f".{page.name}.{os.getpid()}")
    temporary.write_text(whole, encoding="utf-8")
    temporary.replace(page)


def machine() -> str:
    """The machine in one line."""
    name = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or name
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {load}"
    )


def versions(*distributions: str) -> dict[str, str]:
    """Of those that are installed."""
    found: dict[str, str] = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tool_version(*command: str) -> str:
    """The first line that a tool says of itself, with no more than its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = (done.stdout or done.stderr).split("\n", 1)[0].split()
    return next((word.strip("v=,") for word in words if any(part.isdigit() for part in word)), "?")
